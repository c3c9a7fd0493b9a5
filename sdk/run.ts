// Runs a program with secrets in its environment, one request for the whole set; what it prints is masked as it streams (spec/13-mcp.md §masking).
import { spawn } from 'node:child_process';
import { StringDecoder } from 'node:string_decoder';
import type { GetOptions, Reference, Released } from './client.ts';
import { StillvaultError } from './errors.ts';
import { createMask, type Mask } from './mask.ts';

export interface RunOptions extends GetOptions {
  /** Variables of the program, each a reference. */
  readonly env: Readonly<Record<string, Reference>>;
  /** Plain variables; by default those of this process. */
  readonly baseEnv?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  readonly stdin?: Uint8Array | string;
  /** Masked text as it comes; without them it is collected. */
  readonly onStdout?: (text: string) => void;
  readonly onStderr?: (text: string) => void;
  /** Shows values as the program prints them. */
  readonly noMask?: boolean;
}
export interface RunResult {
  /** Null where a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** Masked, at most the last 1 MiB; empty where a callback took it. */
  readonly stdout: string;
  readonly stderr: string;
}

const keptCharacters = 1_048_576;

/** Aborting the signal withdraws the request, or ends the program. Throws StillvaultError, or the signal's reason. */
export async function runProgram(
  release: (references: readonly Reference[], options: GetOptions) => Promise<Released>,
  command: readonly string[],
  options: RunOptions,
): Promise<RunResult> {
  const [program, ...args] = command;
  if (program === undefined || program === '') throw new StillvaultError('usage', 'which program? give its name and its arguments as a list');
  const { env: wanted, baseEnv = process.env, cwd, stdin, onStdout, onStderr, noMask = false, ...asked } = options;
  const names = Object.keys(wanted);
  if (names.length === 0) throw new StillvaultError('usage', 'which secrets? give env: { NAME: reference }');
  const { values } = await release(Object.values(wanted), asked);
  let mask: Mask;
  let env: Record<string, string | undefined>;
  try {
    mask = createMask(noMask ? [] : values.map(({ bytes }) => bytes));
    env = { ...baseEnv, ...Object.fromEntries(names.map((name, at) => [name, textOf(name, values[at]?.bytes ?? new Uint8Array(0))])) };
  } finally {
    for (const { bytes } of values) bytes.fill(0);
  }
  asked.signal?.throwIfAborted();
  return start(program, args, { env, mask, ...(cwd === undefined ? {} : { cwd }), stdin, onStdout, onStderr, signal: asked.signal });
}

/** The environment holds text without NUL: anything else would reach the program as something else. */
function textOf(name: string, bytes: Uint8Array): string {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    if (!text.includes('\0')) return text;
  } catch {
    // told below
  }
  throw new StillvaultError('usage', `the value for ${name} is binary and cannot be in an environment`);
}

interface Started {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly mask: Mask;
  readonly cwd?: string;
  readonly stdin: Uint8Array | string | undefined;
  readonly onStdout: ((text: string) => void) | undefined;
  readonly onStderr: ((text: string) => void) | undefined;
  readonly signal: AbortSignal | undefined;
}

function start(program: string, args: readonly string[], { env, mask, cwd, stdin, onStdout, onStderr, signal }: Started): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: { ...env }, ...(cwd === undefined ? {} : { cwd }), stdio: 'pipe' });
    const [stdout, stderr] = [createSink(mask, onStdout), createSink(mask, onStderr)];
    const stop = (): void => void child.kill('SIGTERM');
    signal?.addEventListener('abort', stop, { once: true });
    child.stdout.on('data', (chunk: Uint8Array) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Uint8Array) => stderr.push(chunk));
    child.stdin.on('error', () => undefined); // it does not read its input: its exit tells
    child.stdin.end(stdin ?? '');
    child.on('error', (cause) => {
      signal?.removeEventListener('abort', stop);
      reject(new StillvaultError('not_found', `${program} cannot be started`, { cause }));
    });
    child.on('close', (exitCode, ended) => {
      signal?.removeEventListener('abort', stop);
      if (signal?.aborted === true) return reject(signal.reason instanceof Error ? signal.reason : new Error('aborted', { cause: signal.reason }));
      resolve({ exitCode, signal: ended, stdout: stdout.end(), stderr: stderr.end() });
    });
  });
}

function createSink(mask: Mask, tell: ((text: string) => void) | undefined): { push(chunk: Uint8Array): void; end(): string } {
  const stream = mask.stream();
  const decoder = new StringDecoder('utf8');
  let kept = '';
  const add = (bytes: Uint8Array): void => {
    const text = decoder.write(Buffer.from(bytes)); // a copy: what the mask gives may be a view
    if (text === '') return;
    if (tell) tell(text);
    else kept = (kept + text).slice(-keptCharacters);
  };
  return {
    push: (chunk) => add(stream.push(chunk)),
    end: () => {
      add(stream.end());
      return kept;
    },
  };
}
