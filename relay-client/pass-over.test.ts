// A log that stopped goes on when a person says so, on the branch that the client has, and in no other way (spec/05-org-log.md §sync; row 11).
import { describe, expect, test } from 'bun:test';
import { codeOf } from '../testing/code-of.ts';
import { type MemoryRelay, createMemoryRelay, publish } from '../testing/memory-relay.ts';
import { World, found } from '../testing/world.ts';
import type { Hash } from '../protocol/hash.ts';
import { limits } from '../protocol/limits.ts';
import { entryHash, zeroHash } from '../protocol/org-log/entry.ts';
import { orgStream, sealRecord } from '../protocol/org-log/record.ts';
import { parseEnvelope } from '../protocol/sign.ts';
import type { StreamRecord } from '../protocol/wire.ts';
import { ForkError } from './judge.ts';
import { type OrgLog, openOrgLog } from './org-log.ts';
import { type Decision, decisionFor, passingOver } from './pass-over.ts';

async function org(): Promise<{ readonly world: World; readonly relay: MemoryRelay }> {
  const world = new World('pass over');
  await world.genesis();
  await world.addMember('ben');
  const relay = createMemoryRelay(world.clock.now);
  await publish(world, relay.client(world.state.org));
  return { world, relay };
}
async function read(world: World, relay: MemoryRelay, decisions: readonly Decision[] = []): Promise<OrgLog> {
  const { org: id } = world.state;
  const store = { load: () => Promise.resolve(undefined), persist: () => Promise.resolve(), read: () => Promise.resolve(world.entries.map(stored)) };
  const client = passingOver(relay.client(id), decisions);
  const log = await openOrgLog({ org: id, client, store, now: world.clock.now, random: world.random, openMkWrap: () => Promise.reject(new Error('none')) });
  log.addKey(0, found(world.mk.get(0), 'key'));
  return log;
}
const stored = ({ bytes, eh }: World['entries'][number], seq: number): { readonly seq: number; readonly eh: Hash; readonly bytes: Uint8Array } => ({
  seq,
  eh,
  bytes,
});
async function inject(world: World, relay: MemoryRelay, bytes: Uint8Array): Promise<void> {
  const stream = orgStream(world.state.org);
  const records: StreamRecord[] = found(relay.streams.get(stream), 'stream');
  const blob = await sealRecord({ org: world.state.org, stream }, 0, found(world.mk.get(0), 'key'), bytes, world.random);
  const eh = entryHash(parseEnvelope('entry', bytes, limits.entryBytes).payload);
  records.push({ stream, seq: records.length, prev: found(records.at(-1), 'record').eh, eh, blob });
}

const freeze = (world: World, frame: object): Promise<Uint8Array> => world.draft('org.freeze', { reason: 'mine' }, [world.device('ada')], { frame });
const ways: readonly (readonly [code: string, make: (world: World) => Promise<Uint8Array>])[] = [
  ['E_FORK', (world) => freeze(world, { seq: world.state.head.seq, prev: found(world.history(world.state.head.seq - 1), 'parent') })],
  ['E_CHAIN', (world) => freeze(world, { prev: '66'.repeat(32) })],
  ['E_CHECKPOINT_STATE', (world) => world.draft('checkpoint', { stateHash: zeroHash }, [world.device('ben')])],
];

describe('INV-LOG-RESUME a person decides about one record, and the log goes on from where it was', () => {
  test.each(ways)('%s', async (code, make) => {
    const { world, relay } = await org();
    await inject(world, relay, await make(world));
    const stopped = await read(world, relay);
    expect(await codeOf(stopped.sync())).toBe(code);
    const decision = found(decisionFor(stopped.halted), 'decision');
    expect(decision.code as string).toBe(code);
    if (code === 'E_FORK') expect(stopped.halted).toBeInstanceOf(ForkError);
    expect(await codeOf((await read(world, relay)).sync())).toBe(code); // nobody else is told

    const resumed = await read(world, relay, [decision]);
    expect((await resumed.sync()).head).toEqual(world.state.head);
    expect((await resumed.append(await world.draft('org.freeze', { reason: 'goes on' }))).frozen).toBe(true);
  });
  test('the next such record stops it again', async () => {
    const { world, relay } = await org();
    await inject(world, relay, await freeze(world, { prev: '66'.repeat(32) }));
    const stopped = await read(world, relay);
    expect(await codeOf(stopped.sync())).toBe('E_CHAIN');
    const decision = found(decisionFor(stopped.halted), 'decision');
    await inject(world, relay, await freeze(world, { prev: '77'.repeat(32) }));
    expect(await codeOf((await read(world, relay, [decision])).sync())).toBe('E_CHAIN');
  });
  test('nothing is to be decided where the relay went back, left out records, or this program is too old', async () => {
    const { world, relay } = await org();
    const log = await read(world, relay);
    expect(decisionFor(log.halted)).toBeUndefined();
    await log.sync();
    found(relay.streams.get(orgStream(world.state.org)), 'stream').pop();
    expect(await codeOf(log.sync())).toBe('E_LOG_ROLLBACK');
    expect(decisionFor(log.halted)).toBeUndefined();
    const { world: other, relay: late } = await org();
    await inject(other, late, await freeze(other, { seq: other.state.head.seq + 2 }));
    const gap = await read(other, late);
    expect(await codeOf(gap.sync())).toBe('E_CHAIN_GAP');
    expect(decisionFor(gap.halted)).toBeUndefined();
  });
});
