// Any bytes on any path get a coded 4xx or a right answer; the relay never fails inside and never stops (spec/08-relay.md §calls).
import { expect, test } from 'bun:test';
import fc from 'fast-check';
import {
  type Hash,
  type MailboxId,
  type StreamId,
  blobNamesCodec,
  blobPutCodec,
  encode,
  keyRegisterCodec,
  keyRevokeCodec,
  liveHelloCodec,
  mailPostCodec,
  mailReadCodec,
  paths,
  sessionOpenCodec,
  streamReadCodec,
  streamRecordCodec,
} from '../protocol/wire.ts';
import { type TestRelay, at, chain, createKey, failureIn, post, randomBytes, randomId, signUp, startTestRelay, statement } from './test-world.ts';

const calls: readonly string[] = [
  paths.session,
  paths.keys,
  paths.keysRevoke,
  paths.append,
  paths.read,
  paths.blobs,
  paths.blobsGet,
  paths.mail,
  paths.mailRead,
];
const runs = 60;

/** One valid frame for each path, to be damaged. */
async function validFrames(relay: TestRelay): Promise<ReadonlyMap<string, Uint8Array>> {
  const key = await createKey();
  const mailbox = randomId<MailboxId>();
  return new Map([
    [paths.session, encode(sessionOpenCodec, await statement(key, relay.url, { signUp: true }))],
    [paths.keys, encode(keyRegisterCodec, { publicKey: key.publicKey, grade: 'machine' })],
    [paths.keysRevoke, encode(keyRevokeCodec, { keyId: key.keyId })],
    [paths.append, encode(streamRecordCodec, at(chain(randomId<StreamId>(), 1)))],
    [paths.read, encode(streamReadCodec, { stream: randomId<StreamId>(), from: 0, limit: 5 })],
    [paths.blobs, encode(blobPutCodec, { blobs: [randomBytes(20), randomBytes(3)] })],
    [paths.blobsGet, encode(blobNamesCodec, { hashes: [randomId<Hash>()] })],
    [paths.mail, encode(mailPostCodec, { mails: [{ mailbox, body: randomBytes(20), ttlS: 5 }] })],
    [paths.mailRead, encode(mailReadCodec, { mailboxes: [mailbox], after: 0, limit: 5 })],
  ]);
}

async function expectCoded(relay: TestRelay, path: string, body: Uint8Array, token: Uint8Array): Promise<void> {
  const answer = await post(relay.url, path, body, token);
  expect([200, 400, 401, 403, 404, 409, 413]).toContain(answer.status);
  if (answer.status !== 200) expect(failureIn(answer).code).toStartWith('E_RELAY_');
}

function expectHealthy(relay: TestRelay): void {
  expect(relay.log.filter((line) => line.includes('"error"'))).toEqual([]);
}

test('INV-RELAY-CODED random bytes to every path', async () => {
  await using relay = await startTestRelay({ quotas: { keyRate: 1e6, keyBurst: 1e6 } });
  const { session } = await signUp(relay.url, await createKey());
  const bytes = fc.uint8Array({ maxLength: 300 });
  await fc.assert(
    fc.asyncProperty(bytes, async (body) => {
      for (const path of calls) await expectCoded(relay, path, body, session.token);
    }),
    { numRuns: runs },
  );
  expectHealthy(relay);
});

test('INV-RELAY-CODED valid frames with bytes changed, cut off, inserted or repeated', async () => {
  await using relay = await startTestRelay({ quotas: { keyRate: 1e6, keyBurst: 1e6 } });
  const { session } = await signUp(relay.url, await createKey());
  const frames = await validFrames(relay);
  const damage = fc.record({
    path: fc.constantFrom(...calls),
    where: fc.nat(1_000),
    byte: fc.nat(255),
    kind: fc.constantFrom('set', 'cut', 'insert', 'repeat'),
  });
  await fc.assert(
    fc.asyncProperty(damage, async ({ path, where, byte, kind }) => {
      const frame = frames.get(path) ?? new Uint8Array(0);
      const place = where % frame.length;
      const [before, after] = [frame.slice(0, place), frame.slice(place)];
      const damaged = {
        set: Buffer.concat([before, new Uint8Array([byte]), after.slice(1)]),
        cut: before,
        insert: Buffer.concat([before, new Uint8Array([byte]), after]),
        repeat: Buffer.concat([frame, frame]),
      }[kind];
      await expectCoded(relay, path, damaged, session.token);
    }),
    { numRuns: runs * calls.length },
  );
  expectHealthy(relay);
});

test('lengths, depths and counts that lie reserve nothing and are refused', async () => {
  await using relay = await startTestRelay();
  const { session } = await signUp(relay.url, await createKey());
  const lies = [
    [0x5b, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff],
    [0x9b, 0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    [0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    Array.from({ length: 900 }, () => 0x81),
    [0xbf, 1, 2, 0xff],
    [0xa1, 1, 0xfb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0],
    [0xa1, 1, 0xf6],
    [0xa2, 1, 1, 1, 1],
    [0xa1, 0x18, 1, 1],
  ];
  for (const path of calls) for (const lie of lies) expect((await post(relay.url, path, new Uint8Array(lie), session.token)).status).toBeOneOf([400, 413]);
  expectHealthy(relay);
});

test('any bearer, any header, any path', async () => {
  await using relay = await startTestRelay();
  await fc.assert(
    fc.asyncProperty(
      fc.string({ maxLength: 60 }),
      fc.webPath(),
      fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'HEAD'),
      async (bearer, path, method) => {
        const authorization = `Bearer ${Buffer.from(bearer).toString('base64')}`;
        const response = await fetch(relay.url + path, { method, headers: { authorization } });
        await response.bytes();
        expect(response.status).toBeOneOf([200, 204, 400, 401, 404]);
      },
    ),
    { numRuns: runs },
  );
  expectHealthy(relay);
});

test('any frames on the live socket close it or are answered; the relay goes on', async () => {
  await using relay = await startTestRelay();
  const { session } = await signUp(relay.url, await createKey());
  const hello = encode(liveHelloCodec, { token: session.token, mailboxes: [randomId<MailboxId>()], streams: [randomId<StreamId>()], after: 0 });
  const frame = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.tuple(fc.nat(hello.length - 1), fc.nat(255)).map(([place, byte]) => hello.map((old, index) => (index === place ? byte : old))),
  );
  await fc.assert(
    fc.asyncProperty(frame, async (bytes) => {
      const socket = new WebSocket(relay.url.replace(/^http/, 'ws') + paths.live);
      await new Promise((resolve) => {
        socket.onopen = () => socket.send(new Uint8Array(bytes));
        socket.onclose = socket.onmessage = resolve;
      });
      socket.close();
    }),
    { numRuns: runs },
  );
  expectHealthy(relay);
  expect((await fetch(`${relay.url}/readyz`)).status).toBe(200);
});
