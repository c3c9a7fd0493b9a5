// The org log of a client against an honest relay and against hostile ones: nothing goes back, nothing is left out, nobody's garbage stops it.
import { describe, expect, test } from 'bun:test';
import { ProtocolError, type ProtocolCode } from '../protocol/errors.ts';
import type { Hash, OrgId } from '../protocol/hash.ts';
import { entryHash } from '../protocol/org-log/entry.ts';
import { mkCommitment, openMkWrap, orgStream, sealMkWraps, sealRecord } from '../protocol/org-log/record.ts';
import { encodeEnvelope, parseEnvelope } from '../protocol/sign.ts';
import { type Item, decodeItem, encodeItem } from '../protocol/codec.ts';
import { limits } from '../protocol/limits.ts';
import { blobHash } from '../protocol/wire.ts';
import type { StreamPage, StreamRecord } from '../protocol/wire.ts';
import { type MemoryRelay, createMemoryRelay, publish } from '../testing/memory-relay.ts';
import { World, found, signAs } from '../testing/world.ts';
import { type WorldDevice, type WorldMachine, makeDevice } from '../testing/world-people.ts';
import { ForkError } from './judge.ts';
import { createMemoryStore } from './log-store.ts';
import { type OrgLog, openOrgLog } from './org-log.ts';
import { RelayClientError } from './client.ts';

type Holder = Pick<WorldDevice, 'id'> & { readonly inbox: WorldDevice['inbox'] };

interface Client {
  readonly log: OrgLog;
  readonly store: ReturnType<typeof createMemoryStore>;
  readonly reopen: () => Promise<OrgLog>;
}

async function clientOf(
  world: World,
  relay: MemoryRelay,
  holder: Holder = world.device('ada'),
  start: ReadonlyMap<number, Uint8Array> = new Map([[0, found(world.mk.get(0), 'key')]]),
  isHolder?: () => boolean,
): Promise<Client> {
  const store = createMemoryStore();
  const open = (): Promise<OrgLog> =>
    openOrgLog({
      org: world.state.org,
      client: relay.client(world.state.org),
      store,
      now: world.clock.now,
      random: world.random,
      openMkWrap: (epoch, wraps) => openMkWrap(world.state.org, epoch, holder.id, holder.inbox, wraps),
      ...(isHolder ? { isHolder } : {}),
    });
  const log = await open();
  for (const [epoch, mk] of start) log.addKey(epoch, mk);
  return { log, store, reopen: open };
}

async function orgAtRelay(): Promise<{ world: World; relay: MemoryRelay; records: StreamRecord[] }> {
  const world = new World();
  await world.genesis();
  await world.addMember('ben');
  const relay = createMemoryRelay(world.clock.now);
  await publish(world, relay.client(world.state.org));
  return { world, relay, records: recordsOf(world, relay) };
}

function recordsOf(world: World, relay: MemoryRelay): StreamRecord[] {
  return found(relay.streams.get(orgStream(world.state.org)), 'stream');
}

/** Puts a record of `bytes` at the end of the stream, whatever they are. */
async function inject(world: World, relay: MemoryRelay, bytes: Uint8Array, eh: Hash, epoch = 0, mk = found(world.mk.get(epoch), 'key')): Promise<void> {
  const stream = orgStream(world.state.org);
  const blob = await sealRecord({ org: world.state.org, stream }, epoch, mk, bytes, world.random);
  injectBlob(world, relay, blob, eh);
}
function injectBlob(world: World, relay: MemoryRelay, blob: Uint8Array, eh = blobHash(blob)): void {
  const records = recordsOf(world, relay);
  records.push({ stream: orgStream(world.state.org), seq: records.length, prev: found(records.at(-1), 'record').eh, eh, blob });
}
/** Publishes what the world has since, after what others put there. */
async function publishRest(world: World, relay: MemoryRelay, from: number): Promise<void> {
  await relay.client(world.state.org).putBlobs([...world.blobs.values()]);
  for (const entry of world.entries.slice(from)) {
    const records = recordsOf(world, relay);
    const stream = orgStream(world.state.org);
    const blob = await sealRecord(
      { org: world.state.org, stream },
      entry.mkEpoch,
      found(world.mk.get(entry.mkEpoch), 'key'),
      entry.bytes,
      world.random,
      world.rotations.get(entry.eh),
    );
    records.push({ stream, seq: records.length, prev: found(records.at(-1), 'record').eh, eh: entry.eh, blob });
  }
}
const ehOf = (bytes: Uint8Array): Hash => entryHash(parseEnvelope('entry', bytes, limits.entryBytes).payload);

