// A client's own verified copy of the org log: loads, syncs, appends, never goes back (spec/05-org-log.md §sync).
import { toHex } from '../protocol/bytes.ts';
import { ProtocolError, check } from '../protocol/errors.ts';
import { type Hash, type OrgId, blobHash } from '../protocol/hash.ts';
import { limits } from '../protocol/limits.ts';
import { advance } from '../protocol/org-log/apply.ts';
import { type Entry, entryHash, zeroHash } from '../protocol/org-log/entry.ts';
import { type MetaKeys, type NewEpoch, openRecord, orgStream, sealRecord } from '../protocol/org-log/record.ts';
import type { Head, OrgState } from '../protocol/org-log/state.ts';
import type { Later } from '../protocol/org-log/verify.ts';
import type { Random } from '../protocol/random.ts';
import { parseEnvelope } from '../protocol/sign.ts';
import type { StreamPage, StreamRecord } from '../protocol/wire.ts';
import { type RelayClient, RelayClientError } from './client.ts';
import { openHalts } from './halt.ts';
import { type JudgeDeps, type Judged, asError, entryIn, judgeRecord, readKeysBack, stopAt, verifyEpoch, verifyNoFork } from './judge.ts';
import type { LogStore, SnapshotStore, StoredEntry, StreamCursor } from './log-store.ts';
import { type Progress, createKeeper, createProofs, restore } from './restore.ts';

export interface OrgLogDeps {
  readonly org: OrgId;
  readonly client: RelayClient;
  readonly store: LogStore;
  readonly now: () => number;
  readonly random: Random;
  /** Opens this holder's wrap of a new MK. */
  readonly openMkWrap: (epoch: number, wraps: Uint8Array) => Promise<Uint8Array>;
  /** Whether the log still gives this holder the metadata key. Where it does, a new epoch without a wrap for it is somebody's garbage. */
  readonly isHolder?: (state: OrgState) => boolean;
  /** Where this client keeps its verified state, so that it need not verify all of the log at every start. */
  readonly snapshots?: SnapshotStore;
  /** Entry that somebody whom this client trusts has verified: nothing is known of the log before it has been reached (spec/05-org-log.md §newcomer). */
  readonly pin?: Head | undefined;
  /** Begins here instead of at genesis: to look ahead, never to act on. */
  readonly start?: { readonly state: OrgState; readonly cursor: StreamCursor };
  /** Entries verified so far, of how many: while loading, and while a long log is read. */
  readonly progress?: Progress;
  /** The snapshot was not what this client kept, or could not be kept. The log is whole in either case. */
  readonly onSnapshotProblem?: (error: unknown) => void;
}
/** With the entry that begins a new epoch of the metadata key. */
export interface Rotation {
  readonly epoch: number;
  readonly mk: Uint8Array;
  readonly opens: NewEpoch;
}
export interface OrgLog {
  /** Undefined before the first sync of a fresh client. */
  readonly state: OrgState | undefined;
  /** Throws E_LOG_STALE where there is no state yet. */
  requireState(): OrgState;
  history(seq: number): Hash | undefined;
  /** Entries `from` to before `to`, as they were verified. Throws E_LOG_ROLLBACK where the store has others. */
  read(from: number, to: number): Promise<readonly StoredEntry[]>;
  readonly keys: MetaKeys;
  /** Keys from an invitation or token, before the first sync. */
  addKey(epoch: number, mk: Uint8Array): void;
  /** Fetches and verifies what is new; one at a time. Throws what makes this log stop (E_FORK, E_LOG_ROLLBACK, E_CHAIN …), E_CLOCK, E_REVOKED. */
  sync(): Promise<OrgState>;
  /** Verifies the signed entry here, then offers it to the relay. Throws E_RELAY_CONFLICT where the log has moved: sign again on the new head. */
  append(entry: Uint8Array, rotation?: Rotation): Promise<OrgState>;
  onChange(listener: (state: OrgState, entries: readonly Entry[]) => void): () => void;
  /** What stopped this log until a person has looked, also in an earlier run; a ForkError holds both entries. */
  readonly halted: ProtocolError | undefined;
}

