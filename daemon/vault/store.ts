// The daemon's state at rest: its verified log, metadata keys, receipts, counters (spec/09-release.md §persistence).
// SQLite in WAL with full sync: what was written before an act is there after a crash.
import { Database } from 'bun:sqlite';
import { chmodSync } from 'node:fs';
import type { Hash, RequestId } from '../../protocol/hash.ts';
import type { LogStore, StoredEntry } from '../../relay-client/org-log.ts';
import { DaemonError } from '../errors.ts';

export interface StoredReceipt { readonly n: number; readonly hash: Hash; readonly bytes: Uint8Array }
export interface DaemonStore extends Disposable {
  readonly log: LogStore;
  /** Counts up for ever, durable before it is used. */
  nextCounter(): number;
  lastReceipt(): { readonly n: number; readonly hash: Hash } | undefined;
  receiptHash(n: number): Hash | undefined;
  /** One step: the request is consumed and its receipt written, or neither. */
  addReceipt(receipt: StoredReceipt, consumes?: RequestId): void;
  isConsumed(request: RequestId): boolean;
  unsentReceipts(): readonly StoredReceipt[];
  markSent(n: number): void;
  mailCursor(): number;
  setMailCursor(after: number): void;
  /** Replicas of blobs that this machine may need while the relay is away or has lost them. */
  blob(hash: Hash): Uint8Array | undefined;
  addBlob(hash: Hash, bytes: Uint8Array): void;
}

const schemaVersion = 1;
const schema = `
  CREATE TABLE entries (seq INTEGER PRIMARY KEY, eh TEXT NOT NULL, bytes BLOB NOT NULL) STRICT;
  CREATE TABLE meta_keys (epoch INTEGER PRIMARY KEY, mk BLOB NOT NULL) STRICT;
  CREATE TABLE receipts (n INTEGER PRIMARY KEY, hash TEXT NOT NULL, bytes BLOB NOT NULL, sent INTEGER NOT NULL DEFAULT 0) STRICT;
  CREATE INDEX receipts_unsent ON receipts (n) WHERE sent = 0;
  CREATE TABLE consumed (request TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
  CREATE TABLE blobs (hash TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE numbers (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE cursor (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, eh TEXT NOT NULL) STRICT;
  PRAGMA user_version = ${schemaVersion};`;

/** Opens or creates `path`, 0600. Throws E_STATE_CORRUPT, E_PERSIST. */
export function openDaemonStore(path: string): DaemonStore {
  const db = openDatabase(path);
  const write = <T>(act: () => T): T => {
    try {
      return db.transaction(act).immediate();
    } catch (cause) {
      throw cause instanceof DaemonError ? cause : new DaemonError('error', 'E_PERSIST', 'the state could not be written, so nothing was done: is the disk full?', { cause, next: 'free some space, then try again' });
    }
  };
  const read = <T>(act: () => T): T => {
    try {
      return act();
    } catch (cause) {
      throw corrupt(path, cause);
    }
  };
  const number = (name: string): number => read(() => db.query<{ value: number }, [string]>('SELECT value FROM numbers WHERE name = ?').get(name)?.value ?? 0);
  const setNumber = (name: string, value: number): void => void db.query('INSERT INTO numbers VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value').run(name, value);

  return {
    log: createLogStore(db, read, write),
    nextCounter: () =>
      write(() => {
        const next = number('counter') + 1;
        setNumber('counter', next);
        return next;
      }),
    lastReceipt: () => read(() => db.query<{ n: number; hash: Hash }, []>('SELECT n, hash FROM receipts ORDER BY n DESC LIMIT 1').get() ?? undefined),
    receiptHash: (n) => read(() => db.query<{ hash: Hash }, [number]>('SELECT hash FROM receipts WHERE n = ?').get(n)?.hash),
    addReceipt: ({ n, hash, bytes }, consumes) =>
      write(() => {
        db.query('INSERT INTO receipts (n, hash, bytes) VALUES (?, ?, ?)').run(n, hash, bytes);
        if (consumes !== undefined) db.query('INSERT INTO consumed VALUES (?)').run(consumes);
      }),
    isConsumed: (request) => read(() => db.query('SELECT 1 FROM consumed WHERE request = ?').get(request) !== null),
    unsentReceipts: () => read(() => db.query<StoredReceipt, []>('SELECT n, hash, bytes FROM receipts WHERE sent = 0 ORDER BY n LIMIT 100').all()),
    markSent: (n) => write(() => void db.query('UPDATE receipts SET sent = 1 WHERE n = ?').run(n)),
    mailCursor: () => number('mail'),
    setMailCursor: (after) => write(() => setNumber('mail', after)),
    blob: (hash) => read(() => db.query<{ bytes: Uint8Array }, [string]>('SELECT bytes FROM blobs WHERE hash = ?').get(hash)?.bytes),
    addBlob: (hash, bytes) => write(() => void db.query('INSERT OR IGNORE INTO blobs VALUES (?, ?)').run(hash, bytes)),
    [Symbol.dispose]: () => db.close(),
  };
}

