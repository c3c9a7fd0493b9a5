// `stillvault import`: stores the values of a file, then leaves references in their place (spec/19-import.md §import).
import { randomBytes } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { basename, dirname, relative, resolve } from 'node:path';
import { leftovers } from './import/left.ts';
import { type Put, isPath, nameOf, putsOf, segmentOf, targetsOf } from './import/names.ts';
import { type Format, type Opened, formats, openSource, realPath, verifyPlace } from './import/open.ts';
import { type ImportRecord, type Records, createRecords } from './import/record.ts';
import { applyEdits, digestOf, replaceFile, verifyBlind } from './import/rewrite.ts';
import { confirmed, fatesOf, nearest, preview } from './import/preview.ts';
import { type Candidate, type Target, malformed } from './import/source.ts';
import { storeAll, verifyStored } from './import/store.ts';
import { quotedIfNeeded } from './import/text-files.ts';
import { usage } from './terminal/arguments.ts';
import type { Arguments } from './terminal/arguments.ts';
import type { Call, Command } from './terminal/command.ts';
import { dataFolder } from './terminal/places.ts';
import { counted, parseDuration, printable } from './terminal/text.ts';

export const command: Command = {
  usage: ['import <file|folder|pass store> [--to prefix] [options]', 'import --undo|--confirm [file]'],
  examples: [
    ['stillvault import .env --dry-run', 'what would be taken, and under which names'],
    ['stillvault import .env --to prod/shop', 'store them, leave stillvault://prod/shop/NAME'],
    ['stillvault import .env --to prod/shop --as-fields', 'all in one secret, and one approval to read them'],
    ['stillvault import ~/.aws/credentials', 'leaves credential_process in each profile'],
    ['stillvault import export.1pux --to team', 'from 1Password; also Bitwarden, Vault, pass'],
    ['stillvault import --undo .env', 'ask for the values and put them back'],
    ['stillvault import --confirm .env', 'all works: forget how to undo'],
  ],
  options: {
    to: { about: 'prefix of the paths; the name of the folder by default', takes: 'PREFIX' },
    format: { about: formats.join(', '), takes: 'FORMAT' },
    map: { about: 'another path for one of them, or a field: NAME=prod/db#password', takes: 'OLD=NEW', repeats: true },
    'as-fields': { about: 'one secret with a field for each: read with one approval' },
    all: { about: 'also what looks like no secret' },
    only: { about: 'just this one', takes: 'NAME', repeats: true },
    except: { about: 'all but this one', takes: 'NAME', repeats: true },
    replace: { about: 'store new versions of secrets that are there already' },
    'dry-run': { about: 'only show' },
    yes: { about: 'without asking', short: 'y' },
    wait: { about: 'how long to wait for a writer: 3m by default, at most 15m', takes: 'TIME' },
    undo: { about: 'fetch the values back into the file, with an approval' },
    confirm: { about: 'remove the record with which it could be undone' },
  },
  notes: [
    'A writer countersigns all values with one gesture, up to 64 at a time.\nThe file is rewritten only when all are stored and this machine may ask for them,\nin one step, with everything but the values as it was. Interrupted, the same\ncommand goes on where it stopped. No copy of a value is kept: undo asks for them.',
    'Forms without a place for references (exports, JSON, YAML, keys) are left as they\nare, and you are told to delete them.',
  ],
  async run(call) {
    const { args, world } = call;
    const [given, ...more] = args.operands;
    if (more.length > 0) throw usage('one file at a time');
    const records = createRecords(dataFolder(world.env, undefined));
    const path = given === undefined ? undefined : realPath(resolve(process.cwd(), given));
    if (args.has('undo') || args.has('confirm')) {
      if (args.has('undo') && args.has('confirm')) throw usage('--undo or --confirm, not both');
      const { confirmImport, undoImport } = await import('./import/undo.ts');
      return args.has('undo') ? undoImport(call, records, path) : confirmImport(call, records, path);
    }
    if (path === undefined) throw usage('import which file?', 'stillvault scan shows what there is');
    return isFolder(path) ? importFolder(call, records, path) : importFile(call, records, path);
  },
};

