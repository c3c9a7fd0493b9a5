// HTTP and WebSocket of the relay (spec/08-relay.md §calls): size before parse, session before body, nothing thrown to the outside.
import type { Server } from 'bun';
import { type OrgId, encode, paths, relayFailureCodec } from '../protocol/wire.ts';
import { readBody } from './body.ts';
import type { Live, LiveData } from './live.ts';
import { type Log, causeOf } from './log.ts';
import { type Buckets, addressName } from './quota.ts';
import { RelayError, failureOf } from './relay-error.ts';
import { openSession, registerKey, revokeKey } from './routes/access.ts';
import { getBlobs, putBlobs } from './routes/blobs.ts';
import type { RelayParts, Route } from './routes/call.ts';
import { postMail, readMail } from './routes/mail.ts';
import { append, read } from './routes/streams.ts';
import type { StaticFiles } from './static.ts';

export interface ServerDeps extends RelayParts {
  readonly live: Live;
  readonly keyBuckets: Buckets;
  readonly addressBuckets: Buckets;
  readonly log: Log;
  readonly version: string;
  readonly files: StaticFiles | undefined;
  readonly isDraining: () => boolean;
}
export type RelayServer = Server<LiveData>;

const routes: ReadonlyMap<string, Route> = new Map<string, Route>([
  [paths.session, openSession],
  [paths.keys, registerKey],
  [paths.keysRevoke, revokeKey],
  [paths.append, append],
  [paths.read, read],
  [paths.blobs, putBlobs],
  [paths.blobsGet, getBlobs],
  [paths.mail, postMail],
  [paths.mailRead, readMail],
]);
/** Longer than the longest held read. */
const idleTimeoutS = 40;
/** A new org costs an address as much as this many calls. */
const signUpCost = 20;
/** Clients that were here reconnect within this time, spread out. */
const drainRetryMs = 2_000;

/** What is known of a call when it is logged. */
interface Trace {
  bytesIn: number;
  bytesOut: number;
  org: OrgId | undefined;
}

export function createServer(deps: ServerDeps): RelayServer {
  const { config, log, live, now } = deps;
  let calls = 0;

  const answer = async (request: Request, server: RelayServer, path: string, trace: Trace): Promise<Response | undefined> => {
    if (path === paths.live) return upgrade(deps, request, server);
    const route = routes.get(path);
    if (route) return request.method === 'OPTIONS' ? new Response(null, { status: 204, headers: preflightHeaders }) : call(deps, route, request, server, trace);
    if (request.method === 'GET' && path === '/livez') return new Response('ok\n');
    if (request.method === 'GET' && path === '/readyz') return ready(deps);
    if (request.method === 'GET' && path === '/version') return Response.json({ name: 'stillvault-relay', version: deps.version, protocol: 1 });
    const file = deps.files?.(request);
    if (file) return file;
    throw new RelayError('E_RELAY_NOT_FOUND', 'there is no such path here');
  };

  return Bun.serve<LiveData>({
    hostname: config.host,
    port: config.port,
    idleTimeout: idleTimeoutS,
    // The runtime's own bound answers without a code; ours is applied per path, before the body is read.
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    websocket: live.handlers,
    fetch: async (request, server) => {
      const started = now();
      const id = (++calls).toString(36);
      const path = new URL(request.url).pathname;
      const trace: Trace = { bytesIn: 0, bytesOut: 0, org: undefined };
      let response: Response | undefined;
      let code: string | undefined;
      try {
        response = await answer(request, server, path, trace);
      } catch (error) {
        const failure = failureOf(error);
        code = failure.code;
        if (code === 'E_RELAY_STORE') log.error('call failed', { id, code, cause: causeOf(error) });
        response = failed(failure);
      }
      // Only paths of the contract are named: what else was asked for may hold anything.
      const name = routes.has(path) || path === paths.live ? path : 'other';
      log.info('call', { id, path: name, status: response?.status ?? 101, ms: now() - started, ...trace, ...(code === undefined ? {} : { code }) });
      return response;
    },
    error: (error) => {
      log.error('call failed', { cause: causeOf(error) });
      return failed(failureOf(error));
    },
  });
}

