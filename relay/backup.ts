// Backup, restore and check of a relay's data (spec/08-relay.md §store): `stillvault relay backup|restore|check`.
import { Database } from 'bun:sqlite';
import { chmodSync, closeSync, constants, copyFileSync, existsSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { blobHash } from '../protocol/wire.ts';
import { RelayError } from './relay-error.ts';
import { databaseName, lock, syncDirectory } from './store/open-sqlite.ts';
import { migrations } from './store/schema.ts';
import { rowBytes } from './store/sqlite-orgs.ts';

export interface RelayCheck {
  readonly orgs: number;
  readonly records: number;
  readonly blobs: number;
  readonly mails: number;
  /** Empty where all is well. No ids, no content. */
  readonly findings: readonly string[];
}

/** Writes a consistent copy to `target`, which must not exist; the relay may run meanwhile. Throws E_RELAY_STORE. */
export function backupRelay(dataDir: string, target: string): void {
  attempt('the backup could not be written', () => {
    // Made here and private from its first byte; VACUUM INTO fills an empty file.
    closeSync(openSync(target, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600));
    using db = new Database(join(dataDir, databaseName), { readwrite: true });
    db.query('VACUUM INTO ?').run(target);
    sync(target);
  });
}

/** Puts a backup that checks out into a directory without data, where no relay runs. Throws E_RELAY_STORE. */
export function restoreRelay(source: string, dataDir: string): RelayCheck {
  return attempt('the backup could not be restored', () => {
    const found = checkRelay(source);
    if (found.findings.length > 0) throw new RelayError('E_RELAY_STORE', `the backup is damaged: ${found.findings.join('; ')}`);
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    const unlock = lock(dataDir);
    try {
      const path = join(dataDir, databaseName);
      if (existsSync(path)) throw new RelayError('E_RELAY_STORE', 'the directory holds data already: restore into an empty one');
      copyFileSync(source, path, constants.COPYFILE_EXCL);
      chmodSync(path, 0o600);
      sync(path);
      syncDirectory(dataDir);
    } finally {
      unlock();
    }
    return found;
  });
}

/** Reads all of a database file: its pages, the chains, the hashes, the counters. Throws E_RELAY_STORE where it is no relay's database. */
export function checkRelay(file: string): RelayCheck {
  return attempt('the file cannot be read as the database of a relay', () => {
    using db = new Database(file, { readwrite: true });
    db.run('BEGIN'); // one snapshot for all, where the relay runs meanwhile
    const one = (sql: string): number => Number(Object.values(db.query<Record<string, unknown>, []>(sql).get() ?? {})[0]);
    const schema = one('PRAGMA user_version');
    if (schema !== migrations.length) throw new RelayError('E_RELAY_STORE', `the database has schema ${schema}, this version knows ${migrations.length}`);
    const pages = db.query<{ integrity_check: string }, []>('PRAGMA integrity_check').get()?.integrity_check;
    const found: readonly (readonly [number, string])[] = [
      [pages === 'ok' ? 0 : 1, 'damaged pages'],
      [db.query('PRAGMA foreign_key_check').all().length, 'rows of an org that is not there'],
      [one(brokenChains), 'records that do not extend the one before'],
      [wrongBlobs(db), 'blobs that do not have their hash'],
      [one(wrongCounters), 'orgs whose counters are wrong'],
    ];
    return {
      orgs: one('SELECT count(*) FROM orgs'),
      records: one('SELECT count(*) FROM records'),
      blobs: one('SELECT count(*) FROM blobs'),
      mails: one('SELECT count(*) FROM mails'),
      findings: found.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`),
    };
  });
}

const brokenChains = `SELECT count(*) FROM (
    SELECT seq, prev, row_number() OVER place - 1 AS expected, lag(eh, 1, zeroblob(32)) OVER place AS before
    FROM records WINDOW place AS (PARTITION BY org, stream ORDER BY seq)
  ) WHERE seq <> expected OR prev <> before`;

const wrongCounters = `SELECT count(*) FROM orgs
  WHERE records <> (SELECT count(*) FROM records WHERE org = orgs.id)
     OR mails <> (SELECT count(*) FROM mails WHERE org = orgs.id)
     OR last_mail < (SELECT coalesce(max(id), 0) FROM mails WHERE org = orgs.id)
     OR bytes <> (SELECT coalesce(sum(length(blob) + ${rowBytes}), 0) FROM records WHERE org = orgs.id)
               + (SELECT coalesce(sum(length(bytes) + ${rowBytes}), 0) FROM blobs WHERE org = orgs.id)
               + (SELECT coalesce(sum(length(body) + ${rowBytes}), 0) FROM mails WHERE org = orgs.id)`;

function wrongBlobs(db: Database): number {
  let wrong = 0;
  for (const { hash, bytes } of db.query<{ hash: Uint8Array; bytes: Uint8Array }, []>('SELECT hash, bytes FROM blobs').iterate()) {
    if (blobHash(bytes) !== Buffer.from(hash).toString('hex')) wrong++;
  }
  return wrong;
}

function sync(path: string): void {
  const file = openSync(path, 'r');
  fsyncSync(file);
  closeSync(file);
}

function attempt<T>(what: string, act: () => T): T {
  try {
    return act();
  } catch (cause) {
    throw cause instanceof RelayError ? cause : new RelayError('E_RELAY_STORE', what, { cause });
  }
}
