// `stillvault info`: one secret, its policy, and who holds a part of it (spec/10-local-api.md §calls).
import type { SecretInfo } from '../../protocol/local-api.ts';
import { usage } from './terminal/arguments.ts';
import type { Command } from './terminal/command.ts';
import { dateTime, durationText, printable, table } from './terminal/text.ts';

export const command: Command = {
  usage: ['info <path>'],
  examples: [['stillvault info prod/db-primary', 'who approves it, for how long, and who holds a part']],
  options: {},
  async run({ args, output, client }) {
    const [path, ...more] = args.operands;
    if (path === undefined || more.length > 0) throw usage('which secret? give one path');
    const info = await client().info(path);
    if (output.json) output.jsonLine(info);
    else output.data(table(rows(info)));
    if (info.exposed !== undefined || info.custody.needVersion.length > 0) output.note(`next: stillvault rotate ${printable(path)}`);
    return 0;
  },
};

function rows({ path, version, fields, description, updatedAt, entitled, policy, custody, exposed }: SecretInfo): readonly (readonly string[])[] {
  const list = (names: readonly string[]): string => names.map(printable).join(', ') || 'nobody';
  const waiting = custody.waiting.filter((name) => !custody.needVersion.includes(name));
  return [
    ['path', printable(path)],
    ['version', `${version}, ${dateTime(updatedAt)}`],
    ...(fields.length > 0 ? [['fields', list(fields)]] : []),
    ...(description === '' ? [] : [['description', printable(description)]]),
    ['this machine', entitled ? 'may ask' : 'may not ask'],
    ['approvers', printable(policy.approvers)],
    ['machines', printable(policy.machines)],
    [
      'lease',
      policy.maxTtlS === 0
        ? 'none: one use for each approval'
        : `up to ${durationText(policy.maxTtlS)}, ${policy.maxUses} uses, for ${policy.scopes.join(', ')}`,
    ],
    ['tier', policy.tier + (policy.reasonRequired ? ', a reason is required' : '')],
    ['hosts', policy.hosts?.length ? list(policy.hosts) : 'none: no proxy and no HTTP tool may send it'],
    ['reveal', policy.revealAllowed === true ? 'may be shown to a person or a model, with an approval' : 'never shown'],
    ['policy', printable(policy.pattern)],
    ['approver half', `${custody.k} of ${list(custody.members)}`],
    ['machine half', list(custody.machines)],
    ...(waiting.length > 0 ? [['waiting for a share', list(waiting)]] : []),
    ...(custody.needVersion.length > 0 ? [['waiting for a new version', list(custody.needVersion)]] : []),
    ...(exposed === undefined
      ? []
      : [['exposed', exposed === 'holder' ? `to ${list(custody.exposedTo)}` : 'opens with fewer people than its policy asks for']]),
  ];
}
