// Attacks on access, each carried out against a running relay (spec/08-relay.md §access).
import { expect, test } from 'bun:test';
import {
  type OrgId,
  decode,
  encode,
  keyRegisterCodec,
  keyRevokeCodec,
  limits,
  paths,
  relayFailureCodec,
  sessionCodec,
  streamReadCodec,
} from '../protocol/wire.ts';
import type { MailboxId, StreamId } from '../protocol/wire.ts';
import { at, chain, connect, createKey, failureIn, open, outcome, post, randomBytes, randomId, signUp, startTestRelay, statement } from './test-world.ts';

const hour = 3_600_000;

test('a first device signs its org up and opens a session of one hour', async () => {
  await using relay = await startTestRelay();
  const key = await createKey();
  const answer = await open(relay.url, await statement(key, relay.url, { signUp: true }));
  expect(answer.status).toBe(200);
  const session = decode(sessionCodec, answer.body, 1_000);
  expect(session.token).toHaveLength(32);
  expect(Math.abs(session.expiresAt - Date.now() - hour)).toBeLessThan(60_000);
  expect(outcome(await open(relay.url, await statement(key, relay.url)))).toBe(200);
  expect(outcome(await open(relay.url, await statement(key, relay.url, { signUp: true })))).toBe(200);
});

test('INV-RELAY-NONCE a statement that was used once is refused, also after a restart', async () => {
  await using relay = await startTestRelay();
  const key = await createKey();
  const first = await statement(key, relay.url, { signUp: true });
  expect(outcome(await open(relay.url, first))).toBe(200);
  expect(outcome(await open(relay.url, first))).toBe('E_RELAY_AUTH');
  await relay.stop();
  await using again = await startTestRelay({ dataDir: relay.dataDir, port: relay.port });
  expect(again.url).toBe(relay.url);
  expect(outcome(await open(again.url, first))).toBe('E_RELAY_AUTH');
});

test('INV-RELAY-NONCE one statement sent fifty times at once opens one session', async () => {
  await using relay = await startTestRelay();
  const key = await createKey();
  const once = await statement(key, relay.url, { signUp: true });
  const outcomes = await Promise.all(Array.from({ length: 50 }, async () => outcome(await open(relay.url, once))));
  expect(outcomes.filter((code) => code === 200)).toHaveLength(1);
  expect(outcomes.filter((code) => code === 'E_RELAY_AUTH')).toHaveLength(49);
});

test('INV-RELAY-AUDIENCE a statement for another relay, from another time or with another content is refused', async () => {
  await using relay = await startTestRelay();
  const key = await createKey();
  await signUp(relay.url, key);
  const refused = async (...parts: readonly Partial<Awaited<ReturnType<typeof statement>>>[]): Promise<void> =>
    expect(outcome(await open(relay.url, await statement(key, relay.url, parts[0], parts[1])))).toBe('E_RELAY_AUTH');
  await refused({ audience: 'https://relay.example' });
  await refused({ audience: `${relay.url}/` });
  await refused({ audience: `http://127.0.0.1:${relay.port - 1}` });
  await refused({ ts: Date.now() - limits.clockSkewMs - 2_000 });
  await refused({ ts: Date.now() + limits.clockSkewMs + 2_000 });
  await refused({}, { nonce: randomBytes(16) });
  await refused({}, { ts: Date.now() + 1_000 });
  await refused({}, { signature: randomBytes(64) });
  await refused({}, { org: randomId<OrgId>() });
  await refused({}, { publicKey: (await createKey()).publicKey });
  expect(outcome(await open(relay.url, await statement(key, `http://localhost:${relay.port}`)))).toBe(200);
  expect(outcome(await open(relay.url, await statement(key, relay.url, { ts: Date.now() - limits.clockSkewMs + 30_000 })))).toBe(200);
});

test('with a public URL only that origin is an audience', async () => {
  await using relay = await startTestRelay({ publicUrl: 'https://relay.example/', signUp: { kind: 'open' } });
  const local = `http://127.0.0.1:${relay.port}`;
  const key = await createKey();
  expect(relay.url).toBe('https://relay.example');
  expect(outcome(await open(local, await statement(key, local, { signUp: true })))).toBe('E_RELAY_AUTH');
  expect(outcome(await open(local, await statement(key, 'https://relay.example', { signUp: true })))).toBe(200);
});