function codeOf(act: Promise<unknown>): Promise<string> {
  return act.then(
    () => 'no error',
    (error: unknown) => (error instanceof ProtocolError || error instanceof RelayClientError ? error.code : Promise.reject(error)),
  );
}

describe('an honest relay', () => {
  test('INV-LOG-SYNC a fresh client reads the whole log, a later one what is new, and stores both', async () => {
    const { world, relay } = await orgAtRelay();
    const client = await clientOf(world, relay);
    const seen: number[] = [];
    client.log.onChange((state) => seen.push(state.head.seq));
    expect((await client.log.sync()).head).toEqual(world.state.head);
    await world.addMember('eve');
    await publish(world, relay.client(world.state.org));
    expect((await client.log.sync()).head).toEqual(world.state.head);
    expect(seen).toEqual([2, 4]);
    expect((await client.reopen()).state?.head).toEqual(world.state.head);
  });

  test('an empty relay is told from one whose records do not open', async () => {
    const { world, relay } = await orgAtRelay();
    expect(await codeOf((await clientOf(world, relay, world.device('ada'), new Map([[0, new Uint8Array(32)]]))).log.sync())).toBe('E_MK_EPOCH');
    expect(await codeOf((await clientOf(world, createMemoryRelay(world.clock.now))).log.sync())).toBe('E_RELAY_NOT_FOUND');
  });

  test('small pages are read to the end', async () => {
    const { world, relay } = await orgAtRelay();
    relay.pageSize = 2;
    const client = await clientOf(world, relay);
    expect((await client.log.sync()).head).toEqual(world.state.head);
  });

  test('two clients append: the second hears of the conflict, syncs and signs again', async () => {
    const { world, relay } = await orgAtRelay();
    const [one, two] = [await clientOf(world, relay), await clientOf(world, relay)];
    await one.log.sync();
    await two.log.sync();
    await one.log.append(await world.draft('org.freeze', { reason: 'one' }));
    expect(await codeOf(two.log.append(await world.draft('org.freeze', { reason: 'two' })))).toBe('E_RELAY_CONFLICT');
    expect(two.log.state?.head.seq).toBe(2);
    const after = await two.log.sync();
    expect(after.frozen).toBe(true);
    await world.accept(found((await two.log.read(3, 4))[0], 'entry').bytes);
    expect((await two.log.append(await world.draft('org.unfreeze', { reason: '' }))).head.seq).toBe(4);
    expect((await one.log.sync()).head.seq).toBe(4);
  });

  test('an entry that was signed before a sync is told to be late, and is no fork', async () => {
    const { world, relay } = await orgAtRelay();
    const [one, two] = [await clientOf(world, relay), await clientOf(world, relay)];
    await one.log.sync();
    await two.log.sync();
    const late = await world.draft('org.freeze', { reason: 'two' });
    await one.log.append(await world.draft('org.freeze', { reason: 'one' }));
    await two.log.sync();
    expect(await codeOf(two.log.append(late))).toBe('E_RELAY_CONFLICT');
    expect(two.log.halted).toBeUndefined();
  });

  test('append and sync at once take turns and both end well', async () => {
    const { world, relay } = await orgAtRelay();
    const { log } = await clientOf(world, relay);
    await log.sync();
    const entry = await world.draft('org.freeze', { reason: '' });
    const [after] = await Promise.all([log.append(entry), log.sync(), log.sync()]);
    expect(after.head.seq).toBe(3);
    expect((await log.sync()).head.seq).toBe(3);
  });

  test('an entry that is not valid is never offered to the relay', async () => {
    const { world, relay, records } = await orgAtRelay();
    const { log } = await clientOf(world, relay);
    await log.sync();
    expect(await codeOf(log.append(await world.draft('org.freeze', { reason: '' }, undefined, { frame: { seq: 9 } })))).toBe('E_CHAIN_GAP');
    expect(records.length).toBe(3);
  });

  test('a store that lost its entries, or holds others, is refused', async () => {
    const { world, relay } = await orgAtRelay();
    const client = await clientOf(world, relay);
    await client.log.sync();
    const saved = found(client.store.held, 'log');
    client.store.held = { ...saved, entries: [] };
    expect(await codeOf(client.reopen())).toBe('E_LOG_ROLLBACK');
    client.store.held = { ...saved, entries: saved.entries.map((entry) => ({ ...entry, eh: '11'.repeat(32) as Hash })) };
    expect(await codeOf(client.reopen())).toBe('E_LOG_ROLLBACK');
  });
});

