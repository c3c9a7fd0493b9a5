// `stillvault audit export`: everything as lines that prove themselves, or rows for a SIEM; streamed (spec/15-audit.md §export, §siem).
import { closeSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { StillvaultError } from '../../../sdk/errors.ts';
import { findingText, verdictText } from '../audit.ts';
import { usage } from '../terminal/arguments.ts';
import type { Call } from '../terminal/command.ts';
import { printable } from '../terminal/text.ts';
import { limitOf, rowFilter } from './filter.ts';
import { type About, cefFinding, cefRow, ocsfFinding, ocsfRow } from './siem.ts';
import { auditLines, daemonLines } from './trail.ts';

const filters = ['since', 'until', 'path', 'member', 'machine', 'program', 'kind'];

export async function exportTrail(call: Call): Promise<number> {
  const { args, output, world } = call;
  const format = args.text('format') ?? 'jsonl';
  if (!['jsonl', 'ocsf', 'cef'].includes(format)) throw usage(`--format is jsonl, ocsf or cef; not ${printable(format)}`);
  const filter = [...filters, 'limit'].find((name) => args.has(name));
  if (format === 'jsonl' && filter !== undefined)
    throw usage(`an export that proves itself is whole: without --${filter}, or as --format ocsf or cef`, 'stillvault audit export --format jsonl');
  if (limitOf(args) !== undefined) throw usage('--limit goes with audit show');
  const isWanted = rowFilter(args, world.now());
  const source = await daemonLines(call);
  const { org } = source;
  using target = openTarget(call, args.text('output'));
  const about: About = { org, version: world.version };
  const isOcsf = format === 'ocsf';
  const verdict = await auditLines(call, source, {
    ...(format === 'jsonl' ? { onLine: target.line } : {}),
    ...(format === 'jsonl'
      ? {}
      : {
          onRow: (row) => {
            if (isWanted(row)) target.line(isOcsf ? ocsfRow(about, row) : cefRow(about, row));
          },
          onFinding: (finding) => target.line(isOcsf ? ocsfFinding(about, finding, world.now()) : cefFinding(about, finding, world.now())),
        }),
  });
  target.keep();
  if (output.json && args.has('output')) output.jsonLine(verdict);
  for (const finding of verdict.findings.slice(0, 10)) output.note(output.style.red(findingText(finding)));
  output.note(`${verdictText(verdict)}; names, never values`);
  if (format === 'jsonl') output.note(`next: stillvault audit verify --export ${args.text('output') ?? 'FILE'} --org ${org}`);
  return verdict.findings.length === 0 ? 0 : 1;
}

/** A new file that only this user can read, gone again unless it is kept; or standard output. */
function openTarget({ world }: Call, path: string | undefined): Disposable & { readonly line: (line: string) => void; readonly keep: () => void } {
  if (path === undefined) return { line: (line) => world.write(1, `${line}\n`), keep: () => undefined, [Symbol.dispose]: () => undefined };
  let fd: number;
  try {
    fd = openSync(path, 'wx', 0o600);
  } catch (cause) {
    const isThere = cause instanceof Error && 'code' in cause && cause.code === 'EEXIST';
    const what = isThere ? 'is there already: nothing was written' : 'cannot be written';
    throw new StillvaultError('error', `${printable(path)} ${what}`, { cause, next: 'name another file' });
  }
  let isKept = false;
  return {
    line: (line) => {
      const bytes = Buffer.from(`${line}\n`);
      for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
    },
    keep: () => void (isKept = true),
    [Symbol.dispose]: () => {
      closeSync(fd);
      if (!isKept) unlinkSync(path);
    },
  };
}
