// Opens the SQLite file of a relay: one process per directory, WAL, full sync, today's schema (spec/08-relay.md §store).
import { Database } from 'bun:sqlite';
import { chmodSync, closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { RelayError, isRelayError } from '../relay-error.ts';
import { migrations } from './schema.ts';

export interface OpenDatabase {
  readonly db: Database;
  /** Lets another process open the directory. */
  readonly unlock: () => void;
}

/** Throws E_RELAY_STORE where the directory is in use, cannot be written, is damaged or is from a newer version. */
export function openDatabase(dataDir: string): OpenDatabase {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    const unlock = lock(dataDir);
    try {
      const db = openFile(join(dataDir, databaseName));
      syncDirectory(dataDir);
      return { db, unlock };
    } catch (error) {
      unlock();
      throw error;
    }
  } catch (cause) {
    if (isRelayError(cause)) throw cause;
    throw new RelayError('E_RELAY_STORE', 'the data directory of the relay cannot be opened for writing', { cause });
  }
}

export const databaseName = 'relay.db';

function openFile(path: string): Database {
  const db = new Database(path, { create: true, readwrite: true, strict: true });
  try {
    chmodSync(path, 0o600);
    db.run('PRAGMA busy_timeout = 250');
    db.run('PRAGMA journal_mode = WAL');
    // Every COMMIT waits for fsync of the WAL: an acknowledged write survives kill -9 and power loss. fullfsync is what macOS needs for it.
    db.run('PRAGMA synchronous = FULL');
    db.run('PRAGMA fullfsync = ON');
    db.run('PRAGMA foreign_keys = ON');
    db.run('PRAGMA cache_size = -16000');
    migrate(db);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Brings the file to today's schema; refuses one from a newer version. */
export function migrate(db: Database): void {
  const found = db.query<{ user_version: number }, []>('PRAGMA user_version').get()?.user_version ?? 0;
  if (found > migrations.length) {
    throw new RelayError('E_RELAY_STORE', `the database has schema ${found}, this version knows ${migrations.length}: it was written by a newer stillvault`);
  }
  for (const [from, sql] of migrations.entries()) {
    if (from < found) continue;
    db.transaction(() => {
      db.run(sql);
      db.run(`PRAGMA user_version = ${from + 1}`);
    }).immediate();
  }
}

// A held SQLite transaction is a lock that the kernel releases with the process, kill -9 included, on every platform.
export function lock(dataDir: string): () => void {
  const holder = new Database(join(dataDir, 'relay.lock'), { create: true, readwrite: true });
  try {
    holder.run('PRAGMA busy_timeout = 0');
    holder.run('BEGIN EXCLUSIVE');
  } catch (cause) {
    holder.close();
    throw new RelayError('E_RELAY_STORE', 'another relay runs on this data directory', { cause });
  }
  return () => holder.close();
}

// The names of new files are durable only once their directory is.
export function syncDirectory(path: string): void {
  const directory = openSync(path, 'r');
  fsyncSync(directory);
  closeSync(directory);
}
