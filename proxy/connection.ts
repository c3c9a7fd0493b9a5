// One connection of a program: its credential, where it goes, TLS opened for that host, then request after request (spec/16-proxy.md §connections).
import { hash, timingSafeEqual } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket, createSecureContext } from 'node:tls';
import { isLoopback, namesHost } from '../sdk/sending.ts';
import type { Authority } from './authority.ts';
import { bounds } from './bounds.ts';
import type { Desk } from './desk.ts';
import { AnswerBroken, type Link, exchange } from './exchange.ts';
import { type RequestHead, readRequestHead, valuesOf } from './head.ts';
import { ProxyError, refusals } from './proxy-error.ts';
import type { AwsKeys } from './sigv4.ts';
import { type Stream, createStream } from './stream.ts';
import { bareHost, connectTarget, isAddress, plainTarget, verifyHostHeader, verifyWithin } from './target.ts';
import { type Upstream, isLocalAddress } from './upstream.ts';

export interface Rules {
  /** Refuse hosts that neither a policy nor `allowed` names. */
  readonly denyUnmatched: boolean;
  readonly allowed: readonly string[];
  /** Connections that stay closed: for programs that pin certificates or have their own. */
  readonly tunnelled: readonly string[];
}
export interface ConnectionDeps {
  /** `stillvault:<token>` in base64. */
  readonly credential: string;
  readonly rules: Rules;
  readonly desk: Desk;
  readonly aws: AwsKeys | undefined;
  readonly authority: Authority;
  readonly upstream: Upstream;
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
}

export async function serveConnection(socket: Socket, deps: ConnectionDeps): Promise<void> {
  const client = createStream(socket);
  try {
    const head = await inTime(client, readRequestHead(client));
    if (head === undefined) return client.close();
    verifyCredential(head, deps.credential);
    if (head.method === 'CONNECT') await serveConnect(client, head, deps);
    else await servePlain(client, head, deps);
  } catch (error) {
    await refuse(client, error, deps.log);
  }
}

function verifyCredential({ headers }: RequestHead, credential: string): void {
  const [given = '', ...more] = valuesOf(headers, 'proxy-authorization');
  const digest = (text: string): Buffer => hash('sha256', text, 'buffer');
  if (more.length > 0 || !timingSafeEqual(digest(given.replace(/^basic +/i, '')), digest(credential)))
    throw new ProxyError('E_PROXY_CREDENTIAL', 'this proxy belongs to one program: use the address that it was given');
}

export function isNamed(target: URL, { allowed, tunnelled }: Rules, desk: Desk): boolean {
  return [allowed, tunnelled, desk.hosts()].some((hosts) => namesHost(hosts, target));
}

/** Throws E_PROXY_TARGET. */
function verifyTarget(target: URL, { rules, desk }: ConnectionDeps): void {
  if (isNamed(target, rules, desk)) return;
  const next = `name it with --allow-host ${target.host}`;
  if (rules.denyUnmatched) throw new ProxyError('E_PROXY_TARGET', `${target.host} is not among the hosts of this run: ${next}`);
  if (target.port !== '') throw new ProxyError('E_PROXY_TARGET', `${target.host} is no usual port: ${next}`);
  if (isLoopback(target.hostname) || (isAddress(target) && isLocalAddress(bareHost(target))))
    throw new ProxyError('E_PROXY_TARGET', `${target.host} is this machine or its network: ${next}`);
}

async function serveConnect(client: Stream, head: RequestHead, deps: ConnectionDeps): Promise<void> {
  const target = connectTarget(head);
  if (valuesOf(head.headers, 'transfer-encoding').length > 0 || valuesOf(head.headers, 'content-length').some((length) => length !== '0'))
    throw new ProxyError('E_PROXY_MESSAGE', 'CONNECT has no body');
  verifyTarget(target, deps);
  if (namesHost(deps.rules.tunnelled, target)) return serveTunnel(client, target, deps);
  const leaf = await deps.authority.leafFor(target.hostname);
  await client.write(established);
  const raw = client.release();
  const secured = new TLSSocket(raw, { isServer: true, secureContext: createSecureContext({ ...leaf, minVersion: 'TLSv1.2' }), ALPNProtocols: ['http/1.1'] });
  const inside = createStream(secured);
  try {
    const asked = await inTime(inside, shakenHands(secured));
    if (!isAddress(target) && asked !== undefined && asked.toLowerCase() !== target.hostname)
      throw new ProxyError('E_PROXY_HOST', `the connection to ${target.host} asks for another host in TLS`);
    await serveRequests(inside, target, deps);
  } catch (error) {
    await refuse(inside, error, deps.log);
  }
  raw.destroy();
}

