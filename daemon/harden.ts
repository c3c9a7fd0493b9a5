// Keeps other programs out of the daemon's memory (spec/10-local-api.md §hardening). Called first by main.ts, before any key is read.
import { wipe } from '../protocol/bytes.ts';
import { DaemonError } from './errors.ts';
import type { Libc } from './intake/libc.ts';

/** What could not be had: shown by `stillvault doctor`, never fatal, since containers may forbid any of them. */
export interface Hardening {
  readonly missing: readonly ('non-dumpable' | 'no-core-files')[];
}

/** The parts of `process` that matter here. */
export interface HardenedProcess {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly execArgv: readonly string[];
  umask(mask: number): unknown;
  on(signal: 'SIGUSR1', listener: () => void): unknown;
}

/** Throws E_INSPECTOR where someone asked for a debugger or for code of theirs in this process. */
export function harden(process: HardenedProcess, os: Libc | undefined): Hardening {
  verifyNoInspector(process);
  process.on('SIGUSR1', () => {}); // would start an inspector in Node, and end a process that does not expect it
  process.umask(0o077);
  const missing: Hardening['missing'][number][] = [];
  if (os?.setNonDumpable() !== true) missing.push('non-dumpable'); // also closes /proc/<pid>/mem and ptrace to programs of our uid
  if (os?.forbidCoreFiles() !== true) missing.push('no-core-files');
  return { missing };
}

const inspectorVariables = ['BUN_INSPECT', 'BUN_INSPECT_CONNECT_TO', 'BUN_INSPECT_NOTIFY'];
const optionVariables = ['NODE_OPTIONS', 'BUN_OPTIONS'];
const foreignCode =
  /(?:^|\s)(?:--inspect\S*|--debug\S*|-r|-r\S+|--require\S*|--preload\S*|--import\S*|--loader\S*|--experimental-loader\S*|--eval\S*|-e)(?:\s|=|$)/;

function verifyNoInspector({ env, execArgv }: HardenedProcess): void {
  const found = inspectorVariables.find((name) => (env[name] ?? '') !== '') ?? optionVariables.find((name) => foreignCode.test(env[name] ?? ''));
  if (found !== undefined) throw refusal(`the environment variable ${found}`, `unset ${found}`);
  const option = execArgv.find((item) => item.startsWith('--inspect'));
  if (option !== undefined) throw refusal('an --inspect option', 'start it without');
}

function refusal(what: string, next: string): DaemonError {
  return new DaemonError('usage', 'E_INSPECTOR', `the daemon does not start with ${what}: it would let another program read its keys`, { next });
}

/** A secret's bytes, kept out of swap where the limit allows, and wiped when disposed. */
export interface LockedBuffer extends Disposable {
  readonly bytes: Uint8Array;
  /** False where the system's limit of locked memory is reached: the bytes are then only wiped. */
  readonly locked: boolean;
}

/** Takes over `bytes`. Single buffers: mlockall hangs under this engine. */
export function lockBuffer(bytes: Uint8Array, os: Libc | undefined): LockedBuffer {
  const locked = os?.lockPages(bytes) === true;
  let held = true;
  return {
    bytes,
    locked,
    [Symbol.dispose]() {
      if (!held) return;
      held = false;
      wipe(bytes); // before the pages may be swapped again
      if (locked) os.unlockPages(bytes);
    },
  };
}
