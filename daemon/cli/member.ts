// `stillvault member`: people and their roles (spec/10-local-api.md §administration). A new one comes in through the console, where two people compare.
import { StillvaultError } from '../../sdk/errors.ts';
import { usage } from './terminal/arguments.ts';
import type { Command } from './terminal/command.ts';
import { exactly, propose, proposeNote, proposeOptions, unknownVerb } from './terminal/propose.ts';
import { counted, printable, table } from './terminal/text.ts';

const roles = ['admin', 'approver', 'writer'] as const;

export const command: Command = {
  usage: ['member ls', 'member set <name> [--role ROLE]… [--name NEW] [options]', 'member remove <name> [options]'],
  examples: [
    ['stillvault member ls', 'who there is, and what they may do'],
    ['stillvault member set ben --role approver --role writer', 'exactly these roles; none with --role none'],
    ['stillvault member remove ben --dry-run', 'what would lose its quorum, what would be exposed'],
    ['stillvault member remove ben', 'approves and reads nothing more; asks first'],
  ],
  options: {
    role: { about: `admin, approver, writer, or none`, takes: 'ROLE', repeats: true },
    name: { about: 'another name', takes: 'NAME' },
    ...proposeOptions,
  },
  notes: [proposeNote, 'member add: in the console, under People. Both sides compare a code there, which\nno command line can do for them.'],
  async run(call) {
    const { args, output, client } = call;
    const [verb = 'ls', ...words] = args.operands;
    if (verb === 'ls') {
      const { members } = await client().org();
      if (output.json) output.jsonLine(members);
      else output.data(table(members.map(({ name, roles: has, devices }) => [printable(name), has.join(', ') || 'no role', counted(devices, 'device')])));
      return 0;
    }
    if (verb === 'add')
      throw new StillvaultError('usage', 'a person is added in the console, where both sides compare a code', { next: 'People, Invite a person' });
    if (verb !== 'set' && verb !== 'remove') return unknownVerb('member', verb);
    const member = exactly(words, 'member', 'stillvault member ls');
    if (verb === 'remove') return propose(call, { act: 'member.remove', member }, `remove ${printable(member)}?`);
    const [named, name] = [args.all('role'), args.text('name')];
    if (named.length === 0 && name === undefined) throw usage('what should change? --role or --name', 'stillvault help member');
    const wanted = named.includes('none') ? [] : named.map(roleOf);
    if (named.includes('none') && named.length > 1) throw usage('--role none stands alone');
    return propose(call, { act: 'member.set', member, ...(named.length > 0 ? { roles: wanted } : {}), ...(name === undefined ? {} : { name }) });
  },
};

function roleOf(word: string): (typeof roles)[number] {
  const role = roles.find((known) => known === word);
  if (role === undefined) throw usage(`no role is called ${printable(word)}: admin, approver, writer, or none`);
  return role;
}