const established = Buffer.from('HTTP/1.1 200 Connection established\r\n\r\n');

/** The name that the program asked for. */
function shakenHands(socket: TLSSocket): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    socket.once('secure', () => {
      const { servername } = socket as { readonly servername?: unknown }; // cast: the type does not know it on the server's side
      resolve(typeof servername === 'string' && servername !== '' ? servername : undefined);
    });
    socket.once('close', () => reject(new AnswerBroken('the program did not believe the certificate of this run')));
  });
}

async function serveRequests(client: Stream, target: URL, deps: ConnectionDeps): Promise<void> {
  const host = keptHost(client, target, deps);
  try {
    const link: Link = { client, target, desk: deps.desk, aws: deps.aws, host: host.take };
    for (;;) {
      const head = await readRequestHead(client);
      if (head === undefined) break;
      verifyWithin(head, target);
      if ((await exchange(link, head)) === 'close') break;
    }
    client.end();
  } finally {
    host.close();
  }
}

async function servePlain(client: Stream, head: RequestHead, deps: ConnectionDeps): Promise<void> {
  const { url: target, path } = plainTarget(head);
  verifyHostHeader(head, target);
  verifyTarget(target, deps);
  const host = keptHost(client, target, deps);
  try {
    // One request a connection: the next may go to another host.
    const single: RequestHead = {
      ...head,
      target: path,
      headers: [...head.headers.filter(([name]) => name.toLowerCase() !== 'connection'), ...connectionOf(head)],
    };
    await exchange({ client, target, desk: deps.desk, aws: deps.aws, host: host.take }, single);
    client.end();
  } finally {
    host.close();
  }
}

function connectionOf({ headers }: RequestHead): RequestHead['headers'] {
  return [['Connection', [...valuesOf(headers, 'connection'), 'close'].join(', ')]];
}

/** The connection to the host: kept between requests, ended with the program's. */
function keptHost(client: Stream, target: URL, { upstream, signal }: ConnectionDeps): { readonly take: () => Promise<Stream>; readonly close: () => void } {
  const gone = new AbortController();
  let kept: Stream | undefined;
  void client.closed.then(() => {
    gone.abort();
    kept?.close();
  });
  return {
    async take() {
      if (kept?.isIdle === true) return kept;
      kept?.close();
      kept = createStream(await upstream.connect(target, AbortSignal.any([signal, gone.signal])));
      if (gone.signal.aborted) kept.close();
      return kept;
    },
    close: () => kept?.close(),
  };
}

async function serveTunnel(client: Stream, target: URL, { upstream, signal }: ConnectionDeps): Promise<void> {
  const host = await upstream.connectRaw(target, signal);
  await client.write(established);
  const program = client.release();
  const over = Promise.withResolvers<void>();
  for (const side of [program, host]) side.on('error', () => undefined).setTimeout(bounds.idleMs, () => side.destroy());
  program.once('close', () => (host.destroy(), over.resolve()));
  host.once('close', () => (program.destroy(), over.resolve()));
  program.pipe(host).pipe(program);
  await over.promise;
}

/** Says why, where it can still be said. */
async function refuse(client: Stream, error: unknown, log: (line: string) => void): Promise<void> {
  if (!(error instanceof ProxyError)) {
    if (!(error instanceof AnswerBroken)) log('proxy: a connection ended by a fault of ours');
    return client.close();
  }
  const status = refusals[error.code];
  if (status === 403 || status === 502) log(`proxy: refused: ${error.message}`);
  const text = `stillvault: ${error.message} (${error.code})\n`;
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Refused'}`,
    ...(status === 407 ? ['Proxy-Authenticate: Basic realm="stillvault"'] : []),
    `X-Stillvault-Error: ${error.code}`,
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(text)}`,
    'Connection: close',
  ];
  await client.write(Buffer.from(`${lines.join('\r\n')}\r\n\r\n${text}`)).catch(() => undefined);
  client.end();
  // Read on for a moment: closing with unread bytes would take the answer away from the program.
  const drained = (async () => {
    while ((await client.read()) !== undefined);
  })().catch(() => undefined);
  let timer: ReturnType<typeof setTimeout> | undefined;
  await Promise.race([drained, new Promise((resolve) => (timer = setTimeout(resolve, 1_000)))]);
  clearTimeout(timer);
  client.close();
}

async function inTime<T>(stream: Stream, work: Promise<T>): Promise<T> {
  const timer = setTimeout(() => stream.close(), bounds.connectMs);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
  }
}
