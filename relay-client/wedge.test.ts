// One stolen machine key, spent token or invitation link against the log of everybody: none of them stops it (design row 94).
import { describe, expect, test } from 'bun:test';
import { codeOf } from '../testing/code-of.ts';
import { type MemoryRelay, createMemoryRelay, publish } from '../testing/memory-relay.ts';
import { type Speaker, World, found } from '../testing/world.ts';
import { enrolmentOf, makeDevice, makeMachine } from '../testing/world-people.ts';
import type { Hash } from '../protocol/hash.ts';
import { limits } from '../protocol/limits.ts';
import { entryHash } from '../protocol/org-log/entry.ts';
import { orgStream, sealRecord } from '../protocol/org-log/record.ts';
import { encodeEnvelope, parseEnvelope } from '../protocol/sign.ts';
import type { StreamRecord } from '../protocol/wire.ts';
import { createMemoryStore } from './log-store.ts';
import { type OrgLog, openOrgLog } from './org-log.ts';

async function orgAtRelay(): Promise<{ readonly world: World; readonly relay: MemoryRelay }> {
  const world = new World('wedge');
  await world.genesis();
  await world.addMember('ben');
  const token = await world.issueToken();
  await world.enrolMachine('laptop', token);
  await world.append('machine.admit', { machine: world.machine('laptop').id, groups: [] });
  const relay = createMemoryRelay(world.clock.now);
  relay.pageSize = 500;
  await publish(world, relay.client(world.state.org));
  return { world, relay };
}

async function clientOf(world: World, relay: MemoryRelay): Promise<OrgLog> {
  const log = await openOrgLog({
    org: world.state.org,
    client: relay.client(world.state.org),
    store: createMemoryStore(),
    now: world.clock.now,
    random: world.random,
    openMkWrap: () => Promise.reject(new Error('no rotation here')),
  });
  log.addKey(0, found(world.mk.get(0), 'key'));
  return log;
}

function injectBlob(world: World, relay: MemoryRelay, blob: Uint8Array, eh: Hash): void {
  const records: StreamRecord[] = found(relay.streams.get(orgStream(world.state.org)), 'stream');
  records.push({ stream: orgStream(world.state.org), seq: records.length, prev: found(records.at(-1), 'record').eh, eh, blob });
}
async function inject(world: World, relay: MemoryRelay, bytes: Uint8Array): Promise<void> {
  const place = { org: world.state.org, stream: orgStream(world.state.org) };
  const { payload } = parseEnvelope('entry', bytes, limits.entryBytes);
  injectBlob(world, relay, await sealRecord(place, 0, found(world.mk.get(0), 'key'), bytes, world.random), entryHash(payload));
}

describe('INV-LOG-GARBAGE a key that lies in a file', () => {
  const elsewhere = { prev: '66'.repeat(32) as Hash };
  const ways: readonly (readonly [what: string, make: (world: World) => Promise<Uint8Array>])[] = [
    ['a machine on another history', (world) => point(world, [world.machine('laptop')], elsewhere)],
    ['a machine beyond the next place', (world) => point(world, [world.machine('laptop')], { seq: world.state.head.seq + 7 })],
    ['a spent token on another history', (world) => point(world, [found([...world.tokens.values()][0], 'token')], elsewhere)],
    [
      'a machine that adds a person’s presence key without a signature of it',
      async (world) => {
        const envelope = parseEnvelope('entry', await point(world, [world.machine('laptop')], elsewhere), limits.entryBytes);
        const forged = { keyId: world.device('ada').presence.keyId, signature: new Uint8Array(64) };
        return encodeEnvelope({ ...envelope, signatures: [...envelope.signatures, forged] });
      },
    ],
  ];
  const point = (world: World, by: readonly Speaker[], frame: object): Promise<Uint8Array> => world.draft('org.freeze', { reason: '' }, by, { frame });

  test.each(ways)('%s stops nobody', async (_what, make) => {
    const { world, relay } = await orgAtRelay();
    const log = await clientOf(world, relay);
    await log.sync();
    await inject(world, relay, await make(world));
    expect((await log.sync()).head).toEqual(world.state.head);
    expect(log.halted).toBeUndefined();
    expect((await log.append(await world.draft('org.freeze', { reason: 'goes on' }))).frozen).toBe(true);
    expect((await (await clientOf(world, relay)).sync()).frozen).toBe(true);
  });

  test('a spent token signs nothing any more', async () => {
    const { world } = await orgAtRelay();
    const token = found([...world.tokens.values()][0], 'token');
    const machine = await makeMachine(world.random, 'again');
    expect(await codeOf(world.judge(await world.draft('machine.enrol', enrolmentOf(machine, token.id), [token, machine])))).toBe('E_TOKEN_USED');
  });
});

test('INV-LOG-GARBAGE more garbage than one sync reads, under a key that nobody has: the next syncs get through, and an entry ends it', async () => {
  const { world, relay } = await orgAtRelay();
  const log = await clientOf(world, relay);
  await log.sync();
  const blob = await sealRecord({ org: world.state.org, stream: orgStream(world.state.org) }, 99, world.random(32), new Uint8Array(1), world.random);
  for (let i = 0; i < limits.garbageRecords + 600; i++) injectBlob(world, relay, blob, i.toString(16).padStart(64, 'f') as Hash);
  const sync = (): Promise<string> => codeOf(log.sync());
  expect([await sync(), await sync()]).toEqual(['E_RELAY_GARBAGE', 'accepted']);
  await log.append(await world.draft('org.freeze', { reason: 'goes on' }));
  expect([await sync(), await sync()]).toEqual(['accepted', 'accepted']);
  const late = await clientOf(world, relay);
  await late.sync().catch(() => undefined);
  expect((await late.sync()).frozen).toBe(true);
});

describe('INV-LOG-KEYS ids', () => {
  test('a machine cannot take the id of a device, nor of the kit: wraps name all alike', async () => {
    const { world } = await orgAtRelay();
    const token = await world.issueToken();
    for (const id of [world.device('ben').id, '00'.repeat(16)]) {
      const machine = await makeMachine(world.random, 'twin');
      const speaker: Speaker = { voice: { ref: { kind: 'machine', id }, signer: machine.sig } };
      const body = { ...enrolmentOf(machine, token.id), machine: id as typeof machine.id }; // another kind's id, on purpose
      expect(await codeOf(world.judge(await world.draft('machine.enrol', body, [token, speaker])))).toBe('E_ID_REUSED');
    }
  });
  test('nor a device the id of a machine', async () => {
    const { world } = await orgAtRelay();
    const device = await makeDevice(world.random, world.member('ben').id, 'twin');
    const id = world.machine('laptop').id as string as typeof device.id; // another kind's id, on purpose
    const twin = { ...device, voice: { ...device.voice, ref: { kind: 'device', id } as const } };
    expect(await codeOf(world.judge(await world.draft('device.add', { ...device.facts, device: id }, [world.device('ada'), twin])))).toBe('E_ID_REUSED');
  });
});