async function call(deps: ServerDeps, route: Route, request: Request, server: RelayServer, trace: Trace): Promise<Response> {
  if (request.method !== 'POST') throw new RelayError('E_RELAY_REQUEST', 'this path takes POST');
  if (deps.isDraining()) throw draining();
  const address = addressOf(deps, request, server);
  const read = async (): Promise<Uint8Array> => {
    if (request.headers.get('content-type') !== cbor) throw new RelayError('E_RELAY_REQUEST', `the content type must be ${cbor}`);
    const body = await readBody(request, route.maxBytes);
    trace.bytesIn = body.length;
    return body;
  };

  if (route.kind === 'open') {
    deps.addressBuckets.take(address);
    const { answer, session } = await route.run(deps, await read(), () => deps.addressBuckets.take(address, signUpCost));
    trace.org = session.org;
    return succeeded(answer, trace);
  }
  const session = bearer(deps, request);
  if (!session) {
    deps.addressBuckets.take(address);
    throw new RelayError('E_RELAY_AUTH', 'no session, or it has ended: open one');
  }
  trace.org = session.org;
  deps.keyBuckets.take(session.bucket);
  if (!route.grades.includes(session.grade)) throw new RelayError('E_RELAY_FORBIDDEN', `a ${session.grade} key may not call this`);
  const body = await read();
  // The body may have taken its time; the key may have been revoked meanwhile.
  if (!deps.sessions.isLive(session)) throw new RelayError('E_RELAY_AUTH', 'the session has ended');
  return succeeded(await route.run(deps, body, { session, signal: request.signal }), trace);
}

function upgrade(deps: ServerDeps, request: Request, server: RelayServer): Response | undefined {
  if (deps.isDraining()) throw draining();
  deps.addressBuckets.take(addressOf(deps, request, server));
  if (server.upgrade(request, { data: deps.live.newData() })) return undefined;
  throw new RelayError('E_RELAY_REQUEST', 'this path takes a WebSocket');
}

async function ready({ isDraining, store, log }: ServerDeps): Promise<Response> {
  if (isDraining()) return new Response('draining\n', { status: 503 });
  try {
    await store.probe();
    return new Response('ok\n');
  } catch (error) {
    log.error('store not ready', { cause: causeOf(error) });
    return new Response('store\n', { status: 503 });
  }
}

function bearer({ sessions }: ServerDeps, request: Request): ReturnType<typeof sessions.find> {
  const token = /^bearer ([\w-]{43})$/i.exec(request.headers.get('authorization') ?? '')?.[1];
  return token === undefined ? undefined : sessions.find(token);
}

function addressOf({ config }: ServerDeps, request: Request, server: RelayServer): string {
  // Only the entries that our own proxies appended can be trusted: counted from the right.
  const forwarded = config.proxyHops > 0 ? request.headers.get('x-forwarded-for')?.split(',').at(-config.proxyHops)?.trim() : undefined;
  return addressName(forwarded ?? server.requestIP(request)?.address ?? '');
}

const cbor = 'application/cbor';
// Tokens travel in a header and never in a cookie, so any origin may call: the console can come from anywhere.
const corsHeaders = { 'access-control-allow-origin': '*', 'access-control-expose-headers': 'retry-after' } as const;
const preflightHeaders = {
  ...corsHeaders,
  'access-control-allow-methods': 'POST',
  'access-control-allow-headers': 'authorization, content-type',
  'access-control-max-age': '86400',
};
const answerHeaders = { ...corsHeaders, 'content-type': cbor, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };

function succeeded(body: Uint8Array, trace: Trace): Response {
  trace.bytesOut = body.length;
  return new Response(new Uint8Array(body), { headers: answerHeaders });
}

function failed(failure: ReturnType<typeof failureOf>): Response {
  const { status, ...told } = failure;
  const retry = told.retryAfterMs === undefined ? {} : { 'retry-after': String(Math.ceil(told.retryAfterMs / 1_000)) };
  // A body that was refused unread must not be taken for the next call.
  const close = told.code === 'E_RELAY_LIMIT' || told.code === 'E_RELAY_DRAINING' ? { connection: 'close' } : {};
  return new Response(new Uint8Array(encode(relayFailureCodec, told)), { status, headers: { ...answerHeaders, ...retry, ...close } });
}

function draining(): RelayError {
  return new RelayError('E_RELAY_DRAINING', 'this relay is going down', { retryAfterMs: drainRetryMs });
}
