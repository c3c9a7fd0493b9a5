// For tests: the real executable as a process of its own, with pipes or on a terminal.
import { join } from 'node:path';

export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  readonly bytes: Uint8Array;
}
export interface Given {
  readonly socketPath?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Uint8Array;
  readonly cwd?: string;
}

const main = join(import.meta.dir, '../main.ts');

function environment({ socketPath, env }: Given): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: '/nonexistent',
    TZ: 'UTC',
    TERM: 'xterm',
    ...(socketPath === undefined ? {} : { STILLVAULT_SOCKET: socketPath }),
    ...env,
  };
}

export interface Started {
  readonly pid: number;
  kill(signal: NodeJS.Signals): void;
  /** Resolves when what is watched holds the text. */
  seen(text: string): Promise<void>;
  /** What is watched, so far. */
  text(): string;
  readonly ended: Promise<Ended>;
}

/** A process that a test may send signals to; its pipes are read to their end, one of them watched. */
export function start(words: readonly string[], given: Given = {}, watched: 'out' | 'err' = 'err'): Started {
  const child = Bun.spawn([process.execPath, main, ...words], {
    env: environment(given),
    cwd: given.cwd ?? '/',
    stdin: given.input === undefined ? 'ignore' : typeof given.input === 'string' ? new TextEncoder().encode(given.input) : given.input,
    stdout: 'pipe',
    stderr: 'pipe',
  });
  let text = '';
  let watchers: (() => void)[] = [];
  const read = async (stream: ReadableStream<Uint8Array>, isWatched: boolean): Promise<Uint8Array> => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of stream) {
      chunks.push(chunk);
      if (!isWatched) continue;
      text = Buffer.concat(chunks).toString();
      watchers.forEach((watch) => watch());
    }
    return Buffer.concat(chunks);
  };
  const ended = (async () => {
    const [bytes, err] = await Promise.all([read(child.stdout, watched === 'out'), read(child.stderr, watched === 'err')]);
    await child.exited;
    return { code: child.exitCode ?? -1, out: new TextDecoder().decode(bytes), err: new TextDecoder().decode(err), bytes };
  })();
  const seen = async (wanted: string): Promise<void> => {
    const found = new Promise<void>((resolve) => {
      const watch = (): void => {
        if (text.includes(wanted)) resolve();
      };
      watchers.push(watch);
      watch();
    });
    const early = ended.then(({ code, out, err }) => {
      if (!text.includes(wanted)) throw new Error(`ended with ${code} before ${wanted}: ${out}${err}`);
    });
    await Promise.race([found, early]);
    watchers = [];
  };
  return { pid: child.pid, kill: (signal) => child.kill(signal), seen, text: () => text, ended };
}

export async function run(words: readonly string[], given: Given = {}): Promise<Ended> {
  return start(words, given).ended;
}

/** The last line of a JSON output. */
export function lastJson({ out }: Pick<Ended, 'out'>): unknown {
  return JSON.parse(out.trimEnd().split('\n').at(-1) ?? '');
}

/** On a terminal of its own: `type` answers what is on the screen so far, once for each of its keys. */
export async function onTerminal(
  words: readonly string[],
  given: Given = {},
  answers: readonly (readonly [seen: string, typed: string])[] = [],
  cols = 120,
): Promise<{ readonly code: number; readonly screen: string }> {
  let screen = '';
  const rest = [...answers];
  const decoder = new TextDecoder();
  const child = Bun.spawn([process.execPath, main, ...words], {
    env: environment(given),
    cwd: given.cwd ?? '/',
    terminal: {
      cols,
      rows: 30,
      data(terminal, data) {
        screen += decoder.decode(data, { stream: true });
        const [next] = rest;
        if (next !== undefined && screen.includes(next[0])) {
          rest.shift();
          terminal.write(next[1]);
        }
      },
    },
  });
  await child.exited;
  child.terminal?.close();
  return { code: child.exitCode ?? 128 + (child.signalCode === 'SIGINT' ? 2 : 0), screen };
}