type Guard = <T>(act: () => T) => T;

function createLogStore(db: Database, read: Guard, write: Guard): LogStore {
  return {
    load: async () =>
      read(() => {
        const cursor = db.query<{ seq: number; eh: Hash }, []>('SELECT seq, eh FROM cursor').get();
        const keys = new Map(db.query<{ epoch: number; mk: Uint8Array }, []>('SELECT epoch, mk FROM meta_keys').all().map(({ epoch, mk }) => [epoch, mk]));
        if (!cursor) return keys.size > 0 ? { entries: [], cursor: { seq: -1, eh: '00'.repeat(32) as Hash }, keys } : undefined; // before the first entry the place is zeros
        return { entries: db.query<StoredEntry, []>('SELECT seq, eh, bytes FROM entries ORDER BY seq').all(), cursor, keys };
      }),
    persist: async (entries, cursor, keys) =>
      write(() => {
        const insert = db.query('INSERT INTO entries VALUES (?, ?, ?)');
        for (const { seq, eh, bytes } of entries) insert.run(seq, eh, bytes);
        for (const [epoch, mk] of keys) db.query('INSERT OR IGNORE INTO meta_keys VALUES (?, ?)').run(epoch, mk);
        if (cursor.seq >= 0) db.query('INSERT INTO cursor VALUES (1, ?, ?) ON CONFLICT (one) DO UPDATE SET seq = excluded.seq, eh = excluded.eh').run(cursor.seq, cursor.eh);
      }),
  };
}

function openDatabase(path: string): Database {
  let db: Database;
  try {
    db = new Database(path, { create: true, strict: true });
    db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;');
    chmodSync(path, 0o600);
  } catch (cause) {
    throw isFull(cause) ? new DaemonError('error', 'E_PERSIST', 'the state could not be opened for writing', { cause, next: 'free some space, or check who owns the folder' }) : corrupt(path, cause);
  }
  try {
    const { user_version: version } = db.query<{ user_version: number }, []>('PRAGMA user_version').get() ?? { user_version: 0 };
    if (version > schemaVersion) throw new DaemonError('error', 'E_STATE_CORRUPT', 'the state was written by a newer version', { next: 'update Stillvault' });
    if (version === 0) db.transaction(() => db.exec(schema)).immediate();
    const check = db.query<{ quick_check: string }, []>('PRAGMA quick_check(1)').get();
    if (check?.quick_check !== 'ok') throw corrupt(path, new Error(check?.quick_check));
    return db;
  } catch (cause) {
    db.close();
    throw cause instanceof DaemonError ? cause : isFull(cause) ? new DaemonError('error', 'E_PERSIST', 'the state could not be written', { cause, next: 'free some space' }) : corrupt(path, cause);
  }
}

function isFull(cause: unknown): boolean {
  const code: unknown = cause instanceof Error ? Reflect.get(cause, 'code') : undefined;
  return typeof code === 'string' && /^SQLITE_(?:FULL|IOERR|READONLY|CANTOPEN|BUSY)/.test(code);
}

function corrupt(path: string, cause: unknown): DaemonError {
  return new DaemonError('error', 'E_STATE_CORRUPT', 'the state file is damaged; nothing in it was changed', {
    cause,
    next: `move ${path} away and enrol this machine again: no secret is lost, an admin revokes the old machine`,
  });
}
