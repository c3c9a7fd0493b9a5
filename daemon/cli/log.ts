// `stillvault log`: the org log for reading, and its verification from the first entry (spec/10-local-api.md §calls).
import type { LogLine } from '../../protocol/local-api.ts';
import type { Client } from '../../sdk/client.ts';
import { usage } from './terminal/arguments.ts';
import type { Command } from './terminal/command.ts';
import { dateTime, parseCount, printable, table } from './terminal/text.ts';

/** As many as the daemon gives at once. */
const pageLines = 1_000;

export const command: Command = {
  usage: ['log show [--from N]', 'log verify'],
  examples: [
    ['stillvault log show', 'who changed what, in order'],
    ['stillvault log show --from 120 --json', 'entries from number 120, one JSON a line'],
    ['stillvault log verify', 'check every signature again, from the first entry'],
  ],
  options: { from: { about: 'first entry to show', takes: 'N' } },
  async run({ args, output, client }) {
    const [verb = 'show', ...more] = args.operands;
    if (more.length > 0 || (verb !== 'show' && verb !== 'verify')) throw usage(`unknown: log ${args.operands.map(printable).join(' ')}`);
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
    else
      output.data(
        table(lines.map(({ seq, at, type, by, what }) => [String(seq), dateTime(at), printable(type), by.map(printable).join(', '), printable(what)])),
      );
    return 0;
  },
};

async function readFrom(daemon: Client, first: number): Promise<readonly LogLine[]> {
  const lines: LogLine[] = [];
  for (;;) {
    const page = await daemon.log(first + lines.length);
    lines.push(...page);
    if (page.length < pageLines) return lines;
  }
}
