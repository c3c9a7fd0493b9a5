// `stillvault device`: the phones and browsers of people (spec/10-local-api.md §administration). A new one comes in through the console.
import { StillvaultError } from '../../sdk/errors.ts';
import type { Command } from './terminal/command.ts';
import { exactly, propose, proposeNote, proposeOptions, unknownVerb } from './terminal/propose.ts';
import { printable, table } from './terminal/text.ts';

export const command: Command = {
  usage: ['device ls', 'device revoke <name> [options]'],
  examples: [
    ['stillvault device ls', 'whose they are; the id where two have one name'],
    ['stillvault device revoke "ben’s phone" --reason lost', 'signs and reads nothing more; asks first'],
  ],
  options: proposeOptions,
  notes: [proposeNote, 'device add: in the console, under People. Both sides compare a code there.'],
  async run(call) {
    const { args, output, client } = call;
    const [verb = 'ls', ...words] = args.operands;
    if (verb === 'ls') {
      const { devices } = await client().org();
      if (output.json) output.jsonLine(devices);
      else
        output.data(
          table(
            devices.map(({ id, name, member, synced }) => [
              printable(name),
              printable(member),
              synced ? 'synced passkey' : 'device-bound passkey',
              id.slice(0, 8),
            ]),
          ),
        );
      return 0;
    }
    if (verb === 'add')
      throw new StillvaultError('usage', 'a device is added in the console, where both sides compare a code', { next: 'People, Add a device' });
    if (verb !== 'revoke') return unknownVerb('device', verb);
    const device = exactly(words, 'device', 'stillvault device ls');
    return propose(call, { act: 'device.revoke', device }, `revoke ${printable(device)}?`);
  },
};