describe('a new metadata key', () => {
  test('INV-LOG-EPOCH members present at a rotation open their wrap; a revoked machine reads no further and is told so', async () => {
    const { world, relay } = await orgAtRelay();
    const laptop = await world.addMachine('laptop');
    const old = await world.addMachine('old');
    await publish(world, relay.client(world.state.org));
    const asHolder = (machine: WorldMachine): Holder => ({ id: machine.id as unknown as WorldDevice['id'], inbox: machine.kem }); // wraps name devices and machines alike
    const [staying, leaving] = [await clientOf(world, relay, asHolder(laptop)), await clientOf(world, relay, asHolder(old))];
    await leaving.log.sync();
    await world.append('machine.revoke', { machine: old.id, exposed: [] });
    await world.rotate();
    await world.addMember('eve');
    await publish(world, relay.client(world.state.org));
    expect((await staying.log.sync()).head).toEqual(world.state.head);
    expect(await codeOf(leaving.log.sync())).toBe('E_REVOKED');
    expect(await codeOf(leaving.log.sync())).toBe('E_REVOKED');
    expect(leaving.log.state?.machines.get(old.id)?.status).toBe('revoked');
    expect([...leaving.log.keys.keys()]).toEqual([0]);
  });

  test('a newcomer with the newest key walks back through all epochs, over small pages', async () => {
    const { world, relay } = await orgAtRelay();
    for (let round = 0; round < 3; round++) {
      await world.rotate();
      await world.append('org.freeze', { reason: `${round}` });
      await world.append('org.unfreeze', { reason: `${round}` });
    }
    await publish(world, relay.client(world.state.org));
    relay.pageSize = 2;
    const stranger = await makeDevice(world.random, world.member('ada').id, 'new');
    const { log } = await clientOf(world, relay, stranger, new Map([[3, found(world.mk.get(3), 'key')]]));
    expect((await log.sync()).head).toEqual(world.state.head);
    expect([...log.keys.keys()].sort((a, b) => a - b)).toEqual([0, 1, 2, 3]);
  });

  test('of two admins who rotate at once one wins; the other drops its key, learns the winner’s, and goes on', async () => {
    const { world, relay } = await orgAtRelay();
    const { log } = await clientOf(world, relay);
    await log.sync();
    const loser = world.random(32);
    const wraps = await sealMkWraps(world.state, 1, loser);
    const rotation = { epoch: 1, mk: loser, opens: { wraps: blobHash(wraps), previous: found(world.mk.get(0), 'key') } };
    const entry = await world.draft('meta.rotate', { epoch: 1, commitment: mkCommitment(loser), wraps: blobHash(wraps) });
    await world.rotate();
    await publish(world, relay.client(world.state.org));
    expect(await codeOf(log.append(entry, rotation))).toBe('E_RELAY_CONFLICT');
    expect((await log.sync()).head).toEqual(world.state.head);
    expect(log.keys.get(1)).toEqual(found(world.mk.get(1), 'key'));
  });

  test('a rotation whose key is not the one in its entry is refused before the relay hears of it', async () => {
    const { world, relay, records } = await orgAtRelay();
    const { log } = await clientOf(world, relay);
    await log.sync();
    const entry = await world.draft('meta.rotate', { epoch: 1, commitment: mkCommitment(world.random(32)), wraps: blobHash(world.random(8)) });
    const rotation = { epoch: 1, mk: world.random(32), opens: { wraps: blobHash(world.random(8)), previous: world.random(32) } };
    expect(await codeOf(log.append(entry, rotation))).toBe('E_MK_EPOCH');
    expect(records.length).toBe(3);
  });
});

