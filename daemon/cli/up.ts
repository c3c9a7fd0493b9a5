// `stillvault up`: relay, daemon and console for one person, in one process (spec/11-enrolment.md §first-device).
import { resolve } from 'node:path';
import { usage } from './terminal/arguments.ts';
import type { Command } from './terminal/command.ts';
import { dataFolder, socketToServe } from './terminal/places.ts';
import { untilSignal } from './terminal/service.ts';
import { parsePort, printable } from './terminal/text.ts';
import { tellProgress } from './up/progress.ts';

export const command: Command = {
  usage: ['up [--data DIR] [--port N] [--relay-port N]'],
  examples: [
    ['stillvault up', 'start, then open the address it prints'],
    ['stillvault up --data ./trial --port 0 --relay-port 0', 'a trial beside it, on free ports'],
  ],
  options: {
    data: { about: 'where everything is kept: ~/.stillvault by default, or STILLVAULT_HOME', takes: 'DIR' },
    port: { about: 'of the console on localhost: 7843 by default', takes: 'N' },
    'relay-port': { about: 'of the relay on 127.0.0.1: 7842 by default', takes: 'N' },
  },
  notes: ['Passkeys belong to the address of the console, machines to that of the relay: once\nan organisation exists, the ports stay. Logs are in DIR/log.'],
  async run({ args, world, output }) {
    if (args.operands.length > 0) throw usage(`unknown: up ${args.operands.map(printable).join(' ')}`);
    const [data, port, relayPort] = [args.text('data'), args.text('port'), args.text('relay-port')];
    const folder = resolve(dataFolder(world.env, data));
    output.note(`Starting Stillvault, with its data in ${printable(folder)}`);
    const { startAll } = await import('./up/start.ts');
    const all = await startAll(world, {
      data: folder,
      socketPath: socketToServe(world.env, data === undefined ? undefined : folder),
      consolePort: port === undefined ? undefined : parsePort(port, 'port'),
      relayPort: relayPort === undefined ? undefined : parsePort(relayPort, 'relay-port'),
    });
    using _progress = tellProgress(all, output);
    await untilSignal(world);
    output.note('stopping');
    await all.stop();
    return 0;
  },
};
