// `stillvault rotate`: a new version for each of a list of secrets, from a hook, a prompt, or the same value under new keys (spec/20-rotate.md).
import type { SecretSummary } from '../../protocol/local-api.ts';
import { StillvaultError } from '../../sdk/errors.ts';
import { type HookRule, readHooks } from './rotate/hooks.ts';
import { type Source, walkAll } from './rotate/walk.ts';
import { type Walk, walkRecord } from './rotate/record.ts';
import { type Arguments, usage } from './terminal/arguments.ts';
import type { Call, Command } from './terminal/command.ts';
import { dataFolder } from './terminal/places.ts';
import { confirm } from './terminal/prompt.ts';
import { counted, parseDuration, printable, table } from './terminal/text.ts';

export const command: Command = {
  usage: ['rotate <path|pattern>… [options]', 'rotate --exposed [options]'],
  examples: [
    ['stillvault rotate --exposed --dry-run', 'what is to be renewed since somebody left, and how'],
    ['stillvault rotate --exposed --hooks rotate.hooks', 'a command for each path makes the new value'],
    ["stillvault rotate 'prod/db-*' --hook 'pwgen -s 32 1'", 'one command for all; its output is the value'],
    ["stillvault rotate prod/api --hook ./new-key.sh --after 'systemctl restart api'", 'and what uses it, after'],
    ['stillvault rotate prod/db-primary', 'asks for the new value'],
    ['stillvault rotate --exposed --rekey', 'the same values under new keys'],
  ],
  options: {
    exposed: { about: 'all that stillvault ls --exposed shows' },
    hook: { about: 'a shell command whose standard output is the new value', takes: 'COMMAND' },
    hooks: { about: 'a file of lines: pattern, then the command; the first that fits', takes: 'FILE' },
    rekey: { about: 'read by an approved release, store the same value under new keys' },
    'pass-old': { about: 'the value of now on the standard input of the hook, after an approved release' },
    'keep-newline': { about: 'keep the newline at the end of what a hook writes' },
    after: { about: 'a shell command for each path once its new version is stored', takes: 'COMMAND' },
    'hook-timeout': { about: 'how long a hook may take: 1m by default, at most 1h', takes: 'TIME' },
    wait: { about: 'how long to wait for people, for each: 3m by default, at most 15m', takes: 'TIME' },
    restart: { about: 'forget how far the same command came before' },
    'dry-run': { about: 'only show' },
    yes: { about: 'without asking', short: 'y' },
  },
  notes: [
    'A hook gets STILLVAULT_PATH, STILLVAULT_VERSION (of now), STILLVAULT_REASON\n(asked, holder or weaker) and STILLVAULT_FIELDS, and no value but with --pass-old.\nOne newline at the end is left off. For a secret with fields it writes one JSON\nobject of exactly these. A hook that fails, writes nothing or too much stores nothing.',
    'Values are made first, up to 64; a writer countersigns them with one gesture. Let a\nhook make a value and --after put it to use: the writer may say no. Interrupted, the same command goes on where it stopped.',
    '--rekey shuts out those who hold a part of the old version; who has read the\nvalue knows it still, and for that only another value helps.',
  ],
  async run(call) {
    const { args, world, output } = call;
    const source = sourceOf(args, world.uid);
    const all = await call.client().list();
    const chosen = await choose(all, args);
    const selection = [...args.operands.toSorted(), ...(args.has('exposed') ? ['--exposed'] : [])];
    const record = walkRecord(dataFolder(world.env, undefined), selection);
    if (args.has('restart')) record.remove();
    const walk = goOn(record.read(), chosen, all, new Date(world.now()).toISOString());
    const open = walk.steps.filter(({ state }) => state !== 'done');
    const known = new Map(all.map((secret) => [secret.path, secret]));
    await source.load();
    preview(
      call,
      open.map(({ path }) => known.get(path)).filter((secret) => secret !== undefined),
      walk,
      source,
    );
    if (open.length === 0) {
      record.remove();
      return 0;
    }
    if (args.has('dry-run')) return 0;
    if (!args.has('yes') && !(await confirm(call, `renew ${counted(open.length, 'secret')}?`))) {
      output.note('nothing was changed');
      return 1;
    }
    return walkAll(call, walk, known, source, record);
  },
};

