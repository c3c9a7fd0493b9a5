// `stillvault daemon`: the local daemon in the foreground, for a service manager (spec/10-local-api.md §socket).
import { usage } from './terminal/arguments.ts';
import type { Command } from './terminal/command.ts';
import { dataFolder, socketToServe } from './terminal/places.ts';
import { untilSignal } from './terminal/service.ts';
import { parsePort } from './terminal/text.ts';

export const command: Command = {
  usage: ['daemon [--state DIR] [--socket PATH] [--loopback-port N]'],
  examples: [
    ['stillvault daemon', 'for this user, until Ctrl-C'],
    ['stillvault daemon --state /var/lib/stillvault --socket /run/stillvault/daemon.sock', 'for a system unit'],
  ],
  options: {
    state: { about: 'keys and log of this machine: ~/.stillvault/daemon by default', takes: 'DIR' },
    socket: { about: 'where programs ask; STILLVAULT_SOCKET does the same', takes: 'PATH' },
    'loopback-port': { about: 'also listen on 127.0.0.1, for callers with the token in DIR/loopback.token', takes: 'N' },
  },
  notes: ['The log goes to standard error, one JSON object a line, without names or values.'],
  async run({ args, world, output }) {
    if (args.operands.length > 0) throw usage('daemon takes options only');
    const port = args.text('loopback-port');
    const loopbackPort = port === undefined ? {} : { loopbackPort: parsePort(port, 'loopback-port') };
    const [{ harden }, { libc }, { startDaemon }] = await Promise.all([import('../harden.ts'), import('../intake/libc.ts'), import('../start.ts')]);
    const log = (line: object): void => world.write(2, `${JSON.stringify({ time: new Date(world.now()).toISOString(), ...line })}\n`);
    const { missing } = harden(process, libc());
    if (missing.length > 0) log({ event: 'not hardened', missing });
    const socketPath = args.text('socket') ?? socketToServe(world.env, undefined);
    const daemon = await startDaemon({
      stateDir: args.text('state') ?? `${dataFolder(world.env, undefined)}/daemon`,
      socketPath,
      ...loopbackPort,
      version: world.version,
      log,
    });
    if (output.json) output.jsonLine({ event: 'listening', socket: socketPath, state: daemon.status().state });
    await untilSignal(world);
    await daemon.stop();
    return 0;
  },
};
