// Rates and quotas, each at its bound and one past it (spec/08-relay.md §limits).
import { expect, test } from 'bun:test';
import { type MailboxId, type StreamId, encode, mailReadCodec, paths, streamReadCodec } from '../protocol/wire.ts';
import { addressName, createBuckets } from './quota.ts';
import { chain, connect, createKey, failureIn, open, outcome, post, randomBytes, randomId, signUp, startTestRelay, statement } from './test-world.ts';

const readSomething = (): Uint8Array => encode(streamReadCodec, { stream: randomId<StreamId>(), from: 0, limit: 1 });

test('a bucket gives its burst, then its rate, and says when to come back', () => {
  let now = 0;
  const buckets = createBuckets(10, 3, () => now);
  for (let n = 0; n < 3; n++) buckets.take('a');
  expect(() => buckets.take('a')).toThrow(expect.objectContaining({ code: 'E_RELAY_RATE', retryAfterMs: 100 }));
  buckets.take('b');
  now = 99;
  expect(() => buckets.take('a')).toThrow();
  now = 101;
  buckets.take('a');
  expect(() => buckets.take('a')).toThrow();
  now = -50; // a clock that goes back neither adds nor takes
  expect(() => buckets.take('a')).toThrow();
  now = 10_000;
  buckets.sweep();
  expect(buckets.size).toBe(0);
});

test('addresses: a mapped IPv4 is that IPv4, IPv6 counts by its /64', () => {
  expect(addressName('192.0.2.7')).toBe('192.0.2.7');
  expect(addressName('::ffff:192.0.2.7')).toBe('192.0.2.7');
  expect(addressName('2001:db8:1:2:3:4:5:6')).toBe('2001:db8:1:2');
  expect(addressName('2001:db8:1:2::9')).toBe('2001:db8:1:2');
  expect(addressName('::1')).toBe('0:0:0:0');
  expect(addressName('')).toBe('');
});

test('a key over its rate gets 429 with retry-after; another key of the org does not', async () => {
  await using relay = await startTestRelay({ quotas: { keyRate: 1, keyBurst: 3 } });
  const owner = await signUp(relay.url, await createKey());
  const second = await createKey(owner.key.org);
  await owner.register(second, 'device');
  const other = await connect(relay.url, second);
  for (let n = 0; n < 2; n++) expect(outcome(await owner.call(paths.read, readSomething()))).toBe(200);
  const refused = await owner.call(paths.read, readSomething());
  expect([refused.status, outcome(refused), refused.headers.get('retry-after')]).toEqual([429, 'E_RELAY_RATE', '1']);
  expect(failureIn(refused).retryAfterMs).toBeGreaterThan(0);
  expect(outcome(await other.call(paths.read, readSomething()))).toBe(200);
  relay.advance(1_000);
  expect(outcome(await owner.call(paths.read, readSomething()))).toBe(200);
});

test('an address without a session is limited over all open calls, and a new org costs it more', async () => {
  await using relay = await startTestRelay({ quotas: { addressRate: 1, addressBurst: 25 } });
  const key = await createKey();
  await signUp(relay.url, key);
  for (let n = 0; n < 4; n++) expect(outcome(await post(relay.url, paths.read, readSomething(), randomBytes(32)))).toBe('E_RELAY_AUTH');
  expect(outcome(await post(relay.url, paths.read, readSomething(), randomBytes(32)))).toBe('E_RELAY_RATE');
  expect(outcome(await open(relay.url, await statement(key, relay.url)))).toBe('E_RELAY_RATE');
  expect((await fetch(relay.url + paths.live)).status).toBe(429);
});

test('behind a proxy the address that the proxy saw counts, not one that the client claims', async () => {
  await using relay = await startTestRelay({ proxyHops: 1, quotas: { addressRate: 1, addressBurst: 1 } });
  const from = async (forwarded: string): Promise<string | number> =>
    outcome(await post(relay.url, paths.read, readSomething(), undefined, { 'x-forwarded-for': forwarded }));
  expect(await from('198.51.100.1')).toBe('E_RELAY_AUTH');
  expect(await from('203.0.113.9, 198.51.100.1')).toBe('E_RELAY_RATE');
  expect(await from('198.51.100.2')).toBe('E_RELAY_AUTH');
});

test('an org over its records, mails or bytes gets E_RELAY_QUOTA; another org does not', async () => {
  await using relay = await startTestRelay({ quotas: { orgRecords: 2, orgMails: 2, orgBytes: 3_000 } });
  const [full, other] = [await signUp(relay.url, await createKey()), await signUp(relay.url, await createKey())];
  const outcomes: (string | number)[] = [];
  for (const record of chain(randomId<StreamId>(), 3)) outcomes.push(outcome(await full.append(record)));
  expect(outcomes).toEqual([200, 200, 'E_RELAY_QUOTA']);
  const mail = { mailbox: randomId<MailboxId>(), body: randomBytes(10), ttlS: 60 };
  await full.postMail(mail, mail);
  await expect(full.postMail(mail)).rejects.toThrow('E_RELAY_QUOTA');
  await other.postMail(mail);
  await expect(other.postMail({ ...mail, body: randomBytes(2_800) })).rejects.toThrow('E_RELAY_QUOTA');
});

test('one key holds at most eight reads', async () => {
  await using relay = await startTestRelay();
  const client = await signUp(relay.url, await createKey());
  const mailbox = randomId<MailboxId>();
  const held = Array.from({ length: 8 }, () => client.readMail({ mailboxes: [mailbox], waitMs: 25_000 }));
  await client.readMail({ mailboxes: [mailbox] });
  await expect(client.readMail({ mailboxes: [mailbox], waitMs: 25_000 })).rejects.toThrow('E_RELAY_RATE');
  await client.postMail({ mailbox, body: randomBytes(1), ttlS: 60 });
  expect((await Promise.all(held)).map((page) => page.next)).toEqual(Array.from({ length: 8 }, () => 1));
});

test('held reads whose callers left are given back', async () => {
  await using relay = await startTestRelay();
  const client = await signUp(relay.url, await createKey());
  const mailbox = randomId<MailboxId>();
  const body = new Uint8Array(encode(mailReadCodec, { mailboxes: [mailbox], after: 0, limit: 1, waitMs: 25_000 }));
  const headers = { 'content-type': 'application/cbor', authorization: `Bearer ${Buffer.from(client.session.token).toString('base64url')}` };
  const leaving = new AbortController();
  const left = Array.from({ length: 8 }, () =>
    fetch(relay.url + paths.mailRead, { method: 'POST', headers, body, signal: leaving.signal }).catch(() => 'left'),
  );
  await client.readMail({ mailboxes: [mailbox] });
  leaving.abort();
  expect(await Promise.all(left)).toEqual(Array.from({ length: 8 }, () => 'left'));
  // The relay learns of it with the next turns of its loop.
  let again = client.readMail({ mailboxes: [mailbox], waitMs: 1 });
  while ((await again.catch(() => undefined)) === undefined) again = client.readMail({ mailboxes: [mailbox], waitMs: 1 });
});
