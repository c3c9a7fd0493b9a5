// Enforces the arrows of tools/arrows.ts and keeps their table in ARCHITECTURE.md. `--write` prints the table anew.
import { writeFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { type Room, rooms, testRooms } from './arrows.ts';
import { type Finding, isCode, isTest, lineOf, mustRead, projectFiles, report, root, textOf } from './tree.ts';

type Import = { readonly specifier: string; readonly lazy: boolean; readonly line: number };

/** What of a source breaks the arrows. `path` decides the room; the text is parsed, not run. */
export function verifyImports(path: string, text: string): readonly Finding[] {
  if (mayImportAll(path)) return [];
  const room = roomOf(path);
  if (room === undefined) return [{ file: path, what: 'belongs to no room of tools/arrows.ts' }];
  return importsOf(text).flatMap(({ specifier, lazy, line }) => {
    const problem =
      specifier === ''
        ? 'imports something that is only known when it runs'
        : specifier.startsWith('.')
          ? ownProblem(room, path, specifier, lazy)
          : packageProblem(room, specifier);
    return problem === undefined ? [] : [{ file: path, line, what: problem }];
  });
}

/** The table between the markers of ARCHITECTURE.md. */
export function arrowTable(): string {
  const list = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(', ');
  const rows = rooms.map(({ path, imports, lazily = [], packages, about }) => {
    const ours = [...(imports.length > 0 ? [list(imports)] : []), ...(lazily.length > 0 ? [`lazily ${list(lazily)}`] : [])].join('; ');
    return `| \`${path}\` | ${about} | ${ours || 'nothing'} | ${list(packages) || 'none'} |`;
  });
  const tests = testRooms.map(({ path, about }) => `| \`${path}\` | ${about} | everything | any |`);
  return [
    '| room | what it is | may import of ours | packages |',
    '| --- | --- | --- | --- |',
    ...rows,
    ...tests,
    '| `*.test.ts` | beside what it tests | everything | any |',
  ].join('\n');
}

function mayImportAll(path: string): boolean {
  return isTest(path) || testRooms.some((room) => isBelow(path, room.path));
}

function roomOf(path: string): Room | undefined {
  return rooms.filter((room) => isBelow(path, room.path)).sort((a, b) => b.path.length - a.path.length)[0];
}

const isBelow = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`);

function ownProblem(room: Room, path: string, specifier: string, lazy: boolean): string | undefined {
  const target = posix.normalize(posix.join(posix.dirname(path), specifier));
  if (target.startsWith('..')) return `imports ${specifier}, which is outside the project`;
  if (mayImportAll(target)) return `imports ${target}: only tests may`;
  const its = roomOf(target);
  if (its === room || target === 'package.json') return undefined;
  const name = target.replace(/\.tsx?$/, '');
  const allows = (arrows: readonly string[]): boolean => arrows.some((arrow) => arrow === its?.path || arrow === name);
  if (allows(room.imports)) return undefined;
  if (allows(room.lazily ?? [])) return lazy ? undefined : `imports ${target} at once: from ${room.path} only lazily, by import()`;
  return `imports ${target}: ${room.path} may import ${[...room.imports, ...(room.lazily ?? [])].join(', ') || 'nothing of ours'}`;
}

function packageProblem(room: Room, specifier: string): string | undefined {
  const name = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
  const allowed = room.packages.some((entry) => entry === name || entry === specifier || (entry.endsWith('*') && specifier.startsWith(entry.slice(0, -1))));
  return allowed ? undefined : `imports ${specifier}: the packages of ${room.path} are ${room.packages.join(', ') || 'none'}`;
}

const importForms = [
  /^[ \t]*(?:import|export)\s+(?<type>type\s+)?(?:[\w$*{][^'"`;()]*?)\sfrom\s*(?<quote>['"])(?<specifier>.+?)\k<quote>/gm,
  /^[ \t]*import\s*(?<quote>['"])(?<specifier>.+?)\k<quote>/gm,
  /(?<![.\w$]|function )(?<dynamic>import|require)\s*\(\s*(?:(?<quote>['"`])(?<specifier>[^'"`$]+?)\k<quote>\s*[,)]|(?![)]))/gm,
];

function importsOf(text: string): readonly Import[] {
  const code = withoutComments(text);
  return importForms.flatMap((form) =>
    [...code.matchAll(form)].map(({ groups = {}, index }) => ({
      specifier: groups['specifier'] ?? '',
      lazy: groups['type'] !== undefined || groups['dynamic'] === 'import',
      line: lineOf(code, index + (code.slice(index).match(/\S/)?.index ?? 0)),
    })),
  );
}

/** Comments become spaces, strings stay: a `//` inside quotes is no comment. */
function withoutComments(text: string): string {
  return text.replace(/(['"`])(?:\\.|(?!\1)[^\\\n])*\1|\/\/[^\n]*|\/\*[^]*?\*\//g, (found) => (/^['"`]/.test(found) ? found : found.replace(/[^\n]/g, ' ')));
}

const [startMark, endMark] = ['<!-- arrows: printed by tools/boundaries.ts --write -->', '<!-- /arrows -->'];

function verifyTable(): readonly Finding[] {
  const file = 'ARCHITECTURE.md';
  const text = mustRead(file);
  const [start, end] = [text.indexOf(startMark), text.indexOf(endMark)];
  if (start < 0 || end < start) return [{ file, what: `has no markers ${startMark} … ${endMark}` }];
  const fresh = `${text.slice(0, start + startMark.length)}\n<!-- prettier-ignore-start -->\n\n${arrowTable()}\n\n<!-- prettier-ignore-end -->\n${text.slice(end)}`;
  if (process.argv.includes('--write')) writeFileSync(join(root, file), fresh);
  else if (fresh !== text) return [{ file, line: lineOf(text, start), what: 'the arrows differ from tools/arrows.ts: bun tools/boundaries.ts --write' }];
  return [];
}

if (import.meta.main) {
  const sources = projectFiles().filter(isCode);
  const findings = sources.flatMap((path) => verifyImports(path, textOf(path) ?? ''));
  report('boundaries', [...findings, ...verifyTable()], `${sources.length} files keep the arrows`);
}