describe('a hostile relay', () => {
  const bends: readonly (readonly [name: string, code: string, bend: (page: StreamPage, from: number) => StreamPage])[] = [
    ['row 9: an older log than before', 'E_LOG_ROLLBACK', ({ records, head }) => ({ records: records.slice(0, 1), head: { ...head, seq: 1 } })],
    ['row 14: a record left out', 'E_CHAIN_GAP', ({ records, head }) => ({ head, records: [...records.slice(0, 1), ...records.slice(2)] })],
    [
      'row 14: a record left out and the rest renumbered',
      'E_CHAIN_GAP',
      ({ records, head }) => ({
        head: { ...head, seq: head.seq - 1 },
        records: [...records.slice(0, 1), ...records.slice(2).map((record) => ({ ...record, seq: record.seq - 1 }))],
      }),
    ],
    [
      'row 13: two records exchanged and renumbered',
      'E_CHAIN_GAP',
      ({ records, head }) => ({
        head,
        records: [
          ...records.slice(0, 1),
          ...records
            .slice(1)
            .toReversed()
            .map((record, index) => ({ ...record, seq: (records[1]?.seq ?? 0) + index })),
        ],
      }),
    ],
    [
      'records of another stream',
      'E_CHAIN_GAP',
      ({ records, head }) => ({ head, records: records.map((record) => ({ ...record, stream: '22'.repeat(32) as StreamRecord['stream'] })) }),
    ],
    ['a head that it has no records for', 'E_RELAY_ANSWER', ({ records, head }) => ({ head: { ...head, seq: 1_000_000 }, records: records.slice(0, 1) })],
    ['nothing at all for the known place', 'E_LOG_ROLLBACK', ({ head }) => ({ head, records: [] })],
  ];
  test.each(bends)('%s: %s', async (_name, code, bend) => {
    const { world, relay } = await orgAtRelay();
    const { log } = await clientOf(world, relay);
    await log.sync();
    await world.addMember('eve');
    await publish(world, relay.client(world.state.org));
    relay.bend = bend;
    expect(await codeOf(log.sync())).toBe(code);
    expect(log.state?.head.seq).toBe(2);
    // Halted stays halted, even where the relay is honest again; the rest is tried again.
    relay.bend = undefined;
    expect(await codeOf(log.sync())).toBe(code === 'E_RELAY_ANSWER' ? 'no error' : code);
  });

  test('row 11: another signed entry in a known place is a fork, with both entries as proof', async () => {
    const { world, relay, records } = await orgAtRelay();
    const { log } = await clientOf(world, relay);
    const other = await world.draft('org.freeze', { reason: 'the other history' });
    await world.append('org.freeze', { reason: '' });
    await publish(world, relay.client(world.state.org));
    await log.sync();
    records.pop();
    await inject(world, relay, other, ehOf(other));
    const error = await log.sync().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ForkError);
    expect([(error as ForkError).ours, (error as ForkError).theirs]).toEqual([found(world.entries[3], 'entry').bytes, other]);
    expect(log.halted?.code).toBe('E_FORK');
    expect(await codeOf(log.append(await world.draft('org.unfreeze', { reason: '' })))).toBe('E_FORK');
  });

  test('row 11: a second child of one parent in the stream is a fork too', async () => {
    const { world, relay } = await orgAtRelay();
    const other = await world.draft('org.freeze', { reason: 'the other history' });
    await world.append('org.freeze', { reason: '' });
    await world.append('org.unfreeze', { reason: '' });
    await publish(world, relay.client(world.state.org));
    await inject(world, relay, other, ehOf(other));
    expect(await codeOf((await clientOf(world, relay)).log.sync())).toBe('E_FORK');
  });

  test('row 20: the log of another organisation is none of ours', async () => {
    const { world, relay } = await orgAtRelay();
    const stranger = new World('stranger');
    await stranger.genesis();
    const records = recordsOf(world, relay);
    records.length = 0;
    const bytes = found(stranger.entries[0], 'entry').bytes;
    const stream = orgStream(world.state.org);
    records.push({
      stream,
      seq: 0,
      prev: '00'.repeat(32) as Hash,
      eh: ehOf(bytes),
      blob: await sealRecord({ org: world.state.org, stream }, 0, found(world.mk.get(0), 'key'), bytes, world.random),
    });
    const { log } = await clientOf(world, relay);
    expect(await codeOf(log.sync())).toBe('E_MK_EPOCH');
    expect(log.state).toBeUndefined();
  });

  test('row 32: garbage without end stops at its bound, and the next sync goes on from there', async () => {
    const { world, relay } = await orgAtRelay();
    const { log } = await clientOf(world, relay);
    await log.sync();
    relay.bend = ({ head }, from) => ({
      head: { ...head, seq: 9_007_199_254_740_000 },
      records: Array.from({ length: 500 }, (_, index) => ({
        stream: head.stream,
        seq: from + index,
        prev: '33'.repeat(32) as Hash,
        eh: from + index === 2 ? found(head.eh, 'head') : ('33'.repeat(32) as Hash),
        blob: new Uint8Array(1),
      })),
    });
    const before = relay.reads;
    expect(await codeOf(log.sync())).toBe('E_RELAY_GARBAGE');
    expect(relay.reads - before).toBe(21);
    expect(log.halted).toBeUndefined();
  });

  test('a relay that drops the wraps of a new key keeps its clients out for as long as it does', async () => {
    const { world, relay } = await orgAtRelay();
    const { log } = await clientOf(world, relay);
    await log.sync();
    await world.rotate();
    await publish(world, relay.client(world.state.org));
    const kept = new Map(relay.blobs);
    relay.blobs.clear();
    expect((await log.sync()).head.seq).toBe(2);
    for (const [hash, blob] of kept) relay.blobs.set(hash, blob);
    await world.append('org.freeze', { reason: '' });
    await publish(world, relay.client(world.state.org));
    expect((await log.sync()).head).toEqual(world.state.head);
  });
});

