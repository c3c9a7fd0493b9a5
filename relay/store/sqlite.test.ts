// What only the SQLite store can get wrong: its file, its schema, its disk (spec/08-relay.md §store).
import { Database } from 'bun:sqlite';
import { expect, test } from 'bun:test';
import { statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MailboxId, StreamId } from '../../protocol/wire.ts';
import { at, chain, createKey, randomBytes, randomId, temporaryDir } from '../test-world.ts';
import { createCommitter } from './group-commit.ts';
import { databaseName, openDatabase } from './open-sqlite.ts';
import { migrations } from './schema.ts';
import { createSqliteStore, openSqliteStore } from './sqlite.ts';
import type { Store } from './store.ts';

const quotas = { orgBytes: 1e9, orgRecords: 1e6, orgMails: 1e6, orgKeys: 1e3 };

async function signUp(store: Store): Promise<Awaited<ReturnType<typeof createKey>>> {
  const key = await createKey();
  await store.admit({ org: key.org, keyId: key.keyId, nonce: randomBytes(16), nonceUntil: 1, now: 0, firstKey: key.publicKey });
  return key;
}

test('the file is private, in WAL mode with full sync, at the newest schema, and opens again', async () => {
  using dir = temporaryDir();
  const opened = openDatabase(join(dir.path, 'deep', 'data'));
  const pragma = (name: string): unknown => Object.values(opened.db.query<Record<string, unknown>, []>(`PRAGMA ${name}`).get() ?? {})[0];
  expect([pragma('journal_mode'), pragma('synchronous'), pragma('user_version')]).toEqual(['wal', 2, migrations.length]);
  expect(statSync(join(dir.path, 'deep', 'data', databaseName)).mode & 0o777).toBe(0o600);
  expect(statSync(join(dir.path, 'deep', 'data')).mode & 0o777).toBe(0o700);
  const store = createSqliteStore(opened, quotas);
  const { org } = await signUp(store);
  await store.close();
  const again = openSqliteStore(join(dir.path, 'deep', 'data'), quotas);
  expect(await again.knowsOrg(org)).toBe(true);
  await again.close();
});

test('a file of the first schema is brought to the newest with every key in it', async () => {
  using dir = temporaryDir();
  const [first = ''] = migrations;
  const db = new Database(join(dir.path, databaseName));
  db.run(first);
  db.run('PRAGMA user_version = 1');
  const key = await createKey();
  const bytes = (hex: string): Uint8Array => Uint8Array.fromHex(hex);
  db.query('INSERT INTO orgs (id, org, created_at) VALUES (1, ?, 5)').run(bytes(key.org));
  const insert = db.query(
    'INSERT INTO keys (org, key_id, public_key, grade, created_at, expires_at, revoked_at, registered_by) VALUES (1, ?, ?, ?, 5, ?, ?, ?)',
  );
  insert.run(bytes(key.keyId), key.publicKey, 'device', null, null, bytes(key.keyId));
  const [join1, gone] = [await createKey(key.org), await createKey(key.org)];
  insert.run(bytes(join1.keyId), join1.publicKey, 'join', 1_000, null, bytes(key.keyId));
  insert.run(bytes(gone.keyId), gone.publicKey, 'machine', null, 7, bytes(join1.keyId));
  db.close();
  const store = openSqliteStore(dir.path, quotas);
  expect(await store.findKey(key.org, key.keyId)).toMatchObject({ grade: 'device', revoked: false });
  expect(await store.findKey(key.org, join1.keyId)).toMatchObject({ grade: 'join', expiresAt: 1_000 });
  expect(await store.findKey(key.org, gone.keyId)).toMatchObject({ grade: 'machine', revoked: true });
  const guest = await createKey(key.org);
  const asGuest = { keyId: guest.keyId, publicKey: guest.publicKey, grade: 'guest', expiresAt: 1_000 } as const;
  expect(await store.registerKey(key.org, asGuest, { keyId: key.keyId, grade: 'device' }, 0)).toBe('registered');
  await store.close();
});

