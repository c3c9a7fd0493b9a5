// Backup of a running relay, restore into an empty directory, and a check that finds damage (spec/08-relay.md §store).
import { Database } from 'bun:sqlite';
import { expect, test } from 'bun:test';
import { statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type MailboxId, type StreamId, blobPutCodec, encode, paths } from '../protocol/wire.ts';
import { backupRelay, checkRelay, restoreRelay } from './backup.ts';
import { databaseName } from './store/open-sqlite.ts';
import { chain, connect, createKey, randomBytes, randomId, signUp, startTestRelay, temporaryDir } from './test-world.ts';

async function filledRelay(): Promise<{
  readonly relay: Awaited<ReturnType<typeof startTestRelay>>;
  readonly client: Awaited<ReturnType<typeof signUp>>;
  readonly stream: StreamId;
}> {
  const relay = await startTestRelay();
  const client = await signUp(relay.url, await createKey());
  await client.register(await createKey(client.key.org), 'machine');
  const stream = randomId<StreamId>();
  for (const record of chain(stream, 5)) await client.append(record);
  await client.postMail({ mailbox: randomId<MailboxId>(), body: randomBytes(100), ttlS: 60 });
  await client.call(paths.blobs, encode(blobPutCodec, { blobs: [randomBytes(10), randomBytes(20)] }));
  return { relay, client, stream };
}

test('a backup of a running relay is whole, private, and serves again after a restore', async () => {
  using dir = temporaryDir();
  const [file, restored] = [join(dir.path, 'backup.db'), join(dir.path, 'restored')];
  const { relay, client, stream } = await filledRelay();
  await using _running = relay;
  backupRelay(relay.dataDir, file);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(() => backupRelay(relay.dataDir, file)).toThrow('could not be written');
  expect(checkRelay(file)).toEqual({ orgs: 1, records: 5, blobs: 2, mails: 1, findings: [] });
  expect(() => restoreRelay(file, relay.dataDir)).toThrow('another relay runs');
  restoreRelay(file, restored);
  expect(() => restoreRelay(file, restored)).toThrow('holds data already');
  await using again = await startTestRelay({ dataDir: restored });
  expect((await (await connect(again.url, client.key)).readStream(stream)).head.seq).toBe(4);
});

test('damage is found: a broken chain, a changed blob, a wrong counter, a cut file, another file', async () => {
  using dir = temporaryDir();
  const { relay } = await filledRelay();
  await using _running = relay;
  const damaged = (sql: string): readonly string[] => {
    const file = join(dir.path, `${randomId<StreamId>()}.db`);
    backupRelay(relay.dataDir, file);
    using db = new Database(file);
    db.run(sql);
    return checkRelay(file).findings;
  };
  expect(damaged('DELETE FROM records WHERE seq = 2')).toEqual(['2 records that do not extend the one before', '1 orgs whose counters are wrong']);
  expect(damaged('UPDATE blobs SET bytes = zeroblob(length(bytes))')).toEqual(['2 blobs that do not have their hash']);
  expect(damaged('UPDATE orgs SET bytes = bytes - 1')).toEqual(['1 orgs whose counters are wrong']);
  const file = join(dir.path, 'cut.db');
  backupRelay(relay.dataDir, file);
  truncateSync(file, 20_000);
  expect(() => restoreRelay(file, join(dir.path, 'never'))).toThrow(expect.objectContaining({ code: 'E_RELAY_STORE' }));
  writeFileSync(file, 'something else');
  expect(() => checkRelay(file)).toThrow(expect.objectContaining({ code: 'E_RELAY_STORE' }));
  expect(() => checkRelay(join(relay.dataDir, 'absent', databaseName))).toThrow(expect.objectContaining({ code: 'E_RELAY_STORE' }));
});
