// Live delivery over real WebSockets (spec/08-relay.md §live).
import { expect, test } from 'bun:test';
import {
  type LiveEvent,
  type LiveHello,
  type MailboxId,
  type StreamId,
  decode,
  encode,
  keyRevokeCodec,
  limits,
  liveEventCodec,
  liveHelloCodec,
  paths,
} from '../protocol/wire.ts';
import { type TestClient, at, chain, connect, createKey, randomBytes, randomId, signUp, startTestRelay } from './test-world.ts';

/** A socket whose events and end can be awaited one by one. */
interface Listener extends Disposable {
  readonly next: () => Promise<LiveEvent>;
  readonly closed: Promise<string>;
  readonly hello: (hello: Partial<LiveHello>) => void;
  readonly send: (data: string | Uint8Array<ArrayBuffer>) => void;
}

async function listen(url: string, client: TestClient): Promise<Listener> {
  const socket = new WebSocket(url.replace(/^http/, 'ws') + paths.live);
  socket.binaryType = 'arraybuffer';
  const events: LiveEvent[] = [];
  const waiting: ((event: LiveEvent) => void)[] = [];
  const { promise: closed, resolve: close } = Promise.withResolvers<string>();
  socket.onclose = ({ code, reason }) => close(`${code} ${reason}`);
  socket.onmessage = ({ data }) => {
    if (!(data instanceof ArrayBuffer)) throw new Error('not binary');
    const event = decode(liveEventCodec, new Uint8Array(data), limits.wireBytes);
    const waiter = waiting.shift();
    if (waiter) waiter(event);
    else events.push(event);
  };
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  return {
    closed,
    next: () => {
      const event = events.shift();
      return event ? Promise.resolve(event) : new Promise((resolve) => waiting.push(resolve));
    },
    hello: (hello) => socket.send(new Uint8Array(encode(liveHelloCodec, { token: client.session.token, mailboxes: [], streams: [], ...hello }))),
    send: (data) => socket.send(data),
    [Symbol.dispose]: () => socket.close(),
  };
}

test('INV-RELAY-SCOPE mail and heads reach their subscribers, in order, and nobody else', async () => {
  await using relay = await startTestRelay();
  const [alice, mallory] = [await signUp(relay.url, await createKey()), await signUp(relay.url, await createKey())];
  const [mailbox, stream] = [randomId<MailboxId>(), randomId<StreamId>()];
  using mine = await listen(relay.url, alice);
  using alsoMine = await listen(relay.url, alice);
  using theirs = await listen(relay.url, mallory);
  for (const listener of [mine, alsoMine, theirs]) {
    listener.hello({ mailboxes: [mailbox], streams: [stream] });
    expect(await listener.next()).toEqual({ ready: true });
  }
  const body = randomBytes(50);
  const record = at(chain(stream, 1));
  await alice.postMail({ mailbox, body, ttlS: 60 }, { mailbox: randomId<MailboxId>(), body, ttlS: 60 });
  await alice.append(record);
  await alice.append(record);
  for (const listener of [mine, alsoMine]) {
    expect(await listener.next()).toMatchObject({ mail: { id: 1, mailbox, body } });
    expect(await listener.next()).toEqual({ head: { stream, seq: 0, eh: record.eh } });
  }
  // The next event of the other org is its own.
  await mallory.postMail({ mailbox, body: randomBytes(1), ttlS: 60 });
  expect((await theirs.next()).mail?.body).toHaveLength(1);
});

test('a second hello replaces the subscription', async () => {
  await using relay = await startTestRelay();
  const client = await signUp(relay.url, await createKey());
  const [before, after] = [randomId<MailboxId>(), randomId<MailboxId>()];
  using listener = await listen(relay.url, client);
  for (const mailbox of [before, after]) {
    listener.hello({ mailboxes: [mailbox] });
    expect(await listener.next()).toEqual({ ready: true });
  }
  await client.postMail({ mailbox: before, body: randomBytes(1), ttlS: 60 }, { mailbox: after, body: randomBytes(1), ttlS: 60 });
  expect((await listener.next()).mail?.mailbox).toBe(after);
});

test('a hello with a cursor replays what came after it, all of it, then says ready', async () => {
  await using relay = await startTestRelay();
  const client = await signUp(relay.url, await createKey());
  const mailbox = randomId<MailboxId>();
  // 300 mails of 20 KiB: more than any buffer on the way.
  for (let part = 0; part < 3; part++) await client.postMail(...Array.from({ length: 100 }, () => ({ mailbox, body: randomBytes(20_480), ttlS: 60 })));
  using listener = await listen(relay.url, client);
  listener.hello({ mailboxes: [mailbox], after: 10 });
  for (let id = 11; id <= 300; id++) expect((await listener.next()).mail?.id).toBe(id);
  expect(await listener.next()).toEqual({ ready: true });
  await client.postMail({ mailbox, body: randomBytes(1), ttlS: 60 });
  expect((await listener.next()).mail?.id).toBe(301);
});

