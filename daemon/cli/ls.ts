// `stillvault ls`: names and what is known about them, never values (spec/10-local-api.md §calls).
import type { Command } from './terminal/command.ts';
import { dateTime, printable, table } from './terminal/text.ts';

export const command: Command = {
  usage: ['ls [prefix]'],
  examples: [
    ['stillvault ls', 'every secret that this machine knows of'],
    ['stillvault ls prod/', 'those below prod/'],
    ['stillvault ls --names', 'paths only, one a line'],
    ['stillvault ls --exposed', 'those to renew: somebody who left has a part of them'],
  ],
  options: { names: { about: 'paths only', short: '1' }, exposed: { about: 'only those to renew (stillvault rotate)' } },
  async run({ args, output, client }) {
    const [prefix = ''] = args.operands;
    const secrets = (await client().list()).filter(({ path, exposed }) => path.startsWith(prefix) && (!args.has('exposed') || exposed !== undefined));
    if (output.json) output.jsonLine(secrets);
    else if (args.has('names')) output.data(secrets.map(({ path }) => `${printable(path)}\n`).join(''));
    else
      output.data(
        table(
          secrets.map(({ path, version, fields, description, updatedAt, entitled, exposed }) => [
            printable(path) + fields.map((field, at) => `${at === 0 ? '#' : ','}${printable(field)}`).join(''),
            `v${version}`,
            dateTime(updatedAt),
            `${exposed === undefined ? '' : '(exposed) '}${entitled ? '' : '(this machine may not ask) '}${printable(description)}`,
          ]),
        ),
      );
    if (secrets.length === 0 && args.has('exposed')) output.note('nothing is exposed');
    else if (secrets.length === 0)
      output.note(prefix === '' ? 'no secrets yet; next: stillvault put prod/db-primary' : `no secret begins with ${printable(prefix)}; next: stillvault ls`);
    return 0;
  },
};
