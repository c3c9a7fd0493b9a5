// Serves the console on localhost, and lets its page enrol the daemon beside it (spec/11-enrolment.md §local).
// What an attacker controls: any page of any origin may send requests here, any local user may connect.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { JoinAsk, JoinResult, Status } from '../../../protocol/local-api.ts';
import { StillvaultError } from '../../../sdk/errors.ts';
import { toStillvaultError } from '../terminal/output.ts';

/** The daemon that the page may enrol, for whoever knows the secret. */
export interface LocalDaemon {
  readonly secret: string;
  readonly status: () => Status;
  readonly join: (ask: JoinAsk) => Promise<JoinResult>;
}
export interface ConsoleServerOptions {
  /** 0 takes any free port. */
  readonly port: number;
  readonly relay: string;
  readonly files: (request: Request) => Response | undefined;
  /** Of every answer that is no file. */
  readonly headers: Readonly<Record<string, string>>;
  readonly daemon?: LocalDaemon;
}
export interface ConsoleServer {
  readonly origin: string;
  readonly port: number;
  stop(): Promise<void>;
}

/** Throws where the port cannot be had on every address that `localhost` stands for. */
export function startConsoleServer(options: ConsoleServerOptions): ConsoleServer {
  let port = options.port;
  const serve = (hostname: string): ReturnType<typeof Bun.serve> =>
    Bun.serve({
      hostname,
      port,
      maxRequestBodySize: maxAskBytes,
      fetch: async (request) => answer(options, port, request),
      error: () => new Response('failed\n', { status: 500 }),
    });
  const servers = [serve('127.0.0.1')];
  port = servers[0]?.port ?? port;
  try {
    // A browser may take `localhost` for ::1: whoever listened there would be our origin.
    servers.push(serve('::1'));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EADDRINUSE') {
      void servers[0]?.stop(true);
      throw new StillvaultError('error', `port ${port} for the console is taken by another program on ::1`, {
        next: 'choose another with --port',
        cause: error,
      });
    }
  }
  return { origin: `http://localhost:${port}`, port, stop: async () => void (await Promise.all(servers.map(async (server) => server.stop(true)))) };
}

const maxAskBytes = 8_192;

async function answer({ relay, files, headers, daemon }: ConsoleServerOptions, port: number, request: Request): Promise<Response> {
  const url = new URL(request.url);
  const host = request.headers.get('host');
  const json = (value: object, status = 200): Response => Response.json(value, { status, headers: { ...headers, 'cache-control': 'no-store' } });
  const text = (status: number, what: string): Response => new Response(`${what}\n`, { status, headers });
  // Another name that leads here is a page that wants to be our origin (DNS rebinding).
  if (host !== `localhost:${port}` && host !== `127.0.0.1:${port}`) return text(421, 'this is not that host');
  if (url.pathname.startsWith('/local/')) {
    if (url.pathname === '/local/config.json' && request.method === 'GET') return json({ relay });
    if (daemon === undefined) return text(404, 'not here');
    const origin = request.headers.get('origin');
    if (origin !== null && origin !== `http://${host}`) return text(403, 'not from this origin');
    if (!isEqual(request.headers.get('x-stillvault-setup') ?? '', daemon.secret)) return text(403, 'not without the address that stillvault up printed');
    if (url.pathname === '/local/status' && request.method === 'GET') return json(daemon.status());
    if (url.pathname === '/local/join' && request.method === 'POST') return joinLocal(daemon, request, json);
    return text(404, 'not here');
  }
  // Passkeys belong to a name, not to an address.
  if (host.startsWith('127.')) return new Response(null, { status: 308, headers: { ...headers, location: `http://localhost:${port}${url.pathname}` } });
  return files(request) ?? text(request.method === 'GET' || request.method === 'HEAD' ? 404 : 405, 'not here');
}

async function joinLocal({ join }: LocalDaemon, request: Request, json: (value: object, status?: number) => Response): Promise<Response> {
  if (request.headers.get('content-type')?.split(';')[0] !== 'application/json') return json(failed('usage', 'send application/json'), 415);
  const ask: unknown = await request.json().catch(() => undefined);
  const valid = typeof ask === 'object' && ask !== null && Object.keys(ask).every((key) => key === 'token' || key === 'name');
  if (!valid || !('token' in ask) || typeof ask.token !== 'string' || ask.token.length > 4_096) return json(failed('usage', 'send {"token":"…"}'), 400);
  const name = 'name' in ask ? ask.name : undefined;
  if (name !== undefined && (typeof name !== 'string' || name.length > 128)) return json(failed('usage', 'the name is too long'), 400);
  try {
    const { words, machine, org, state } = await join({ token: ask.token, ...(name === undefined ? {} : { name }) });
    return json({ words, machine, org, state });
  } catch (error) {
    const { code, message, next, detail } = toStillvaultError(error);
    return json({ error: { code, message, ...(next === undefined ? {} : { next }), ...(detail === undefined ? {} : { detail }) } }, 409);
  }
}

function failed(code: string, message: string): object {
  return { error: { code, message } };
}

/** Compared as hashes: equal length, and the time tells nothing about the secret. */
function isEqual(a: string, b: string): boolean {
  const digest = (text: string): Uint8Array => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