test('a socket without a hello is closed after five seconds of the relay clock', async () => {
  await using relay = await startTestRelay();
  const client = await signUp(relay.url, await createKey());
  using listener = await listen(relay.url, client);
  relay.advance(5_000);
  expect(await listener.closed).toBe('4408 E_RELAY_AUTH');
});

test('a made-up token, text, rubbish and an oversized frame close the socket with a code', async () => {
  await using relay = await startTestRelay();
  const client = await signUp(relay.url, await createKey());
  const closedBy = async (act: (listener: Listener) => void): Promise<string> => {
    using listener = await listen(relay.url, client);
    act(listener);
    return listener.closed;
  };
  expect(await closedBy((listener) => listener.hello({ token: randomBytes(32) }))).toBe('4401 E_RELAY_AUTH');
  expect(await closedBy((listener) => listener.send('hello'))).toBe('4400 E_RELAY_REQUEST');
  expect(await closedBy((listener) => listener.send(new Uint8Array(40)))).toBe('4400 E_RELAY_REQUEST');
  expect(await closedBy((listener) => listener.send(new Uint8Array(10_000)))).toStartWith('10');
});

test('the socket of a revoked key, and of a session that ended, is closed', async () => {
  await using relay = await startTestRelay();
  const owner = await signUp(relay.url, await createKey());
  const device = await createKey(owner.key.org);
  await owner.register(device, 'device');
  const [stolen, kept] = [await connect(relay.url, device), owner];
  using thief = await listen(relay.url, stolen);
  using mine = await listen(relay.url, kept);
  for (const listener of [thief, mine]) {
    listener.hello({ mailboxes: [randomId<MailboxId>()] });
    expect(await listener.next()).toEqual({ ready: true });
  }
  await owner.call(paths.keysRevoke, encode(keyRevokeCodec, { keyId: device.keyId }));
  expect(await thief.closed).toBe('4401 E_RELAY_AUTH');
  relay.advance(3_600_000);
  expect(await mine.closed).toBe('4401 E_RELAY_AUTH');
});

test('INV-RELAY-LIVE a client that does not read is closed and costs a bounded buffer; others are served', async () => {
  await using relay = await startTestRelay();
  const client = await signUp(relay.url, await createKey());
  const mailbox = randomId<MailboxId>();
  const slow = await rawSubscription(relay.url, client, mailbox);
  using quick = await listen(relay.url, client);
  quick.hello({ mailboxes: [mailbox] });
  expect(await quick.next()).toEqual({ ready: true });
  const mails = Array.from({ length: 100 }, () => ({ mailbox, body: randomBytes(limits.mailBytes), ttlS: 60 }));
  for (let part = 0; part < 8; part++) {
    await client.postMail(...mails);
    for (let n = 1; n <= mails.length; n++) expect((await quick.next()).mail?.id).toBe(part * mails.length + n);
  }
  slow.resume();
  await slow.closed;
  expect(slow.received()).toBeLessThan(7 * mails.length * limits.mailBytes);
});

test('more sockets than an org may have are closed', async () => {
  await using relay = await startTestRelay({ quotas: { orgSockets: 2 } });
  const client = await signUp(relay.url, await createKey());
  using first = await listen(relay.url, client);
  using second = await listen(relay.url, client);
  using third = await listen(relay.url, client);
  for (const listener of [first, second]) {
    listener.hello({});
    expect(await listener.next()).toEqual({ ready: true });
  }
  third.hello({});
  expect(await third.closed).toBe('4429 E_RELAY_QUOTA');
});

/** A WebSocket by hand that subscribes and then does not read until it is told to. */
async function rawSubscription(
  url: string,
  client: TestClient,
  mailbox: MailboxId,
): Promise<{ readonly closed: Promise<void>; readonly resume: () => void; readonly received: () => number }> {
  const { hostname, port } = new URL(url);
  const { promise: closed, resolve: close } = Promise.withResolvers<void>();
  const { promise: ready, resolve: isReady } = Promise.withResolvers<void>();
  const hello = encode(liveHelloCodec, { token: client.session.token, mailboxes: [mailbox], streams: [] });
  let received = 0;
  let answers = 0;
  const socket = await Bun.connect({
    hostname,
    port: Number(port),
    socket: {
      data: (from, data) => {
        received += data.length;
        if (++answers === 2) {
          from.pause();
          isReady();
        }
        if (answers === 1) from.write(Buffer.concat([new Uint8Array([0x82, 0x80 | hello.length, 0, 0, 0, 0]), hello]));
      },
      close: () => close(),
      error: () => close(),
    },
  });
  socket.write(
    `GET ${paths.live} HTTP/1.1\r\nhost: ${hostname}\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: ${Buffer.from(randomBytes(16)).toString('base64')}\r\n\r\n`,
  );
  await ready;
  return { closed, resume: () => socket.resume(), received: () => received };
}
