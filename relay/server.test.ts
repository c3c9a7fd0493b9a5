// Calls over HTTP: what each path answers, its bounds, its headers and its log (spec/08-relay.md §calls).
import { expect, test } from 'bun:test';
import { connect as connectSocket } from 'node:net';
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
  keyRevokeCodec,
  limits,
  mailPostCodec,
  paths,
  streamReadCodec,
  streamRecordCodec,
} from '../protocol/wire.ts';
import { at, chain, connect, createKey, failureIn, headIn, noHash, outcome, post, randomBytes, randomId, signUp, startTestRelay } from './test-world.ts';

test('INV-RELAY-CAS records are appended, acknowledged again, refused with the head, and read back', async () => {
  await using relay = await startTestRelay();
  const client = await signUp(relay.url, await createKey());
  const stream = randomId<StreamId>();
  const records = chain(stream, 3);
  for (const record of records) expect(headIn(await client.append(record))).toEqual({ stream, seq: record.seq, eh: record.eh });
  expect(headIn(await client.append(at(records)))).toEqual({ stream, seq: 0, eh: at(records).eh });
  const refused = await client.append({ ...at(records), eh: randomId<Hash>() });
  expect([refused.status, failureIn(refused).code, failureIn(refused).head]).toEqual([
    409,
    'E_RELAY_CONFLICT',
    { stream, seq: 2, eh: records[2]?.eh ?? noHash },
  ]);
  expect((await client.readStream(stream)).records).toEqual(records);
});

test('INV-RELAY-CAS fifty devices append to one place at once: exactly one wins, the others get its head', async () => {
  await using relay = await startTestRelay();
  const owner = await signUp(relay.url, await createKey());
  const second = await createKey(owner.key.org);
  await owner.register(second, 'machine');
  const clients = [owner, await connect(relay.url, second)];
  const stream = randomId<StreamId>();
  const answers = await Promise.all(Array.from({ length: 50 }, (_, n) => (clients[n % 2] ?? owner).append(at(chain(stream, 1)))));
  const won = answers.filter((answer) => answer.status === 200);
  expect(won).toHaveLength(1);
  const head = headIn(at(won));
  for (const answer of answers) if (answer.status !== 200) expect(failureIn(answer)).toMatchObject({ code: 'E_RELAY_CONFLICT', head });
});

test('a page holds what its reader can decode: at most 4096 items and 4 MiB', async () => {
  await using relay = await startTestRelay();
  const client = await signUp(relay.url, await createKey());
  const [many, large] = [randomId<StreamId>(), randomId<StreamId>()];
  for (const record of chain(many, 400, 1)) await client.append(record);
  for (const record of chain(large, 60, limits.recordBytes)) await client.append(record);
  const page = await client.readStream(many);
  expect(page.records.length).toBeGreaterThan(300);
  expect(page.head.seq).toBe(399);
  expect((await client.readStream(many, page.records.length)).records.length + page.records.length).toBe(400);
  const heavy = await client.readStream(large);
  expect(heavy.records.length).toBeGreaterThan(50);
  expect(heavy.records.length).toBeLessThan(58);
});

test('blobs come back by hash in order; absent ones are empty; more than one answer can hold is refused', async () => {
  await using relay = await startTestRelay();
  const client = await signUp(relay.url, await createKey());
  const blobs = [randomBytes(5), randomBytes(limits.blobBytes), randomBytes(limits.blobBytes)];
  const put = await client.call(paths.blobs, encode(blobPutCodec, { blobs }));
  expect(decode(blobNamesCodec, put.body, limits.wireBytes).hashes).toEqual(blobs.map(blobHash));
  const get = (hashes: readonly Hash[]): ReturnType<typeof client.call> => client.call(paths.blobsGet, encode(blobNamesCodec, { hashes }));
  const asked = [blobHash(at(blobs)), randomId<Hash>(), blobHash(at(blobs, 2))];
  expect(decode(blobsCodec, (await get(asked)).body, limits.wireBytes).blobs).toEqual([at(blobs), new Uint8Array(0), at(blobs, 2)]);
  expect(outcome(await get(Array.from({ length: 3 }, () => blobHash(at(blobs, 1)))))).toBe('E_RELAY_LIMIT');
});

