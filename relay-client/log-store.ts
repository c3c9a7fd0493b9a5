// What a client's log keeps at rest, and where (spec/05-org-log.md §sync, §snapshot). The daemon has SQLite, the console the browser's database.
import type { Hash } from '../protocol/hash.ts';
import type { MetaKeys } from '../protocol/org-log/record.ts';

export interface StoredEntry {
  readonly seq: number;
  readonly eh: Hash;
  readonly bytes: Uint8Array;
}
export interface EntrySource {
  /** Entries `from` to before `to`, in order. */
  read(from: number, to: number): Promise<readonly StoredEntry[]>;
}
/** A place of this client's own: `load` gives only what this client kept there, and throws on anything else. */
export interface SnapshotStore {
  /** Names the program: another one, with other rules, verifies again. */
  readonly build: string;
  load(): Promise<Uint8Array | undefined>;
  keep(snapshot: Uint8Array): Promise<void>;
  /** A turn for others: a large state takes seconds to write. */
  pause(): Promise<void>;
}
/** Position of the last entry in the relay's stream, which also counts records that are no entries. */
export interface StreamCursor {
  readonly seq: number;
  readonly eh: Hash;
}
export interface StoredLog {
  /** How many entries. */
  readonly count: number;
  readonly cursor: StreamCursor;
  readonly keys: MetaKeys;
}
/** A log as it is handed from one place to another. */
export interface HeldLog {
  readonly entries: readonly StoredEntry[];
  readonly cursor: StreamCursor;
  readonly keys: MetaKeys;
}
/** What stopped the log, as bytes of halt.ts; undefined: nothing. */
export interface HaltStore {
  load(): Promise<Uint8Array | undefined>;
  /** Durable when it resolves. */
  keep(halt: Uint8Array | undefined): Promise<void>;
}
export interface LogStore extends EntrySource {
  /** Where a client that starts again on this store stays stopped. */
  readonly halts?: HaltStore;
  load(): Promise<StoredLog | undefined>;
  /** Durable when it resolves; all of it or nothing. */
  persist(entries: readonly StoredEntry[], cursor: StreamCursor, keys: MetaKeys): Promise<void>;
}

/** In memory only: for as long as nobody knows whether the log will be this client's. `base`: the first entry that it gets. */
export function createMemoryStore(base = 0): LogStore & { held: HeldLog | undefined } {
  const store = {
    held: undefined as HeldLog | undefined, // widened: it is set later
    load: () => Promise.resolve(store.held && { count: base + store.held.entries.length, cursor: store.held.cursor, keys: store.held.keys }),
    read: (from: number, to: number) => Promise.resolve(store.held?.entries.slice(Math.max(0, from - base), Math.max(0, to - base)) ?? []),
    persist: (entries: readonly StoredEntry[], cursor: StreamCursor, keys: MetaKeys) => {
      store.held = { entries: (store.held?.entries ?? []).concat(entries), cursor, keys: new Map(keys) };
      return Promise.resolve();
    },
  };
  return store;
}
