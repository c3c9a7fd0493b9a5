// A client's own verified copy of the org log: loads, syncs, appends, never goes back (spec/05-org-log.md §sync).
import { toHex } from '../protocol/bytes.ts';
import { ProtocolError, check } from '../protocol/errors.ts';
import type { Hash, OrgId } from '../protocol/hash.ts';
import { limits } from '../protocol/limits.ts';
import { type Entry, entryHash, parseEntry, zeroHash } from '../protocol/org-log/entry.ts';
import { advance } from '../protocol/org-log/apply.ts';
import { type MetaKeys, type NewEpoch, mkCommitment, openPreviousKey, openRecord, orgStream, parseRecord, sealRecord } from '../protocol/org-log/record.ts';
import type { OrgState } from '../protocol/org-log/state.ts';
import type { Random } from '../protocol/random.ts';
import { parseEnvelope } from '../protocol/sign.ts';
import type { StreamRecord } from '../protocol/wire.ts';
import { type RelayClient, RelayClientError } from './client.ts';

export interface StoredEntry { readonly seq: number; readonly eh: Hash; readonly bytes: Uint8Array }
/** Position in the relay's stream, which also counts records that are no entries. */
export interface StreamCursor { readonly seq: number; readonly eh: Hash }
export interface StoredLog { readonly entries: readonly StoredEntry[]; readonly cursor: StreamCursor; readonly keys: MetaKeys }
export interface LogStore {
  load(): Promise<StoredLog | undefined>;
  /** Durable when it resolves; all of it or nothing. */
  persist(entries: readonly StoredEntry[], cursor: StreamCursor, keys: MetaKeys): Promise<void>;
}

export interface OrgLogDeps {
  readonly org: OrgId;
  readonly client: RelayClient;
  readonly store: LogStore;
  readonly now: () => number;
  readonly random: Random;
  /** Opens this holder's wrap of a new MK. */
  readonly openMkWrap: (epoch: number, wraps: Uint8Array) => Promise<Uint8Array>;
}
export interface OrgLog {
  /** Undefined before the first sync of a fresh client. */
  readonly state: OrgState | undefined;
  /** Throws E_LOG_STALE where there is no state yet. */
  requireState(): OrgState;
  history(seq: number): Hash | undefined;
  entries(): readonly StoredEntry[];
  readonly keys: MetaKeys;
  /** Keys from an invitation or token, before the first sync. */
  addKey(epoch: number, mk: Uint8Array): void;
  /** Fetches and verifies what is new; one at a time. Throws what makes this log stop: E_FORK, E_LOG_ROLLBACK, E_CHAIN … */
  sync(): Promise<OrgState>;
  /** Verifies the signed entry here, then offers it to the relay. Throws E_RELAY_CONFLICT where the log has moved: sign again on the new head. */
  append(entry: Uint8Array, epoch?: { readonly epoch: number; readonly mk: Uint8Array; readonly opens: NewEpoch }): Promise<OrgState>;
  onChange(listener: (state: OrgState, entries: readonly Entry[]) => void): () => void;
  /** Code that stopped this log for good, until a person has looked. */
  readonly halted: ProtocolError | undefined;
}

// What makes the log stop; every other failure of a record means that it is no entry, and the head stays.
const halting = new Set(['E_FORK', 'E_LOG_ROLLBACK', 'E_TYPE_UNKNOWN', 'E_SUITE', 'E_CHAIN', 'E_CHAIN_GAP', 'E_CHECKPOINT_STATE']);
const waiting = new Set(['E_CLOCK', 'E_MK_EPOCH', 'E_REVOKED']);

