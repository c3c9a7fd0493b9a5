// The intake's tests run it for real: sockets in fresh folders, askers that are processes of their own, of this and of another uid.
import { spawnSync } from 'node:child_process';
import { copyFileSync, chmodSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Handler } from './connection.ts';
import { createObserver, systemObserverDeps, type Observer } from './observer.ts';
import { createAskLimiter } from './rate.ts';
import { createIntake, type Intake, type IntakeDeps } from './server.ts';

/** A fresh folder that goes with the test. Short: a socket's path may have 103 bytes. */
export function createFolder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(realpathSync(tmpdir()), 'sv-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

export interface TestIntake extends AsyncDisposable {
  readonly intake: Intake;
  readonly socketPath: string;
  readonly observer: Observer;
  /** Codes in the order in which they were logged. */
  readonly logged: string[];
}

export async function startIntake(folder: string, handler: Handler, options: Partial<IntakeDeps> = {}): Promise<TestIntake> {
  const observer = createObserver(systemObserverDeps([]));
  const logged: string[] = [];
  const socketPath = join(folder, 'run', 'daemon.sock');
  const log: IntakeDeps['log'] = ({ code }) => void logged.push(code);
  const limiter = createAskLimiter(() => performance.now());
  const intake = await createIntake({ socketPath, allowedUids: [observer.selfUid], handler, observer, limiter, log, ...options });
  return { intake, socketPath, observer, logged, [Symbol.asyncDispose]: () => intake.close() };
}

/** Fetch on the socket from this process. */
export async function ask(socketPath: string, path: string, init: RequestInit = {}): Promise<{ status: number; body: unknown }> {
  const response = await fetch(`http://d${path}`, { ...init, unix: socketPath });
  return { status: response.status, body: await response.json() };
}

/** A connected socket, and all that comes out of it until it ends. */
export async function dial(
  where: string | { readonly port: number },
): Promise<{ readonly socket: Socket; readonly text: Promise<string>; readonly ended: Promise<void> }> {
  const socket = typeof where === 'string' ? connect(where) : connect(where.port, '127.0.0.1');
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString()));
  const ended = new Promise<void>((resolve) => socket.on('close', () => resolve()).on('error', () => {}));
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  return { socket, ended, text: ended.then(() => text) };
}

/** Prints the answer to one GET as one line: run by `bun -e`, with the socket and the path as arguments. */
export const askingProgram = `
const [socket, path] = process.argv.slice(-2);
try { console.log(await (await fetch('http://d' + path, { unix: socket })).text()); } catch (error) { console.log(JSON.stringify({ failed: error.code })); }`;

/** The runtime where every uid may run it: the repository may lie in a folder that only its owner can enter. */
export function createSharedRuntime(folder: string): string {
  const path = join(folder, 'bun');
  copyFileSync(process.execPath, path);
  chmodSync(path, 0o755);
  return path;
}

const works = (command: string, ...args: readonly string[]): boolean => spawnSync(command, args, { stdio: 'ignore' }).status === 0;

/** Empty where a test can run, else why not. */
export const noSecondUid: string = works('setpriv', '--reuid=65533', '--regid=65533', '--clear-groups', 'true') ? '' : 'needs root and setpriv';
export const noNamespaces: string = works('unshare', '-Ufpm', '--map-root-user', '--mount-proc', 'true')
  ? ''
  : 'this machine permits no user, process and mount namespaces';
export const asUid = (uid: number): readonly string[] => ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'];
export const inNamespaces: readonly string[] = ['unshare', '-Ufpm', '--kill-child', '--map-root-user', '--mount-proc'];

export async function run(command: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  await using child = Bun.spawn([...command], {
    stdout: 'pipe',
    stderr: 'inherit',
    stdin: 'ignore',
    timeout: 10_000,
    killSignal: 'SIGKILL',
    env: { ...process.env, ...env },
  });
  return (await new Response(child.stdout).text()).trim();
}
