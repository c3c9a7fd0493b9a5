// Graceful stop: sockets are told, held reads answered, calls finished, nothing new begun (spec/08-relay.md §running).
import { expect, test } from 'bun:test';
import { connect as connectSocket } from 'node:net';
import { type MailboxId, type StreamId, decode, encode, limits, liveEventCodec, liveHelloCodec, paths } from '../protocol/wire.ts';
import { at, chain, connect, createKey, failureIn, outcome, randomId, signUp, startTestRelay } from './test-world.ts';

test('INV-RELAY-DRAIN draining: not ready, sockets told and closed, held reads answered empty, calls refused, then down', async () => {
  await using relay = await startTestRelay({ drainMs: 500 });
  const client = await signUp(relay.url, await createKey());
  const socket = new WebSocket(relay.url.replace(/^http/, 'ws') + paths.live);
  socket.binaryType = 'arraybuffer';
  const events: unknown[] = [];
  const { promise: closed, resolve: close } = Promise.withResolvers<number>();
  const { promise: ready, resolve: isReady } = Promise.withResolvers<void>();
  socket.onopen = () => socket.send(new Uint8Array(encode(liveHelloCodec, { token: client.session.token, mailboxes: [], streams: [] })));
  socket.onmessage = ({ data }) => {
    events.push(decode(liveEventCodec, new Uint8Array(data instanceof ArrayBuffer ? data : []), limits.wireBytes));
    isReady();
  };
  socket.onclose = ({ code }) => close(code);
  await ready;
  const held = client.readMail({ mailboxes: [randomId<MailboxId>()], waitMs: 25_000 });
  await client.readMail({ mailboxes: [randomId<MailboxId>()] });

  const stopping = relay.stop();
  expect((await fetch(`${relay.url}/readyz`)).status).toBe(503);
  expect((await fetch(`${relay.url}/livez`)).status).toBe(200);
  expect(await held).toEqual({ mails: [], next: 0 });
  expect(await closed).toBe(1012);
  expect(events).toEqual([{ ready: true }, { draining: true }]);
  const record = at(chain(randomId<StreamId>(), 1));
  const refused = await client.append(record);
  expect([refused.status, outcome(refused)]).toEqual([503, 'E_RELAY_DRAINING']);
  expect(failureIn(refused).retryAfterMs).toBeGreaterThan(0);
  await stopping;
  await relay.stop();
  await expect(fetch(`${relay.url}/livez`)).rejects.toThrow();
});

test('INV-RELAY-DRAIN whatever was acknowledged around a stop is kept', async () => {
  await using relay = await startTestRelay();
  const client = await signUp(relay.url, await createKey());
  const records = Array.from({ length: 20 }, () => at(chain(randomId<StreamId>(), 1, 60_000)));
  const answers = records.map((record) =>
    client
      .append(record)
      .then(({ status }) => status === 200)
      .catch(() => false),
  );
  await answers[0];
  await relay.stop();
  const acknowledged = await Promise.all(answers);
  expect(acknowledged[0]).toBe(true);
  await using again = await startTestRelay({ dataDir: relay.dataDir });
  const reader = await connect(again.url, client.key);
  const kept = await Promise.all(records.map(async ({ stream }) => (await reader.readStream(stream)).head.seq === 0));
  expect(kept.map((is, index) => is || !acknowledged[index])).not.toContain(false);
});

test('a client that never finishes its call does not hold the stop up', async () => {
  await using relay = await startTestRelay({}, { stopWithinMs: 200 });
  const client = await signUp(relay.url, await createKey());
  const token = Buffer.from(client.session.token).toString('base64url');
  const socket = connectSocket(relay.port, '127.0.0.1');
  const gone = new Promise((resolve) => socket.once('close', resolve));
  socket.on('error', () => undefined);
  socket.write(
    `POST ${paths.append} HTTP/1.1\r\nhost: relay\r\ncontent-type: application/cbor\r\nauthorization: Bearer ${token}\r\ncontent-length: 100\r\n\r\nabc`,
  );
  await client.readMail({ mailboxes: [randomId<MailboxId>()] });
  await relay.stop();
  await gone;
});

test('a port that is taken is an error with a code, and leaves the directory free', async () => {
  await using relay = await startTestRelay();
  await expect(startTestRelay({ port: relay.port })).rejects.toMatchObject({ code: 'E_RELAY_STORE' });
  await expect(startTestRelay({ dataDir: relay.dataDir })).rejects.toThrow('another relay runs');
});
