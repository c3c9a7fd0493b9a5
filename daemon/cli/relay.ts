// `stillvault relay`: a relay for one or many organisations, and care for its data (spec/08-relay.md §running, §store).
import { readFileSync } from 'node:fs';
import { StillvaultError } from '../../sdk/errors.ts';
import { type Arguments, usage } from './terminal/arguments.ts';
import type { Command } from './terminal/command.ts';
import type { Output } from './terminal/output.ts';
import { dataFolder } from './terminal/places.ts';
import { untilSignal } from './terminal/service.ts';
import { counted, printable } from './terminal/text.ts';
import type { World } from './terminal/world.ts';

/** Each is the setting STILLVAULT_RELAY_… of its name. */
const settings = {
  host: { about: 'address to listen on: 127.0.0.1 by default', takes: 'HOST' },
  port: { about: 'port to listen on: 8460 by default', takes: 'N' },
  data: { about: 'folder of its database: ~/.stillvault/relay by default', takes: 'DIR' },
  'public-url': { about: 'origin under which clients reach it', takes: 'URL' },
  signup: { about: 'who may create organisations: open, token or closed', takes: 'WHO' },
  console: { about: 'serve the console too: on or off', takes: 'ON' },
  'log-level': { about: 'debug, info, warn, error or off', takes: 'LEVEL' },
} as const;

export const command: Command = {
  usage: ['relay serve [options]', 'relay check [--data DIR]', 'relay backup FILE [--data DIR]', 'relay restore FILE [--data DIR]'],
  examples: [
    ['stillvault relay serve --data /var/lib/stillvault-relay', 'on 127.0.0.1, behind your proxy'],
    ['stillvault relay serve --public-url https://relay.example --signup token', 'with a token for new organisations'],
    ['stillvault relay backup relay-backup.db', 'a consistent copy, also while it runs'],
    ['stillvault relay check', 'verify its data'],
  ],
  options: settings,
  notes: [
    'Every setting is also a variable STILLVAULT_RELAY_…; a sign-up token is given in the\nfile that STILLVAULT_RELAY_SIGNUP_TOKEN_FILE names. The log goes to standard error,\nwithout content.',
  ],
  async run({ args, world, output }) {
    const [verb = '', file, ...more] = args.operands;
    const data = args.text('data') ?? world.env['STILLVAULT_RELAY_DATA'] ?? `${dataFolder(world.env, undefined)}/relay`;
    if (verb === '') throw usage('relay what? serve, check, backup or restore');
    if (more.length > 0 || (file === undefined) !== (verb === 'serve' || verb === 'check'))
      throw usage(`unknown: relay ${args.operands.map(printable).join(' ')}`);
    if (verb === 'serve') return serve(args, data, world, output);
    const { backupRelay, checkRelay, restoreRelay } = await import('../../relay/backup.ts');
    if (verb === 'backup' && file !== undefined) {
      backupRelay(data, file);
      output.note(`a copy of the relay's data is in ${printable(file)}`);
      return 0;
    }
    if (verb !== 'check' && verb !== 'restore') throw usage(`unknown: relay ${printable(verb)}`);
    const { findings, ...found } = file === undefined ? checkRelay(`${data}/relay.db`) : restoreRelay(file, data);
    if (output.json) output.jsonLine({ ...found, findings });
    else output.data(`${counted(found.orgs, 'org')}, ${counted(found.records, 'record')}, ${counted(found.blobs, 'blob')}, ${counted(found.mails, 'mail')}\n`);
    if (findings.length > 0)
      throw new StillvaultError('error', `damaged: ${findings.join('; ')}`, { next: 'stillvault relay restore FILE, into an empty folder' });
    output.note(verb === 'check' ? 'all is well' : 'restored');
    return 0;
  },
};

async function serve(args: Arguments, data: string, world: World, output: Output): Promise<number> {
  const [{ startRelay }, { relayOptionsFromEnv }, { provideConsole }] = await Promise.all([
    import('../../relay/main.ts'),
    import('../../relay/config.ts'),
    import('../../console/build.ts'),
  ]);
  const given = Object.keys(settings).flatMap((name) => {
    const value = args.text(name);
    return value === undefined ? [] : [[`STILLVAULT_RELAY_${name.toUpperCase().replace('-', '_')}`, value] as const];
  });
  const env = { ...world.env, ...Object.fromEntries(given) };
  const withConsole = env['STILLVAULT_RELAY_CONSOLE'] !== 'off';
  const options = relayOptionsFromEnv(env, { dataDir: data, ...(withConsole ? { consoleDir: await provideConsole() } : {}) }, (path) =>
    readFileSync(path, 'utf8'),
  );
  const relay = await startRelay(options, { version: world.version, writeLog: (line) => world.write(2, line) });
  if (output.json) output.jsonLine({ event: 'listening', relay: relay.url });
  else output.data(`${relay.url}\n`);
  await untilSignal(world);
  await relay.stop();
  return 0;
}
