// Commands that make a new value: which one is for a path, and how it is run (spec/20-rotate.md §hooks).
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { closeSync, fstatSync, lstatSync, openSync, readFileSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { StillvaultError } from '../../../sdk/errors.ts';
import { usage } from '../terminal/arguments.ts';
import { Interrupted } from '../terminal/output.ts';
import { printable } from '../terminal/text.ts';
import type { World } from '../terminal/world.ts';

export interface HookRule {
  readonly pattern: string;
  readonly command: string;
}

const maxFileBytes = 262_144;
/** As in protocol/limits.ts, and room for the newline that is left off. */
const maxValueBytes = 65_536;
/** JSON of fields: each byte may take six characters. */
const maxJsonBytes = 6 * maxValueBytes;

/** Lines `pattern command`, `#` begins a comment. What others could change is refused: it would run as this user. Throws usage. */
export function readHooks(path: string, uid: number): readonly HookRule[] {
  const unsafe = (what: string): StillvaultError =>
    usage(`${printable(path)} ${what}: its commands would run as you, so nothing was run`, `chmod go-w ${printable(path)}`);
  let text: string;
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch {
    throw usage(`the hooks file ${printable(path)} cannot be read`);
  }
  try {
    const { mode, uid: owner, size } = fstatSync(fd);
    if ((mode & 0o022) !== 0) throw unsafe('can be changed by others');
    if (owner !== uid && owner !== 0) throw unsafe('belongs to another user');
    if (size > maxFileBytes) throw usage(`${printable(path)} is longer than ${maxFileBytes} bytes`);
    text = readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
  for (const folder of foldersAbove(resolve(path))) {
    const { mode, uid: owner } = statSync(folder);
    if (((mode & 0o022) !== 0 && (mode & 0o1000) === 0) || (owner !== uid && owner !== 0)) throw unsafe('lies in a folder in which others can replace it');
  }
  return text.split('\n').flatMap((line, at) => {
    const rest = line.trim();
    if (rest === '' || rest.startsWith('#')) return [];
    const [, pattern = '', command = ''] = /^(\S+)\s+(.+)$/.exec(rest) ?? [];
    if (command === '') throw usage(`${printable(path)}, line ${at + 1}: a pattern, then a command`, 'such as: prod/db-* pwgen -s 32 1');
    return [{ pattern, command }];
  });
}

/** Up to the root, and above where each link leads: who can rename one of them, or turn a link in it, can put another file in its place. */
function* foldersAbove(path: string): Generator<string> {
  for (let at = path, folder = dirname(at); at !== folder; [at, folder] = [folder, dirname(folder)]) {
    yield folder;
    if (lstatSync(at).isSymbolicLink()) yield* foldersAbove(resolve(realpathSync(folder), readlinkSync(at)));
  }
}

export interface HookAsk {
  readonly command: string;
  /** STILLVAULT_PATH and what else it may know: never a value. */
  readonly about: Readonly<Record<string, string>>;
  readonly fields: readonly string[];
  /** Only with --pass-old: on its standard input. */
  readonly old?: Uint8Array | undefined;
  readonly timeoutMs: number;
  readonly keepNewline: boolean;
}
export type NewValue = { readonly value: Uint8Array } | { readonly fields: Readonly<Record<string, Uint8Array>> };

/** What the command wrote: a value without the newline at its end, or for a secret with fields one JSON object of exactly those. Throws error: E_HOOK. */
export async function runHook(world: World, ask: HookAsk): Promise<NewValue> {
  const output = await runCommand(world, ask, ask.fields.length > 0 ? maxJsonBytes : maxValueBytes + 2);
  try {
    return ask.fields.length > 0 ? { fields: fieldsOf(output, ask.fields) } : { value: valueOf(output, ask.keepNewline) };
  } finally {
    output.fill(0);
  }
}

/** For --after: its output goes where ours goes, to standard error. */
export async function runAfter(world: World, ask: Pick<HookAsk, 'command' | 'about' | 'timeoutMs'>): Promise<void> {
  (await runCommand(world, ask, maxJsonBytes)).fill(0);
}

async function runCommand(
  world: World,
  { command, about, old, timeoutMs }: Pick<HookAsk, 'command' | 'about' | 'old' | 'timeoutMs'>,
  maxBytes: number,
): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let size = 0;
  let failed: StillvaultError | undefined;
  const end = (reason: StillvaultError): void => {
    failed ??= reason;
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // it has ended
    }
    child.stdout.destroy(); // what left the group may hold it open
  };
  // From before it starts: a signal at that moment would end us and leave it running.
  using _signals = world.onSignals(['SIGINT', 'SIGTERM', 'SIGHUP'], (signal) => end(new Interrupted(signal, 'interrupted: this one was not stored')));
  const child = startShell(command, { ...world.env, ...about });
  const timer = setTimeout(() => end(hookError(`the hook took longer than ${timeoutMs / 1_000} s`)), timeoutMs);
  child.stdin.on('error', () => undefined); // it need not read
  child.stdin.end(old);
  child.stdout.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > maxBytes) {
      chunk.fill(0);
      end(hookError(`the hook wrote more than a secret can hold`));
    } else chunks.push(chunk);
  });
  try {
    const { promise, resolve: ended } = Promise.withResolvers<string | undefined>();
    child.on('error', () => ended('the hook could not be started'));
    child.on('close', (code, signal) => ended(code === 0 ? undefined : signal === null ? `the hook ended with ${code}` : `the hook was ended by ${signal}`));
    const reason = await promise;
    if (failed ?? reason) throw failed ?? hookError(reason ?? '');
    return new Uint8Array(Buffer.concat(chunks));
  } finally {
    clearTimeout(timer);
    for (const chunk of chunks) chunk.fill(0);
  }
}

// A group of its own, so that what it starts ends with it.
function startShell(command: string, env: NodeJS.ProcessEnv): ChildProcessByStdio<Writable, Readable, null> {
  return spawn('/bin/sh', ['-c', command], { env, stdio: ['pipe', 'pipe', 'inherit'], detached: true });
}

function valueOf(output: Uint8Array, keepNewline: boolean): Uint8Array {
  const cut = keepNewline || output.at(-1) !== 0x0a ? 0 : output.at(-2) === 0x0d ? 2 : 1;
  const value = output.slice(0, output.length - cut);
  if (value.length === 0) throw hookError('the hook wrote nothing');
  if (value.length > maxValueBytes) throw hookError('the hook wrote more than a secret can hold');
  return value;
}

function fieldsOf(output: Uint8Array, names: readonly string[]): Readonly<Record<string, Uint8Array>> {
  const wrong = (): StillvaultError => hookError(`the hook is to write one JSON object with exactly these fields: ${names.map(printable).join(', ')}`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(output));
  } catch {
    throw wrong(); // nothing of it is quoted
  }
  const given = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? Object.entries(parsed) : [];
  if (given.length !== names.length || !given.every(([name, value]) => names.includes(name) && typeof value === 'string' && value !== '')) throw wrong();
  return Object.fromEntries(given.map(([name, value]) => [name, new TextEncoder().encode(String(value))]));
}

function hookError(message: string): StillvaultError {
  return new StillvaultError('error', `${message}: nothing was stored`, { detail: 'E_HOOK' });
}
