// For tests: a proxy as `stillvault run` starts it, hosts with certificates of their own authority, and a program that writes bytes.
import { lookup } from 'node:dns/promises';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type Socket, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TLSSocket, connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { type AddressInfo, createServer } from 'node:net';
import { infoAt } from '../mcp/test-host.ts';
import { createClient } from '../sdk/client.ts';
import { type StubAnswers, type StubDaemon, releasing, startStubDaemon } from '../testing/stub-daemon.ts';
import { type Authority, createAuthority } from './authority.ts';
import { type ProxyOptions, type RunningProxy, startProxy } from './start.ts';

const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));

export interface TestHost extends AsyncDisposable {
  /** `localhost:4711` */
  readonly host: string;
  readonly port: number;
  /** All bytes that came, as latin1. */
  received(): string;
}
/** What a host does when the head of a request is there. */
export type Answering = (socket: Socket, request: string) => void;

export interface ProxyWorld extends AsyncDisposable {
  readonly authority: Authority;
  /** PEM file of the hosts' authority. */
  readonly caFile: string;
  readonly folder: string;
  startHost(answering?: Answering, options?: HostOptions): Promise<TestHost>;
  /** `secrets`: variable to value and hosts; the path of each is `prod/<variable>`. */
  start(secrets: Secrets, options?: Partial<ProxyOptions>, answers?: StubAnswers): Promise<TestProxy>;
}
export interface HostOptions {
  readonly name?: string;
  readonly plain?: boolean;
  /** Whose certificate it has; that of the world by default. */
  readonly authority?: Authority;
}
export type Secrets = Readonly<Record<string, { readonly value: string; readonly hosts: readonly string[] }>>;
export interface TestProxy extends AsyncDisposable {
  readonly proxy: RunningProxy;
  readonly daemon: StubDaemon;
  readonly port: number;
  readonly logged: readonly string[];
  placeholder(variable: string): string;
  /** Writes these bytes to the proxy itself; resolves to all that came until it closed. */
  talk(bytes: string, withCredential?: boolean): Promise<string>;
  /** The same within a connection to a host, opened by CONNECT. */
  within(host: string, bytes: string | readonly string[], options?: { readonly servername?: string }): Promise<string>;
  tunnel(host: string, options?: { readonly servername?: string }): Promise<TLSSocket>;
}

export const ok = (body: string, headers = ''): string => `HTTP/1.1 200 OK\r\nContent-Length: ${Buffer.byteLength(body, 'latin1')}\r\n${headers}\r\n${body}`;
export const answering =
  (text: string): Answering =>
  (socket) =>
    void socket.write(Buffer.from(text, 'latin1'));

