// Starts a program exactly as written and stays out of its way: its streams, its signals, its exit code (spec/10-local-api.md §run).
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { constants as osConstants } from 'node:os';
import { StillvaultError } from '../../../sdk/errors.ts';
import type { Output } from '../terminal/output.ts';
import { printable } from '../terminal/text.ts';
import type { Signal, World } from '../terminal/world.ts';
import type { ProgramEnvironment } from './variables.ts';

export type Found = { readonly kind: 'found'; readonly path: string } | { readonly kind: 'not executable' | 'missing' };

/** As a shell looks for it: a name with a slash is a path, any other is searched for in PATH. */
export function findProgram(name: string, path = '/usr/local/bin:/usr/bin:/bin'): Found {
  const candidates = name.includes('/') ? [name] : name === '' ? [] : path.split(':').map((folder) => `${folder === '' ? '.' : folder}/${name}`);
  let kind: 'missing' | 'not executable' = 'missing';
  for (const candidate of candidates) {
    const found = look(candidate);
    if (found === 'executable') return { kind: 'found', path: candidate };
    if (found === 'not executable') kind = found;
  }
  return { kind };
}

function look(path: string): 'executable' | 'not executable' | undefined {
  try {
    if (!statSync(path).isFile()) return 'not executable';
    accessSync(path, constants.X_OK);
    return 'executable';
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    return code === 'ENOENT' || code === 'ENOTDIR' ? undefined : 'not executable';
  }
}

const forwarded: readonly Signal[] = ['SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGCONT', 'SIGWINCH'];

/** Resolves to the program's exit code, or 128+n. */
export async function runProgram(world: World, output: Output, path: string, argv: readonly string[], env: ProgramEnvironment): Promise<number> {
  let child: ReturnType<typeof Bun.spawn>;
  // A signal between the start and our knowing the child's id would be lost: those wait here.
  const early: Signal[] = [];
  let forward = (signal: Signal): void => void early.push(signal);
  using _signals = world.onSignals(forwarded, (signal) => forward(signal));
  try {
    child = Bun.spawn([path, ...argv.slice(1)], { argv0: argv[0] ?? path, env: { ...env }, stdio: ['inherit', 'inherit', 'inherit'] });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    // A script whose interpreter is missing is there and yet not found: shells say 127 for it too.
    output.failure(new StillvaultError(code === 'ENOENT' ? 'not_found' : 'error', `${printable(argv[0] ?? path)} cannot be started: ${startFailure(code)}`));
    return code === 'ENOENT' ? 127 : 126;
  }
  forward = (signal) => {
    if (!((signal === 'SIGINT' || signal === 'SIGQUIT') && terminalSendsToGroup())) child.kill(signal);
  };
  early.forEach(forward);
  await child.exited;
  return child.signalCode === null ? (child.exitCode ?? 125) : 128 + signalNumber(child.signalCode);
}

function startFailure(code: unknown): string {
  if (code === 'ENOENT') return 'its interpreter is missing';
  if (code === 'ENOEXEC') return 'it is no program that this system can run';
  if (code === 'E2BIG') return 'arguments and environment are longer than the system allows';
  if (code === 'EACCES' || code === 'EPERM') return 'permission denied';
  return typeof code === 'string' ? code : 'the system refused';
}

/** In the foreground of a terminal, Ctrl-C reaches the child from the terminal already: twice would mean "at once" to many programs. */
function terminalSendsToGroup(): boolean {
  try {
    // pid (comm) state ppid pgrp session tty_nr tpgid; comm may hold anything, so from its last parenthesis.
    const stat = readFileSync('/proc/self/stat', 'latin1');
    const [, , group, , , foreground] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return group !== undefined && group === foreground;
  } catch {
    return process.stdin.isTTY === true;
  }
}

function signalNumber(signal: NodeJS.Signals | number): number {
  return typeof signal === 'number' ? signal : osConstants.signals[signal];
}