test('a statement with a bad signature leaves nothing behind: its nonce and its org can still be used', async () => {
  await using relay = await startTestRelay();
  const key = await createKey();
  const good = await statement(key, relay.url, { signUp: true });
  expect(outcome(await open(relay.url, { ...good, signature: randomBytes(64) }))).toBe('E_RELAY_AUTH');
  expect(outcome(await open(relay.url, good))).toBe(200);
});

test('nobody enters an org that exists by signing it up again', async () => {
  await using relay = await startTestRelay();
  const owner = await createKey();
  await signUp(relay.url, owner);
  const stranger = await createKey(owner.org);
  const strangerOpens = await open(relay.url, await statement(stranger, relay.url, { signUp: true }));
  const unknownOpens = await open(relay.url, await statement(await createKey(), relay.url));
  expect(outcome(strangerOpens)).toBe('E_RELAY_AUTH');
  // A stranger cannot tell an org that exists from one that does not.
  expect(failureIn(strangerOpens)).toEqual(failureIn(unknownOpens));
});

test('sign-up may be closed, or need a token', async () => {
  await using closed = await startTestRelay({ signUp: { kind: 'closed' } });
  expect(outcome(await open(closed.url, await statement(await createKey(), closed.url, { signUp: true })))).toBe('E_RELAY_CLOSED');
  await using guarded = await startTestRelay({ signUp: { kind: 'token', token: 'correct horse battery' } });
  const key = await createKey();
  expect(outcome(await open(guarded.url, await statement(key, guarded.url, { signUp: true })))).toBe('E_RELAY_CLOSED');
  expect(outcome(await open(guarded.url, await statement(key, guarded.url, { signUp: true, signUpToken: 'correct horse batterz' })))).toBe('E_RELAY_CLOSED');
  expect(outcome(await open(guarded.url, await statement(key, guarded.url, { signUp: true, signUpToken: 'correct horse battery' })))).toBe(200);
});

test('no call works without a session, with a made-up one, or with one that ended', async () => {
  await using relay = await startTestRelay();
  const client = await signUp(relay.url, await createKey());
  const body = encode(streamReadCodec, { stream: randomId<StreamId>(), from: 0, limit: 1 });
  for (const path of [paths.keys, paths.keysRevoke, paths.append, paths.read, paths.blobs, paths.blobsGet, paths.mail, paths.mailRead]) {
    expect(outcome(await post(relay.url, path, body))).toBe('E_RELAY_AUTH');
    expect(outcome(await post(relay.url, path, body, randomBytes(32)))).toBe('E_RELAY_AUTH');
  }
  expect(outcome(await client.call(paths.read, body))).toBe(200);
  relay.advance(hour);
  expect(outcome(await client.call(paths.read, body))).toBe('E_RELAY_AUTH');
});

test("INV-RELAY-SCOPE another org's session sees and changes nothing", async () => {
  await using relay = await startTestRelay();
  const alice = await signUp(relay.url, await createKey());
  const mallory = await signUp(relay.url, await createKey());
  const stream = randomId<StreamId>();
  const first = at(chain(stream, 1));
  await alice.append(first);
  expect(await mallory.readStream(stream)).toEqual({ head: { stream, seq: -1 }, records: [] });
  expect(outcome(await mallory.call(paths.keysRevoke, encode(keyRevokeCodec, { keyId: alice.key.keyId })))).toBe('E_RELAY_NOT_FOUND');
  // The same stream id in another org is another stream.
  expect(outcome(await mallory.append(first))).toBe(200);
  expect((await alice.readStream(stream)).records).toHaveLength(1);
});

test('INV-RELAY-REVOKED a device key is revoked by itself or by those that it came from: no member shuts out the others', async () => {
  await using relay = await startTestRelay();
  const [ada, ben, eve] = [await createKey(), await createKey(), await createKey()];
  const founder = await signUp(relay.url, ada);
  const admit = async (by: typeof founder, key: typeof ada): Promise<typeof founder> => {
    expect(outcome(await by.call(paths.keys, encode(keyRegisterCodec, { publicKey: key.publicKey, grade: 'device' })))).toBe(200);
    return connect(relay.url, { ...key, org: ada.org });
  };
  const second = await admit(founder, ben);
  const third = await admit(second, eve);
  const revoke = async (by: typeof founder, key: typeof ada): Promise<unknown> =>
    outcome(await by.call(paths.keysRevoke, encode(keyRevokeCodec, { keyId: key.keyId })));
  expect(await revoke(second, ada)).toBe('E_RELAY_FORBIDDEN');
  expect(await revoke(third, ben)).toBe('E_RELAY_FORBIDDEN');
  expect(await revoke(third, ada)).toBe('E_RELAY_FORBIDDEN');
  expect(await revoke(third, eve)).toBe(200);
  expect(await revoke(founder, ben)).toBe(200);
});

