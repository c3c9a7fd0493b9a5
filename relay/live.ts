// Live delivery (spec/08-relay.md §live): WebSocket subscriptions and held mail reads. A hint only, the polling calls are the truth.
import type { ServerWebSocket, WebSocketHandler } from 'bun';
import {
  type LiveHello,
  type MailboxId,
  type OrgId,
  type ReceivedMail,
  type StreamHead,
  decode,
  encode,
  limits,
  liveEventCodec,
  liveHelloCodec,
} from '../protocol/wire.ts';
import { type Log, causeOf } from './log.ts';
import { RelayError, failureOf } from './relay-error.ts';
import { type RelaySession, type Sessions, tokenName } from './sessions.ts';
import type { Store } from './store/store.ts';
import { createTally, createTopics, mailTopic, streamTopic } from './topics.ts';

/** All that an idle connection holds beside the runtime's socket. */
export interface LiveData {
  session: RelaySession | undefined;
  topics: readonly string[];
  readonly since: number;
  /** Counts hellos: a newer one ends the replay of the one before. */
  turn: number;
  /** Continues a replay that waits for a slow client. */
  resume: (() => void) | undefined;
}
type Socket = ServerWebSocket<LiveData>;

export interface Live {
  readonly handlers: WebSocketHandler<LiveData>;
  newData(): LiveData;
  mailCame(org: OrgId, mail: ReceivedMail): void;
  headMoved(org: OrgId, head: StreamHead): void;
  /** `came` settles when mail came, the time is over, the caller left, the session ended or the relay drains. */
  awaitMail(session: RelaySession, mailboxes: readonly MailboxId[], waitMs: number, signal: AbortSignal): Disposable & { readonly came: Promise<void> };
  /** Closes the sockets and wakes the reads of sessions that have ended. */
  closeEnded(): void;
  /** Closes sockets without a hello in time, and those of ended sessions. */
  sweep(): void;
  /** Tells every socket and wakes every read; from then on nothing is held. */
  drain(): void;
  readonly sockets: number;
}

export interface LiveDeps {
  readonly store: Pick<Store, 'readMail'>;
  readonly sessions: Sessions;
  readonly now: () => number;
  readonly orgSockets: number;
  /** Charges one call to a key, or throws E_RELAY_RATE. */
  readonly charge: (bucket: string) => void;
  readonly log: Log;
}

/** Close codes: 4000 + the HTTP status of the same failure; 1012 when the relay goes. */
const closeCodes = { drained: 1012, late: 4408 } as const;
const helloWithinMs = 5_000;
const helloBytes = 8_192;
const heldReadsPerKey = 8;
const replayPage = { mails: 64, bytes: 262_144 } as const;
/** What the largest call posts fits once; a client that is further behind is closed and polls. */
const backpressureBytes = limits.wireBytes + 1_048_576;

interface Held {
  readonly session: RelaySession;
  readonly wake: () => void;
}