describe('INV-LOG-GARBAGE row 94: a member with append rights', () => {
  interface Injection {
    readonly world: World;
    readonly relay: MemoryRelay;
    readonly bytes: (index: number) => Uint8Array;
  }
  const garbage: readonly (readonly [name: string, put: (injection: Injection) => Promise<void>])[] = [
    ['bytes that are no record', ({ world, relay }) => Promise.resolve(injectBlob(world, relay, world.random(300)))],
    ['a record of an epoch that does not exist', ({ world, relay }) => inject(world, relay, new Uint8Array(10), '44'.repeat(32) as Hash, 99, world.random(32))],
    ['a record that is no envelope', ({ world, relay }) => inject(world, relay, new Uint8Array(10), '44'.repeat(32) as Hash)],
    ['a copy of the newest entry', ({ world, relay, bytes }) => inject(world, relay, bytes(2), ehOf(bytes(2)))],
    ['a copy of the first entry', ({ world, relay, bytes }) => inject(world, relay, bytes(0), ehOf(bytes(0)))],
    [
      'an entry under another hash than its own',
      async ({ world, relay }) => inject(world, relay, await world.draft('org.freeze', { reason: '' }), '55'.repeat(32) as Hash),
    ],
    [
      'an entry signed by somebody whom the log does not know',
      async ({ world, relay }) => {
        const bytes = await world.draft('org.freeze', { reason: '' }, [await makeDevice(world.random, world.member('ada').id, 'unknown')]);
        await inject(world, relay, bytes, ehOf(bytes));
      },
    ],
    [
      'a second child that was never valid',
      async ({ world, relay }) => {
        const machine = await world.draft('org.freeze', { reason: '' }, [world.device('ada')], {
          frame: { seq: 1, prev: found(world.entries[0], 'genesis').eh, ts: 0 },
        });
        await inject(world, relay, machine, ehOf(machine));
      },
    ],
    [
      'an entry of a far future',
      async ({ world, relay }) => {
        const bytes = await world.draft('org.freeze', { reason: '' }, undefined, { frame: { ts: world.clock.now() + 2 * limits.clockWaitMs } });
        await inject(world, relay, bytes, ehOf(bytes));
      },
    ],
    [
      'an entry with a broken signature',
      async ({ world, relay }) => {
        const envelope = parseEnvelope('entry', await world.draft('org.freeze', { reason: '' }), limits.entryBytes);
        const bytes = encodeEnvelope({ ...envelope, signatures: envelope.signatures.map((signature) => ({ ...signature, signature: new Uint8Array(64) })) });
        await inject(world, relay, bytes, ehOf(bytes));
      },
    ],
    [
      'a rotation that nobody signed, with wraps for all',
      async ({ world, relay }) => {
        const mk = world.random(32);
        const wraps = await sealMkWraps(world.state, 1, mk);
        relay.blobs.set(blobHash(wraps), wraps);
        injectBlob(
          world,
          relay,
          await sealRecord({ org: world.state.org, stream: orgStream(world.state.org) }, 1, mk, new Uint8Array(9), world.random, {
            wraps: blobHash(wraps),
            previous: mk,
          }),
        );
      },
    ],
    [
      'a rotation that was signed for another key than it is sealed under',
      async ({ world, relay }) => {
        const mk = world.random(32);
        const wraps = await sealMkWraps(world.state, 1, mk);
        relay.blobs.set(blobHash(wraps), wraps);
        const bytes = await world.draft('meta.rotate', { epoch: 1, commitment: mkCommitment(world.random(32)), wraps: blobHash(wraps) });
        const place = { org: world.state.org, stream: orgStream(world.state.org) };
        injectBlob(
          world,
          relay,
          await sealRecord(place, 1, mk, bytes, world.random, { wraps: blobHash(wraps), previous: found(world.mk.get(0), 'key') }),
          ehOf(bytes),
        );
      },
    ],
    [
      'a rotation whose wraps are missing',
      async ({ world, relay }) => {
        const mk = world.random(32);
        injectBlob(
          world,
          relay,
          await sealRecord({ org: world.state.org, stream: orgStream(world.state.org) }, 1, mk, new Uint8Array(9), world.random, {
            wraps: blobHash(mk),
            previous: mk,
          }),
        );
      },
    ],
  ];
  test.each(garbage)('posts %s: no entry, the head stays, the log goes on', async (_name, put) => {
    const { world, relay } = await orgAtRelay();
    const early = await clientOf(world, relay);
    await early.log.sync();
    await put({ world, relay, bytes: (index) => found(world.entries[index], 'entry').bytes });
    expect((await early.log.sync()).head.seq).toBe(2);
    // Whoever read the garbage appends after it, and everybody follows: those who were there, those who come later, those who start again.
    const after = await early.log.append(await world.draft('org.freeze', { reason: 'a' }));
    expect(after.head.seq).toBe(3);
    await world.accept(found((await early.log.read(3, 4))[0], 'entry').bytes);
    await world.rotate();
    await publishRest(world, relay, 4);
    for (const log of [
      early.log,
      (await clientOf(world, relay)).log,
      await early.reopen(),
      (await clientOf(world, relay, world.device('ben'), new Map([[1, found(world.mk.get(1), 'key')]]))).log,
    ]) {
      expect((await log.sync()).head).toEqual(world.state.head);
      expect(log.halted).toBeUndefined();
    }
  });

  test('seals an entry under a key that was rotated away: no entry, since those who left could read it', async () => {
    const { world, relay } = await orgAtRelay();
    await world.rotate();
    await publish(world, relay.client(world.state.org));
    const bytes = await world.draft('org.freeze', { reason: '' });
    await inject(world, relay, bytes, ehOf(bytes), 0);
    const { log } = await clientOf(world, relay);
    expect((await log.sync()).frozen).toBe(false);
    expect(log.halted).toBeUndefined();
  });

  test('posts what a revoked device signed: no entry', async () => {
    const { world, relay } = await orgAtRelay();
    const ben = world.device('ben');
    await world.append('device.revoke', { device: ben.id, exposed: [] });
    await publish(world, relay.client(world.state.org));
    const bytes = await world.draft('org.freeze', { reason: '' }, [ben]);
    await inject(world, relay, bytes, ehOf(bytes));
    const { log } = await clientOf(world, relay);
    expect((await log.sync()).frozen).toBe(false);
  });

  test('begins an epoch that leaves somebody active out: ignored by a client that knows it is active', async () => {
    const { world, relay } = await orgAtRelay();
    const mk = world.random(32);
    const wraps = await sealMkWraps(
      {
        ...world.state,
        devices: world.state.devices.set(world.device('ada').id, { ...found(world.state.devices.get(world.device('ada').id), 'device'), revoked: true }),
      },
      1,
      mk,
    );
    relay.blobs.set(blobHash(wraps), wraps);
    injectBlob(
      world,
      relay,
      await sealRecord({ org: world.state.org, stream: orgStream(world.state.org) }, 1, mk, new Uint8Array(9), world.random, {
        wraps: blobHash(wraps),
        previous: mk,
      }),
    );
    expect((await (await clientOf(world, relay, world.device('ada'), undefined, () => true)).log.sync()).head.seq).toBe(2);
    expect(await codeOf((await clientOf(world, relay)).log.sync())).toBe('E_REVOKED');
  });
});

