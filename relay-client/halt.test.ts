// What stopped a log stops the next start too, also where the relay hides it then (spec/05-org-log.md §sync; rows 9, 11, 14).
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
import type { ForkError } from './judge.ts';
import { type LogStore, createMemoryStore } from './log-store.ts';
import { type OrgLog, openOrgLog } from './org-log.ts';
import { decisionFor } from './pass-over.ts';

interface Disk {
  readonly store: LogStore;
  halt: Uint8Array | undefined;
  isFull: boolean;
}
function disk(): Disk {
  const kept: Disk = {
    halt: undefined,
    isFull: false,
    store: {
      ...createMemoryStore(),
      halts: {
        load: () => Promise.resolve(kept.halt),
        keep: (halt) => {
          if (kept.isFull) return Promise.reject(new Error('full'));
          kept.halt = halt;
          return Promise.resolve();
        },
      },
    },
  };
  return kept;
}
interface Place {
  readonly world: World;
  readonly relay: MemoryRelay;
  readonly records: StreamRecord[];
  readonly disk: Disk;
}
async function org(): Promise<Place> {
  const world = new World('halt');
  await world.genesis();
  await world.addMember('ben');
  const relay = createMemoryRelay(world.clock.now);
  await publish(world, relay.client(world.state.org));
  return { world, relay, records: found(relay.streams.get(orgStream(world.state.org)), 'stream'), disk: disk() };
}
async function start({ world, relay, disk: { store } }: Place): Promise<OrgLog> {
  const { org: id } = world.state;
  const about = { org: id, client: relay.client(id), store, now: world.clock.now, random: world.random };
  const log = await openOrgLog({ ...about, openMkWrap: () => Promise.reject(new Error('none')) });
  log.addKey(0, found(world.mk.get(0), 'key'));
  return log;
}
async function inject({ world, records }: Place, bytes: Uint8Array): Promise<void> {
  const place = { org: world.state.org, stream: orgStream(world.state.org) };
  const blob = await sealRecord(place, 0, found(world.mk.get(0), 'key'), bytes, world.random);
  const eh = entryHash(parseEnvelope('entry', bytes, limits.entryBytes).payload);
  records.push({ stream: place.stream, seq: records.length, prev: found(records.at(-1), 'record').eh, eh, blob });
}
const freeze = (world: World, frame: object): Promise<Uint8Array> => world.draft('org.freeze', { reason: 'mine' }, [world.device('ada')], { frame });

const signed: readonly (readonly [code: string, make: (world: World) => Promise<Uint8Array>])[] = [
  ['E_FORK', (world) => freeze(world, { seq: world.state.head.seq, prev: found(world.history(world.state.head.seq - 1), 'parent') })],
  ['E_CHAIN', (world) => freeze(world, { prev: '66'.repeat(32) as Hash })],
  ['E_CHAIN_GAP', (world) => freeze(world, { seq: 9 })],
  ['E_CHECKPOINT_STATE', (world) => world.draft('checkpoint', { stateHash: zeroHash }, [world.device('ben')])],
];

describe('INV-LOG-HALTED stopped once, stopped at every start', () => {
  test.each(signed)('row 11: %s, and the relay hides the record after the restart', async (code, make) => {
    const at = await org();
    await inject(at, await make(at.world));
    const before = await start(at);
    expect(await codeOf(before.sync())).toBe(code);
    at.records.pop();
    for (let run = 0; run < 2; run++) {
      const after = await start(at);
      expect(after.halted?.code as string).toBe(code);
      expect(await codeOf(after.sync())).toBe(code);
      expect(await codeOf(after.append(await at.world.draft('org.freeze', { reason: '' })))).toBe(code);
      expect(decisionFor(after.halted)).toEqual(decisionFor(before.halted)!);
      if (code === 'E_FORK')
        expect(after.halted as ForkError).toMatchObject({ ours: (before.halted as ForkError).ours, theirs: (before.halted as ForkError).theirs });
    }
  });

  test('row 14: a gap is over once the very record that made it was read in its place, and not before', async () => {
    const at = await org();
    await (await start(at)).sync();
    await at.world.append('org.freeze', { reason: 'a' });
    await at.world.append('org.unfreeze', { reason: 'b' });
    for (const { bytes } of at.world.entries.slice(3)) await inject(at, bytes);
    const [first, second] = at.records.splice(3) as [StreamRecord, StreamRecord];
    at.records.push({ ...second, seq: first.seq, prev: first.prev });
    expect(await codeOf((await start(at)).sync())).toBe('E_CHAIN_GAP');
    at.records.splice(3, 1, first);
    expect(await codeOf((await start(at)).sync())).toBe('E_CHAIN_GAP'); // the relay withholds what it has shown
    at.records.push(second);
    const mended = await start(at);
    expect((await mended.sync()).head).toEqual(at.world.state.head);
    expect([mended.halted, at.disk.halt]).toEqual([undefined, undefined]);
  });

  test('row 9: a log that went back is over once the relay shows again what this client has', async () => {
    const at = await org();
    await (await start(at)).sync();
    const lost = at.records.pop();
    expect(await codeOf((await start(at)).sync())).toBe('E_LOG_ROLLBACK');
    expect(await codeOf((await start(at)).sync())).toBe('E_LOG_ROLLBACK');
    at.records.push(found(lost, 'record'));
    const mended = await start(at);
    expect(mended.halted?.code).toBe('E_LOG_ROLLBACK');
    await mended.sync();
    expect([mended.halted, at.disk.halt]).toEqual([undefined, undefined]);
  });

  test('what a record proved does not give way to a relay that goes back', async () => {
    const at = await org();
    await (await start(at)).sync();
    await inject(at, await freeze(at.world, { seq: 9 }));
    expect(await codeOf((await start(at)).sync())).toBe('E_CHAIN_GAP');
    const gone = at.records.splice(2);
    expect(await codeOf((await start(at)).sync())).toBe('E_CHAIN_GAP');
    at.records.push(...gone.slice(0, 1));
    expect(await codeOf((await start(at)).sync())).toBe('E_CHAIN_GAP');
  });

  test('a full disk: it is stopped all the same, and kept as soon as there is room', async () => {
    const at = await org();
    await inject(at, await freeze(at.world, { prev: '66'.repeat(32) as Hash }));
    at.disk.isFull = true;
    const log = await start(at);
    await expect(log.sync()).rejects.toThrow('full');
    expect(log.halted?.code).toBe('E_CHAIN');
    at.disk.isFull = false;
    expect(await codeOf(log.sync())).toBe('E_CHAIN');
    expect(at.disk.halt).toBeDefined();
  });

  test('what was kept is damaged: nothing starts on it', async () => {
    const at = await org();
    at.disk.halt = new Uint8Array([1, 2, 3]);
    expect(await codeOf(start(at))).toMatch(/^E_/);
  });
});
