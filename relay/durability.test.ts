// Acknowledged means durable: a relay in its own process is killed with SIGKILL, or its disk ends (spec/08-relay.md §store).
import { expect, test } from 'bun:test';
import {
  type Hash,
  type MailboxId,
  type StreamId,
  blobHash,
  blobNamesCodec,
  blobPutCodec,
  blobsCodec,
  decode,
  encode,
  limits,
  paths,
} from '../protocol/wire.ts';
import { type TestClient, at, chain, connect, createKey, failureIn, noHash, outcome, randomBytes, randomId, signUp, temporaryDir } from './test-world.ts';

interface Child extends AsyncDisposable {
  readonly url: string;
  readonly kill: (signal: 'SIGKILL' | 'SIGTERM') => Promise<number>;
}

/** `most` limits the size of any file the child writes, in 512-byte blocks: a disk that is full, without filling one. */
async function startChild(dataDir: string, port = 0, most?: number): Promise<Child> {
  const relay = [process.execPath, `${import.meta.dir}/test-child.ts`, dataDir, String(port)];
  const command = most === undefined ? relay : ['sh', '-c', `trap '' XFSZ; ulimit -f ${most}; exec "$@"`, 'sh', ...relay];
  const child = Bun.spawn(command, { stdout: 'pipe', stderr: 'inherit' });
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  reader.releaseLock();
  const url = new TextDecoder().decode(value).trim();
  expect(url).toStartWith('http://127.0.0.1:');
  const kill = (signal: 'SIGKILL' | 'SIGTERM'): Promise<number> => {
    child.kill(signal);
    return child.exited;
  };
  return { url, kill, [Symbol.asyncDispose]: async () => void (await kill('SIGKILL')) };
}

async function readAllMail(client: TestClient, mailbox: MailboxId): Promise<readonly number[]> {
  const ids: number[] = [];
  for (let after = 0; ;) {
    const page = await client.readMail({ mailboxes: [mailbox], after });
    if (page.mails.length === 0) return ids;
    ids.push(...page.mails.map((mail) => mail.id));
    after = page.next;
  }
}

test('INV-RELAY-DURABLE every write that was acknowledged before SIGKILL is there after it, and nothing is half there', async () => {
  using dir = temporaryDir();
  const key = await createKey();
  const mailbox = randomId<MailboxId>();
  const streams = Array.from({ length: 4 }, () => randomId<StreamId>());
  const acknowledged = { heads: new Map<StreamId, number>(), mails: [] as number[], blobs: [] as Hash[] }; // as: an empty list has no element type of its own
  let port = 0;
  for (let round = 0; round < 4; round++) {
    await using child = await startChild(dir.path, port);
    port = Number(new URL(child.url).port);
    const client = await connect(child.url, key, { signUp: true });

    for (const [stream, seq] of acknowledged.heads) expect((await client.readStream(stream, seq)).head.seq).toBeGreaterThanOrEqual(seq);
    const ids = new Set(await readAllMail(client, mailbox));
    expect(acknowledged.mails.filter((id) => !ids.has(id))).toEqual([]);
    for (const hash of acknowledged.blobs) {
      const [blob] = decode(blobsCodec, (await client.call(paths.blobsGet, encode(blobNamesCodec, { hashes: [hash] }))).body, limits.wireBytes).blobs;
      expect(blob && blobHash(blob)).toBe(hash);
    }

    // Writers on several connections, so that the kill falls into a group commit.
    const writers = streams.map(async (stream, n) => {
      const { head } = await client.readStream(stream);
      let [seq, prev] = [head.seq + 1, head.eh ?? noHash];
      try {
        for (;;) {
          const record = { stream, seq, prev, eh: randomId<Hash>(), blob: randomBytes(2_000) };
          if ((await client.append(record)).status !== 200) throw new Error('not acknowledged');
          acknowledged.heads.set(stream, seq++);
          prev = record.eh;
          acknowledged.mails.push(...(await client.postMail({ mailbox, body: randomBytes(1_000 + n), ttlS: 3_600 })));
          const put = await client.call(paths.blobs, encode(blobPutCodec, { blobs: [randomBytes(1_500)] }));
          acknowledged.blobs.push(...decode(blobNamesCodec, put.body, 4_096).hashes);
        }
      } catch {
        return;
      }
    });
    const enough = acknowledged.mails.length + 40 + round * 7;
    while (acknowledged.mails.length < enough) await new Promise(setImmediate);
    expect(await child.kill('SIGKILL')).not.toBe(0);
    await Promise.all(writers);
  }
  expect(acknowledged.mails.length).toBeGreaterThan(150);
}, 30_000);

test('INV-RELAY-STORE a disk that is full: 503 E_RELAY_STORE and not ready, reads go on, nothing acknowledged is lost', async () => {
  using dir = temporaryDir();
  const key = await createKey();
  const stream = randomId<StreamId>();
  const records = chain(stream, 60, 60_000);
  let stored = 0;
  {
    await using starved = await startChild(dir.path, 0, 2_048);
    const client = await signUp(starved.url, key);
    let answer = await client.append(at(records, 0));
    while (answer.status === 200) answer = await client.append(at(records, ++stored));
    expect([answer.status, outcome(answer)]).toEqual([503, 'E_RELAY_STORE']);
    expect(failureIn(answer).message).toContain('nothing of it was kept');
    expect((await fetch(`${starved.url}/readyz`)).status).toBe(503);
    expect((await fetch(`${starved.url}/livez`)).status).toBe(200);
    expect((await client.readStream(stream)).head.seq).toBe(stored - 1);
  }
  await using roomy = await startChild(dir.path);
  const client = await connect(roomy.url, key);
  expect((await client.readStream(stream)).head.seq).toBe(stored - 1);
  expect(outcome(await client.append(at(records, stored)))).toBe(200);
  expect((await fetch(`${roomy.url}/readyz`)).status).toBe(200);
  expect(await roomy.kill('SIGTERM')).toBe(0);
}, 30_000);