test('a held read answers when mail comes, and empty when none does', async () => {
  await using relay = await startTestRelay();
  const client = await signUp(relay.url, await createKey());
  const mailbox = randomId<MailboxId>();
  expect(await client.readMail({ mailboxes: [mailbox], after: 7, waitMs: 1 })).toEqual({ mails: [], next: 7 });
  const reading = client.readMail({ mailboxes: [randomId<MailboxId>(), mailbox], waitMs: 25_000 });
  await client.readMail({ mailboxes: [mailbox] }); // the held read is there before the post
  const body = randomBytes(100);
  expect(await client.postMail({ mailbox, body, ttlS: 60 })).toEqual([1]);
  const page = await reading;
  expect(page).toMatchObject({ next: 1, mails: [{ id: 1, mailbox, body }] });
});

test('INV-RELAY-REVOKED a held read ends with the key that asked', async () => {
  await using relay = await startTestRelay();
  const owner = await signUp(relay.url, await createKey());
  const device = await createKey(owner.key.org);
  await owner.register(device, 'device');
  const client = await connect(relay.url, device);
  const reading = client.readMail({ mailboxes: [randomId<MailboxId>()], waitMs: 25_000 });
  await client.readMail({ mailboxes: [randomId<MailboxId>()] });
  await owner.call(paths.keysRevoke, encode(keyRevokeCodec, { keyId: device.keyId }));
  await expect(reading).rejects.toThrow('E_RELAY_AUTH');
});

test('INV-RELAY-SIZE a body is refused by its announced size, and by its counted size where none is announced, before it is read', async () => {
  await using relay = await startTestRelay();
  const client = await signUp(relay.url, await createKey());
  const token = `authorization: Bearer ${Buffer.from(client.session.token).toString('base64url')}\r\n`;
  // Never sends the body: an answer can only come from the header.
  const head = (path: string, rest: string): string => `POST ${path} HTTP/1.1\r\nhost: relay\r\ncontent-type: application/cbor\r\n${rest}\r\n`;
  expect(await raw(relay.port, head(paths.append, `${token}content-length: 900000\r\n`))).toContain(' 413 ');
  expect(await raw(relay.port, head(paths.session, 'content-length: 4097\r\n'))).toContain(' 413 ');
  expect(await raw(relay.port, head(paths.append, 'content-length: 900000\r\n'))).toContain(' 401 ');
  const chunk = `1000\r\n${'a'.repeat(4_096)}\r\n`;
  expect(await raw(relay.port, head(paths.read, `${token}transfer-encoding: chunked\r\n`) + chunk)).toContain(' 413 ');
  expect(outcome(await client.call(paths.append, randomBytes(limits.recordBytes + 2_049)))).toBe('E_RELAY_LIMIT');
  expect(outcome(await client.call(paths.blobs, randomBytes(limits.wireBytes + 1)))).toBe('E_RELAY_LIMIT');
});

test('a record at its bound is stored, one byte past it is refused', async () => {
  await using relay = await startTestRelay();
  const client = await signUp(relay.url, await createKey());
  const fits = at(chain(randomId<StreamId>(), 1, limits.recordBytes));
  expect(outcome(await client.append(fits))).toBe(200);
  const encoded = encode(streamRecordCodec, fits);
  // One byte more in the byte string, and in its length.
  const past = Buffer.concat([encoded, new Uint8Array(1)]);
  past.writeUInt32BE(limits.recordBytes + 1, past.length - limits.recordBytes - 1 - 4);
  expect(outcome(await client.call(paths.append, past))).toBe('E_RELAY_REQUEST');
});