test('INV-RELAY-REVOKED a revoked key is out at once: its sessions end, it opens no new one and it cannot be registered again', async () => {
  await using relay = await startTestRelay();
  const alice = await signUp(relay.url, await createKey());
  const stolen = await createKey(alice.key.org);
  expect(outcome(await alice.register(stolen, 'device'))).toBe(200);
  const thief = await connect(relay.url, stolen);
  const revoke = encode(keyRevokeCodec, { keyId: stolen.keyId });
  expect(outcome(await alice.call(paths.keysRevoke, revoke))).toBe(200);
  expect(outcome(await alice.call(paths.keysRevoke, revoke))).toBe(200);
  expect(outcome(await thief.register(await createKey(alice.key.org), 'device'))).toBe('E_RELAY_AUTH');
  expect(outcome(await open(relay.url, await statement(stolen, relay.url)))).toBe('E_RELAY_AUTH');
  expect(outcome(await alice.register(stolen, 'device'))).toBe('E_RELAY_FORBIDDEN');
  expect(outcome(await alice.call(paths.keysRevoke, encode(keyRevokeCodec, { keyId: alice.key.keyId })))).toBe('E_RELAY_FORBIDDEN');
});

test('INV-RELAY-JOIN a join key reads, appends and posts, registers exactly one machine and ends with its expiry', async () => {
  await using relay = await startTestRelay();
  const alice = await signUp(relay.url, await createKey());
  const { org } = alice.key;
  const joinKey = await createKey(org);
  expect(outcome(await alice.register(joinKey, 'join'))).toBe('E_RELAY_REQUEST');
  expect(outcome(await alice.register(joinKey, 'join', Date.now() - 1))).toBe('E_RELAY_REQUEST');
  expect(outcome(await alice.register(joinKey, 'join', Date.now() + 26 * hour))).toBe('E_RELAY_REQUEST');
  const expiresAt = Date.now() + hour / 2;
  expect(outcome(await alice.register(joinKey, 'join', expiresAt))).toBe(200);
  expect(outcome(await alice.register(joinKey, 'join', expiresAt))).toBe(200);
  expect(outcome(await alice.register(joinKey, 'device'))).toBe('E_RELAY_FORBIDDEN');

  const join = await connect(relay.url, joinKey);
  expect(join.session.expiresAt).toBe(expiresAt);
  const [machine, second] = [await createKey(org), await createKey(org)];
  const enrol = at(chain(randomId<StreamId>(), 1));
  expect(outcome(await join.append(enrol))).toBe(200);
  expect(outcome(await join.register(second, 'device'))).toBe('E_RELAY_FORBIDDEN');
  expect(outcome(await join.register(second, 'join', expiresAt))).toBe('E_RELAY_FORBIDDEN');
  expect(outcome(await join.register(machine, 'machine'))).toBe(200);
  expect(outcome(await join.register(machine, 'machine'))).toBe(200);
  expect(outcome(await join.register(second, 'machine'))).toBe('E_RELAY_FORBIDDEN');
  expect(outcome(await join.call(paths.keysRevoke, encode(keyRevokeCodec, { keyId: alice.key.keyId })))).toBe('E_RELAY_FORBIDDEN');
  expect(outcome(await join.call(paths.blobs, new Uint8Array(0)))).toBe('E_RELAY_FORBIDDEN');
  const daemon = await connect(relay.url, machine);
  expect(outcome(await daemon.register(second, 'machine'))).toBe('E_RELAY_FORBIDDEN');

  relay.advance(hour / 2);
  expect(outcome(await join.append({ ...enrol, stream: randomId<StreamId>() }))).toBe('E_RELAY_AUTH');
  expect(outcome(await open(relay.url, await statement(joinKey, relay.url, { ts: Date.now() + hour / 2 })))).toBe('E_RELAY_AUTH');
  expect((await daemon.readStream(enrol.stream)).records).toHaveLength(1);
});