test('a second relay on the same directory is refused while the first runs', async () => {
  using dir = temporaryDir();
  const store = openSqliteStore(dir.path, quotas);
  expect(() => openSqliteStore(dir.path, quotas)).toThrow('another relay runs on this data directory');
  await store.close();
  await openSqliteStore(dir.path, quotas).close();
});

test('a newer schema, a file that is no database and a damaged one are refused with a code', async () => {
  using dir = temporaryDir();
  const path = join(dir.path, databaseName);
  await openSqliteStore(dir.path, quotas).close();
  const db = new Database(path);
  db.run(`PRAGMA user_version = ${migrations.length + 1}`);
  db.close();
  expect(() => openSqliteStore(dir.path, quotas)).toThrow('written by a newer stillvault');
  truncateSync(path, 5_000);
  expect(() => openSqliteStore(dir.path, quotas)).toThrow(expect.objectContaining({ code: 'E_RELAY_STORE' }));
  writeFileSync(path, 'not a database, but long enough to be looked at as one; '.repeat(100));
  expect(() => openSqliteStore(dir.path, quotas)).toThrow(expect.objectContaining({ code: 'E_RELAY_STORE' }));
  expect(() => openSqliteStore(join(path, 'under-a-file'), quotas)).toThrow(expect.objectContaining({ code: 'E_RELAY_STORE' }));
});

test('a full disk: the write is refused and leaves nothing, reads go on, the probe fails, and all is well once there is room', async () => {
  using dir = temporaryDir();
  const opened = openDatabase(dir.path);
  const store = createSqliteStore(opened, quotas);
  const { org } = await signUp(store);
  const stream = randomId<StreamId>();
  const records = chain(stream, 3, 60_000);
  const [kept, lost] = records;
  if (!kept || !lost) throw new Error('no records');
  await store.append(org, kept);
  const pages = opened.db.query<{ page_count: number }, []>('PRAGMA page_count').get()?.page_count ?? 0;
  opened.db.run(`PRAGMA max_page_count = ${pages}`);
  await expect(store.append(org, lost)).rejects.toMatchObject({ code: 'E_RELAY_STORE' });
  await expect(store.postMail(org, [{ mailbox: randomId<MailboxId>(), body: randomBytes(40_000), ttlS: 60 }], 0)).rejects.toMatchObject({
    code: 'E_RELAY_STORE',
  });
  expect((await store.readStream(org, stream, 0, 10, 1e6)).records).toEqual([kept]);
  opened.db.run('PRAGMA query_only = 1');
  await expect(store.probe()).rejects.toMatchObject({ code: 'E_RELAY_STORE' });
  opened.db.run('PRAGMA query_only = 0');
  opened.db.run('PRAGMA max_page_count = 1000000');
  await store.probe();
  expect((await store.append(org, lost)).kind).toBe('appended');
  await store.close();
});

test('a file locked by another program: refused with a code, not acknowledged, not hung', async () => {
  using dir = temporaryDir();
  const store = openSqliteStore(dir.path, quotas);
  const { org } = await signUp(store);
  const other = new Database(join(dir.path, databaseName));
  other.run('BEGIN IMMEDIATE');
  const record = at(chain(randomId<StreamId>(), 1));
  await expect(store.append(org, record)).rejects.toMatchObject({ code: 'E_RELAY_STORE' });
  other.run('ROLLBACK');
  other.close();
  expect((await store.append(org, record)).kind).toBe('appended');
  await store.close();
});

test('group commit: a change that fails takes none of its neighbours with it', async () => {
  const db = new Database(':memory:', { strict: true });
  db.run('CREATE TABLE t (n INTEGER PRIMARY KEY) STRICT');
  const insert = db.query<null, [number]>('INSERT INTO t (n) VALUES (?)');
  const committer = createCommitter(db);
  const results = await Promise.allSettled([1, 2, 2, 3].map((n) => committer.write(() => insert.run(n).changes)));
  expect(results.map((result) => result.status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
  expect(db.query('SELECT n FROM t').values()).toEqual([[1], [2], [3]]);
  committer.close();
});