describe('clocks', () => {
  test('row 89: an entry of a near future makes the client wait, and is taken when its time has come', async () => {
    const { world, relay } = await orgAtRelay();
    const { log } = await clientOf(world, relay);
    world.clock.advance(3_600_000);
    await world.append('org.freeze', { reason: '' });
    await publish(world, relay.client(world.state.org));
    world.clock.advance(-3_600_000);
    expect(await codeOf(log.sync())).toBe('E_CLOCK');
    expect(log.halted).toBeUndefined();
    world.clock.advance(3_600_000);
    expect((await log.sync()).frozen).toBe(true);
  });

  test('a client whose clock is days behind waits instead of losing the log, and catches up once it is right', async () => {
    const { world, relay } = await orgAtRelay();
    const { log } = await clientOf(world, relay);
    await log.sync();
    const days = 3 * limits.clockWaitMs;
    world.clock.advance(days);
    await world.append('org.freeze', { reason: '' });
    await world.append('org.unfreeze', { reason: '' });
    await publish(world, relay.client(world.state.org));
    world.clock.advance(-days);
    expect(await codeOf(log.sync())).toBe('E_CLOCK');
    world.clock.advance(days);
    expect((await log.sync()).head).toEqual(world.state.head);
  });
});

describe('what an active signer signs against the log stops it, loudly', () => {
  const stops: readonly (readonly [code: ProtocolCode, make: (world: World) => Promise<Uint8Array>])[] = [
    ['E_CHAIN_GAP', (world) => world.draft('org.freeze', { reason: '' }, undefined, { frame: { seq: 7 } })],
    ['E_CHAIN', (world) => world.draft('org.freeze', { reason: '' }, undefined, { frame: { prev: '66'.repeat(32) as Hash } })],
    ['E_CHECKPOINT_STATE', (world) => world.draft('checkpoint', { stateHash: '77'.repeat(32) as Hash })],
    [
      'E_SUITE',
      async (world) => {
        const { payload } = parseEnvelope('entry', await world.draft('org.freeze', { reason: '' }), limits.entryBytes);
        const old = payload.slice();
        old[2] = 2; // the value of key 1: version
        return signAs(old, [world.device('ada')]);
      },
    ],
    [
      'E_TYPE_UNKNOWN',
      async (world) => {
        const { payload } = parseEnvelope('entry', await world.draft('org.freeze', { reason: '' }), limits.entryBytes);
        const fields = decodeItem(payload, limits.entryBytes) as ReadonlyMap<number, Item>; // an entry is a map
        return signAs(encodeItem(new Map(fields).set(6, 65_535)), [world.device('ada')]); // the value of key 6: type
      },
    ],
  ];
  test.each(stops)('%s', async (code, make) => {
    const { world, relay } = await orgAtRelay();
    const bytes = await make(world);
    await inject(world, relay, bytes, ehOf(bytes));
    const { log } = await clientOf(world, relay);
    expect(await codeOf(log.sync())).toBe(code);
    expect(log.halted?.code).toBe(code);
    expect(log.state?.head.seq).toBe(2);
  });
});

