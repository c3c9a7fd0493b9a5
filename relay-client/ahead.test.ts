// Somebody who comes and looks ahead: the state of a checkpoint against relays, members and packets that are not honest (spec/05-org-log.md §newcomer).
import { describe, expect, test } from 'bun:test';
import { type Hash, blobHash } from '../protocol/hash.ts';
import { zeroHash } from '../protocol/org-log/entry.ts';
import { type Pin, pinOf } from '../protocol/org-log/pin.ts';
import { openMkWrap, orgStream, sealRecord } from '../protocol/org-log/record.ts';
import { decodeIndex, openSnapshot, sealSnapshot } from '../protocol/org-log/snapshot.ts';
import { stateHash } from '../protocol/org-log/state-hash.ts';
import type { IdMap } from '../protocol/org-log/id-map.ts';
import type { OrgState } from '../protocol/org-log/state.ts';
import { appendCheckpoint, leaveSnapshot } from '../testing/checkpoints.ts';
import { codeOf } from '../testing/code-of.ts';
import { type MemoryRelay, createMemoryRelay, publish } from '../testing/memory-relay.ts';
import { World, found } from '../testing/world.ts';
import { openAhead } from './ahead.ts';
import { RelayClientError } from './client.ts';
import { ForkError } from './judge.ts';
import { createMemoryStore } from './log-store.ts';
import { type OrgLog, openOrgLog } from './org-log.ts';

interface Place {
  readonly world: World;
  readonly relay: MemoryRelay;
  readonly pin: Pin;
  /** Address in the newest checkpoint. */
  readonly snapshot: Hash;
}

async function place(seed = 'ahead', shown: (state: OrgState) => OrgState = (state) => state): Promise<Place> {
  const world = new World(seed);
  const relay = createMemoryRelay(world.clock.now);
  relay.pageSize = 4;
  await world.genesis({ withRecovery: true });
  await world.addMember('ben');
  await world.addMachine('laptop');
  await world.put('prod/db', 'value');
  await world.put('prod/old', 'value');
  await world.append('secret.retire', { secret: world.secret('prod/old').id });
  const client = relay.client(world.state.org);
  const snapshot = await leaveSnapshot(client, world.mk, shown(world.state), world.random);
  await world.append('checkpoint', { stateHash: stateHash(world.state), snapshot });
  await world.addMember('eve');
  const pin = pinOf(world.state);
  await world.put('prod/db', 'newer');
  await publish(world, client);
  return { world, relay, pin, snapshot };
}

function depsOf({ world, relay }: Place) {
  const client = relay.client(world.state.org);
  const openWrap = (epoch: number, wraps: Uint8Array): Promise<Uint8Array> =>
    openMkWrap(world.state.org, epoch, world.device('ada').id, world.device('ada').inbox, wraps);
  return { org: world.state.org, client, now: world.clock.now, random: world.random, openMkWrap: openWrap };
}

/** What was seen ahead, or why nothing was. */
async function look(at: Place, pin: Pin = at.pin): Promise<{ readonly log: OrgLog | undefined; readonly problem: string }> {
  const problems: unknown[] = [];
  const epoch = Math.max(...at.world.mk.keys());
  const log = await openAhead({ ...depsOf(at), onProblem: (error) => void problems.push(error) }, { epoch, mk: found(at.world.mk.get(epoch), 'key') }, pin);
  return { log, problem: problems.length === 0 ? '' : await codeOf(Promise.reject(problems[0])) };
}

/** The log itself, which nothing is done without. */
async function whole(at: Place, pin: Pin = at.pin): Promise<OrgLog> {
  const log = await openOrgLog({ ...depsOf(at), store: createMemoryStore(), pin });
  for (const [epoch, mk] of at.world.mk) log.addKey(epoch, mk);
  return log;
}

