// Keeps the documents true: links resolve, commands of README exist, no file names a machine of ours.
import { posix } from 'node:path';
import { z } from 'zod';
import { type Finding, lineOf, mustRead, projectFiles, report, textOf } from './tree.ts';

/** Links and images of a Markdown text that lead to no file or heading. */
export function verifyLinks(file: string, text: string, read: (path: string) => string | undefined): readonly Finding[] {
  const prose = text.replace(/```[^]*?```|`[^`\n]*`/g, (code) => code.replace(/[^\n]/g, ' '));
  return [...prose.matchAll(/\]\(\s*<?([^)\s>]+)>?[^)]*\)/g)].flatMap(({ 1: target = '', index }) => {
    if (/^[a-z]+:/i.test(target)) return [];
    const [path = '', heading] = target.split('#');
    const full = path === '' ? file : posix.normalize(posix.join(posix.dirname(file), decodeURI(path)));
    const linked = path === '' ? text : read(full.replace(/\/$/, ''));
    const at = { file, line: lineOf(text, index) };
    if (linked === undefined) return [{ ...at, what: `links to ${target}, which does not exist` }];
    return heading === undefined || !full.endsWith('.md') || headingsOf(linked).has(heading)
      ? []
      : [{ ...at, what: `links to ${target}, which has no such heading` }];
  });
}

/** Commands in ```sh blocks that are neither a script of package.json nor a verb of stillvault. */
export function verifyCommands(file: string, text: string, scripts: ReadonlySet<string>, verbs: ReadonlySet<string>): readonly Finding[] {
  return [...text.matchAll(/^```sh\n([^]*?)^```/gm)].flatMap(({ 1: block = '', index }) =>
    block.split('\n').flatMap((line, nth) =>
      line.split(/&&|\||;|\$\(/).flatMap((part) => {
        const words = part
          .replace(/^[\s$]+|#.*$/g, '')
          .split(/\s+/)
          .filter((word) => !/^\w+=/.test(word));
        const problem = commandProblem(words, scripts, verbs);
        return problem === undefined ? [] : [{ file, line: lineOf(text, index) + 1 + nth, what: problem }];
      }),
    ),
  );
}

/** Paths and hosts of the machines that built this. */
export function verifyNoMachine(file: string, text: string): readonly Finding[] {
  const machine = /(?<![\w.:-])\/(?:work|root)\/|registry\.[a-z]+js\.(?:org|com)|\b(?:artifactory|nexus|verdaccio)\b[./:]|"resolved":/g;
  return [...text.matchAll(machine)].map(({ 0: found, index }) => ({ file, line: lineOf(text, index), what: `names ${found}, which belongs to one machine` }));
}

function headingsOf(markdown: string): ReadonlySet<string> {
  const slugs = [...markdown.matchAll(/^#+\s+(.+)$/gm)].map(({ 1: title = '' }) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replace(/\s/g, '-'),
  );
  return new Set([...slugs, ...[...markdown.matchAll(/(?:id|name)="([^"]+)"/g)].map(({ 1: id = '' }) => id)]);
}

function commandProblem([command, verb = '', name = '']: readonly string[], scripts: ReadonlySet<string>, verbs: ReadonlySet<string>): string | undefined {
  if (command === 'npm' && (verb === 'run' || verb === 'run-script')) return scripts.has(name) ? undefined : `npm run ${name}: no such script`;
  if (command === 'npm' && (verb === 'start' || verb === 'test')) return scripts.has(verb) ? undefined : `npm ${verb}: no such script`;
  if (command !== 'stillvault' && command?.endsWith('/stillvault') !== true) return undefined;
  return verb === '' || verb.startsWith('-') || verbs.has(verb) ? undefined : `stillvault ${verb}: no such command`;
}

const scriptsSchema = z.object({ scripts: z.record(z.string(), z.string()) });

if (import.meta.main) {
  const files = projectFiles();
  const folders = new Set(files.flatMap((path) => path.split('/').map((_, depth, parts) => parts.slice(0, depth).join('/'))));
  const read = (path: string): string | undefined => textOf(path) ?? (folders.has(path) ? '' : undefined);
  const documents = files.filter((path) => path.endsWith('.md'));
  const scripts = new Set(Object.keys(scriptsSchema.parse(JSON.parse(mustRead('package.json'))).scripts));
  // One file per command.
  const verbs = new Set(files.flatMap((path) => /^daemon\/cli\/([a-z-]+)(?:\.ts|\/)/.exec(path)?.[1] ?? []));
  const own = 'tools/docs-check';
  report(
    'docs',
    [
      ...documents.flatMap((path) => verifyLinks(path, mustRead(path), read)),
      ...documents.filter((path) => !path.startsWith('spec/')).flatMap((path) => verifyCommands(path, mustRead(path), scripts, verbs)),
      ...files.filter((path) => !path.startsWith(own)).flatMap((path) => verifyNoMachine(path, textOf(path) ?? '')),
    ],
    `${documents.length} documents, ${files.length} files`,
  );
}