test('an org id is not what a client is told but what its log gives', async () => {
  const { world, relay } = await orgAtRelay();
  const other = 'ab'.repeat(32) as OrgId;
  const log = await openOrgLog({
    org: other,
    client: { ...relay.client(other), read: () => relay.client(world.state.org).read(orgStream(world.state.org), 0) },
    store: createMemoryStore(),
    now: world.clock.now,
    random: world.random,
    openMkWrap: () => Promise.reject(new Error('unused')),
  });
  log.addKey(0, found(world.mk.get(0), 'key'));
  expect(await codeOf(log.sync())).toBe('E_CHAIN_GAP');
});

test('INV-LOG-SYNC a page of which one signature is bad: nothing of it is kept before, and what is right in it counts', async () => {
  const { world, relay } = await orgAtRelay();
  const forged = (await world.draft('org.freeze', { reason: 'forged' })).slice();
  forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1; // within the assertion's signature
  await inject(world, relay, forged, ehOf(forged));
  await world.append('org.freeze', { reason: 'right' });
  await world.append('org.unfreeze', { reason: '' });
  await publishRest(world, relay, 3);
  const { log, store } = await clientOf(world, relay);
  const heads: number[] = [];
  log.onChange(({ head }) => heads.push(head.seq));
  expect((await log.sync()).head).toEqual(world.state.head);
  expect(heads).toEqual([world.state.head.seq]);
  expect(found(store.held, 'log').entries.map(({ eh }) => eh)).toEqual(world.entries.map(({ eh }) => eh));
});