/** One file after the other, each with its own list and yes. */
async function importFolder(call: Call, records: Records, root: string): Promise<number> {
  const { isPassStore } = await import('./import/pass.ts');
  if (isPassStore(root)) return importFile(call, records, root);
  const { importable } = await import('./import/folder.ts');
  const files = importable(root);
  if (files.length === 0)
    throw malformed(
      'E_IMPORT_FORMAT',
      `${printable(root)} is no pass store and holds no file that could be rewritten`,
      undefined,
      'stillvault scan shows what else there is',
    );
  let worst = 0;
  for (const file of files) {
    call.output.note(call.output.style.bold(nearest(file)));
    worst = Math.max(worst, await importFile(call, records, file, root));
  }
  return worst;
}

async function importFile(call: Call, records: Records, path: string, root?: string): Promise<number> {
  const { args, world, output } = call;
  const before = records.of(path);
  if (before?.undo !== undefined && before.key === undefined)
    throw malformed(
      'E_IMPORT_UNDO',
      `${printable(path)} was imported before and can still be undone`,
      undefined,
      `stillvault import --confirm ${quotedIfNeeded(path)}`,
    );
  const opened = await openSource(path, formatOf(args), world);
  const { source } = opened;
  if (before?.undo !== undefined && opened.bytes !== undefined && digestOf(opened.bytes) === before.undo.after) return finishLate(call, records, before);
  const chosen = targetsOf(chooseFrom(source.candidates, args), {
    prefix: prefixOf(args, opened, root),
    asFields: args.has('as-fields'),
    maps: args.all('map'),
  });
  const puts = putsOf(chosen);
  if (source.rewrite !== undefined && puts.length > 0) verifyPlace(path, world.uid);
  const record: ImportRecord = before ?? {
    version: 1,
    file: path,
    at: new Date(world.now()).toISOString(),
    key: randomBytes(32).toString('base64'),
    stored: [],
  };
  const isDryRun = args.has('dry-run');
  // Without a daemon a preview still shows names; what is there already, only a daemon knows.
  const daemon = call.client();
  const there = new Map(
    (await daemon.list().catch((error: unknown) => (isDryRun ? [] : Promise.reject(error)))).map(({ path: where, version }) => [where, version]),
  );
  const fates = fatesOf(puts, there, record);
  preview(call, opened, chosen, fates);
  if (puts.length === 0) {
    output.note('nothing to take: --all takes what looks like no secret, --only NAME one of them');
    return 0;
  }
  if (isDryRun) return 0;
  const taken = puts.find(({ path: where }) => fates.get(where)?.kind === 'new version');
  if (taken !== undefined && !args.has('replace'))
    throw malformed(
      'E_IMPORT_COLLISION',
      `${taken.path} is there already: a new version would replace what others read`,
      undefined,
      '--to another prefix, --map old=new, or --replace',
    );
  if (!args.has('yes') && !(await confirmed(call, opened, puts.length))) {
    output.note('nothing was stored or changed');
    return 1;
  }
  const wait = args.text('wait');
  const stored = await storeAll(
    { call, daemon, records, description: '', timeoutS: wait === undefined ? undefined : parseDuration(wait, 'wait', 900) },
    puts,
    record,
  );
  await verifyStored(daemon, stored, puts);
  const textNow = rewrite(call, records, opened, chosen, stored);
  finish(call, opened, chosen, puts, textNow);
  return 0;
}

function rewrite(
  call: Call,
  records: Records,
  { path, source, bytes, text }: Opened,
  chosen: ReadonlyMap<Candidate, Target>,
  stored: ImportRecord,
): string | undefined {
  if (source.rewrite === undefined || bytes === undefined || text === undefined) {
    records.remove(path); // nothing of the file changed, so nothing can be undone
    return undefined;
  }
  const after = applyEdits(text, source.rewrite(chosen));
  verifyBlind(after, putsOf(chosen));
  const afterBytes = new TextEncoder().encode(after.text);
  const undo = { after: digestOf(afterBytes), edits: after.edits.map(({ was, ...edit }) => ({ ...edit, was: [...was] })) };
  // First the record, still with its key: a crash before the rename leaves an import that can go on.
  replaceFile(path, bytes, afterBytes, Buffer.from(call.world.random(6)).toString('hex'), () => records.write({ ...stored, undo }));
  records.write(withoutKey({ ...stored, undo }));
  return after.text;
}

