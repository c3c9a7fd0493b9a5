// Live delivery over a WebSocket with reconnect and back-off (spec/08-relay.md §live). A hint only: after every connect the caller polls.
import { type LiveEvent, type MailboxId, type StreamId, decode, encode, limits, liveEventCodec, liveHelloCodec, paths } from '../protocol/wire.ts';
import type { RelayClient } from './client.ts';

/** The part of a WebSocket that is used. */
export interface SocketLike {
  binaryType: string;
  onopen: (() => void) | null;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  onclose: (() => void) | null;
  send(data: Uint8Array): void;
  close(): void;
}
/** With `after`, mail with a greater id is sent again first: nothing falls between two subscriptions. */
export interface Subscription {
  readonly mailboxes: readonly MailboxId[];
  readonly streams: readonly StreamId[];
  readonly after?: number;
}
export interface LiveDeps {
  readonly client: RelayClient;
  readonly openSocket: (url: string) => SocketLike;
  /** Asked again at every connect, because mailboxes change daily. */
  readonly subscription: () => Subscription;
  readonly onEvent: (event: LiveEvent) => void;
  /** true once the subscription stands: the caller polls what it may have missed. */
  readonly onConnected: (connected: boolean, error?: unknown) => void;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** 0 ≤ x < 1, spreads reconnects. */
  readonly jitter: () => number;
}
export interface Live {
  /** Subscribes again, e.g. for the reply mailbox of a new request. */
  resubscribe(): void;
  stop(): void;
}

const firstDelayMs = 250;
const maxDelayMs = 30_000;
const resubscribeMs = 60 * 60_000;
/** A connection that is not ready by then is given up. */
const readyWithinMs = 15_000;

export function startLive(deps: LiveDeps): Live {
  const stopping = new AbortController();
  let socket: SocketLike | undefined;
  let token: Uint8Array | undefined;
  let subscribed = '';

  const hello = (force: boolean): void => {
    const { mailboxes, streams, after } = deps.subscription();
    const wanted = [...mailboxes, ...streams].join();
    if (!socket || !token || (!force && wanted === subscribed)) return;
    subscribed = wanted;
    socket.send(encode(liveHelloCodec, { token, mailboxes, streams, ...(after === undefined ? {} : { after }) }));
  };

  // Resolves when the connection is over; `ready` is called once the subscription stands.
  async function connection(ready: () => void): Promise<void> {
    token = (await deps.client.session()).token;
    if (stopping.signal.aborted) return;
    await new Promise<void>((done) => {
      const opened = deps.openSocket(deps.client.url.replace(/^http/, 'ws') + paths.live);
      opened.binaryType = 'arraybuffer';
      const daily = setInterval(() => hello(false), resubscribeMs);
      const late = setTimeout(() => end(), readyWithinMs);
      const end = (): void => {
        clearInterval(daily);
        clearTimeout(late);
        stopping.signal.removeEventListener('abort', end);
        opened.onclose = opened.onmessage = null;
        if (socket === opened) socket = undefined;
        opened.close();
        done();
      };
      stopping.signal.addEventListener('abort', end);
      opened.onopen = () => {
        socket = opened;
        hello(true);
      };
      opened.onclose = end;
      opened.onmessage = ({ data }) => {
        const event = parse(data);
        if (!event) return end();
        if (event.ready) {
          clearTimeout(late);
          ready();
        } else deps.onEvent(event);
      };
    });
  }

  async function run(): Promise<void> {
    let delayMs = firstDelayMs;
    while (!stopping.signal.aborted) {
      let failure: unknown;
      try {
        await connection(() => {
          delayMs = firstDelayMs;
          deps.onConnected(true);
        });
      } catch (error) {
        failure = error;
      }
      if (stopping.signal.aborted) return;
      deps.onConnected(false, failure);
      await deps.sleep(delayMs * (0.5 + deps.jitter()), stopping.signal).catch(() => undefined);
      delayMs = Math.min(delayMs * 2, maxDelayMs);
    }
  }

  void run();
  return { resubscribe: () => hello(false), stop: () => stopping.abort() };
}

function parse(data: unknown): LiveEvent | undefined {
  try {
    return data instanceof ArrayBuffer ? decode(liveEventCodec, new Uint8Array(data), limits.mailBytes + 1_024) : undefined;
  } catch {
    return undefined;
  }
}