const entriesOf = <K extends string, V>(map: IdMap<K, V>): ReadonlyMap<string, unknown> => new Map(map.entries());
const records = (at: Place) => found(at.relay.streams.get(orgStream(at.world.state.org)), 'stream');
const keyNow = (at: Place): Uint8Array => found(at.world.mk.get(at.world.state.mkEpoch), 'key');

describe('INV-AHEAD-STATE what is seen ahead', () => {
  test('is the state that the log gives, in the bytes of a state', async () => {
    const at = await place();
    const { log, problem } = await look(at);
    expect(problem).toBe('');
    expect(stateHash(found(log?.state, 'state'))).toBe(stateHash(at.world.state));
    const full = await (await whole(at)).sync();
    for (const name of ['members', 'devices', 'machines', 'tokens', 'groups', 'policies', 'secrets', 'keys'] as const)
      expect(entriesOf(found(log?.state, 'state')[name] as IdMap<string, unknown>)).toEqual(entriesOf(full[name] as IdMap<string, unknown>)); // one of several maps
    expect(log?.history(at.pin.seq)).toBe(at.pin.eh);
    expect(log?.history(0)).toBeUndefined();
  });

  test('reads nothing before the checkpoint', async () => {
    const at = await place();
    const asked: number[] = [];
    at.relay.bend = (page, from) => (asked.push(from), page);
    await look(at);
    expect(Math.min(...asked)).toBe(at.pin.checkpoint - 1);
  });

  test('can be appended to: an enrolment', async () => {
    const at = await place();
    const { log } = await look(at);
    await log?.append(await at.world.draft('org.freeze', { reason: 'by hand' }));
    expect(records(at)).toHaveLength(at.world.entries.length + 1);
  });

  test('with garbage before, after and around the checkpoint', async () => {
    const at = await place();
    const all = records(at);
    const junk = { stream: orgStream(at.world.state.org), blob: new Uint8Array([1, 2, 3]) };
    const mixed = all.flatMap((record) => [record, { ...record, ...junk, eh: blobHash(record.blob) }]);
    all.splice(0, all.length, ...mixed.map((record, seq) => ({ ...record, seq, prev: mixed[seq - 1]?.eh ?? zeroHash })));
    expect((await look(at)).problem).toBe('');
  });

  test('across a change of the metadata key after the checkpoint', async () => {
    const at = await place();
    await at.world.rotate();
    await at.world.addMember('joe');
    await publish(at.world, at.relay.client(at.world.state.org));
    const { log, problem } = await look(at, pinOf(at.world.state));
    expect(problem).toBe('');
    expect(log?.state?.head).toEqual(at.world.state.head);
  });

  test('without a checkpoint nothing is seen ahead, and nothing is wrong', async () => {
    const at = await place();
    expect(await look(at, { ...at.pin, checkpoint: 0 })).toEqual({ log: undefined, problem: '' });
  });

  test('a relay that is away is away', async () => {
    const at = await place();
    at.relay.bend = () => {
      throw new RelayClientError('E_RELAY_AWAY', 'away');
    };
    expect(await codeOf(look(at))).toBe('E_RELAY_AWAY');
  });
});