test('wrong method, wrong type, no such path, text instead of CBOR: coded', async () => {
  await using relay = await startTestRelay();
  const client = await signUp(relay.url, await createKey());
  const body = encode(streamReadCodec, { stream: randomId<StreamId>(), from: 0, limit: 1 });
  const get = await fetch(relay.url + paths.read);
  expect([get.status, get.headers.get('content-type')]).toEqual([400, 'application/cbor']);
  expect(outcome(await post(relay.url, paths.read, body, client.session.token, { 'content-type': 'text/plain' }))).toBe('E_RELAY_REQUEST');
  expect(outcome(await post(relay.url, '/v1/nothing', body, client.session.token))).toBe('E_RELAY_NOT_FOUND');
  expect(outcome(await post(relay.url, paths.live, body, client.session.token))).toBe('E_RELAY_REQUEST');
  expect(outcome(await client.call(paths.read, new TextEncoder().encode('{"stream":1}')))).toBe('E_RELAY_REQUEST');
  expect(
    outcome(await client.call(paths.mail, encode(mailPostCodec, { mails: [{ mailbox: randomId<MailboxId>(), body: randomBytes(1), ttlS: 1 }] }).slice(0, -1))),
  ).toBe('E_RELAY_REQUEST');
});

test('any origin may call, without cookies', async () => {
  await using relay = await startTestRelay();
  const preflight = await fetch(relay.url + paths.session, {
    method: 'OPTIONS',
    headers: { origin: 'https://console.example', 'access-control-request-method': 'POST' },
  });
  expect(preflight.status).toBe(204);
  expect(preflight.headers.get('access-control-allow-origin')).toBe('*');
  expect(preflight.headers.get('access-control-allow-headers')).toBe('authorization, content-type');
  expect(preflight.headers.has('access-control-allow-credentials')).toBe(false);
  const refused = await post(relay.url, paths.read, randomBytes(3));
  expect(refused.headers.get('access-control-allow-origin')).toBe('*');
});

test('livez, readyz and version answer without a session', async () => {
  await using relay = await startTestRelay({}, { version: '1.2.3' });
  const status = async (path: string): Promise<number> => (await fetch(relay.url + path)).status;
  expect([await status('/livez'), await status('/readyz')]).toEqual([200, 200]);
  expect(await (await fetch(`${relay.url}/version`)).json()).toEqual({ name: 'stillvault-relay', version: '1.2.3', protocol: 1 });
});

test('INV-RELAY-LOG the log has one line per call, and no content, token, address or whole id', async () => {
  await using relay = await startTestRelay();
  const client = await signUp(relay.url, await createKey());
  const record = at(chain(randomId<StreamId>(), 1));
  await client.append(record);
  await fetch(`${relay.url}/some/secret?name=value`);
  const calls = relay.log.map((line): unknown => JSON.parse(line)).filter((line) => typeof line === 'object' && line !== null && 'path' in line);
  expect(calls).toMatchObject([
    { path: paths.session, status: 200, org: client.key.org.slice(0, 8) },
    { path: paths.append, status: 200, org: client.key.org.slice(0, 8) },
    { path: 'other', status: 404, code: 'E_RELAY_NOT_FOUND' },
  ]);
  const text = relay.log.join('');
  for (const hidden of [
    client.key.org,
    client.key.keyId,
    record.stream,
    record.eh,
    Buffer.from(client.session.token).toString('base64url'),
    'secret',
    '127.0.0.1"',
  ]) {
    expect(text).not.toContain(hidden);
  }
});

/** Sends exactly these bytes and answers with the first line that comes back. */
function raw(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectSocket(port, '127.0.0.1', () => socket.write(bytes));
    socket.on('error', reject);
    socket.once('data', (data) => {
      socket.destroy();
      resolve(data.toString('latin1').split('\r\n')[0] ?? '');
    });
  });
}
