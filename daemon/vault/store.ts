// The daemon's state at rest: its verified log, metadata keys, receipts, counters (spec/09-release.md §persistence).
// SQLite in WAL with full sync: what was written before an act is there after a crash.
import { Database } from 'bun:sqlite';
import { chmodSync } from 'node:fs';
import type { Hash, MachineId, RequestId } from '../../protocol/hash.ts';
import type { HeldLog, LogStore, StoredEntry, StoredLog } from '../../relay-client/log-store.ts';
import type { Decision } from '../../relay-client/pass-over.ts';
import { DaemonError } from '../errors.ts';

export interface StoredReceipt {
  readonly n: number;
  readonly hash: Hash;
  readonly bytes: Uint8Array;
}
/** A need of this machine, open or over. */
export interface StoredNeed {
  readonly path: string;
  /** The signed request. */
  readonly request: Uint8Array;
  /** Private seed of the request's key: all it opens is a writer's word about this need. */
  readonly seed: Uint8Array;
  /** When it was last posted to the writers. */
  readonly postedAt: number;
  /** How it ended, as JSON; empty while it is open. */
  readonly end: string;
}
export interface DaemonStore extends Disposable {
  readonly log: LogStore & Required<Pick<LogStore, 'halts'>>;
  /** Records that a person decided to pass over. */
  passed(): readonly Decision[];
  /** One step: the decision is kept with what it was about, and the log is no longer stopped. */
  passOver(decision: Decision, at: number): void;
  /** The machine whose state this is; undefined before it enrolled. */
  owner(): MachineId | undefined;
  /** Begins the state of a new machine with the log that it verified. What an earlier machine left here goes: its counters are not this one's. */
  adopt(machine: MachineId, log: HeldLog): void;
  /** What `snapshots.ts` seals. */
  snapshot(): Uint8Array | undefined;
  keepSnapshot(sealed: Uint8Array): void;
  /** Counts up for ever, durable before it is used. */
  nextCounter(): number;
  lastReceipt(): { readonly n: number; readonly hash: Hash } | undefined;
  receiptHash(n: number): Hash | undefined;
  /** One step: the request is consumed and its receipt written, or neither. */
  addReceipt(receipt: StoredReceipt, consumes?: RequestId): void;
  isConsumed(request: RequestId): boolean;
  needs(): readonly StoredNeed[];
  /** One for each path: the newest. */
  putNeed(need: StoredNeed): void;
  dropNeed(path: string): void;
  /** At most 100 from number `from` on. */
  receiptsFrom(from: number): readonly (StoredReceipt & { readonly isSent: boolean })[];
  unsentReceipts(): readonly StoredReceipt[];
  markSent(n: number): void;
  /** Those after `n` count as unsent again: the relay has lost them. */
  markUnsentAfter(n: number): void;
  /** Replicas of blobs that this machine may need while the relay is away or has lost them. */
  blob(hash: Hash): Uint8Array | undefined;
  addBlob(hash: Hash, bytes: Uint8Array): void;
  /** Drops all but these. */
  keepBlobs(hashes: ReadonlySet<Hash>): void;
}

const schemaVersion = 4;
/** Since version 2. */
const needsTable =
  'CREATE TABLE needs (path TEXT PRIMARY KEY, request BLOB NOT NULL, seed BLOB NOT NULL, postedAt INTEGER NOT NULL, "end" TEXT NOT NULL) STRICT, WITHOUT ROWID;';
/** Since version 3. */
const snapshotTable = 'CREATE TABLE snapshot (one INTEGER PRIMARY KEY CHECK (one = 1), bytes BLOB NOT NULL) STRICT;';
/** Since version 4. */
const haltTables = `
  CREATE TABLE halt (one INTEGER PRIMARY KEY CHECK (one = 1), bytes BLOB NOT NULL) STRICT;
  CREATE TABLE passed (record TEXT PRIMARY KEY, code TEXT NOT NULL, at INTEGER NOT NULL, halt BLOB NOT NULL) STRICT, WITHOUT ROWID;`;
const schema = `
  CREATE TABLE owner (one INTEGER PRIMARY KEY CHECK (one = 1), machine TEXT NOT NULL) STRICT;
  CREATE TABLE entries (seq INTEGER PRIMARY KEY, eh TEXT NOT NULL, bytes BLOB NOT NULL) STRICT;
  CREATE TABLE cursor (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, eh TEXT NOT NULL) STRICT;
  CREATE TABLE meta_keys (epoch INTEGER PRIMARY KEY, mk BLOB NOT NULL) STRICT;
  CREATE TABLE receipts (n INTEGER PRIMARY KEY, hash TEXT NOT NULL, bytes BLOB NOT NULL, sent INTEGER NOT NULL DEFAULT 0) STRICT;
  CREATE INDEX receipts_unsent ON receipts (n) WHERE sent = 0;
  CREATE TABLE consumed (request TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
  CREATE TABLE blobs (hash TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE counter (one INTEGER PRIMARY KEY CHECK (one = 1), value INTEGER NOT NULL) STRICT;
  ${needsTable}
  ${snapshotTable}
  ${haltTables}
  PRAGMA user_version = ${schemaVersion};`;
