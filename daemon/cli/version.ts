// `stillvault version`
import type { Command } from './terminal/command.ts';

export const command: Command = {
  usage: ['version'],
  examples: [['stillvault version', 'this program’s version']],
  options: {},
  run({ world, output }) {
    if (output.json) output.jsonLine({ version: world.version });
    else output.data(`stillvault ${world.version}\n`);
    return 0;
  },
};
