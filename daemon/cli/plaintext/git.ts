// Whether git has a file, and in how many commits: a value that was committed stays in the history (spec/19-import.md §git).
import { basename, dirname } from 'node:path';

export interface InGit {
  readonly isTracked: boolean;
  /** Commits of all branches that touched it. */
  readonly commits: number;
}

const timeoutMs = 5_000;
/** The repository may be somebody else's: its configuration must start no program and fetch nothing. */
const tame = ['-c', 'core.fsmonitor=false', '-c', 'core.hooksPath=/dev/null', '-c', 'core.pager=cat', '-c', 'protocol.allow=never'];

/** Undefined where there is no git, no repository, or no answer in time. */
export function inGit(path: string, env: Readonly<Record<string, string | undefined>>): InGit | undefined {
  const ask = (words: readonly string[]): string | undefined => {
    try {
      const { stdout, success } = Bun.spawnSync(['git', ...tame, ...words, '--', `:(literal)${basename(path)}`], {
        cwd: dirname(path),
        env: {
          PATH: env['PATH'] ?? '/usr/bin:/bin',
          HOME: env['HOME'] ?? '/',
          LC_ALL: 'C',
          GIT_OPTIONAL_LOCKS: '0',
          GIT_NO_LAZY_FETCH: '1',
          GIT_TERMINAL_PROMPT: '0',
        },
        stdio: ['ignore', 'pipe', 'ignore'],
        timeout: timeoutMs,
        maxBuffer: 65_536,
      });
      return success ? stdout.toString().trim() : undefined;
    } catch {
      return undefined; // no git
    }
  };
  const tracked = ask(['ls-files', '-z']);
  if (tracked === undefined) return undefined;
  const commits = Number(ask(['rev-list', '--count', '--all']) ?? 0);
  return { isTracked: tracked !== '', commits: Number.isSafeInteger(commits) ? commits : 0 };
}

/** `in git, 3 commits`; undefined where git never had it. */
export function gitText(found: InGit | undefined): string | undefined {
  if (found === undefined || (!found.isTracked && found.commits === 0)) return undefined;
  return `${found.isTracked ? 'tracked by git' : 'once in git'}, ${found.commits} commit${found.commits === 1 ? '' : 's'}`;
}
