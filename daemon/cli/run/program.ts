// Starts a program exactly as written and stays out of its way: its streams, its signals, its exit code (spec/17-run.md §program).
import { closeSync, readFileSync } from 'node:fs';
import { constants as osConstants } from 'node:os';
import { StillvaultError } from '../../../sdk/errors.ts';
import type { Mask } from '../../../sdk/mask.ts';
import type { Call } from '../terminal/command.ts';
import { printable } from '../terminal/text.ts';
import type { Signal, World } from '../terminal/world.ts';
import { type Guard, startGuard } from './guard.ts';
import { runLibc } from './libc.ts';
import { pumpMasked } from './masking.ts';
import { startOnTerminal } from './pass-through.ts';
import type { ProgramEnvironment } from './variables.ts';

export interface Start {
  readonly path: string;
  readonly argv: readonly string[];
  readonly env: ProgramEnvironment;
  /** Its 3 and up. */
  readonly descriptors: readonly number[];
  readonly stdin: number | undefined;
  /** Undefined: its output is not looked at. */
  readonly mask: Mask | undefined;
  readonly terminal: boolean;
  /** Of files, where there are some. */
  readonly guard: Guard | undefined;
}

/** Resolves to the program's exit code, or 128+n. */
export async function runProgram({ world, output }: Pick<Call, 'world' | 'output'>, start: Start): Promise<number> {
  // A signal between the start and our knowing the child's id would be lost: those wait here.
  const early: Signal[] = [];
  let forward = (signal: Signal): void => void early.push(signal);
  using _signals = world.onSignals(forwarded, (signal) => forward(signal));
  // A program that no terminal ends with us is ended by the guard.
  const isEndedByTerminal = start.terminal || hasTerminal();
  await using own = isEndedByTerminal || start.guard !== undefined ? undefined : startGuard();
  let running: Running;
  try {
    running = start.terminal ? startOnTerminal(world, start) : startOnPipes(world, start);
  } catch (error) {
    if (error instanceof StillvaultError) throw error;
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    // A script whose interpreter is missing is there and yet not found: shells say 127 for it too.
    const name = printable(start.argv[0] ?? start.path);
    output.failure(new StillvaultError(code === 'ENOENT' ? 'not_found' : 'error', `${name} cannot be started: ${startFailure(code)}`));
    return code === 'ENOENT' ? 127 : 126;
  }
  const { child } = running;
  forward = (signal) => {
    if (running.hasGroup) signalGroup(child.pid, signal);
    else if (!((signal === 'SIGINT' || signal === 'SIGQUIT') && isInForeground())) child.kill(signal);
    running.onSignal?.(signal);
  };
  if (!isEndedByTerminal) (start.guard ?? own)?.watch(child.pid);
  early.forEach(forward);
  await child.exited;
  await running.drained;
  return child.signalCode === null ? (child.exitCode ?? 125) : 128 + signalNumber(child.signalCode);
}

const forwarded: readonly Signal[] = ['SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGCONT', 'SIGWINCH'];

export interface Running {
  readonly child: Bun.Subprocess;
  /** Its process group is its own, and not that of a terminal's foreground which gets keys as signals. */
  readonly hasGroup: boolean;
  /** All that it wrote has gone on. */
  readonly drained: Promise<unknown>;
  readonly onSignal?: (signal: Signal) => void;
}

/** A group of its own, except at a terminal: only its foreground group may read there, and gets Ctrl-C and Ctrl-Z. */
function startOnPipes(world: World, { path, argv, env, descriptors, stdin, mask }: Start): Running {
  const hasGroup = !hasTerminal();
  const [stdout, stderr] = mask === undefined ? [] : [openOutput(), openOutput()];
  let child: Bun.Subprocess;
  try {
    child = Bun.spawn([path, ...argv.slice(1)], {
      argv0: argv[0] ?? path,
      env: { ...env },
      detached: hasGroup,
      stdio: [stdin ?? 'inherit', stdout?.write ?? 'inherit', stderr?.write ?? 'inherit', ...descriptors],
    });
  } finally {
    for (const pipe of [stdout, stderr]) if (pipe !== undefined) closeSync(pipe.write);
  }
  const libc = runLibc();
  const pump = async (pipe: ReturnType<typeof openOutput> | undefined, fd: 1 | 2): Promise<void> => {
    if (pipe === undefined || mask === undefined) return;
    libc?.widenPipe(fd);
    const write = (pieces: readonly Uint8Array[]): Promise<boolean> => world.writeSoon(fd, libc?.writeNow(fd, pieces) ?? pieces);
    await pumpMasked(Bun.file(pipe.read).stream(), mask.stream(), write, child.exited);
    closeSync(pipe.read); // where nobody reads any more, the program is told by it
  };
  return { child, hasGroup, drained: Promise.all([pump(stdout, 1), pump(stderr, 2)]) };
}

/** Not the runtime's own, which are sockets: a program could not open its /dev/stdout. */
function openOutput(): { readonly read: number; readonly write: number } {
  const pipe = runLibc()?.openPipe();
  if (pipe === undefined) throw new StillvaultError('error', 'this system gives no pipe to mask through', { next: 'add --no-mask' });
  return pipe;
}

function signalGroup(group: number, signal: Signal): void {
  try {
    process.kill(-group, signal);
  } catch {
    // Nobody is left in it.
  }
}

function startFailure(code: unknown): string {
  if (code === 'ENOENT') return 'its interpreter is missing';
  if (code === 'ENOEXEC') return 'it is no program that this system can run';
  if (code === 'E2BIG') return 'arguments and environment are longer than the system allows';
  if (code === 'EACCES' || code === 'EPERM') return 'permission denied';
  return typeof code === 'string' ? code : 'the system refused';
}

/** Of a terminal, which sends Ctrl-C to the child already: twice would mean "at once" to many programs. */
export function isInForeground(): boolean {
  const { group, foreground } = ownGroup();
  return group !== undefined && group === foreground;
}

function hasTerminal(): boolean {
  const { terminal } = ownGroup();
  return terminal !== undefined && terminal !== '0';
}

function ownGroup(): { readonly group?: string | undefined; readonly terminal?: string | undefined; readonly foreground?: string | undefined } {
  try {
    // pid (comm) state ppid pgrp session tty_nr tpgid; comm may hold anything, so from its last parenthesis.
    const stat = readFileSync('/proc/self/stat', 'latin1');
    const [, , group, , terminal, foreground] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { group, terminal, foreground };
  } catch {
    return process.stdin.isTTY === true ? { group: '1', terminal: '1', foreground: '1' } : {}; // another system than Linux
  }
}

function signalNumber(signal: NodeJS.Signals | number): number {
  return typeof signal === 'number' ? signal : osConstants.signals[signal];
}