export function createLive({ store, sessions, now, orgSockets, charge, log }: LiveDeps): Live {
  const sockets = new Set<Socket>();
  const silent = new Set<Socket>();
  const perOrg = createTally();
  const heldPerKey = createTally();
  const listening = createTopics<Socket>();
  const reading = createTopics<Held>();
  const held = new Set<Held>();
  let draining = false;

  const listen = (ws: Socket, topics: readonly string[]): void => {
    for (const topic of ws.data.topics) listening.remove(topic, ws);
    for (const topic of topics) listening.add(topic, ws);
    ws.data.topics = topics;
  };
  const enter = (ws: Socket, session: RelaySession): void => {
    if (ws.data.session?.org !== session.org) {
      if (perOrg.of(session.org) >= orgSockets) throw new RelayError('E_RELAY_QUOTA', 'the org has as many live connections as this relay allows');
      if (ws.data.session) perOrg.add(ws.data.session.org, -1);
      perOrg.add(session.org, 1);
    }
    ws.data.session = session;
    silent.delete(ws);
  };

  // Sends what came after `after`, page by page at the client's pace. Answers the last id sent, or undefined where this hello no longer counts.
  const replay = async (ws: Socket, session: RelaySession, { mailboxes }: LiveHello, after: number, turn: number): Promise<number | undefined> => {
    for (let last = after; ;) {
      const mails = await store.readMail(session.org, mailboxes, last, replayPage.mails, now(), replayPage.bytes);
      if (ws.readyState !== WebSocket.OPEN || ws.data.turn !== turn || !sessions.isLive(session)) return undefined;
      for (const mail of mails) ws.sendBinary(encode(liveEventCodec, { mail }));
      last = mails.at(-1)?.id ?? last;
      if (mails.length === 0) return last;
      if (ws.getBufferedAmount() > 0) await new Promise<void>((resume) => (ws.data.resume = resume));
      ws.data.resume = undefined;
    }
  };
  const hello = async (ws: Socket, message: Uint8Array): Promise<void> => {
    const wanted = decode(liveHelloCodec, message, helloBytes);
    const session = sessions.find(tokenName(wanted.token));
    if (!session) throw new RelayError('E_RELAY_AUTH', 'the session has ended');
    charge(session.bucket);
    enter(ws, session);
    const turn = ++ws.data.turn;
    ws.data.resume?.();
    listen(ws, []);
    const topics = [...wanted.mailboxes.map((mailbox) => mailTopic(session.org, mailbox)), ...wanted.streams.map((stream) => streamTopic(session.org, stream))];
    const replays = wanted.after !== undefined && wanted.mailboxes.length > 0;
    const last = replays ? await replay(ws, session, wanted, wanted.after, turn) : 0;
    if (last === undefined) return;
    listen(ws, [...new Set(topics)]);
    // What was committed between the last page and the subscription.
    if (replays && (await replay(ws, session, wanted, last, turn)) === undefined) return;
    ws.sendBinary(encode(liveEventCodec, { ready: true }));
  };
  const refuse = (ws: Socket, error: unknown): void => {
    const failure = failureOf(error);
    if (failure.code === 'E_RELAY_STORE') log.error('live failed', { code: failure.code, cause: causeOf(error) });
    ws.close(4_000 + failure.status, failure.code);
  };
  const closeEnded = (): void => {
    for (const ws of sockets) if (ws.data.session && !sessions.isLive(ws.data.session)) ws.close(4_401, 'E_RELAY_AUTH');
    for (const read of held) if (!sessions.isLive(read.session)) read.wake();
  };

  return {
    newData: () => ({ session: undefined, topics: [], since: now(), turn: 0, resume: undefined }),
    handlers: {
      idleTimeout: 60,
      sendPings: true,
      maxPayloadLength: helloBytes,
      backpressureLimit: backpressureBytes,
      closeOnBackpressureLimit: true,
      perMessageDeflate: false,
      open: (ws) => {
        sockets.add(ws);
        silent.add(ws);
        if (draining) sayDraining(ws);
      },
      message: (ws, message) => {
        if (typeof message === 'string') return ws.close(4_400, 'E_RELAY_REQUEST');
        hello(ws, message).catch((error: unknown) => refuse(ws, error));
      },
      drain: (ws) => ws.data.resume?.(),
      close: (ws) => {
        sockets.delete(ws);
        silent.delete(ws);
        listen(ws, []);
        if (ws.data.session) perOrg.add(ws.data.session.org, -1);
        ws.data.turn++;
        ws.data.resume?.();
      },
    },
    mailCame: (org, mail) => {
      const topic = mailTopic(org, mail.mailbox);
      for (const read of reading.of(topic)) read.wake();
      const waiting = listening.of(topic);
      const event = waiting.length > 0 ? encode(liveEventCodec, { mail }) : undefined;
      if (event) for (const ws of waiting) ws.sendBinary(event);
    },
    headMoved: (org, head) => {
      const waiting = listening.of(streamTopic(org, head.stream));
      const event = waiting.length > 0 ? encode(liveEventCodec, { head }) : undefined;
      if (event) for (const ws of waiting) ws.sendBinary(event);
    },
    awaitMail: (session, mailboxes, waitMs, signal) => {
      if (heldPerKey.of(session.bucket) >= heldReadsPerKey)
        throw new RelayError('E_RELAY_RATE', 'too many reads of this key wait already', { retryAfterMs: 1_000 });
      const { promise: came, resolve } = Promise.withResolvers<void>();
      const wake = (): void => resolve();
      const read: Held = { session, wake };
      const topics = [...new Set(mailboxes.map((mailbox) => mailTopic(session.org, mailbox)))];
      for (const topic of topics) reading.add(topic, read);
      held.add(read);
      heldPerKey.add(session.bucket, 1);
      const timer = setTimeout(wake, draining ? 0 : waitMs);
      signal.addEventListener('abort', wake);
      return {
        came,
        [Symbol.dispose]: () => {
          clearTimeout(timer);
          signal.removeEventListener('abort', wake);
          held.delete(read);
          heldPerKey.add(session.bucket, -1);
          for (const topic of topics) reading.remove(topic, read);
        },
      };
    },
    closeEnded,
    sweep: () => {
      for (const ws of silent) if (ws.data.since + helloWithinMs <= now()) ws.close(closeCodes.late, 'E_RELAY_AUTH');
      closeEnded();
    },
    drain: () => {
      draining = true;
      for (const read of held) read.wake();
      for (const ws of sockets) sayDraining(ws);
    },
    get sockets() {
      return sockets.size;
    },
  };
}

function sayDraining(ws: Socket): void {
  ws.sendBinary(encode(liveEventCodec, { draining: true }));
  ws.close(closeCodes.drained, 'E_RELAY_DRAINING');
}
