// `stillvault rm`: retires a secret, signed by a writer; its name can be used again (spec/10-local-api.md §administration).
import type { Command } from './terminal/command.ts';
import { exactly, propose, proposeNote, proposeOptions } from './terminal/propose.ts';
import { printable } from './terminal/text.ts';

export const command: Command = {
  usage: ['rm <path> [options]'],
  examples: [
    ['stillvault rm prod/old-db', 'no program gets it any more; asks first'],
    ['stillvault rm prod/old-db --yes --reason "the database is gone"', 'without asking here'],
  ],
  options: proposeOptions,
  notes: [proposeNote, 'It cannot be undone. A writer signs it.'],
  run: (call) => {
    const path = exactly(call.args.operands, 'secret', 'stillvault ls');
    return propose(call, { act: 'secret.retire', path }, `retire ${printable(path)}? no program gets it any more`);
  },
};