test('INV-RELAY-JOIN a token that was spent cannot fill the log: eight records of a join key are taken, and no ninth', async () => {
  await using relay = await startTestRelay();
  const alice = await signUp(relay.url, await createKey());
  const joinKey = await createKey(alice.key.org);
  await alice.register(joinKey, 'join', Date.now() + hour);
  const join = await connect(relay.url, joinKey);
  const records = chain(randomId<StreamId>(), 9);
  for (const record of records.slice(0, 8)) expect(outcome(await join.append(record))).toBe(200);
  expect(outcome(await join.append(at(records)))).toBe(200); // the same again costs nothing
  expect(outcome(await join.append(at(records, 8)))).toBe('E_RELAY_FORBIDDEN');
  expect(outcome(await (await connect(relay.url, joinKey)).append(at(chain(randomId<StreamId>(), 1))))).toBe('E_RELAY_FORBIDDEN');
  expect(outcome(await alice.append(at(records, 8)))).toBe(200);
});

test('INV-RELAY-GUEST the key of an invitation link reads and posts mail, registers nothing, appends nothing and ends with its expiry', async () => {
  await using relay = await startTestRelay();
  const alice = await signUp(relay.url, await createKey());
  const { org } = alice.key;
  const guestKey = await createKey(org);
  expect(outcome(await alice.register(guestKey, 'guest'))).toBe('E_RELAY_REQUEST');
  expect(outcome(await alice.register(guestKey, 'guest', Date.now() + 26 * hour))).toBe('E_RELAY_REQUEST');
  expect(outcome(await alice.register(guestKey, 'guest', Date.now() + hour / 2))).toBe(200);
  const guest = await connect(relay.url, guestKey);
  const mailbox = randomId<MailboxId>();
  await guest.postMail({ mailbox, body: randomBytes(10), ttlS: 60 });
  expect((await guest.readMail({ mailboxes: [mailbox] })).mails).toHaveLength(1);
  const record = at(chain(randomId<StreamId>(), 1));
  await alice.append(record);
  expect((await guest.readStream(record.stream)).records).toHaveLength(1);
  for (const grade of ['device', 'machine', 'join', 'guest'] as const)
    expect(outcome(await guest.register(await createKey(org), grade, Date.now() + hour / 4))).toBe('E_RELAY_FORBIDDEN');
  expect(outcome(await guest.append(at(chain(randomId<StreamId>(), 1))))).toBe('E_RELAY_FORBIDDEN');
  expect(outcome(await guest.call(paths.blobs, new Uint8Array(0)))).toBe('E_RELAY_FORBIDDEN');
  expect(outcome(await guest.call(paths.keysRevoke, encode(keyRevokeCodec, { keyId: alice.key.keyId })))).toBe('E_RELAY_FORBIDDEN');
  relay.advance(hour / 2);
  expect(outcome(await guest.append(record))).toBe('E_RELAY_AUTH');
});

test('INV-RELAY-JOIN two machines raced in by one join key: one is registered', async () => {
  await using relay = await startTestRelay();
  const alice = await signUp(relay.url, await createKey());
  const joinKey = await createKey(alice.key.org);
  await alice.register(joinKey, 'join', Date.now() + hour);
  const join = await connect(relay.url, joinKey);
  const machines = await Promise.all(Array.from({ length: 10 }, () => createKey(alice.key.org)));
  const outcomes = await Promise.all(machines.map(async (machine) => outcome(await join.register(machine, 'machine'))));
  expect(outcomes.filter((code) => code === 200)).toHaveLength(1);
  expect(outcomes.filter((code) => code === 'E_RELAY_FORBIDDEN')).toHaveLength(9);
});

test('a key that is no point on the curve is refused without a crash', async () => {
  await using relay = await startTestRelay();
  const key = await createKey();
  const broken = { ...key, publicKey: new Uint8Array(65).fill(4) };
  const answer = await open(relay.url, await statement(broken, relay.url, { signUp: true }));
  expect(decode(relayFailureCodec, answer.body, 1_000).code).toBe('E_RELAY_AUTH');
});
