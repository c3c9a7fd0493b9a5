// The live connection: subscribes, reconnects with back-off, ends on garbage, stops when told (spec/08-relay.md §live).
import { describe, expect, test } from 'bun:test';
import { type LiveEvent, type LiveHello, type MailboxId, decode, encode, liveEventCodec, liveHelloCodec } from '../protocol/wire.ts';
import type { RelayClient } from './client.ts';
import { type Live, type SocketLike, startLive } from './live.ts';

interface Socket extends SocketLike {
  readonly sent: LiveHello[];
  closed: boolean;
  receive(event: LiveEvent): void;
  receiveRaw(data: unknown): void;
}

function socketOf(): Socket {
  const socket: Socket = {
    binaryType: '',
    onopen: null,
    onmessage: null,
    onclose: null,
    sent: [],
    closed: false,
    send: (data) => void socket.sent.push(decode(liveHelloCodec, data, 65_536)),
    close: () => void (socket.closed = true),
    receive: (event) => socket.receiveRaw(new Uint8Array(encode(liveEventCodec, event)).buffer),
    receiveRaw: (data) => socket.onmessage?.({ data }),
  };
  return socket;
}

interface Stage {
  readonly live: Live;
  readonly sockets: Socket[];
  readonly delays: number[];
  readonly seen: string[];
  readonly mailboxes: MailboxId[];
  readonly turn: () => Promise<void>;
}

function stage(isRefused = false): Stage {
  const sockets: Socket[] = [];
  const delays: number[] = [];
  const seen: string[] = [];
  const mailboxes = ['aa'.repeat(32) as MailboxId]; // a mailbox of this test only
  const session: RelayClient['session'] = () =>
    isRefused ? Promise.reject(new Error('away')) : Promise.resolve({ token: new Uint8Array(32), expiresAt: 0, serverTime: 0 });
  const client = { url: 'https://relay.example', session } as RelayClient; // the part that live.ts uses
  const live = startLive({
    client,
    openSocket: (url) => {
      seen.push(url);
      const socket = socketOf();
      sockets.push(socket);
      return socket;
    },
    subscription: () => ({ mailboxes: [...mailboxes], streams: [] }),
    onEvent: ({ mail }) => void seen.push(`mail ${mail?.id}`),
    onConnected: (connected) => void seen.push(connected ? 'connected' : 'away'),
    sleep: (ms) => {
      delays.push(ms);
      return Promise.resolve();
    },
    jitter: () => 0.5,
  });
  const turn = async (): Promise<void> => {
    for (let i = 0; i < 20; i++) await Promise.resolve();
  };
  return { live, sockets, delays, seen, mailboxes, turn };
}
const mail: LiveEvent = { mail: { id: 7, mailbox: 'aa'.repeat(32) as MailboxId, body: new Uint8Array(1), postedAt: 0 } }; // as above

describe('INV-RELAY-LIVE', () => {
  test('opens, says hello with its subscription, tells when it stands, hands on events', async () => {
    const { sockets, seen, turn, live } = stage();
    await turn();
    sockets[0]?.onopen?.();
    expect(sockets[0]?.sent[0]?.mailboxes).toEqual(['aa'.repeat(32) as MailboxId]);
    sockets[0]?.receive({ ready: true });
    sockets[0]?.receive(mail);
    expect(seen).toEqual(['wss://relay.example/v1/live', 'connected', 'mail 7']);
    live.stop();
  });
  test('says hello again only where the subscription changed', async () => {
    const { sockets, turn, live, mailboxes } = stage();
    await turn();
    sockets[0]?.onopen?.();
    live.resubscribe();
    expect(sockets[0]?.sent.length).toBe(1);
    mailboxes.push('bb'.repeat(32) as MailboxId);
    live.resubscribe();
    expect(sockets[0]?.sent.length).toBe(2);
    live.stop();
  });
  test('reconnects with growing delays, and starts small again after a connection that stood', async () => {
    const { sockets, delays, turn, live } = stage();
    for (let round = 0; round < 3; round++) {
      await turn();
      sockets.at(-1)?.onclose?.();
    }
    await turn();
    sockets.at(-1)?.receive({ ready: true });
    sockets.at(-1)?.onclose?.();
    await turn();
    expect(delays).toEqual([250, 500, 1_000, 250]);
    live.stop();
  });
  test('garbage from the relay ends the connection, not the program', async () => {
    for (const garbage of [new Uint8Array(3).buffer, 'text', new ArrayBuffer(1_000_000), null]) {
      const { sockets, turn, seen, live } = stage();
      await turn();
      sockets[0]?.receiveRaw(garbage);
      expect(sockets[0]?.closed).toBe(true);
      await turn();
      expect(seen).toContain('away');
      live.stop();
    }
  });
  test('a relay that refuses the session is told and tried again', async () => {
    const { seen, turn, live } = stage(true);
    await turn();
    expect(seen.filter((event) => event === 'away').length).toBeGreaterThan(0);
    live.stop();
    await turn();
  });
  test('stopped: the socket closes, and none is opened where the session came late', async () => {
    const one = stage();
    await one.turn();
    one.live.stop();
    expect(one.sockets[0]?.closed).toBe(true);
    const two = stage();
    two.live.stop();
    await two.turn();
    expect(two.sockets.length).toBe(0);
  });
});
