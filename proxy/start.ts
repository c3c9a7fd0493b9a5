// Starts the egress proxy: one listener on loopback, one credential, one authority, one set of secrets (spec/16-proxy.md).
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type Server, type Socket, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StillvaultError } from '../sdk/errors.ts';
import { isLoopback } from '../sdk/sending.ts';
import { createAuthority } from './authority.ts';
import { bounds } from './bounds.ts';
import { type ConnectionDeps, type Rules, isNamed, serveConnection } from './connection.ts';
import { type DeskOptions, createDesk } from './desk.ts';
import { proxyEnvironment } from './environment.ts';
import { readRoots } from './roots.ts';
import { type Lookup, createUpstream } from './upstream.ts';

export interface ProxyOptions extends Omit<DeskOptions, 'nowMs'>, Rules {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Variables that are no secret, for AWS_ACCESS_KEY_ID. */
  readonly plain: Readonly<Record<string, string>>;
  /** Certificates to believe beside those of the system. */
  readonly caFiles: readonly string[];
  readonly port: number;
  readonly now: () => number;
  readonly lookup: Lookup;
}
export interface RunningProxy extends AsyncDisposable {
  /** With its credential. */
  readonly url: string;
  /** Placeholders, addresses and certificates: no value. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Throws StillvaultError: usage, policy_forbids, or why people or the daemon gave nothing. */
export async function startProxy(options: ProxyOptions): Promise<RunningProxy> {
  const { env, plain, caFiles, port, now, random, log, variables } = options;
  const rules: Rules = options;
  // Everything that can fail without people does so before they are asked; what was made is undone where a later step fails.
  await using undo = new AsyncDisposableStack();
  const roots = readRoots(env, caFiles);
  const folder = createFolder(env['XDG_RUNTIME_DIR']);
  undo.defer(() => rmSync(folder, { recursive: true, force: true }));
  const ending = new AbortController();
  const { server, open, serve } = createListener();
  await listen(server, port);
  undo.defer(async () => {
    ending.abort();
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of open) socket.destroy();
    await closed;
  });
  const desk = createDesk({ ...options, nowMs: () => performance.now() });
  undo.defer(() => desk.end());
  await desk.open();
  const authority = await createAuthority(random, now);
  const token = Buffer.from(random(24)).toString('base64url');
  const secretKey = desk.placeholders.get('AWS_SECRET_ACCESS_KEY');
  const keyId = desk.placeholders.get('AWS_ACCESS_KEY_ID') ?? plain['AWS_ACCESS_KEY_ID'];
  const deps: ConnectionDeps = {
    credential: Buffer.from(`stillvault:${token}`).toString('base64'),
    rules,
    desk,
    aws: secretKey === undefined || keyId === undefined ? undefined : { keyId, secretKey },
    authority,
    upstream: createUpstream(roots, (target) => isNamed(target, rules, desk), options.lookup),
    signal: ending.signal,
    log,
  };
  serve((socket) => serveConnection(socket, deps));
  const [addedFile, wholeFile] = [join(folder, 'authority.pem'), join(folder, 'authorities.pem')];
  writeFileSync(addedFile, `${roots.extra}${authority.cert}`, { mode: 0o600 });
  writeFileSync(wholeFile, `${roots.system}${roots.extra}${authority.cert}`, { mode: 0o600 });
  const address = server.address();
  const url = `http://stillvault:${token}@127.0.0.1:${address !== null && typeof address === 'object' ? address.port : port}`;
  const named = [...desk.hosts(), ...rules.allowed, ...rules.tunnelled];
  const isLocalServed = named.some((host) => isLoopback(host.toLowerCase().replace(/:\d+$/, '')));
  const running = undo.move();
  return {
    url,
    environment: {
      ...proxyEnvironment({ url, addedFile, wholeFile, isLocalServed }),
      ...Object.fromEntries([...variables.keys()].map((name) => [name, desk.placeholders.get(name) ?? ''])),
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** In memory where the system has such a place; a session that was left names one that is gone. */
function createFolder(runtime: string | undefined): string {
  const parent = runtime !== undefined && existsSync(runtime) ? runtime : tmpdir();
  try {
    return mkdtempSync(join(parent, 'stillvault-proxy-'));
  } catch (cause) {
    throw new StillvaultError('error', `no folder for certificates can be made in ${parent}; nobody was asked`, { cause });
  }
}

interface Listener {
  readonly server: Server;
  readonly open: ReadonlySet<Socket>;
  /** Connections that came before this are refused. */
  readonly serve: (connection: (socket: Socket) => Promise<void>) => void;
}

function createListener(): Listener {
  const open = new Set<Socket>();
  let connection: ((socket: Socket) => Promise<void>) | undefined;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    if (connection === undefined || open.size >= bounds.connections) return void socket.destroy();
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    connection(socket).catch(() => socket.destroy());
  });
  return { server, open, serve: (how) => (connection = how) };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new StillvaultError('error', `the proxy cannot listen on port ${port} of this machine; nobody was asked`, { cause })),
    );
    server.listen(port, '127.0.0.1', resolve);
  });
}