async function choose(all: readonly SecretSummary[], args: Arguments): Promise<readonly SecretSummary[]> {
  const words = args.operands;
  if (words.length === 0 && !args.has('exposed')) throw usage('which secrets? give paths or patterns, or --exposed', 'stillvault ls --exposed');
  const { matches } = await import('../../protocol/policy.ts');
  const fits = (path: string): boolean => words.length === 0 || words.some((word) => matches(word, path));
  const chosen = all.filter(({ path, exposed }) => fits(path) && (!args.has('exposed') || exposed !== undefined));
  const unknown = words.find((word) => !all.some(({ path }) => matches(word, path)));
  if (unknown !== undefined) throw new StillvaultError('not_found', `there is no secret ${printable(unknown)}`, { next: 'stillvault ls' });
  return chosen;
}

/** What an earlier run of the same command began, and what has come since. */
function goOn(before: Walk | undefined, chosen: readonly SecretSummary[], all: readonly SecretSummary[], at: string): Walk {
  const now = new Map(all.map(({ path, version }) => [path, version]));
  const steps = (before?.steps ?? [])
    .filter(({ path }) => now.has(path))
    // Stored just before the end of the run, or by somebody else.
    .map((step) => (step.state === 'open' && (now.get(step.path) ?? 0) > step.from ? { ...step, state: 'stored' as const } : step));
  const begun = new Set(steps.map(({ path }) => path));
  const more = chosen.filter(({ path }) => !begun.has(path)).map(({ path, version }) => ({ path, from: version, state: 'open' as const }));
  return { version: 1, at: before?.at ?? at, steps: [...steps, ...more] };
}

function preview({ output }: Call, open: readonly SecretSummary[], { steps }: Walk, source: Source): void {
  const rows = open.map((secret) => ({ path: secret.path, version: secret.version, reason: secret.exposed ?? 'asked', how: source.wordsOf(secret) }));
  if (output.json) return output.jsonLine({ event: 'plan', steps: rows, done: steps.length - open.length });
  if (open.length === 0) return output.note(steps.length === 0 ? 'nothing is exposed' : 'all of them are renewed');
  output.data(table(rows.map(({ path, version, reason, how }) => [printable(path), `v${version}`, reason, printable(how)])));
  if (steps.length > open.length) output.note(`going on: ${steps.length - open.length} of ${steps.length} are done`);
}

function sourceOf(args: Arguments, uid: number): Source {
  const [hook, file, after, wait, patience] = ['hook', 'hooks', 'after', 'wait', 'hook-timeout'].map((name) => args.text(name));
  const given = [hook, file, args.has('rekey') ? '' : undefined].filter((way) => way !== undefined);
  if (given.length > 1) throw usage('one of --hook, --hooks and --rekey');
  if (args.has('pass-old') && hook === undefined && file === undefined) throw usage('--pass-old belongs to a hook');
  const rules: readonly HookRule[] = file === undefined ? [] : readHooks(file, uid);
  let matches: ((pattern: string, path: string) => boolean) | undefined;
  const commandOf = (path: string): string | undefined => hook ?? rules.find(({ pattern }) => matches?.(pattern, path))?.command;
  return {
    load: async () => void ({ matches } = await import('../../protocol/policy.ts')),
    isRekey: args.has('rekey'),
    passOld: args.has('pass-old'),
    keepNewline: args.has('keep-newline'),
    commandOf,
    after,
    hookTimeoutMs: 1_000 * (patience === undefined ? 60 : parseDuration(patience, 'hook-timeout', 3_600)),
    terms: wait === undefined ? {} : { timeoutS: parseDuration(wait, 'wait', 900) },
    wordsOf: ({ path }) => (args.has('rekey') ? 'same value, new keys' : (commandOf(path) ?? (file === undefined ? 'asks here' : 'no hook fits: asks here'))),
  };
}
