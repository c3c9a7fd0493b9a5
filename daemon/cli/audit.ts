// `stillvault audit`: who released what to which program when, checked from the first entry on (spec/15-audit.md).
import type { AuditHeads, Finding } from '../../protocol/audit/audit.ts';
import type { Command } from './terminal/command.ts';
import { usage } from './terminal/arguments.ts';
import { counted, printable } from './terminal/text.ts';

export const command: Command = {
  usage: [
    'audit show [filters]',
    'audit verify [--anchor FILE]',
    'audit verify --export FILE --org ID [--anchor FILE]',
    'audit export [--format jsonl|ocsf|cef] [-o FILE] [filters]',
  ],
  examples: [
    ['stillvault audit show --path prod/db --since 2026-11-01', 'who released what to which program when, and every use of a lease'],
    ['stillvault audit verify', 'check the log, every machine’s receipts and every signature in them'],
    ['stillvault audit export -o audit.jsonl', 'everything, in a form that proves itself'],
    ['stillvault audit verify --export audit.jsonl --org 5f…c2', 'anywhere: no daemon, no relay, no account'],
    ['stillvault audit export --format ocsf --since 24h | siem-upload', 'rows for a SIEM (ocsf or cef)'],
  ],
  options: {
    since: { about: 'from then on: 2026-11-01, 2026-11-01T12:00Z, or 24h ago', takes: 'TIME' },
    until: { about: 'before then', takes: 'TIME' },
    path: { about: 'a secret, or all below prod/', takes: 'PATH' },
    member: { about: 'who approved, denied or changed it', takes: 'NAME' },
    machine: { about: 'where it was asked', takes: 'NAME' },
    program: { about: 'part of the program’s path', takes: 'TEXT' },
    kind: { about: 'released, used, ended, denied, expired, withdrawn, failed, stored, log, alert', takes: 'KIND', repeats: true },
    limit: { about: 'the newest so many (show: 50)', takes: 'N' },
    format: { about: 'jsonl proves itself; ocsf and cef are rows for a SIEM', takes: 'FORMAT' },
    output: { about: 'write here instead of standard output; never over a file', takes: 'FILE', short: 'o' },
    export: { about: 'verify this export instead of this machine’s organisation; - is standard input', takes: 'FILE' },
    org: { about: 'the organisation that the export must be of: its id, from somebody you trust', takes: 'ID' },
    anchor: { about: 'what `audit verify --json` said earlier: shows what was cut off since', takes: 'FILE' },
  },
  notes: [
    'An export holds names (people, machines, programs, paths, reasons), never values.',
    'Exit code 1: something is missing, was changed, or is not proved; each alert has a\ncode. A cut at the end of an export shows by its signed end; where the exporting\nmachine itself cut, only by --anchor.',
  ],
  async run(call) {
    const [verb = 'show', ...more] = call.args.operands;
    if (more.length > 0 || !['show', 'verify', 'export'].includes(verb)) throw usage(`unknown: audit ${call.args.operands.map(printable).join(' ')}`);
    if (verb === 'show') return (await import('./audit/show.ts')).show(call);
    if (verb === 'verify') return (await import('./audit/verify.ts')).verify(call);
    return (await import('./audit/export.ts')).exportTrail(call);
  },
};

/** What a verification ends with. */
export interface Verdict {
  readonly org: string;
  readonly entries: number;
  readonly receipts: number;
  readonly heads: AuditHeads;
  readonly findings: readonly Finding[];
}

export function findingText({ code, why, machine, n }: Finding): string {
  const where = machine === undefined ? (n === undefined ? '' : ` · entry ${n}`) : ` · ${printable(machine.name)}${n === undefined ? '' : ` #${n}`}`;
  return `${code}  ${printable(why)}${where}`;
}

export function verdictText({ entries, receipts, findings }: Verdict): string {
  const seen = `${counted(entries, 'entr')
    .replace(/entrs$/, 'entries')
    .replace(/entr$/, 'entry')} and ${counted(receipts, 'receipt')}`;
  return findings.length === 0 ? `proved: ${seen}, no gap, no fork, every release with its approvals` : `${counted(findings.length, 'alert')} in ${seen}`;
}