describe('INV-AHEAD-REFUSED a snapshot that is not the checkpoint’s is refused by its code, and everything is verified first', () => {
  type Attack = (at: Place) => Promise<Pin | void> | Pin | void;
  const swap = async (at: Place, make: (content: Uint8Array) => Promise<Uint8Array> | Uint8Array): Promise<void> => {
    const blob = found(at.relay.blobs.get(at.snapshot), 'index');
    const content = await openSnapshot(at.world.state.org, at.world.mk, blob);
    const [first] = decodeIndex(content).pieces;
    at.relay.blobs.set(found(first, 'piece'), await make(found(at.relay.blobs.get(found(first, 'piece')), 'piece')));
  };
  test.each<[string, Attack, string]>([
    ['hidden by the relay', (at) => void at.relay.blobs.delete(at.snapshot), 'E_BLOB_MISSING'],
    [
      'a piece is hidden',
      async (at) =>
        at.relay.blobs.delete(
          found(decodeIndex(await openSnapshot(at.world.state.org, at.world.mk, found(at.relay.blobs.get(at.snapshot), 'index'))).pieces[0], 'piece'),
        ) as never,
      'E_BLOB_MISSING',
    ],
    ['a piece of other bytes', (at) => swap(at, (blob) => blob.map((byte, index) => (index === 99 ? byte ^ 1 : byte))), 'E_RELAY_GARBAGE'],
    ['a piece swapped for the index', (at) => swap(at, () => found(at.relay.blobs.get(at.snapshot), 'index')), 'E_FIELD'],
    ['a piece too large', (at) => swap(at, () => new Uint8Array(1_572_865)), 'E_RELAY_GARBAGE'],
    [
      'a piece of another state',
      async (at) =>
        swap(at, async () => {
          const other = await place('other');
          const content = await openSnapshot(other.world.state.org, other.world.mk, found(other.relay.blobs.get(other.snapshot), 'index'));
          const piece = await openSnapshot(
            other.world.state.org,
            other.world.mk,
            found(other.relay.blobs.get(found(decodeIndex(content).pieces[0], 'piece')), 'piece'),
          );
          return sealSnapshot(at.world.state.org, 0, keyNow(at), piece, at.world.random);
        }),
      'E_CHECKPOINT_STATE',
    ],
    [
      'a piece that is no list of items',
      (at) => swap(at, () => sealSnapshot(at.world.state.org, 0, keyNow(at), new Uint8Array([0x81, 0x41, 0x00]), at.world.random)),
      'E_CHECKPOINT_STATE',
    ],
    ['a head before the checkpoint', (at) => ({ ...at.pin, seq: at.pin.checkpoint - 1 }), 'E_CHECKPOINT_STATE'],
    ['a checkpoint where there is none', (at) => ({ ...at.pin, checkpoint: at.pin.checkpoint - 1 }), 'E_CHECKPOINT_STATE'],
    ['a head that this log does not have', (at) => ({ ...at.pin, eh: 'ab'.repeat(32) as Hash }), 'E_FORK'],
    ['a head beyond the log', (at) => ({ ...at.pin, seq: 1_000 }), 'E_LOG_ROLLBACK'],
    [
      'records left out after it',
      (at) => void (at.relay.bend = (page, from) => (from === at.pin.checkpoint ? { ...page, records: page.records.slice(1) } : page)),
      'E_CHAIN_GAP',
    ],
  ])('%s', async (_, attack, code) => {
    const at = await place();
    const pin = (await attack(at)) ?? at.pin;
    const { log, problem } = await look(at, typeof pin === 'object' ? pin : at.pin);
    expect([problem, log]).toEqual([code, undefined]);
  });

  test.each<[string, (state: OrgState) => OrgState]>([
    [
      'one admin more',
      (state) => ({
        ...state,
        members: state.members.set(found([...state.members.keys()][1], 'ben'), { ...found([...state.members.values()][1], 'ben'), roles: ['admin'] }),
      }),
    ],
    ['a lower threshold', (state) => ({ ...state, recovery: undefined as never })],
    [
      'a path that leads to another secret',
      (state) => {
        const [secret] = [...state.secrets.values()];
        if (!secret) return state;
        return { ...state, secrets: state.secrets.set(secret.id, { ...secret, put: { ...secret.put, path: 'prod/other' } }) };
      },
    ],
    [
      'who wrote a secret',
      (state) => {
        const [secret] = [...state.secrets.values()];
        return secret
          ? {
              ...state,
              secrets: state.secrets.set(secret.id, {
                ...secret,
                putBy: found(
                  [...state.members.keys()].find((id) => id !== secret.putBy),
                  'ben',
                ),
              }),
            }
          : state;
      },
    ],
    [
      'a key less',
      (state) => ({
        ...state,
        tokens: state.tokens,
        machines: state.machines.set(found([...state.machines.keys()][0], 'laptop'), {
          ...found([...state.machines.values()][0], 'laptop'),
          status: 'enrolled',
        }),
      }),
    ],
  ])('its maker changed what it says: %s', async (_, shown) => {
    expect((await look(await place('ahead', shown))).problem).toBe('E_CHECKPOINT_STATE');
  });

  test('of another organisation', async () => {
    const other = await place('other');
    const at = await place('ahead', () => other.world.state);
    expect((await look(at)).problem).toBe('E_RELAY_GARBAGE');
  });

  test('a member’s device signs a false checkpoint: nobody who reads it goes on, and nobody sees ahead', async () => {
    const at = await place();
    const client = at.relay.client(at.world.state.org);
    const lie = { ...at.world.state, tAdmin: 2 };
    const bytes = await at.world.draft('checkpoint', { stateHash: stateHash(lie), snapshot: await leaveSnapshot(client, at.world.mk, lie, at.world.random) });
    const all = records(at);
    const blob = await sealRecord({ org: at.world.state.org, stream: orgStream(at.world.state.org) }, 0, keyNow(at), bytes, at.world.random);
    all.push({ stream: orgStream(at.world.state.org), seq: all.length, prev: found(all.at(-1), 'record').eh, eh: blobHash(blob), blob });
    expect((await look(at)).problem).toBe('E_CHECKPOINT_STATE');
    const log = await whole(at);
    expect(await codeOf(log.sync())).toBe('E_CHECKPOINT_STATE');
    expect(log.halted?.code).toBe('E_CHECKPOINT_STATE');
  });
});

