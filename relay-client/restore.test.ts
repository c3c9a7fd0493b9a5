// The verified state that a client keeps for its next start: what it spares, and what it must not hide (spec/05-org-log.md §snapshot).
import { describe, expect, test } from 'bun:test';
import { encodeItem } from '../protocol/codec.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { decodePlain, encodePlain } from '../protocol/org-log/state-bytes.ts';
import { stateHash } from '../protocol/org-log/state-hash.ts';
import { codeOf } from '../testing/code-of.ts';
import { type ScaleOrg, type ScaleSize, makeScaleOrg } from '../testing/scale-org.ts';
import { zeroHash } from '../protocol/org-log/entry.ts';
import { createHashList } from './hash-list.ts';
import type { EntrySource, SnapshotStore, StoredEntry } from './log-store.ts';
import { keepState, replay, restore } from './restore.ts';

const size: ScaleSize = { members: 20, machines: 12, secrets: 60, entries: 1_200 };
const org = await makeScaleOrg(size);
const { state } = org;

function place(): SnapshotStore & { kept: Uint8Array | undefined } {
  const store = {
    build: 'one',
    pause: () => Promise.resolve(),
    kept: undefined as Uint8Array | undefined, // widened: it is set later
    load: () => Promise.resolve(store.kept),
    keep: (snapshot: Uint8Array) => {
      store.kept = snapshot;
      return Promise.resolve();
    },
  };
  return store;
}

/** Counts what is read: what a snapshot stands for is not. */
function sourceOf(entries: readonly StoredEntry[]): EntrySource & { reads: number } {
  const source = {
    reads: 0,
    read: (from: number, to: number) => {
      source.reads += to - from;
      return Promise.resolve(entries.slice(from, to));
    },
  };
  return source;
}

function hashesOf({ entries }: Pick<ScaleOrg, 'entries'>): ReturnType<typeof createHashList> {
  const list = createHashList();
  for (const { eh } of entries) list.push(eh);
  return list;
}

/** The state after `count` entries, kept. */
async function keptAfter(count: number): Promise<ReturnType<typeof place>> {
  const store = place();
  const entries = org.entries.slice(0, count);
  let at = undefined as ScaleOrg['state'] | undefined; // widened: the last of them
  for await (const [after] of replay(undefined, sourceOf(entries), 0, count)) at = after;
  expect(await keepState({ snapshots: store }, at, hashesOf({ entries }), 0)).toBe(count);
  return store;
}

const whole = sourceOf(org.entries);
const count = org.entries.length;
const snapshots = await keptAfter(1_100);
const deps = { org: state.org, snapshots };

describe('INV-SNAPSHOT-OWN a start from the snapshot', () => {
  test('is the state of a start without one, and reads only the entries after it', async () => {
    const source = sourceOf(org.entries);
    const restored = await restore(deps, source, count);
    expect(restored.refused).toBeUndefined();
    expect(restored.kept).toBe(1_100);
    expect(source.reads).toBe(count - 1_100 + 1);
    expect(stateHash(restored.state ?? state)).toBe(stateHash(state));
    expect(encodePlain(restored.state)).toEqual(encodePlain((await restore({ org: state.org }, whole, count)).state));
    expect([0, 1_099, count - 1, count].map(restored.hashes.at)).toEqual([org.entries[0]?.eh, org.entries[1_099]?.eh, state.head.eh, undefined]);
  });

  test('goes on checking every signature after it', async () => {
    const last = org.entries[1_150];
    const bytes = last?.bytes.slice() ?? new Uint8Array(0);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    const forged = org.entries.map((entry) => (entry.seq === 1_150 ? { ...entry, bytes } : entry));
    expect(['E_SIGNATURE', 'E_WEBAUTHN']).toContain(await codeOf(restore(deps, sourceOf(forged), count)));
  });

  test('a state that would not read as it was written is not kept', async () => {
    const store = place();
    const problems: unknown[] = [];
    const deaf = { snapshots: store, onSnapshotProblem: (error: unknown) => void problems.push(error) };
    await keepState(deaf, { ...state, tAdmin: 0.5 }, hashesOf(org), 0);
    expect(problems).toHaveLength(1);
    expect(store.kept).toBeUndefined();
  });

  test('others have their turn while it is written, and what stands in two places still does', async () => {
    let turns = 0;
    const store = { ...place(), pause: () => Promise.resolve(void turns++) };
    await keepState({ snapshots: store }, state, hashesOf(org), 0);
    expect(turns).toBeGreaterThan(8);
    const twice = { one: state.groups, two: { three: state.groups, four: state } };
    expect(decodePlain(encodePlain(twice))).toEqual(twice);
  });

  test('a short log is not kept: verifying it costs nothing', async () => {
    const store = place();
    expect(await keepState({ snapshots: store }, state, hashesOf({ entries: org.entries.slice(0, 900) }), 0)).toBe(0);
    expect(store.kept).toBeUndefined();
  });
});

