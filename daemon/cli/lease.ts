// `stillvault lease`: live leases, and ending them (spec/10-local-api.md §leases).
import type { LeaseSummary } from '../../protocol/local-api.ts';
import { usage } from './terminal/arguments.ts';
import type { Command } from './terminal/command.ts';
import { pathsText } from './terminal/waiting.ts';
import { clockTime, counted, countdown, printable, table } from './terminal/text.ts';

export const command: Command = {
  usage: ['lease ls', 'lease end <id>…', 'lease end --all'],
  examples: [
    ['stillvault lease ls', 'what programs hold without asking again'],
    ['stillvault lease end 3f9a01', 'one of them; the first digits are enough'],
    ['stillvault lease end --all', 'all of them, now'],
  ],
  options: { all: { about: 'end every lease of this machine' } },
  async run({ args, world, output, client }) {
    const [verb = 'ls', ...ids] = args.operands;
    const daemon = client();
    if (verb === 'ls') {
      const leases = await daemon.leases();
      if (output.json) output.jsonLine(leases);
      else output.data(table(leases.map((lease) => leaseRow(lease, world.now()))));
      if (leases.length === 0) output.note('no live leases: the next read asks a person');
      return 0;
    }
    if (verb !== 'end') throw usage(`unknown: lease ${printable(verb)}`);
    if (args.has('all') === ids.length > 0) throw usage('which lease? give its id, or --all', 'stillvault lease ls');
    const ended = args.has('all') ? await daemon.endLease({ all: true }) : await endByPrefix(ids, await daemon.leases(), async (id) => daemon.endLease({ id }));
    if (output.json) output.jsonLine(ended);
    else
      output.note(
        ended.length === 0 ? 'no lease was live' : `ended ${counted(ended.length, 'lease')}: ${ended.map(({ paths }) => pathsText(paths)).join(', ')}`,
      );
    return 0;
  },
};

async function endByPrefix(
  ids: readonly string[],
  live: readonly LeaseSummary[],
  end: (id: string) => Promise<readonly LeaseSummary[]>,
): Promise<readonly LeaseSummary[]> {
  const chosen = ids.map((prefix) => {
    const found = live.filter(({ id }) => id.startsWith(prefix));
    if (found.length > 1) throw usage(`${printable(prefix)} fits ${found.length} leases`, 'stillvault lease ls');
    // One that has ended meanwhile is no mistake: the daemon says so.
    if (found[0] === undefined && !/^[0-9a-f]{32}$/.test(prefix)) throw usage(`no live lease begins with ${printable(prefix)}`, 'stillvault lease ls');
    return found[0]?.id ?? prefix;
  });
  const ended: LeaseSummary[] = [];
  for (const id of new Set(chosen)) ended.push(...(await end(id)));
  return ended;
}

function leaseRow({ id, paths, scope, holder, approved_by, until, uses_left, used }: LeaseSummary, now: number): readonly string[] {
  const left = Date.parse(until) - now;
  return [
    printable(id.slice(0, 8)),
    pathsText(paths),
    `${scope} ${printable(holder)}`,
    `${countdown(left)} left, until ${clockTime(until)}`,
    `${used} used, ${uses_left} left`,
    `by ${approved_by.map(printable).join(', ')}`,
  ];
}
