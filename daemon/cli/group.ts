// `stillvault group`: names for several people or machines that rules can use (spec/10-local-api.md §administration).
import { usage } from './terminal/arguments.ts';
import type { Command } from './terminal/command.ts';
import { exactly, propose, proposeNote, proposeOptions, unknownVerb } from './terminal/propose.ts';
import { printable, table } from './terminal/text.ts';

export const command: Command = {
  usage: [
    'group ls',
    'group add <name> [--member NAME]…',
    'group set <name> [--add NAME]… [--remove NAME]… [--member NAME]… [--name NEW]',
    'group remove <name> <member>…',
  ],
  examples: [
    ['stillvault group ls', 'people and machines of each'],
    ['stillvault group add on-call --member ada --member ben', 'a new one'],
    ['stillvault group set on-call --add eve --remove ben', 'the others stay'],
    ['stillvault group remove on-call ben', 'the same as set --remove; asks first'],
  ],
  options: {
    member: { about: 'exactly these people', takes: 'NAME', repeats: true },
    add: { about: 'one more', takes: 'NAME', repeats: true },
    remove: { about: 'one less', takes: 'NAME', repeats: true },
    name: { about: 'another name', takes: 'NEW' },
    ...proposeOptions,
  },
  notes: [
    proposeNote,
    'A group is never deleted, since rules name it: empty it with group remove.\nMachines come into it with: stillvault machine set <machine> --group <name>',
  ],
  async run(call) {
    const { args, output, client } = call;
    const [verb = 'ls', ...words] = args.operands;
    if (verb === 'ls') {
      const { groups } = await client().org();
      if (output.json) output.jsonLine(groups);
      else output.data(table(groups.map(({ name, members, machines }) => [printable(name), listed(members, 'no people'), listed(machines, 'no machines')])));
      if (groups.length === 0) output.note('no groups yet; next: stillvault group add on-call --member …');
      return 0;
    }
    if (verb === 'add') return propose(call, { act: 'group.add', group: exactly(words, 'group', 'stillvault group ls'), members: args.all('member') });
    if (verb !== 'set' && verb !== 'remove') return unknownVerb('group', verb);
    const [group, ...people] = words;
    if (group === undefined || (verb === 'set' ? people.length > 0 : people.length === 0))
      throw usage(verb === 'set' ? 'which group? give one' : 'which group, and who?', 'stillvault group ls');
    const [exact, more, less, name] = [args.all('member'), args.all('add'), verb === 'remove' ? people : args.all('remove'), args.text('name')];
    if (exact.length > 0 && (more.length > 0 || less.length > 0)) throw usage('--member says exactly who: without --add and --remove');
    if (exact.length + more.length + less.length === 0 && name === undefined) throw usage('what should change? --add, --remove, --member or --name');
    const before = (await client().org()).groups.find((known) => known.name === group || known.id === group)?.members ?? [];
    const stranger = less.find((one) => !before.includes(one));
    if (stranger !== undefined) throw usage(`${printable(stranger)} is not in ${printable(group)}`, 'stillvault group ls');
    const members = exact.length > 0 ? exact : [...before.filter((one) => !less.includes(one)), ...more];
    return propose(
      call,
      {
        act: 'group.set',
        group,
        ...(exact.length + more.length + less.length > 0 ? { members: [...new Set(members)] } : {}),
        ...(name === undefined ? {} : { name }),
      },
      less.length > 0 ? `take ${less.map(printable).join(', ')} out of ${printable(group)}?` : undefined,
    );
  },
};

const listed = (names: readonly string[], none: string): string => names.map(printable).join(', ') || none;