const tables = ['owner', 'entries', 'cursor', 'meta_keys', 'receipts', 'consumed', 'blobs', 'counter', 'needs', 'snapshot', 'halt', 'passed'];
/** Whatever is read of these is compared with its hash or opened with a key. */
const selfProving = ['entries', 'blobs', 'snapshot'];

/** Opens or creates `path`, 0600. Throws E_STATE_CORRUPT, E_PERSIST. */
export function openDaemonStore(path: string): DaemonStore {
  const db = openDatabase(path);
  const write: Guard = (act) => {
    try {
      return db.transaction(act).immediate();
    } catch (cause) {
      throw notPersisted(cause);
    }
  };
  const read: Guard = (act) => {
    try {
      return act();
    } catch (cause) {
      throw corrupt(path, cause);
    }
  };
  const persistLog = createLogWriter(db);

  return {
    log: {
      load: async () => read(() => loadLog(db)),
      read: async (from, to) =>
        read(() => db.query<StoredEntry, [number, number]>('SELECT seq, eh, bytes FROM entries WHERE seq >= ? AND seq < ? ORDER BY seq').all(from, to)),
      persist: async (entries, cursor, keys) => write(() => persistLog({ entries, cursor, keys })),
      halts: {
        load: async () => read(() => db.query<{ bytes: Uint8Array }, []>('SELECT bytes FROM halt').get()?.bytes),
        keep: async (halt) =>
          write(() => {
            db.exec('DELETE FROM halt');
            if (halt) db.query('INSERT INTO halt VALUES (1, ?)').run(halt);
          }),
      },
    },
    passed: () => read(() => db.query<Decision, []>('SELECT record, code FROM passed').all()),
    passOver: ({ record, code }, at) =>
      write(() => {
        db.query('INSERT INTO passed SELECT ?, ?, ?, bytes FROM halt WHERE true ON CONFLICT (record) DO UPDATE SET at = excluded.at').run(record, code, at);
        db.exec('DELETE FROM halt');
      }),
    owner: () => read(() => db.query<{ machine: MachineId }, []>('SELECT machine FROM owner').get()?.machine),
    adopt: (machine, log) =>
      write(() => {
        for (const table of tables) db.exec(`DELETE FROM ${table}`);
        db.query('INSERT INTO owner VALUES (1, ?)').run(machine);
        persistLog(log);
      }),
    snapshot: () => read(() => db.query<{ bytes: Uint8Array }, []>('SELECT bytes FROM snapshot').get()?.bytes),
    keepSnapshot: (sealed) =>
      write(() => void db.query('INSERT INTO snapshot VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET bytes = excluded.bytes').run(sealed)),
    nextCounter: () =>
      write(() => {
        const next = db
          .query<{ value: number }, []>('INSERT INTO counter VALUES (1, 1) ON CONFLICT (one) DO UPDATE SET value = value + 1 RETURNING value')
          .get();
        if (!next) throw new Error('the counter was not counted');
        return next.value;
      }),
    lastReceipt: () => read(() => db.query<{ n: number; hash: Hash }, []>('SELECT n, hash FROM receipts ORDER BY n DESC LIMIT 1').get() ?? undefined),
    receiptHash: (n) => read(() => db.query<{ hash: Hash }, [number]>('SELECT hash FROM receipts WHERE n = ?').get(n)?.hash),
    addReceipt: ({ n, hash, bytes }, consumes) =>
      write(() => {
        db.query('INSERT INTO receipts (n, hash, bytes) VALUES (?, ?, ?)').run(n, hash, bytes);
        if (consumes !== undefined) db.query('INSERT INTO consumed VALUES (?)').run(consumes);
      }),
    isConsumed: (request) => read(() => db.query('SELECT 1 FROM consumed WHERE request = ?').get(request) !== null),
    needs: () => read(() => db.query<StoredNeed, []>('SELECT * FROM needs ORDER BY path').all()),
    putNeed: ({ path: name, request, seed, postedAt, end }) =>
      write(() => void db.query('INSERT OR REPLACE INTO needs VALUES (?, ?, ?, ?, ?)').run(name, request, seed, postedAt, end)),
    dropNeed: (name) => write(() => void db.query('DELETE FROM needs WHERE path = ?').run(name)),
    receiptsFrom: (from) =>
      read(() =>
        db
          .query<StoredReceipt & { sent: number }, [number]>('SELECT n, hash, bytes, sent FROM receipts WHERE n >= ? ORDER BY n LIMIT 100')
          .all(from)
          .map(({ sent, ...receipt }) => ({ ...receipt, isSent: sent === 1 })),
      ),
    unsentReceipts: () => read(() => db.query<StoredReceipt, []>('SELECT n, hash, bytes FROM receipts WHERE sent = 0 ORDER BY n LIMIT 100').all()),
    markSent: (n) => write(() => void db.query('UPDATE receipts SET sent = 1 WHERE n = ?').run(n)),
    markUnsentAfter: (n) => write(() => void db.query('UPDATE receipts SET sent = 0 WHERE n > ?').run(n)),
    blob: (hash) => read(() => db.query<{ bytes: Uint8Array }, [string]>('SELECT bytes FROM blobs WHERE hash = ?').get(hash)?.bytes),
    addBlob: (hash, bytes) => write(() => void db.query('INSERT OR REPLACE INTO blobs VALUES (?, ?)').run(hash, bytes)),
    keepBlobs: (hashes) =>
      write(() => {
        for (const { hash } of db.query<{ hash: Hash }, []>('SELECT hash FROM blobs').all())
          if (!hashes.has(hash)) db.query('DELETE FROM blobs WHERE hash = ?').run(hash);
      }),
    [Symbol.dispose]: () => db.close(),
  };
}