/** Loads and re-verifies the stored log. Throws E_LOG_ROLLBACK on a store that lost entries. */
export async function openOrgLog(deps: OrgLogDeps): Promise<OrgLog> {
  const place = { org: deps.org, stream: orgStream(deps.org) };
  const stored = await deps.store.load();
  const entries: StoredEntry[] = [];
  let state: OrgState | undefined;
  let cursor: StreamCursor = stored?.cursor ?? { seq: -1, eh: zeroHash };
  let keys = new Map(stored?.keys);
  let halted: ProtocolError | undefined;
  let syncing: Promise<OrgState> | undefined;
  const listeners = new Set<(state: OrgState, entries: readonly Entry[]) => void>();

  for (const entry of stored?.entries ?? []) {
    state = await accept(state, entry.bytes);
    check(state.head.eh === entry.eh, 'E_LOG_ROLLBACK', 'the stored log is not the one that was written');
    entries.push(entry);
  }
  check(cursor.seq < 0 || state !== undefined, 'E_LOG_ROLLBACK', 'the stored log has lost its entries');

  // Reading and appending take turns: both move the head.
  let turn: Promise<unknown> = Promise.resolve();
  function exclusive<T>(act: () => Promise<T>): Promise<T> {
    const mine = turn.then(act, act);
    turn = mine.catch(() => undefined);
    return mine;
  }

  async function accept(before: OrgState | undefined, bytes: Uint8Array): Promise<OrgState> {
    const after = await advance(before, bytes, deps.now());
    check(after.org === deps.org, 'E_ORG', 'the log of another organisation');
    return after;
  }

  async function syncOnce(): Promise<OrgState> {
    if (halted) throw halted;
    try {
      await fetchNew();
      if (!state) throw new RelayClientError('E_RELAY_NOT_FOUND', 'the relay does not have this organisation’s log');
      return state;
    } catch (error) {
      if (error instanceof ProtocolError && halting.has(error.code)) halted = error;
      throw error;
    }
  }

  async function fetchNew(): Promise<void> {
    for (;;) {
      // The record at the cursor is read again: a relay that went back or shows another history is found out.
      const from = Math.max(cursor.seq, 0);
      const page = await deps.client.read(place.stream, from);
      check(page.head.seq >= cursor.seq, 'E_LOG_ROLLBACK', 'the relay shows an older log than before');
      const fresh = cursor.seq < 0 ? page.records : page.records.slice(1);
      const same = cursor.seq < 0 || page.records[0]?.eh === cursor.eh;
      if (!same) await explainFork(page.records[0]);
      check(fresh.every((record, index) => record.seq === cursor.seq + 1 + index), 'E_CHAIN_GAP', 'the relay left out records');
      if (fresh.length === 0) return;
      await learnKeys(fresh, page.head.seq);
      await take(fresh);
      if (cursor.seq >= page.head.seq) return;
    }
  }

  // Another record where this client has one: an authentic entry there is a fork, anything else is a relay that lost its data.
  async function explainFork(record: StreamRecord | undefined): Promise<never> {
    const bytes = record && (await openRecord(place, keys, record.blob).catch(() => undefined));
    const authentic = bytes !== undefined && state !== undefined && parseEnvelope('entry', bytes, limits.entryBytes).signatures.some(({ keyId }) => state?.keys.has(keyId));
    throw new ProtocolError(authentic ? 'E_FORK' : 'E_LOG_ROLLBACK', authentic ? 'two entries claim one place' : 'the relay shows another history than before');
  }

  async function take(records: readonly StreamRecord[]): Promise<void> {
    const accepted: StoredEntry[] = [];
    const parsed: Entry[] = [];
    let next = state;
    let at = cursor;
    let stop: unknown;
    for (const record of records) {
      try {
        const bytes = await openRecord(place, keys, record.blob);
        next = await accept(next, bytes);
        await verifyEpoch(next, record);
        accepted.push({ seq: next.head.seq, eh: next.head.eh, bytes });
        parsed.push(parseEntry(parseEnvelope('entry', bytes, limits.entryBytes).payload));
      } catch (error) {
        if (!(error instanceof ProtocolError) || halting.has(error.code) || waiting.has(error.code)) {
          stop = error;
          break;
        }
      }
      at = { seq: record.seq, eh: record.eh };
    }
    await commit(next, accepted, at, parsed);
    if (stop !== undefined) throw stop;
  }

  async function commit(next: OrgState | undefined, accepted: readonly StoredEntry[], at: StreamCursor, parsed: readonly Entry[]): Promise<void> {
    await deps.store.persist(accepted, at, keys);
    cursor = at;
    entries.push(...accepted);
    if (!next || accepted.length === 0) return;
    state = next;
    for (const listener of listeners) listener(next, parsed);
  }

  async function verifyEpoch(after: OrgState, record: StreamRecord): Promise<void> {
    const mk = keys.get(after.mkEpoch);
    check(mk !== undefined && mkCommitment(mk) === after.mkCommitment, 'E_MK_EPOCH', 'not the metadata key that the log names');
    const { epoch } = parseRecord(record.blob);
    check(epoch === after.mkEpoch, 'E_MK_EPOCH', 'sealed under another epoch than the log has');
  }

  // A member present at a rotation opens its wrap; a newcomer holds the newest key and walks back through the first records of the epochs.
  async function learnKeys(records: readonly StreamRecord[], headSeq: number): Promise<void> {
    const wanted = Math.min(...[...keys.keys()]);
    const firsts = records.filter((record) => epochWraps(record) !== undefined);
    if (wanted > 0 && cursor.seq < 0) {
      const all = [...firsts];
      for (let from = records.length; from <= headSeq; from += 200) all.push(...(await deps.client.read(place.stream, from)).records.filter((record) => epochWraps(record) !== undefined));
      for (const record of all.toReversed()) {
        const { epoch } = parseRecord(record.blob);
        const mk = keys.get(epoch);
        if (mk && !keys.has(epoch - 1)) keys = new Map(keys).set(epoch - 1, await openPreviousKey(deps.org, epoch, mk, record.blob));
      }
    }
    for (const record of firsts) {
      const { epoch } = parseRecord(record.blob);
      const wraps = epochWraps(record);
      if (keys.has(epoch) || wraps === undefined) continue;
      const [blob] = await deps.client.getBlobs([wraps]);
      if (blob) keys = new Map(keys).set(epoch, await deps.openMkWrap(epoch, blob));
    }
  }

  return {
    get state() {
      return state;
    },
    get keys() {
      return keys;
    },
    get halted() {
      return halted;
    },
    requireState: () => {
      check(state !== undefined, 'E_LOG_STALE', 'the organisation’s log has not been read yet');
      return state;
    },
    history: (seq) => entries[seq]?.eh,
    entries: () => entries,
    addKey: (epoch, mk) => void (keys = new Map(keys).set(epoch, mk)),
    sync: () => (syncing ??= exclusive(syncOnce).finally(() => (syncing = undefined))),
    append: (bytes, rotation) => exclusive(async () => {
      const before = state;
      const after = await accept(before, bytes);
      const epoch = rotation?.epoch ?? before?.mkEpoch ?? 0;
      const mk = rotation?.mk ?? keys.get(epoch);
      check(mk !== undefined, 'E_MK_EPOCH', 'the metadata key is not held here');
      if (rotation) keys = new Map(keys).set(epoch, mk);
      const blob = await sealRecord(place, epoch, mk, bytes, deps.random, rotation?.opens);
      const eh = entryHash(parseEnvelope('entry', bytes, limits.entryBytes).payload);
      const record: StreamRecord = { stream: place.stream, seq: cursor.seq + 1, prev: cursor.eh, eh, blob };
      await deps.client.append(record);
      await commit(after, [{ seq: after.head.seq, eh, bytes }], { seq: record.seq, eh }, [parseEntry(parseEnvelope('entry', bytes, limits.entryBytes).payload)]);
      return after;
    }),
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

function epochWraps(record: StreamRecord): Hash | undefined {
  try {
    return parseRecord(record.blob).wraps;
  } catch {
    return undefined;
  }
}

/** Random id of 16 bytes as hex. */
export function newId<T extends string>(random: Random): T {
  return toHex(random(16)) as T; // an id is minted here
}
