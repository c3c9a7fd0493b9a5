// From what a client keeps at rest back to its verified log: its own snapshot where there is one, then the entries after it, every signature
// checked (spec/05-org-log.md §snapshot).
import { ProtocolError, check } from '../protocol/errors.ts';
import type { OrgId } from '../protocol/hash.ts';
import { advance } from '../protocol/org-log/apply.ts';
import { decodePlain, decodeSlices, encodeSlices, inTurns } from '../protocol/org-log/state-bytes.ts';
import type { Head, OrgState } from '../protocol/org-log/state.ts';
import { hashSlices, stateHash } from '../protocol/org-log/state-hash.ts';
import { type HashList, createHashList } from './hash-list.ts';
import type { EntrySource, SnapshotStore, StoredEntry } from './log-store.ts';

export interface Restored {
  readonly state: OrgState | undefined;
  readonly hashes: HashList;
  /** Why the snapshot was not used; everything was verified instead. */
  readonly refused?: unknown;
  /** Entries that the snapshot stood for. */
  readonly kept: number;
}
export type Progress = (done: number, of: number) => void;

/** Throws E_LOG_ROLLBACK where entries are missing, or are not those that this client has verified before. */
export async function restore(
  deps: {
    readonly org: OrgId;
    readonly snapshots?: SnapshotStore | undefined;
    readonly progress?: Progress | undefined;
    readonly start?: { readonly state: OrgState };
    readonly pin?: Head | undefined;
  },
  source: EntrySource,
  count: number,
): Promise<Restored> {
  if (deps.start) return { state: deps.start.state, hashes: createHashList(undefined, deps.start.state.head.seq + 1), kept: 0 };
  const found = await loadSnapshot(deps).catch((error: unknown) => ({ refused: error }));
  const start = found && 'state' in found ? found : undefined;
  const hashes = createHashList(start?.hashes);
  if (start) {
    const { head } = start.state;
    // Nobody else can have written the snapshot: what contradicts it has gone back, or is another history.
    const [last] = head.seq < count ? await source.read(head.seq, head.seq + 1) : [];
    check(last?.eh === head.eh, 'E_LOG_ROLLBACK', 'the stored log is older than what was verified here, or another one');
  }
  let state = start?.state;
  for await (const [after, entry] of replay(start?.state, source, hashes.length, count, deps.progress)) {
    check(after.org === deps.org, 'E_ORG', 'the log of another organisation');
    hashes.push(entry.eh);
    state = after;
  }
  check(
    deps.pin === undefined || (hashes.at(deps.pin.seq) ?? deps.pin.eh) === deps.pin.eh,
    'E_LOG_ROLLBACK',
    'the stored log is not the one of the invitation',
  );
  return { state, hashes, kept: start ? start.state.head.seq + 1 : 0, ...(found && 'refused' in found ? { refused: found.refused } : {}) };
}

const pageEntries = 500;

/**
 * Verifies stored entries and gives the state after each. Signatures are checked many at a time: nothing of a page is given before all in it are.
 * They were on time when they were accepted: a machine that starts before its clock is set still knows its log.
 */
export async function* replay(
  start: OrgState | undefined,
  source: EntrySource,
  from: number,
  to: number,
  progress: Progress = () => undefined,
): AsyncGenerator<readonly [OrgState, StoredEntry]> {
  let state = start;
  for (let at = from; at < to; at += pageEntries) {
    const page = await source.read(at, Math.min(to, at + pageEntries));
    check(page.length === Math.min(to - at, pageEntries), 'E_LOG_ROLLBACK', 'the stored log has lost entries');
    const proofs = createProofs();
    const steps: (readonly [OrgState, StoredEntry])[] = [];
    for (const entry of page) {
      state = await advance(state, entry.bytes, Number.MAX_SAFE_INTEGER, proofs.later);
      check(state.head.eh === entry.eh, 'E_LOG_ROLLBACK', 'the stored log is not the one that was written');
      steps.push([state, entry]);
    }
    await proofs.all();
    yield* steps;
    progress(at + page.length, to);
  }
}

/** Collects checks of signatures that are under way. */
export function createProofs(): { readonly later: (proof: Promise<void>) => void; readonly all: () => Promise<void>; readonly hold: () => Promise<boolean> } {
  const proofs: Promise<void>[] = [];
  return {
    later: (proof) => {
      proof.catch(() => undefined); // looked at in `all`, which a page that fails for another reason never reaches
      proofs.push(proof);
    },
    all: async () => void (await Promise.all(proofs)),
    hold: async () => (await Promise.allSettled(proofs)).every(({ status }) => status === 'fulfilled'),
  };
}

// --- Snapshots ---------------------------------------------------------------------------------------

interface Snapshot {
  readonly build: string;
  readonly state: OrgState;
  readonly hashes: Uint8Array;
}

/** Verified entries after which the state is kept again: encoding a large one takes seconds, in slices. */
const snapshotEvery = 1_000;

/** Keeps states as they come, one at a time, and nobody waits for it. */
export function createKeeper(deps: Parameters<typeof keepState>[0], hashes: HashList, from: number): (state: OrgState | undefined) => void {
  let kept = from;
  let isBusy = false;
  return (state) => {
    if (isBusy) return; // the next sync finds what has come meanwhile
    isBusy = true;
    void keepState(deps, state, hashes, kept).then((now) => ([kept, isBusy] = [now, false]));
  };
}

/** Keeps the state after `kept` entries where enough have come. Never while more is to come. */
export async function keepState(
  { snapshots, onSnapshotProblem }: { readonly snapshots?: SnapshotStore; readonly onSnapshotProblem?: (error: unknown) => void },
  state: OrgState | undefined,
  hashes: HashList,
  kept: number,
): Promise<number> {
  if (!snapshots || !state || hashes.length - kept < snapshotEvery) return kept;
  const now = hashes.length;
  await keepSnapshot(snapshots, state, hashes).catch((error: unknown) => onSnapshotProblem?.(error)); // a start without one takes longer, that is all
  return now;
}

// Kept only once it has been read back and says the same: a start has no time to hash everything.
async function keepSnapshot(snapshots: SnapshotStore, state: OrgState, hashes: HashList): Promise<void> {
  const snapshot: Snapshot = { build: snapshots.build, state, hashes: hashes.bytes().slice(0, 32 * (state.head.seq + 1)) };
  const { pause } = snapshots;
  const bytes = await inTurns(encodeSlices(snapshot), pause);
  const again = (await inTurns(decodeSlices(bytes), pause)) as Snapshot; // what the line above wrote
  await inTurns(hashSlices(state), pause);
  await inTurns(hashSlices(again.state), pause);
  check(stateHash(again.state) === stateHash(state), 'E_CHECKPOINT_STATE', 'a state that does not read as it was written');
  await snapshots.keep(bytes);
}

async function loadSnapshot({ org, snapshots }: Parameters<typeof restore>[0]): Promise<Snapshot | undefined> {
  const bytes = await snapshots?.load();
  if (!snapshots || !bytes) return undefined;
  const snapshot = decodePlain(bytes) as Partial<Snapshot>; // written by keepSnapshot of some build, as nobody else can
  const { build, state, hashes } = snapshot;
  if (build !== snapshots.build || !state || !hashes) throw new ProtocolError('E_CHECKPOINT_STATE', 'kept by another build');
  check(state.org === org, 'E_ORG', 'kept for another organisation');
  const list = createHashList(hashes);
  check(list.length === state.head.seq + 1 && list.at(state.head.seq) === state.head.eh, 'E_CHECKPOINT_STATE', 'a head without its history');
  return snapshot as Snapshot; // every field has been looked at
}
