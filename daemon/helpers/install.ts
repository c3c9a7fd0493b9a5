// `stillvault helper install|uninstall <kind>`: makes a program ask its helper, shows every line it writes, and takes exactly those back
// (spec/14-helpers.md §install). What it wrote is recognised by its own marks, so nothing of others has to be remembered or copied.
import { chmodSync, lstatSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseArguments, usage } from '../cli/terminal/arguments.ts';
import { printable } from '../cli/terminal/text.ts';
import type { Helper, HelperCall } from './helper.ts';
import { type Change, type Plan, planFor } from './install-plans.ts';
import { kinds, readIfThere } from './mapping.ts';

export const install: Helper = {
  async run(call) {
    const { plan, isDryRun } = await planOf(call, false);
    const edits = plan.changes.map((change) => ({ change, ...written(change) })); // all is looked at before any of it is written
    for (const { change, before, after } of edits) {
      show(call, change, before, after);
      if (!isDryRun && before !== after) write(change.path, after, change.kind === 'program' ? 0o700 : undefined);
    }
    for (const line of plan.next) call.output.note(line);
    return 0;
  },
};

export const uninstall: Helper = {
  async run(call) {
    const { plan, isDryRun } = await planOf(call, true);
    for (const change of plan.changes) {
      const before = readIfThere(change.path);
      if (before === undefined) continue;
      const after = taken(change, before);
      show(call, change, before, after ?? '');
      if (isDryRun || after === before) continue;
      if (after === undefined) rmSync(change.path);
      else write(change.path, after, undefined);
    }
    return 0;
  },
};

async function planOf(call: HelperCall, isUndo: boolean): Promise<{ readonly plan: Plan; readonly isDryRun: boolean }> {
  const args = parseArguments(call.words, {
    dir: { about: 'where the program goes; ~/.local/bin by default', takes: 'DIR' },
    'dry-run': { about: 'only show' },
  });
  const [kindText, ...more] = args.operands;
  const kind = kinds.find((known) => known === kindText);
  if (kind === undefined || more.length > 0) throw usage(`install what? one of ${kinds.join(', ')}`);
  const { env } = call.world;
  const home = env['HOME'] ?? '';
  if (!home.startsWith('/')) throw usage('there is no HOME');
  const folder = resolve(env['PWD'] ?? '/', args.text('dir') ?? `${home}/.local/bin`);
  if (!/^[A-Za-z0-9_@%+=:,./-]+$/.test(folder))
    throw usage('the folder’s path has characters that configuration files would have to quote', 'choose another --dir');
  return { plan: planFor(kind, { env, home, folder, mapping: isUndo ? undefined : await call.mapping() }), isDryRun: args.has('dry-run') };
}

const begin = (mark: string): string => `# ${mark}: begin (stillvault helper uninstall takes this back)`;
const end = (mark: string): string => `# ${mark}: end`;

/** Throws usage where it would change what somebody else wrote. */
function written(change: Change): { readonly before: string; readonly after: string } {
  const before = readIfThere(change.path) ?? '';
  switch (change.kind) {
    case 'program':
      if (before !== '' && !before.includes(`# ${change.mark}`))
        throw usage(`${change.path} is there already, and not ours`, 'choose another --dir, or move it away');
      return { before, after: change.text };
    case 'block': {
      const plain = withoutBlock(before, change.mark);
      const clash = change.clash?.(plain);
      if (clash !== undefined) throw usage(`${change.path} has ${clash} already`, `put this there yourself: ${change.text.trim().replaceAll('\n', ' ⏎ ')}`);
      const gap = plain === '' || plain.endsWith('\n') ? '' : '\n';
      return { before, after: `${plain}${gap}${begin(change.mark)}\n${change.text}${end(change.mark)}\n` };
    }
    case 'json':
      return { before, after: change.edit(before) };
  }
}

/** Undefined where nothing is left. */
function taken(change: Change, before: string): string | undefined {
  switch (change.kind) {
    case 'program':
      return before.includes(`# ${change.mark}`) ? undefined : before;
    case 'block': {
      const after = withoutBlock(before, change.mark);
      return after === '' && after !== before ? undefined : after;
    }
    case 'json':
      return change.undo(before);
  }
}

function withoutBlock(text: string, mark: string): string {
  const from = text.indexOf(`${begin(mark)}\n`);
  const to = text.indexOf(`${end(mark)}\n`, from);
  return from < 0 || to < 0 ? text : text.slice(0, from) + text.slice(to + end(mark).length + 1);
}

/** Only lines that come or go: the rest of the file can hold secrets. */
function show({ output }: HelperCall, change: Change, before: string, after: string): void {
  const { path } = change;
  if (before === after) return output.note(`${path}: as it should be`);
  const [old, now] = [before.split('\n'), after.split('\n')];
  const gone = old.filter((line) => line !== '' && !now.includes(line));
  const come = now.filter((line) => line !== '' && !old.includes(line));
  output.note(path);
  if (change.kind === 'json') {
    for (const line of change.about) output.note(`  ${after.length > before.length ? '+' : '-'} ${printable(line)}`);
    return;
  }
  for (const line of gone) output.note(`  - ${printable(line.replaceAll('\t', '  '))}`);
  for (const line of come) output.note(`  + ${printable(line.replaceAll('\t', '  '))}`);
}

/** Whole or not at all, through a link to where it leads, with the mode that the file had. */
function write(path: string, text: string, mode: number | undefined): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found?.isSymbolicLink() === true) return writeFileSync(path, text); // dotfiles of a repository: replacing the link would detach them
  const kept = found === undefined ? 0o600 : statSync(path).mode & 0o777;
  writeFileSync(`${path}.stillvault-new`, text, { mode: mode ?? kept });
  chmodSync(`${path}.stillvault-new`, mode ?? kept);
  renameSync(`${path}.stillvault-new`, path);
}
