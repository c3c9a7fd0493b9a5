// `stillvault scan`: where plaintext secrets lie, and the door for each; never a value (spec/19-import.md §scan).
import { lstatSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { StillvaultError } from '../../sdk/errors.ts';
import { quotedIfNeeded } from './import/text-files.ts';
import { type InGit, gitText, inGit } from './plaintext/git.ts';
import { secretShape } from './plaintext/judge.ts';
import { placeOf } from './plaintext/places.ts';
import { readPlain } from './plaintext/read.ts';
import type { Spot } from './plaintext/spots.ts';
import { type Skipped, nothingSkipped, walk, walkHome } from './plaintext/walk.ts';
import { usage } from './terminal/arguments.ts';
import type { Call, Command } from './terminal/command.ts';
import { counted, printable, table } from './terminal/text.ts';

interface Finding {
  readonly file: string;
  readonly kind: string;
  readonly mode: string;
  readonly othersCanRead: boolean;
  readonly git?: InGit;
  readonly door: string;
  readonly secrets: readonly Spot[];
}

/** Configuration is smaller; what is larger is data. */
const maxBytes = 1_048_576;

export const command: Command = {
  usage: ['scan [folder|file]… [--home] [--json]'],
  examples: [
    ['stillvault scan', 'this folder and everything below it'],
    ['stillvault scan --home', 'the well-known credential files of your home'],
    ['stillvault scan --json src | jq .findings', 'for a program'],
  ],
  options: { home: { about: 'the well-known places of the home folder: ~/.aws, ~/.ssh, ~/.npmrc, agents’ settings, …' } },
  notes: [
    'Looks into files that git ignores too: that is where secrets hide. Passes over\nnode_modules, the objects of git, binary files and files over 1 MiB, and follows\nno link; says how many it passed over.',
    'Exit code: 0 nothing found, 1 something found or not everything could be looked\nat. A value is never printed: file, line, name and kind are.',
  ],
  async run(call) {
    const { world, output } = call;
    const cwd = process.cwd();
    const skipped = nothingSkipped();
    const progress = createProgress(call);
    const findings: Finding[] = [];
    let files = 0;
    try {
      for (const path of pathsOf(call, cwd, skipped)) {
        progress(++files);
        const found = lookAt(path, skipped, world.env);
        if (found !== undefined) findings.push(found);
        if (files % 256 === 0) await new Promise((done) => setImmediate(done)); // signals are heard
      }
    } finally {
      progress(undefined);
    }
    const isComplete = !skipped.isCut && skipped.unreadable === 0;
    if (output.json) output.jsonLine({ findings, files, skipped, complete: isComplete });
    else {
      for (const finding of findings) output.data(textOf(finding, cwd, output.style));
      for (const line of summary(findings, files, skipped)) output.note(line);
    }
    return findings.length > 0 || !isComplete ? 1 : 0;
  },
};

function* pathsOf({ args, world }: Call, cwd: string, skipped: Skipped): Generator<string> {
  const seen = new Set<string>();
  const once = function* (paths: Iterable<string>): Generator<string> {
    for (const path of paths) if (!seen.has(path)) yield (seen.add(path), path);
  };
  if (args.has('home')) {
    const home = world.env['HOME'] ?? '';
    if (!home.startsWith('/')) throw usage('there is no HOME');
    yield* once(walkHome(home, skipped));
  }
  const roots = args.operands.length === 0 && !args.has('home') ? ['.'] : args.operands;
  for (const root of roots) {
    const path = resolve(cwd, root);
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat === undefined) throw new StillvaultError('not_found', `${printable(root)}: there is no such file or folder`);
    if (!stat.isFile() && !stat.isDirectory()) throw usage(`${printable(root)} is a link or no file`, 'name what it leads to');
    yield* once(walk(path, skipped));
  }
}

function lookAt(path: string, skipped: Skipped, env: Call['world']['env']): Finding | undefined {
  const read = readPlain(path, maxBytes);
  if (read.kind !== 'text') {
    if (read.kind === 'too large') skipped.large++;
    else if (read.kind === 'binary') skipped.binary++;
    else if (read.kind !== 'missing') skipped.unreadable++;
    return undefined;
  }
  const place = placeOf(path);
  // A key of a tree or a section can be a token itself: then it is no name.
  const secrets = place.find(read.text).map((spot) => (secretShape(spot.name) === undefined ? spot : { ...spot, name: '' }));
  if (secrets.length === 0) return undefined;
  const git = inGit(path, env);
  return {
    file: path,
    kind: place.kind,
    mode: read.mode.toString(8).padStart(4, '0'),
    othersCanRead: (read.mode & 0o044) !== 0,
    ...(git === undefined ? {} : { git }),
    door: place.door.replaceAll('FILE', () => quotedIfNeeded(path)), // somebody copies it into a shell
    secrets,
  };
}

function textOf({ file, kind, mode, othersCanRead, git, door, secrets }: Finding, cwd: string, style: Call['output']['style']): string {
  const near = relative(cwd, file);
  const shown = near === '' || near.startsWith('..') ? file : near;
  const facts = [kind, othersCanRead ? `${mode}: other users can read it` : mode, gitText(git)].filter((fact) => fact !== undefined);
  const rows = secrets.slice(0, maxShown).map(({ line, name, what }) => [`  ${line}`, printable(name) || '-', what]);
  const more = secrets.length > maxShown ? `  and ${secrets.length - maxShown} more\n` : '';
  return `${style.bold(printable(shown))}  (${facts.join(' · ')})\n${table(rows)}${more}  ${style.dim(`next: ${printable(door.replaceAll(quotedIfNeeded(file), () => quotedIfNeeded(shown)))}`)}\n`;
}
const maxShown = 50;

function summary(findings: readonly Finding[], files: number, { links, folders, unreadable, large, binary, isCut }: Skipped): readonly string[] {
  const count = findings.reduce((sum, { secrets }) => sum + secrets.length, 0);
  const passed = [
    [links, 'link'],
    [folders, 'folder'],
    [large, 'large file'],
    [binary, 'binary file'],
  ] as const;
  const over = passed.filter(([number]) => number > 0).map(([number, noun]) => counted(number, noun));
  return [
    count === 0 ? `nothing found in ${counted(files, 'file')}` : `${counted(count, 'secret')} in ${findings.length} of ${counted(files, 'file')}`,
    ...(over.length > 0 ? [`passed over: ${over.join(', ')}`] : []),
    ...(unreadable > 0 ? [`could not read ${counted(unreadable, 'file or folder').replace('folders', 'folder')}: nothing is known about them`] : []),
    ...(isCut ? ['stopped at a bound: scan smaller folders'] : []),
  ];
}

/** A line in place on a terminal, at most ten times a second. */
function createProgress({ world, output }: Call): (files: number | undefined) => void {
  const isLive = !output.json && !output.quiet && world.env['TERM'] !== 'dumb' && world.isTerminal(2);
  let drawn = world.now();
  let isDrawn = false;
  return (files) => {
    if (!isLive) return;
    if (files === undefined) return isDrawn ? world.write(2, '\r\x1b[2K') : undefined;
    if (world.now() - drawn < 100) return;
    [drawn, isDrawn] = [world.now(), true];
    world.write(2, `\r\x1b[2Klooked at ${files} files · Ctrl-C stops`);
  };
}