export async function createProxyWorld(): Promise<ProxyWorld> {
  const folder = mkdtempSync(join(tmpdir(), 'sv-proxy-'));
  const authority = await createAuthority(random, Date.now);
  const caFile = join(folder, 'ca.pem');
  writeFileSync(caFile, authority.cert);
  return {
    authority,
    caFile,
    folder,
    async startHost(answer = answering(ok('fine')), { name = 'localhost', plain = false, authority: its = authority } = {}) {
      const sockets = new Set<Socket>();
      let received = '';
      const serve = (socket: Socket): void => {
        sockets.add(socket);
        let pending = '';
        socket.on('error', () => undefined);
        socket.on('data', (chunk: Buffer) => {
          received += chunk.toString('latin1');
          pending += chunk.toString('latin1');
          if (!isWhole(pending)) return;
          const request = pending;
          pending = '';
          answer(socket, request);
        });
      };
      const server = plain ? createServer(serve) : createTlsServer({ ...(await its.leafFor(name)), ALPNProtocols: ['http/1.1'] }, serve);
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as AddressInfo; // cast: it listens on a port
      return {
        host: `${name}:${port}`,
        port,
        received: () => received,
        async [Symbol.asyncDispose]() {
          for (const socket of sockets) socket.destroy();
          await new Promise((resolve) => server.close(resolve));
        },
      };
    },
    async start(secrets, options = {}, answers = {}) {
      const values = Object.fromEntries(Object.entries(secrets).map(([name, { value }]) => [`prod/${name}`, value]));
      const daemon = await startStubDaemon({
        'GET /v1/secrets/info': (ask) =>
          ask.json(infoAt(ask.query.get('path') ?? '', { hosts: [...(secrets[(ask.query.get('path') ?? '').slice(5)]?.hosts ?? [])] })),
        'POST /v1/release': releasing(values),
        ...answers,
      });
      const client = createClient({ env: { STILLVAULT_SOCKET: daemon.socketPath } });
      const logged: string[] = [];
      const proxy = await startProxy({
        client,
        release: (ask) => client.release(ask),
        variables: new Map(Object.keys(secrets).map((name) => [name, { path: `prod/${name}` }])),
        plain: {},
        ask: {},
        isLazy: false,
        denyUnmatched: false,
        allowed: [],
        tunnelled: [],
        caFiles: [caFile],
        env: { XDG_RUNTIME_DIR: folder },
        port: 0,
        random,
        now: Date.now,
        lookup: (hostname) => lookup(hostname, { all: true }),
        log: (line) => logged.push(line),
        ...options,
      }).catch(async (error: unknown) => {
        await daemon[Symbol.asyncDispose]();
        throw error;
      });
      const { port, password } = new URL(proxy.url);
      const credential = `Proxy-Authorization: Basic ${Buffer.from(`stillvault:${password}`).toString('base64')}\r\n`;
      const tunnel: TestProxy['tunnel'] = async (host, { servername = host.replace(/:\d+$/, '') } = {}) => {
        const raw = connect(Number(port), '127.0.0.1');
        raw.write(`CONNECT ${host} HTTP/1.1\r\nHost: ${host}\r\n${credential}\r\n`);
        const answer = await new Promise<string>((resolve) => raw.once('data', (chunk) => resolve(chunk.toString('latin1'))));
        if (!answer.startsWith('HTTP/1.1 200 ')) throw new Error(answer);
        const ca = proxy.environment['NODE_EXTRA_CA_CERTS'] ?? '';
        const secured = connectTls({ socket: raw, servername, ca: await Bun.file(ca).text(), checkServerIdentity: () => undefined });
        await new Promise<void>((resolve, reject) => secured.once('secureConnect', resolve).once('error', reject));
        return secured;
      };
      return {
        proxy,
        daemon,
        port: Number(port),
        logged,
        placeholder: (variable) => proxy.environment[variable] ?? '',
        async talk(bytes, withCredential = true) {
          const socket = connect(Number(port), '127.0.0.1');
          socket.write(Buffer.from(withCredential ? bytes.replace('\r\n', `\r\n${credential}`) : bytes, 'latin1'));
          return allOf(socket);
        },
        tunnel,
        async within(host, bytes, tunnelOptions) {
          const socket = await tunnel(host, tunnelOptions);
          const answer = allOf(socket);
          for (const part of typeof bytes === 'string' ? [bytes] : bytes) {
            socket.write(Buffer.from(part, 'latin1'));
            await new Promise((resolve) => setImmediate(resolve)); // a write of its own
          }
          return answer;
        },
        async [Symbol.asyncDispose]() {
          await proxy[Symbol.asyncDispose]();
          await daemon[Symbol.asyncDispose]();
        },
      };
    },
    async [Symbol.asyncDispose]() {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function isWhole(text: string): boolean {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const length = /^content-length: (\d+)/im.exec(text.slice(0, end))?.[1];
  if (length !== undefined) return text.length >= end + 4 + Number(length);
  return !/^transfer-encoding: chunked/im.test(text.slice(0, end)) || text.endsWith('0\r\n\r\n');
}

export function allOf(socket: Socket): Promise<string> {
  let text = '';
  return new Promise((resolve) => {
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    socket.once('close', () => resolve(text)).on('error', () => undefined);
  });
}