describe('INV-SNAPSHOT-REFUSED what this client did not keep is refused by its code, and everything is verified again', () => {
  const open = (): Record<string, unknown> => decodePlain(snapshots.kept ?? new Uint8Array(0)) as Record<string, unknown>; // what keepState wrote
  const other = (changes: object): SnapshotStore => ({ ...place(), load: () => Promise.resolve(encodePlain({ ...open(), ...changes })) });
  test.each<[string, SnapshotStore, string]>([
    ['of another build', { ...snapshots, build: 'two' }, 'E_CHECKPOINT_STATE'],
    ['cut off', { ...snapshots, load: () => Promise.resolve(snapshots.kept?.slice(0, -1)) }, 'E_CHECKPOINT_STATE'],
    ['something else', { ...snapshots, load: () => Promise.resolve(encodeItem('state')) }, 'E_CHECKPOINT_STATE'],
    ['empty', { ...snapshots, load: () => Promise.resolve(new Uint8Array(0)) }, 'E_CHECKPOINT_STATE'],
    ['that the place says is not its own', { ...snapshots, load: () => Promise.reject(new ProtocolError('E_OPEN', 'doctored')) }, 'E_OPEN'],
    ['of another organisation', other({ state: { ...state, org: 'ab'.repeat(32) } }), 'E_ORG'],
    ['without its history', other({ hashes: new Uint8Array(32) }), 'E_CHECKPOINT_STATE'],
  ])('%s', async (_, wrong, code) => {
    const source = sourceOf(org.entries);
    const restored = await restore({ org: state.org, snapshots: wrong }, source, count);
    expect(restored.refused).toMatchObject({ code });
    expect(restored.kept).toBe(0);
    expect(source.reads).toBe(count);
    expect(stateHash(restored.state ?? state)).toBe(stateHash(state));
  });
});

describe('INV-SNAPSHOT-ROLLBACK a snapshot is never a way back', () => {
  test('entries that are older than it', async () => {
    expect(await codeOf(restore(deps, sourceOf(org.entries.slice(0, 1_000)), 1_000))).toBe('E_LOG_ROLLBACK');
    expect(await codeOf(restore(deps, sourceOf([]), 0))).toBe('E_LOG_ROLLBACK');
  });

  test('another entry where it ends', async () => {
    const others = org.entries.map((entry) => (entry.seq === 1_099 ? { ...entry, eh: zeroHash } : entry));
    expect(await codeOf(restore(deps, sourceOf(others), count))).toBe('E_LOG_ROLLBACK');
  });

  test('an older one, put back: the entries after it are verified, and nothing is lost', async () => {
    const restored = await restore({ org: state.org, snapshots: await keptAfter(1_000) }, sourceOf(org.entries), count);
    expect(restored.state?.head).toEqual(state.head);
  });
});
