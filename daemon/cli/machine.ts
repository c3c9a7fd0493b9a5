// `stillvault machine`: enrolled hosts, their groups and owners (spec/10-local-api.md §administration). A new one joins with a token from the console.
import { StillvaultError } from '../../sdk/errors.ts';
import { usage } from './terminal/arguments.ts';
import type { Command } from './terminal/command.ts';
import { exactly, propose, proposeNote, proposeOptions, unknownVerb } from './terminal/propose.ts';
import { printable, table } from './terminal/text.ts';

export const command: Command = {
  usage: ['machine ls', 'machine set <name> [--group GROUP]… [--owner MEMBER] [options]', 'machine revoke <name> [options]'],
  examples: [
    ['stillvault machine ls', 'with their groups and owners'],
    ['stillvault machine set web-1 --group production --owner ben', 'exactly these groups; none with --group none'],
    ['stillvault machine revoke old-laptop', 'asks for nothing more; asks first'],
  ],
  options: {
    group: { about: 'a group that it is in, or none', takes: 'GROUP', repeats: true },
    owner: { about: 'whose machine it is, where rules separate duties; or none', takes: 'MEMBER' },
    ...proposeOptions,
  },
  notes: [proposeNote, 'machine add: a token from the console, then on that machine: stillvault join.'],
  async run(call) {
    const { args, output, client } = call;
    const [verb = 'ls', ...words] = args.operands;
    if (verb === 'ls') {
      const { machines } = await client().org();
      if (output.json) output.jsonLine(machines);
      else
        output.data(
          table(
            machines.map(({ name, status, groups, owner, here }) => [
              printable(name) + (here ? ' (here)' : ''),
              status === 'enrolled' ? 'waits for admission' : status,
              groups.map(printable).join(', ') || 'no group',
              owner === undefined ? 'no owner' : printable(owner),
            ]),
          ),
        );
      return 0;
    }
    if (verb === 'add')
      throw new StillvaultError('usage', 'a machine joins with a token', { next: 'make one in the console, under Machines, then there: stillvault join' });
    if (verb !== 'set' && verb !== 'revoke') return unknownVerb('machine', verb);
    const machine = exactly(words, 'machine', 'stillvault machine ls');
    if (verb === 'revoke') return propose(call, { act: 'machine.revoke', machine }, `revoke ${printable(machine)}?`);
    const [groups, owner] = [args.all('group'), args.text('owner')];
    if (groups.length === 0 && owner === undefined) throw usage('what should change? --group or --owner', 'stillvault help machine');
    if (groups.includes('none') && groups.length > 1) throw usage('--group none stands alone');
    return propose(call, {
      act: 'machine.set',
      machine,
      ...(groups.length > 0 ? { groups: groups.includes('none') ? [] : groups } : {}),
      ...(owner === undefined ? {} : { owner: owner === 'none' ? null : owner }),
    });
  },
};
