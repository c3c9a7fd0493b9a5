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

/** A process that a test may send signals to; its pipes are read to their end. */
export function start(
  words: readonly string[],
  given: Given = {},
): { readonly pid: number; kill(signal: NodeJS.Signals): void; seen(text: string): Promise<void>; readonly ended: Promise<Ended> } {
  const child = Bun.spawn([process.execPath, main, ...words], {
    env: environment(given),
    cwd: given.cwd ?? '/',
    stdin: given.input === undefined ? 'ignore' : typeof given.input === 'string' ? new TextEncoder().encode(given.input) : given.input,
    stdout: 'pipe',
    stderr: 'pipe',
  });
  let err = '';
  const watchers: (() => void)[] = [];
  const errRead = (async () => {
    for await (const chunk of child.stderr) {
      err += new TextDecoder().decode(chunk);
      watchers.forEach((watch) => watch());
    }
  })();
  const ended = (async () => {
    const bytes = new Uint8Array(await new Response(child.stdout).arrayBuffer());
    await errRead;
    await child.exited;
    return { code: child.exitCode ?? -1, out: new TextDecoder().decode(bytes), err, bytes };
  })();
  return {
    pid: child.pid,
    kill: (signal) => child.kill(signal),
    seen: async (text) =>
      new Promise((resolve) => {
        const watch = (): void => {
          if (err.includes(text)) resolve();
        };
        watchers.push(watch);
        watch();
      }),
    ended,
  };
}

export async function run(words: readonly string[], given: Given = {}): Promise<Ended> {
  return start(words, given).ended;
}

/** The last line of a JSON output. */
export function lastJson({ out }: Pick<Ended, 'out'>): unknown {
  return JSON.parse(out.trimEnd().split('\n').at(-1) ?? '');
}

/** On a terminal of its own, 120 columns wide: `type` answers what is on the screen so far, once for each of its keys. */
export async function onTerminal(
  words: readonly string[],
  given: Given = {},
  answers: readonly (readonly [seen: string, typed: string])[] = [],
): Promise<{ readonly code: number; readonly screen: string }> {
  let screen = '';
  const rest = [...answers];
  const decoder = new TextDecoder();
  const child = Bun.spawn([process.execPath, main, ...words], {
    env: environment(given),
    cwd: given.cwd ?? '/',
    terminal: {
      cols: 120,
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
