// A program in a process group of its own: bounded in time and output, masked as it streams, gone with its call (spec/13-mcp.md §run).
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { StillvaultError } from '../sdk/errors.ts';
import type { MaskStream } from '../sdk/mask.ts';
import { bounds } from './bounds.ts';
import type { Session } from './session.ts';

export interface Program {
  /** Absolute. */
  readonly program: string;
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly input: string | undefined;
  readonly timeoutMs: number;
}
export interface Kept {
  readonly [name: string]: string | number;
  readonly text: string;
  readonly cut_bytes: number;
}
export interface Ended {
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
  readonly timedOut: boolean;
  readonly stdout: Kept;
  readonly stderr: Kept;
}

/** As a shell looks for it. Throws not_found, usage. */
export function findProgram(name: string, path = '/usr/local/bin:/usr/bin:/bin', cwd = '/'): string {
  if (!isFolder(cwd)) throw new StillvaultError('not_found', `${JSON.stringify(cwd)} is no folder; nobody was asked`);
  const candidates = name.includes('/') ? [name] : path.split(':').map((folder) => `${folder === '' ? '.' : folder}/${name}`);
  const found = candidates.map((candidate) => resolve(cwd, candidate)).find(isExecutable);
  if (name === '' || found === undefined) throw new StillvaultError('not_found', `there is no program ${JSON.stringify(name)}; nobody was asked`);
  return found;
}

export async function runProgram({ desk, onEnd }: Session, { program, argv, cwd, env, input, timeoutMs }: Program, signal: AbortSignal): Promise<Ended> {
  signal.throwIfAborted();
  const child = spawn(program, argv.slice(1), {
    argv0: argv[0],
    cwd,
    env: { ...env },
    detached: true,
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  let timedOut = false;
  let final: ReturnType<typeof setTimeout> | undefined;
  const stop = (): void => {
    killGroup(child, 'SIGTERM');
    final ??= setTimeout(() => killGroup(child, 'SIGKILL'), bounds.killMs);
  };
  const forget = onEnd(() => killGroup(child, 'SIGKILL')); // the session ends now: no time to be polite
  const timer = setTimeout(() => {
    timedOut = true;
    stop();
  }, timeoutMs);
  signal.addEventListener('abort', stop, { once: true });
  const [stdout, stderr] = [keepEnd(desk.mask().stream()), keepEnd(desk.mask().stream())];
  child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
  child.stdin?.on('error', () => undefined); // it does not read its input: its own affair
  child.stdin?.end(input);
  const drained = new Promise<void>((resolveClose) => child.once('close', () => resolveClose()));
  try {
    const [code, endedBy] = await exitOf(child);
    killGroup(child, 'SIGKILL'); // what it left running holds the values, and the pipes
    await allRead(child, drained);
    return { exitCode: code ?? undefined, signal: endedBy ?? undefined, timedOut, stdout: stdout.end(), stderr: stderr.end() };
  } finally {
    clearTimeout(timer);
    clearTimeout(final);
    signal.removeEventListener('abort', stop);
    forget();
  }
}

function exitOf(child: ChildProcess): Promise<[number | null, NodeJS.Signals | null]> {
  return new Promise((resolveExit, reject) => {
    child.once('exit', (code, signal) => resolveExit([code, signal]));
    child.once('error', (cause) => reject(new StillvaultError('error', 'the program cannot be started', { cause })));
  });
}

/** All that it wrote was read; a process that left the group could hold the pipe for ever. */
async function allRead(child: ChildProcess, drained: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const enough = new Promise<void>((resolveClose) => (timer = setTimeout(resolveClose, bounds.killMs)));
  await Promise.race([drained, enough]);
  clearTimeout(timer);
  child.stdout?.destroy();
  child.stderr?.destroy();
}

function killGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch {
    // Nobody is left in the group.
  }
}

/** The end of what is masked: what went wrong stands there. */
function keepEnd(mask: MaskStream): { push(chunk: Uint8Array): void; end(): Kept } {
  let kept: Uint8Array = new Uint8Array(0);
  let cut = 0;
  const add = (chunk: Uint8Array): void => {
    const all = Buffer.concat([kept, chunk]);
    const over = Math.max(0, all.length - bounds.outputBytes);
    kept = all.subarray(over);
    cut += over;
  };
  return {
    push: (chunk) => add(mask.push(chunk)),
    end: () => {
      add(mask.end());
      return { text: new TextDecoder().decode(kept), cut_bytes: cut };
    },
  };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