describe('INV-AHEAD-HELD the log itself is verified from genesis, and says nothing before it has come to the pin', () => {
  test('nothing is known, heard or signed on the way there', async () => {
    const at = await place();
    const log = await whole(at);
    const heard: number[] = [];
    const seen: (OrgState | undefined)[] = [];
    log.onChange(({ head }) => heard.push(head.seq));
    at.relay.bend = (page) => (seen.push(log.state), page);
    await log.sync();
    expect(seen.length).toBeGreaterThan(2);
    expect(seen.filter((state) => state !== undefined && state.head.seq < at.pin.seq)).toEqual([]);
    expect(heard.filter((seq) => seq < at.pin.seq)).toEqual([]);
    expect(log.state?.head).toEqual(at.world.state.head);
  });

  test('no gesture, no release: there is no state before', async () => {
    const at = await place();
    const log = await whole(at, { ...at.pin, seq: 1_000 });
    expect(await codeOf(log.sync())).toBe('E_LOG_ROLLBACK');
    expect(() => log.requireState()).toThrow('E_LOG_STALE');
    expect(log.halted?.code).toBe('E_LOG_ROLLBACK');
  });

  test('another entry where the pin is: E_FORK for good, with the entry as evidence', async () => {
    const at = await place();
    const log = await whole(at, { ...at.pin, eh: 'ab'.repeat(32) as Hash });
    const stop = await log.sync().catch((error: unknown) => error);
    expect(stop).toBeInstanceOf(ForkError);
    expect((stop as ForkError).theirs).toEqual(found(at.world.entries[at.pin.seq], 'entry').bytes);
    expect(log.halted?.code).toBe('E_FORK');
    expect(log.state).toBeUndefined();
    expect(await codeOf(log.append(await at.world.draft('org.freeze', { reason: '' })))).toBe('E_FORK');
  });

  test('a later checkpoint of the same honest log serves a later newcomer', async () => {
    const at = await place();
    await appendCheckpoint(at.world, at.relay.client(at.world.state.org));
    await publish(at.world, at.relay.client(at.world.state.org));
    const pin = pinOf(at.world.state);
    expect(pin.checkpoint).toBe(pin.seq);
    expect((await look(at, pin)).log?.state?.head).toEqual(at.world.state.head);
  });
});
