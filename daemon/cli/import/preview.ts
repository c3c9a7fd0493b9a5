// What a person sees before anything is sent: names, paths, what is there already; and the question (spec/19-import.md §import).
import { relative } from 'node:path';
import type { Call } from '../terminal/command.ts';
import { confirm } from '../terminal/prompt.ts';
import { counted, printable, table } from '../terminal/text.ts';
import { type Put, nameOf } from './names.ts';
import type { Opened } from './open.ts';
import { type ImportRecord, tagOf } from './record.ts';
import type { Candidate, Target } from './source.ts';
import { plainReference } from './text-files.ts';

export type Fate = { readonly kind: 'new' | 'stored already' } | { readonly kind: 'new version'; readonly version: number };

export function fatesOf(puts: readonly Put[], there: ReadonlyMap<string, number>, record: ImportRecord): ReadonlyMap<string, Fate> {
  return new Map(
    puts.map((put): [string, Fate] => {
      const [version, done] = [there.get(put.path), record.stored.find(({ path }) => path === put.path)];
      if (done?.tag !== undefined && done.tag === tagOf(record.key ?? '', put)) return [put.path, { kind: 'stored already' }];
      return [put.path, version === undefined ? { kind: 'new' } : { kind: 'new version', version: version + 1 }];
    }),
  );
}

export function preview(
  { args, output }: Call,
  { source, format, path }: Opened,
  chosen: ReadonlyMap<Candidate, Target>,
  fates: ReadonlyMap<string, Fate>,
): void {
  const fateText = (target: Target): string => {
    const fate = fates.get(target.path);
    return fate?.kind === 'new version' ? `would be version ${fate.version}` : (fate?.kind ?? '');
  };
  const staying = source.candidates.filter((candidate) => !chosen.has(candidate));
  if (output.json)
    return output.jsonLine({
      event: 'plan',
      file: path,
      format,
      take: [...chosen].map(([candidate, target]) => ({
        name: nameOf(candidate),
        line: candidate.line,
        why: candidate.why,
        to: plainReference(target),
        is: fateText(target),
      })),
      stay: staying.map((candidate) => ({ name: nameOf(candidate), line: candidate.line, why: candidate.why })),
      notes: source.notes ?? [],
    });
  const rows = [...chosen].map(([candidate, target]) => [
    `${candidate.line ?? '-'}`,
    printable(nameOf(candidate)),
    printable(candidate.why),
    '→',
    printable(plainReference(target)),
    fateText(target),
  ]);
  const write = (text: string): void => (args.has('dry-run') ? output.data(text) : output.note(text.trimEnd()));
  if (rows.length > 0) write(table([['line', 'name', 'what', '', 'becomes', ''], ...rows]));
  if (staying.length > 0)
    output.note(
      `stays: ${staying
        .slice(0, 20)
        .map((candidate) => `${printable(nameOf(candidate))} (${printable(candidate.why)})`)
        .join(', ')}${staying.length > 20 ? ', …' : ''}`,
    );
  for (const line of source.notes ?? []) output.note(printable(line));
}

export async function confirmed({ world, output, args }: Call, { path, source }: Opened, count: number): Promise<boolean> {
  if (count > 3 && !args.has('as-fields')) output.note(`${count} approvals, one after the other; --as-fields needs one`);
  return confirm({ world, output }, `store ${counted(count, 'secret')}${source.rewrite === undefined ? '' : ` and put references into ${nearest(path)}`}?`);
}

/** As a person would write it here. */
export function nearest(path: string): string {
  const near = relative(process.cwd(), path);
  return printable(near === '' || near.startsWith('..') ? path : near);
}
