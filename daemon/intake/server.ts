// The daemon's door (spec/10-local-api.md §socket): a Unix socket in a folder of its own, and the optional loopback port.
import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import { connect, createServer, type ListenOptions, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { DaemonError } from '../errors.ts';
import { bounds } from './bounds.ts';
import { createAcceptor, type AcceptorDeps } from './connection.ts';
import { loadToken } from './loopback.ts';
import { daemonRunning, ensurePrivateFolder, lockFolder, statePathRefused } from './state-path.ts';

export interface IntakeDeps extends AcceptorDeps {
  readonly socketPath: string;
  /** 0o660 for a system unit whose group may ask; 0o600 otherwise. */
  readonly socketMode?: 0o600 | 0o660;
  readonly loopback?: { readonly port: number; readonly tokenFile: string; readonly random: (length: number) => Uint8Array };
}
export interface Intake {
  readonly socketPath: string;
  readonly loopbackPort: number | undefined;
  /** Stops listening and ends every connection. */
  close(): Promise<void>;
}

/** Throws E_STATE_PATH, E_DAEMON_RUNNING, and usage for a path too long for a socket. */
export async function createIntake(deps: IntakeDeps): Promise<Intake> {
  const { socketPath } = deps;
  const { selfUid, os } = deps.observer;
  if (Buffer.byteLength(socketPath) > bounds.socketPathBytes)
    throw new DaemonError('usage', 'E_STATE_PATH', `the socket's path is longer than ${bounds.socketPathBytes} bytes, the most a socket can have`, {
      next: 'set STILLVAULT_SOCKET to a shorter path',
    });
  ensurePrivateFolder(dirname(socketPath), selfUid, deps.socketMode === 0o660 ? 0o750 : 0o700);
  const lock = lockFolder(dirname(socketPath), os);
  const servers: Server[] = [];
  const connections = new Set<Socket>();
  const close = async (): Promise<void> => {
    const closed = servers.map((server) => new Promise((resolve) => server.close(resolve)));
    for (const socket of connections) socket.destroy();
    await Promise.all(closed);
    lock[Symbol.dispose]();
  };
  try {
    await removeStale(socketPath, selfUid);
    const accept = createAcceptor(deps, connections);
    servers.push(await listen((socket) => accept(socket, undefined), { path: socketPath }));
    chmodSync(socketPath, deps.socketMode ?? 0o600);
    if (deps.loopback !== undefined) {
      ensurePrivateFolder(dirname(deps.loopback.tokenFile), selfUid);
      const token = loadToken(deps.loopback.tokenFile, selfUid, deps.loopback.random);
      servers.push(await listen((socket) => accept(socket, token), { port: deps.loopback.port, host: '127.0.0.1' }));
    }
  } catch (cause) {
    await close();
    throw cause;
  }
  const address = servers[1]?.address();
  return { socketPath, loopbackPort: typeof address === 'object' && address !== null ? address.port : undefined, close };
}

export async function listen(accept: (socket: Socket) => void, where: ListenOptions): Promise<Server> {
  const server = createServer(accept);
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(where, resolve));
  return server;
}

/** What a daemon that was killed left behind goes; anything else at the path stays, and we do not start. */
export async function removeStale(path: string, selfUid: number): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw statePathRefused(path, 'is no socket');
  if (found.uid !== selfUid) throw statePathRefused(path, `belongs to uid ${found.uid}`);
  if (await isServed(path)) throw daemonRunning(path);
  unlinkSync(path);
}

async function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}