/** The keyed tags of values have done their work. */
function withoutKey({ key: _key, stored, ...rest }: ImportRecord): ImportRecord {
  return { ...rest, stored: stored.map(({ path, version }) => ({ path, version })) };
}

/** Ended between the rename and the last record: the file is done, the tags are still there. */
function finishLate({ output }: Call, records: Records, record: ImportRecord): number {
  records.write(withoutKey(record));
  output.note(`${printable(record.file)} holds references already; next: stillvault import --confirm ${printable(quotedIfNeeded(record.file))}`);
  return 0;
}

function finish(call: Call, { path, source, format }: Opened, chosen: ReadonlyMap<Candidate, Target>, puts: readonly Put[], textNow: string | undefined): void {
  const { output, world } = call;
  const left = leftovers(path, textNow, puts, world.env);
  const next = source.next(chosen).map((line) => line.replaceAll('FILE', () => quotedIfNeeded(nearest(path))));
  if (output.json) return output.jsonLine({ event: 'imported', file: path, format, rewritten: textNow !== undefined, left, next });
  output.note(textNow === undefined ? `stored ${counted(puts.length, 'secret')}; ${nearest(path)} was not changed` : `the values are out of ${nearest(path)}`);
  output.note('plaintext still lies, or may lie, in:');
  for (const line of left) output.note(`  ${printable(line)}`);
  output.note('next:');
  for (const line of next) output.note(`  ${printable(line)}`);
  if (textNow !== undefined)
    output.note(`  stillvault import --confirm ${quotedIfNeeded(nearest(path))}   (or --undo: asks for the values and puts them back)`);
}

function formatOf(args: Arguments): Format | undefined {
  const asked = args.text('format');
  const format = formats.find((known) => known === asked);
  if (asked !== undefined && format === undefined) throw usage(`--format is one of ${formats.join(', ')}`);
  return format;
}

function prefixOf(args: Arguments, { path, format }: Opened, root: string | undefined): string {
  const given = args
    .text('to')
    ?.replace(/^stillvault:\/\//, '')
    .replace(/\/+$/, '');
  if (given !== undefined && !isPath(given)) throw usage('--to is the beginning of a path, such as prod/shop');
  if (given !== undefined && root === undefined) return given;
  // Files of a home folder name themselves (aws/default); a project's are called as its folder.
  const isOwn = ['aws', 'npm', 'git', 'docker', 'kubeconfig'].includes(format);
  const base = given ?? (isOwn ? undefined : (segmentOf(basename(format === 'pass' ? path : (root ?? dirname(path)))) ?? 'imported'));
  const below = root === undefined ? [] : relative(root, dirname(path)).split('/');
  // .env.production is not .env
  const variant = format === 'dotenv' ? (/^\.env\.(.+)$/.exec(basename(path))?.[1] ?? '') : '';
  return [base, ...[...below, variant].map(segmentOf)].filter((part) => part !== undefined).join('/');
}

function isFolder(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function chooseFrom(candidates: readonly Candidate[], args: Arguments): readonly Candidate[] {
  const [only, except] = [args.all('only'), args.all('except')];
  const names = new Set(candidates.map(nameOf));
  const unknown = [...only, ...except].find((name) => !names.has(name));
  if (unknown !== undefined) throw usage(`there is no ${printable(unknown)} in this file`, 'stillvault import --dry-run --all shows the names');
  return candidates.filter(
    (candidate) => (only.length > 0 ? only.includes(nameOf(candidate)) : candidate.isTaken || args.has('all')) && !except.includes(nameOf(candidate)),
  );
}