type Guard = <T>(act: () => T) => T;

function loadLog(db: Database): StoredLog | undefined {
  const cursor = db.query<{ seq: number; eh: Hash }, []>('SELECT seq, eh FROM cursor').get();
  if (!cursor) return undefined;
  const count = (db.query<{ last: number | null }, []>('SELECT max(seq) AS last FROM entries').get()?.last ?? -1) + 1;
  const keys = db.query<{ epoch: number; mk: Uint8Array }, []>('SELECT epoch, mk FROM meta_keys').all();
  return { count, cursor, keys: new Map(keys.map(({ epoch, mk }) => [epoch, mk])) };
}

function createLogWriter(db: Database): (log: HeldLog) => void {
  const entry = db.query('INSERT INTO entries VALUES (?, ?, ?)');
  const key = db.query('INSERT OR IGNORE INTO meta_keys VALUES (?, ?)');
  const place = db.query('INSERT INTO cursor VALUES (1, ?, ?) ON CONFLICT (one) DO UPDATE SET seq = excluded.seq, eh = excluded.eh');
  return ({ entries, cursor, keys }) => {
    for (const { seq, eh, bytes } of entries) entry.run(seq, eh, bytes);
    for (const [epoch, mk] of keys) key.run(epoch, mk);
    place.run(cursor.seq, cursor.eh);
  };
}

function openDatabase(path: string): Database {
  let db: Database | undefined;
  try {
    db = new Database(path, { create: true, strict: true });
    db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;');
    chmodSync(path, 0o600);
    const { user_version: version } = db.query<{ user_version: number }, []>('PRAGMA user_version').get() ?? { user_version: 0 };
    if (version > schemaVersion) throw new DaemonError('error', 'E_STATE_CORRUPT', 'the state was written by a newer version', { next: 'update Stillvault' });
    if (version === 0) createSchema(db);
    if (version === 1) migrate(db, `${needsTable} ${snapshotTable} ${haltTables}`);
    if (version === 2) migrate(db, `${snapshotTable} ${haltTables}`);
    if (version === 3) migrate(db, haltTables);
    for (const table of tables) {
      if (selfProving.includes(table)) continue; // a log of 100,000 entries would be read at every start
      const check = db.query<{ quick_check: string }, []>(`PRAGMA quick_check(${table})`).get();
      if (check?.quick_check !== 'ok') throw new Error(check?.quick_check);
    }
    return db;
  } catch (cause) {
    db?.close();
    throw isFull(cause) ? notPersisted(cause) : cause instanceof DaemonError ? cause : corrupt(path, cause);
  }
}

function createSchema(db: Database): void {
  db.transaction(() => db.exec(schema)).immediate();
}

function migrate(db: Database, statements: string): void {
  db.transaction(() => db.exec(`${statements} PRAGMA user_version = ${schemaVersion};`)).immediate();
}

function notPersisted(cause: unknown): DaemonError {
  const what = 'the state could not be written, so nothing was done: is the disk full?';
  return cause instanceof DaemonError ? cause : new DaemonError('error', 'E_PERSIST', what, { cause, next: 'free some space, then try again' });
}

function isFull(cause: unknown): boolean {
  const code: unknown = cause instanceof Error ? Reflect.get(cause, 'code') : undefined;
  return typeof code === 'string' && /^SQLITE_(?:FULL|IOERR|READONLY|CANTOPEN|BUSY)/.test(code);
}

function corrupt(path: string, cause: unknown): DaemonError {
  return new DaemonError('error', 'E_STATE_CORRUPT', 'the state of this machine is damaged; nothing in it was changed', { cause, next: startOver(path) });
}

/** The way out where keys or state of a machine are gone. `path` lies in its state folder. */
export function startOver(path: string): string {
  return `move the folder of ${path} away, revoke this machine in the console and enrol again: no secret is lost`;
}
