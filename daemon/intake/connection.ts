// One connection: its peer is named once, each request on it is checked and answered (spec/10-local-api.md §http).
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { z } from 'zod';
import { DaemonError, failureOf } from '../errors.ts';
import { bounds } from './bounds.ts';
import { createReply, readAsk, replyFailure, type Reply } from './http.ts';
import { verifyLoopbackHeaders } from './loopback.ts';
import type { Observation } from './observe.ts';
import type { Observer } from './observer.ts';
import type { Peer } from './peer.ts';
import { processGone } from './process-identity.ts';
import type { AskLimiter } from './rate.ts';

export interface Ask {
  readonly peer: Peer;
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** Aborted when the client goes away before the answer is complete. */
  readonly signal: AbortSignal;
  readonly reply: Reply;
  /** The parsed body. Throws E_ASK, E_ASK_SIZE. */
  body<T>(schema: z.ZodType<T>): Promise<T>;
  /** Who asks. Read once per connection, then only checked to be the same: throws E_PEER_PIDFD, E_EXE_HASH, E_PEER_NS. */
  observe(): Promise<Observation>;
  /** Counts one ask for a human. Throws E_RATE_LOCAL: call it before anything is signed. */
  countAsk(): Promise<void>;
}
/** Answers through `ask.reply`; what it throws becomes a failure, as the answer or as the last event. */
export type Handler = (ask: Ask) => Promise<void>;

export interface AcceptorDeps {
  readonly allowedUids: readonly number[];
  readonly handler: Handler;
  readonly observer: Observer;
  readonly limiter: AskLimiter;
  /** Codes only: never a body, an argument or a path of the asker. `cause` is ours, for what is not a coded error. */
  readonly log: (event: { readonly event: 'refused' | 'failed'; readonly code: string; readonly cause?: unknown }) => void;
  readonly idleMs?: number;
  readonly bodyMs?: number;
}

interface Connection {
  readonly socket: Socket;
  /** Of the loopback port; undefined on the socket. */
  readonly token: string | undefined;
  peer: Peer | undefined;
  refusal: unknown;
  observation: Promise<Observation> | undefined;
  inFlight: number;
  idle: ReturnType<typeof setTimeout> | undefined;
}

/** Takes sockets from a net server. `open` holds those that live, and is bounded. */
export function createAcceptor(deps: AcceptorDeps, open: Set<Socket>): (socket: Socket, token: string | undefined) => void {
  const known = new WeakMap<Socket, Connection>();
  const http = createServer({ maxHeaderSize: bounds.headerBytes, keepAliveTimeout: deps.idleMs ?? bounds.idleMs });
  http.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const connection = known.get(request.socket);
    if (connection !== undefined) void answer(deps, connection, request, response);
  });
  http.on('clientError', (_error, socket) => socket.destroy()); // not HTTP: nothing to say, and no peer's text in a log

  return (socket, token) => {
    socket.on('error', () => socket.destroy());
    if (open.size >= bounds.connections) return void socket.destroy();
    open.add(socket);
    const connection: Connection = { socket, token, peer: undefined, refusal: undefined, observation: undefined, inFlight: 0, idle: undefined };
    known.set(socket, connection);
    if (token === undefined) identify(deps, connection, () => deps.observer.socketPeer(descriptorOf(socket), deps.allowedUids)); // now: later the peer may be gone
    rest(deps, connection);
    socket.on('close', () => {
      clearTimeout(connection.idle);
      open.delete(socket);
      connection.peer?.process?.pidfd[Symbol.dispose]();
    });
    http.emit('connection', socket);
  };
}

function identify(deps: AcceptorDeps, connection: Connection, find: () => Peer): void {
  try {
    connection.peer = find();
  } catch (error) {
    connection.refusal = error; // told with the first answer, over HTTP, so that every client can show it
    deps.log({ event: 'refused', code: failureOf(error).error.detail ?? 'E_INTERNAL' });
  }
}

/** Runs only while no request is in flight: it ends idle connections and half-sent headers alike. */
function rest(deps: AcceptorDeps, connection: Connection): void {
  clearTimeout(connection.idle);
  const ms = connection.refusal === undefined ? (deps.idleMs ?? bounds.idleMs) : bounds.refusedMs;
  connection.idle = connection.inFlight > 0 ? undefined : setTimeout(() => connection.socket.destroy(), ms);
}

async function answer(deps: AcceptorDeps, connection: Connection, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const gone = new AbortController();
  connection.inFlight++;
  rest(deps, connection);
  response.on('close', () => {
    connection.inFlight--;
    if (!connection.socket.destroyed) rest(deps, connection);
    if (!response.writableEnded) gone.abort();
  });
  try {
    await deps.handler(admit(deps, connection, request, response, gone.signal));
    if (!response.headersSent && !response.destroyed) throw new Error(`no answer to ${request.method}`);
  } catch (error) {
    const code = failureOf(error).error.detail ?? 'E_INTERNAL';
    deps.log({ event: 'failed', code, ...(code === 'E_INTERNAL' ? { cause: error } : {}) });
    if (connection.refusal !== undefined || code === 'E_ASK_SIZE') closeAfter(response);
    replyFailure(response, error);
  }
}

/** Everything that is checked before a handler sees the request. */
function admit(deps: AcceptorDeps, connection: Connection, request: IncomingMessage, response: ServerResponse, signal: AbortSignal): Ask {
  if (request.headers.origin !== undefined) throw new DaemonError('policy_forbids', 'E_ORIGIN', 'web pages cannot ask here');
  if (connection.token !== undefined) {
    verifyLoopbackHeaders(request.headers, connection.token);
    if (connection.peer === undefined) identify(deps, connection, () => deps.observer.loopbackPeer(connection.socket, deps.allowedUids));
  }
  const { peer } = connection;
  if (connection.refusal !== undefined || peer === undefined) throw connection.refusal;
  if (peer.process?.pidfd.isAlive() === false) throw processGone();
  const url = request.url ?? '/';
  const query = url.indexOf('?');
  const observe = async (): Promise<Observation> => {
    if (connection.observation === undefined) return (connection.observation = deps.observer.observe(peer));
    const observation = await connection.observation;
    if (observation.identity !== undefined) await deps.observer.verifySame(observation.identity);
    return observation;
  };
  return {
    peer,
    method: request.method ?? 'GET',
    path: query < 0 ? url : url.slice(0, query),
    query: new URLSearchParams(query < 0 ? '' : url.slice(query)),
    signal,
    reply: createReply(response),
    body: (schema) => readAsk(request, schema, deps.bodyMs),
    observe,
    countAsk: async () => deps.limiter.take(peer.uid, (await observe()).identity?.exe?.inode),
  };
}

function closeAfter(response: ServerResponse): void {
  if (!response.headersSent) response.setHeader('connection', 'close');
}

/** The number of the connected socket's descriptor: the runtime has no public name for it. */
export function descriptorOf(socket: Socket): number {
  const handle: unknown = Reflect.get(socket, '_handle');
  const fd: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : undefined;
  if (typeof fd !== 'number') throw new Error('this runtime hides the descriptor of a socket');
  return fd;
}
