// `stillvault console serve`: the approver's web app from the approver's own machine, so that it need not come from the relay.
import { openConsole, relayOrigin } from './console/open.ts';
import { usage } from './terminal/arguments.ts';
import type { Command } from './terminal/command.ts';
import { untilSignal } from './terminal/service.ts';
import { parsePort, printable } from './terminal/text.ts';

export const command: Command = {
  usage: ['console serve --relay URL [--port N]'],
  examples: [['stillvault console serve --relay https://relay.example', 'then open the address it prints']],
  options: {
    relay: { about: 'address of the relay, such as https://relay.example', takes: 'URL' },
    port: { about: 'port on localhost: 7843 by default; passkeys belong to it, keep it', takes: 'N' },
  },
  notes: [
    'The page comes from this program, so the relay cannot change it. An organisation\nlists the origins that its passkeys may be used at: create it, or add your device,\nat this address.',
  ],
  async run({ args, world, output }) {
    if (args.operands.length === 0) throw usage('console what? serve', 'stillvault console serve --relay https://relay.example');
    if (args.operands.length !== 1 || args.operands[0] !== 'serve') throw usage(`unknown: console ${args.operands.map(printable).join(' ')}`);
    const given = args.text('relay');
    const relay = given === undefined ? undefined : relayOrigin(given);
    if (relay === undefined) throw usage('--relay is the address of your relay, such as https://relay.example');
    const port = args.text('port');
    const { choosePort } = await import('./up/ports.ts');
    const chosen = await choosePort({
      what: 'console',
      option: '--port',
      given: port === undefined ? 7_843 : parsePort(port, 'port'),
      before: undefined,
      usual: 7_843,
      isPinned: () => true,
    });
    const server = await openConsole({ port: chosen, relay });
    if (output.json) output.jsonLine({ event: 'listening', console: server.origin, relay });
    else output.data(`${server.origin}\n`);
    output.note(`the console for ${printable(relay)}; Ctrl-C stops`);
    await untilSignal(world);
    await server.stop();
    return 0;
  },
};
