// `stillvault audit show`: the newest rows as a table; everything before them was verified too (spec/15-audit.md §rows).
import type { AuditRow } from '../../../protocol/audit/rows.ts';
import { findingText } from '../audit.ts';
import type { Call } from '../terminal/command.ts';
import { counted, dateTime, printable, table } from '../terminal/text.ts';
import { limitOf, rowFilter } from './filter.ts';
import { auditLines, daemonLines } from './trail.ts';

const rowsShown = 50;
const findingsShown = 10;

export async function show(call: Call): Promise<number> {
  const { args, output, world } = call;
  const isWanted = rowFilter(args, world.now());
  const limit = limitOf(args) ?? (output.json ? Number.POSITIVE_INFINITY : rowsShown);
  const rows: AuditRow[] = [];
  let matched = 0;
  const { findings } = await auditLines(call, await daemonLines(call), {
    onRow: (row) => {
      if (!isWanted(row)) return;
      matched++;
      if (output.json && limit === Number.POSITIVE_INFINITY) return output.jsonLine(viewOf(row));
      rows.push(row);
      if (rows.length > limit) rows.shift();
    },
  });
  if (output.json) for (const row of rows) output.jsonLine(viewOf(row));
  else output.data(table(rows.map(cells)));
  if (matched === 0) output.note('nothing matches; without filters: stillvault audit show');
  else if (matched > rows.length) output.note(`the newest ${rows.length} of ${matched}; more with --limit ${matched}`);
  for (const finding of findings.slice(0, findingsShown)) output.note(output.style.red(findingText(finding)));
  if (findings.length > 0) output.note(`${counted(findings.length, 'alert')}; next: stillvault audit verify`);
  return findings.length === 0 ? 0 : 1;
}

/** As JSON: times as in the rest of the command line, proof in one word. */
export function viewOf({ at, faults, ...row }: AuditRow): object {
  return { at: new Date(at).toISOString(), ...row, proof: faults.length === 0 ? 'proven' : 'missing', faults };
}

function cells({ at, kind, type, what, who, machine, program, note, reason, faults }: AuditRow): readonly string[] {
  const where = [program, machine && `on ${machine.name}`].filter((part) => part !== undefined).map(printable);
  const words = [note, reason === undefined ? undefined : `“${reason}”`]
    .filter((part) => part !== undefined && part !== '')
    .map((part) => printable(part ?? ''));
  return [
    dateTime(new Date(at).toISOString()),
    kind === 'log' ? printable(type ?? kind) : kind,
    what.map(printable).join(', '),
    who.map(printable).join(', '),
    where.join(' '),
    faults.length === 0 ? 'proven' : `MISSING ${faults.map(({ code }) => code).join(' ')}`,
    words.join(' '),
  ];
}
