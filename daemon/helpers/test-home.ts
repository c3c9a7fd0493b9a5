// For tests: a home of its own with a mapping and installed helpers, and programs that run in it.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { failure, type StubAnswers, type StubDaemon, startStubDaemon, waitingEvent } from '../../testing/stub-daemon.ts';
import { type Ended, run } from '../cli/test-command-line.ts';
import { type Entry, saveMapping } from './mapping.ts';

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}
export interface Home extends AsyncDisposable {
  readonly dir: string;
  /** Where `helper install` puts programs. */
  readonly bin: string;
  readonly daemon: StubDaemon;
  map(entries: readonly Entry[]): void;
  /** `stillvault helper …` */
  helper(words: readonly string[], more?: { readonly env?: Readonly<Record<string, string>>; readonly input?: string | Uint8Array }): Promise<Ended>;
  /** Another program. */
  sh(words: readonly string[], more?: { readonly env?: Readonly<Record<string, string>>; readonly input?: string; readonly cwd?: string }): Promise<Ran>;
  /** Bodies of the asks for a release so far. */
  asks(): readonly unknown[];
}

export const denying: StubAnswers = {
  'POST /v1/release': (ask) => {
    ask.event(waitingEvent(['prod/x']));
    ask.event({ event: 'denied', member: 'ben', final: true });
    ask.event({ event: 'error', ...failure('denied', 'ben said no', { next: 'talk to them', detail: 'E_DENIED' }) });
    ask.end();
  },
};

export async function createHome(answers: StubAnswers, entries: readonly Entry[] = []): Promise<Home> {
  const dir = mkdtempSync(join(tmpdir(), 'sv-home-'));
  const bin = join(dir, '.local/bin');
  mkdirSync(bin, { recursive: true });
  const daemon = await startStubDaemon(answers);
  const env = { PATH: `${bin}:${process.env['PATH'] ?? ''}`, HOME: dir, STILLVAULT_SOCKET: daemon.socketPath };
  const map = (mapping: readonly Entry[]): void => saveMapping({ HOME: dir }, mapping);
  map(entries);
  return {
    dir,
    bin,
    daemon,
    map,
    helper: (words, more = {}) => run(['helper', ...words], { socketPath: daemon.socketPath, cwd: dir, ...more, env: { ...env, ...more.env } }),
    async sh(words, more = {}) {
      const child = Bun.spawn([...words], {
        cwd: more.cwd ?? dir,
        env: { ...env, TZ: 'UTC', ...more.env },
        stdin: more.input === undefined ? 'ignore' : new TextEncoder().encode(more.input),
        stdout: 'pipe',
        stderr: 'pipe',
      });
      const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
      return { code: await child.exited, out, err };
    },
    asks: () => daemon.asks.filter(({ call }) => call === 'POST /v1/release').map(({ body }) => body),
    async [Symbol.asyncDispose]() {
      await daemon[Symbol.asyncDispose]();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
