// `stillvault log`: the org log for reading, its verification from the first entry, and the way on where it stopped (spec/10-local-api.md §calls).
import type { LogLine } from '../../protocol/local-api.ts';
import type { Client } from '../../sdk/client.ts';
import { StillvaultError } from '../../sdk/errors.ts';
import { usage } from './terminal/arguments.ts';
import type { Call, Command } from './terminal/command.ts';
import { confirm } from './terminal/prompt.ts';
import { dateTime, parseCount, printable, table } from './terminal/text.ts';

/** As many as the daemon gives at once. */
const pageLines = 1_000;

export const command: Command = {
  usage: ['log show [--from N]', 'log verify', 'log resume [--yes]'],
  examples: [
    ['stillvault log show', 'who changed what, in order'],
    ['stillvault log show --from 120 --json', 'entries from number 120, one JSON a line'],
    ['stillvault log verify', 'check every signature again, from the first entry'],
    ['stillvault log resume', 'what this machine stopped at; after you have looked, go on without it'],
  ],
  options: { from: { about: 'first entry to show', takes: 'N' }, yes: { about: 'resume without asking', short: 'y' } },
  async run(call) {
    const { args, output, client } = call;
    const [verb = 'show', ...more] = args.operands;
    if (more.length > 0 || !['show', 'verify', 'resume'].includes(verb)) throw usage(`unknown: log ${args.operands.map(printable).join(' ')}`);
    if (args.has('yes') && verb !== 'resume') throw usage('--yes is for log resume');
    if (verb === 'resume') return resume(call);
    if (verb === 'verify') {
      const verified = await client().verifyLog();
      if (output.json) output.jsonLine(verified);
      else
        output.data(
          `verified ${verified.entries} entries from the first in ${Math.round(verified.ms)} ms\norg  ${printable(verified.org)}\nhead ${printable(verified.head)}\n`,
        );
      return 0;
    }
    const from = args.text('from');
    const lines = await readFrom(client(), from === undefined || from === '0' ? 0 : parseCount(from, 'from', 1e9));
    if (output.json) for (const line of lines) output.jsonLine(line);
    else output.data(table(lines.map(rowOf)));
    return 0;
  },
};

const rowOf = ({ seq, at, type, by, what }: LogLine): readonly string[] => [
  String(seq),
  dateTime(at),
  printable(type),
  by.map(printable).join(', '),
  printable(what),
];

/** Shows what a person decides about, then asks: the decision is theirs, and for this machine alone. */
async function resume(call: Call): Promise<number> {
  const { args, output, client } = call;
  const daemon = client();
  const stop = await daemon.logStop();
  const { code, what, record, ours, theirs, evidence, next } = stop;
  if (!output.json) {
    const lines = [
      ['stopped', `${printable(code)}: ${printable(what)}`],
      ...(ours ? [['this log has', rowOf(ours).join('  ')]] : []),
      ...(theirs ? [['and somebody', rowOf(theirs).join('  ')]] : []),
      ...(evidence === undefined ? [] : [['evidence', printable(evidence)]]),
      ...(record === undefined ? [] : [['record', printable(record)]]),
    ];
    output.data(table(lines));
  }
  // Nothing to decide: it goes on by itself once the same check passes.
  if (record === undefined) {
    if (output.json) output.jsonLine({ ...stop, resumed: false });
    throw new StillvaultError('error', 'no decision helps here', { detail: code, next });
  }
  output.note('Go on only after the admins have compared their logs over another channel and agree that this one is right.');
  output.note('This machine then treats that record as if it were not there, and keeps it as evidence. Nobody else is told.');
  if (!args.has('yes') && !(await confirm(call, 'go on without that record?'))) {
    output.note('nothing was done');
    return 1;
  }
  const { state, halted } = await daemon.resumeLog({ record });
  if (output.json) output.jsonLine({ ...stop, resumed: true, state, ...(halted === undefined ? {} : { halted }) });
  else if (state === 'halted') output.note(`that record is passed over, and the log stopped at the next: ${printable(halted ?? '')}; stillvault log resume`);
  else output.note(`goes on: ${state.replaceAll('_', ' ')}`);
  return state === 'halted' ? 1 : 0;
}

async function readFrom(daemon: Client, first: number): Promise<readonly LogLine[]> {
  const lines: LogLine[] = [];
  for (;;) {
    const page = await daemon.log(first + lines.length);
    lines.push(...page);
    if (page.length < pageLines) return lines;
  }
}