/** Loads the stored log and verifies what its own snapshot does not stand for. Throws E_LOG_ROLLBACK on a store that lost entries. */
export async function openOrgLog(deps: OrgLogDeps): Promise<OrgLog> {
  const place = { org: deps.org, stream: orgStream(deps.org) };
  const stored = await deps.store.load();
  const halts = await openHalts(deps.store.halts);
  const { start, pin } = deps;
  const restored = await restore(deps, deps.store, stored?.count ?? 0);
  if (restored.refused !== undefined) deps.onSnapshotProblem?.(restored.refused);
  const { hashes } = restored;
  const keep = createKeeper(deps, hashes, restored.kept);
  let { state } = restored;
  // Of the last entry; what lies after it and was no entry is looked at again by the next start.
  let cursor: StreamCursor = stored?.cursor ?? start?.cursor ?? { seq: -1, eh: zeroHash };
  let tail = cursor;
  // Verified, not yet stored.
  let fresh: StoredEntry[] = [];
  let again = false;
  // Whether the last sync came to the end.
  let isThrough = true;
  let keys: MetaKeys = new Map(stored?.keys);
  let leftOut: ProtocolError | undefined;
  let nextSync: Promise<OrgState> | undefined;
  const listeners = new Set<(state: OrgState, entries: readonly Entry[]) => void>();
  const judging: JudgeDeps = {
    org: deps.org,
    now: deps.now,
    pin,
    openMkWrap: deps.openMkWrap,
    getBlob: async (hash) => (await deps.client.getBlobs([hash]))[0],
    entryAt: async (seq) => (seq < hashes.length ? (await read(seq, seq + 1))[0] : fresh[seq - hashes.length]),
  };

  check(cursor.seq < 0 || state !== undefined, 'E_LOG_ROLLBACK', 'the stored log has lost its entries');
  keep(state);

  /** Nobody sees a log that has not come to its pin: no release, no gesture, no list. */
  function known(): OrgState | undefined {
    return pin === undefined || hashes.length > pin.seq ? state : undefined;
  }

  async function read(from: number, to: number): Promise<readonly StoredEntry[]> {
    const found = await deps.store.read(from, Math.min(to, hashes.length));
    for (const [index, { bytes }] of found.entries())
      check(entryHash(parseEnvelope('entry', bytes, limits.entryBytes).payload) === hashes.at(from + index), 'E_LOG_ROLLBACK', 'a stored entry was changed');
    return found;
  }

  // Reading and appending take turns: both move the head.
  let turn: Promise<unknown> = Promise.resolve();
  function exclusive<T>(act: () => Promise<T>): Promise<T> {
    const mine = turn.then(act, act);
    turn = mine.catch(() => undefined);
    return mine;
  }

  async function syncOnce(): Promise<OrgState> {
    await halts.verify();
    try {
      await fetchNew(false);
      check(state === undefined || known() !== undefined, 'E_LOG_ROLLBACK', 'the relay shows less than the one who invited this client has seen');
    } catch (error) {
      await halts.stop(error);
      throw halts.error ?? error;
    }
    await halts.through();
    if (leftOut && !(state && deps.isHolder?.(state))) throw leftOut;
    keep(state);
    if (state) return state;
    const isEmpty = tail.seq < 0;
    tail = cursor;
    if (isEmpty) throw new RelayClientError('E_RELAY_NOT_FOUND', 'the relay does not have this organisation’s log');
    throw new ProtocolError('E_MK_EPOCH', 'nothing at the relay opens with the metadata keys that are held here');
  }

  async function fetchNew(isRetry: boolean): Promise<void> {
    // Something could not be opened the last time. Only once all has been read: else records without end would be read from the start for ever.
    if (again && isThrough) [tail, again] = [cursor, false];
    isThrough = false;
    let target = 0;
    let garbage = 0;
    let early = false;
    for (let first = true; first || tail.seq < target; first = false) {
      // The record at the tail is read again: a relay that went back or shows another history is found out.
      const page = await deps.client.read(place.stream, Math.max(tail.seq, 0));
      const records = await verifyPage(page, first);
      if (first) target = page.head.seq;
      const { none, wait, gap } = await take(records);
      if (target > 2 * page.records.length) deps.progress?.(tail.seq + 1, target + 1);
      garbage += none;
      early ||= wait;
      if (gap) {
        // What looked like garbage may have been judged with a wrong clock, or by a relay that has mended: once more from the last entry.
        if (early) throw new ProtocolError('E_CLOCK', 'the log goes on from an entry of the future: compare the clocks', { cause: gap });
        if (isRetry || tail.seq === cursor.seq) throw gap;
        tail = cursor;
        return fetchNew(true);
      }
      check(garbage <= limits.garbageRecords, 'E_RELAY_GARBAGE', 'the relay holds too much that is no entry');
    }
    isThrough = true;
  }

  async function verifyPage(page: StreamPage, first: boolean): Promise<readonly StreamRecord[]> {
    check(page.head.seq >= tail.seq, 'E_LOG_ROLLBACK', 'the relay shows an older log than before');
    const [known] = page.records;
    if (tail.seq >= 0 && known?.eh !== tail.eh) await explainOther(known);
    const records = tail.seq < 0 ? page.records : page.records.slice(1);
    check(
      records.every((record, index) => record.stream === place.stream && record.seq === tail.seq + 1 + index),
      'E_CHAIN_GAP',
      'the relay left out records',
    );
    if (records.length === 0 && page.head.seq > tail.seq) throw new RelayClientError('E_RELAY_ANSWER', 'the relay names records that it does not give');
    if (first && state === undefined && Math.min(...keys.keys()) > 0) keys = await readKeysBack(deps, keys);
    return records;
  }

  // Another record where this client has one: a valid entry there is a fork, anything else is a relay that lost its data.
  async function explainOther(record: StreamRecord | undefined): Promise<never> {
    const bytes = record && (await openRecord(place, keys, record.blob).catch(() => undefined));
    if (record && bytes !== undefined) await verifyNoFork(judging, bytes).catch((stop: unknown) => stopAt(stop, blobHash(record.blob)));
    throw new ProtocolError('E_LOG_ROLLBACK', 'the relay shows another history than before');
  }

  /** Applies what are entries, then throws what stopped it; a gap is told to the caller, who may look again. */
  async function take(records: readonly StreamRecord[]): Promise<{ readonly none: number; readonly wait: boolean; readonly gap?: ProtocolError }> {
    // All signatures of a page at once. Where one of them fails, each record is judged again, one after the other, and only that counts.
    const before = { tail, again, leftOut };
    const proofs = createProofs();
    const judged = await judge(records, proofs.later);
    const isProven = await proofs.hold();
    if (!isProven) ({ tail, again, leftOut } = before);
    const verdict = isProven ? judged : await judge(records);
    const { none, wait, stop, end } = verdict;
    await halts.judged(records.filter(({ seq }) => seq <= end.seq));
    if (verdict.accepted.length > 0) await commit(verdict);
    tail = end;
    if (stop instanceof ProtocolError && stop.code === 'E_CHAIN_GAP') return { none, wait, gap: stop };
    if (stop !== undefined) throw stop;
    return { none, wait };
  }

  async function judge(records: readonly StreamRecord[], later?: Later): Promise<Judged> {
    const accepted = (fresh = [] as StoredEntry[]); // widened from never[]
    const parsed: Entry[] = [];
    let [next, at, learned] = [state, cursor, keys];
    let [none, wait] = [0, false];
    let stop: Error | undefined;
    for (const record of records) {
      try {
        const verdict = await judgeRecord(judging, next, learned, record, later);
        if (verdict.kind === 'entry') {
          accepted.push({ ...verdict.state.head, bytes: verdict.bytes });
          parsed.push(verdict.entry);
          [next, learned, at, leftOut] = [verdict.state, verdict.keys, { seq: record.seq, eh: record.eh }, undefined];
        } else {
          none++;
          wait ||= verdict.early === true;
          again ||= verdict.keyless === true;
          leftOut = verdict.leftOut ?? leftOut;
        }
      } catch (error) {
        stop = asError(error);
        break;
      }
      tail = { seq: record.seq, eh: record.eh };
    }
    return { accepted, parsed, next, at, learned, none, wait, stop, end: tail };
  }

  async function commit({ next, accepted, at, parsed, learned }: Pick<Judged, 'next' | 'accepted' | 'at' | 'parsed' | 'learned'>): Promise<void> {
    await deps.store.persist(accepted, at, learned);
    for (const { eh } of accepted) hashes.push(eh);
    fresh = [];
    [cursor, tail, keys, state] = [at, at, learned, next];
    if (next && known()) for (const listener of listeners) listener(next, parsed);
  }

  async function append(bytes: Uint8Array, rotation?: Rotation): Promise<OrgState> {
    if (halts.error) throw halts.error;
    check(state === known(), 'E_LOG_STALE', 'the organisation’s log has not been read yet');
    // A sync came between signing and this turn: the caller's own entry is no fork.
    if (state && entryIn(bytes).prev !== state.head.eh) throw new RelayClientError('E_RELAY_CONFLICT', 'the log has moved since the entry was signed');
    const after = await advance(state, bytes, deps.now());
    check(after.org === deps.org, 'E_ORG', 'the log of another organisation');
    const epoch = rotation?.epoch ?? after.mkEpoch;
    // Kept only when the relay has taken the record: where somebody else rotated first, this key is none.
    const learned = rotation ? new Map(keys).set(epoch, rotation.mk) : keys;
    verifyEpoch(after, learned, epoch);
    const blob = await sealRecord(place, epoch, learned.get(epoch) ?? new Uint8Array(0), bytes, deps.random, rotation?.opens);
    const record: StreamRecord = { stream: place.stream, seq: tail.seq + 1, prev: tail.eh, eh: after.head.eh, blob };
    await deps.client.append(record);
    await commit({ next: after, accepted: [{ ...after.head, bytes }], at: { seq: record.seq, eh: record.eh }, parsed: [entryIn(bytes)], learned });
    return after;
  }

  return {
    get state() {
      return known();
    },
    get keys() {
      return keys;
    },
    get halted() {
      return halts.error;
    },
    requireState: () => {
      const verified = known();
      check(verified !== undefined, 'E_LOG_STALE', 'the organisation’s log has not been read yet');
      return verified;
    },
    history: hashes.at,
    read,
    addKey: (epoch, mk) => void (keys = new Map(keys).set(epoch, mk)),
    // One that has begun may have missed what the caller knows of: those who come meanwhile share the next.
    sync: () =>
      (nextSync ??= exclusive(() => {
        nextSync = undefined;
        return syncOnce();
      })),
    append: (bytes, rotation) => exclusive(() => append(bytes, rotation)),
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** Random id of 16 bytes as hex. */
export function newId<T extends string>(random: Random): T {
  return toHex(random(16)) as T; // an id is minted here
}
