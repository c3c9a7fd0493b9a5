// `stillvault org`: the organisation of this machine, and how one is created (spec/11-enrolment.md §first-device).
import type { Status } from '../../protocol/local-api.ts';
import { StillvaultError } from '../../sdk/errors.ts';
import { usage } from './terminal/arguments.ts';
import type { Command } from './terminal/command.ts';
import { propose, proposeNote, proposeOptions } from './terminal/propose.ts';
import { dataFolder } from './terminal/places.ts';
import { dateTime, printable, table } from './terminal/text.ts';

export const command: Command = {
  usage: ['org show', 'org create', 'org freeze|unfreeze --reason TEXT'],
  examples: [
    ['stillvault org show', 'name, id, newest entry'],
    ['stillvault org create', 'where to create one: it needs a passkey, so a browser'],
    ['stillvault org freeze --reason "laptop stolen"', 'stops this machine at once, and everything once an admin signs'],
    ['stillvault org unfreeze --reason "found again"', 'go on, once the admins agree'],
  ],
  options: proposeOptions,
  notes: [proposeNote, 'freeze ends every lease here and releases nothing here until it is answered; an\nadmin can also freeze from any device of theirs.'],
  async run(call) {
    const { args, world, output, client } = call;
    const [verb = 'show', ...more] = args.operands;
    if (more.length === 0 && (verb === 'freeze' || verb === 'unfreeze')) {
      const reason = args.text('reason');
      if (reason === undefined) throw usage('why? everybody reads it', `stillvault org ${verb} --reason "…"`);
      return propose(call, { act: `org.${verb}`, reason });
    }
    if (more.length > 0 || (verb !== 'show' && verb !== 'create')) throw usage(`unknown: org ${args.operands.map(printable).join(' ')}`);
    if (verb === 'show') {
      const status = await client().status();
      if (status.org === undefined) throw new StillvaultError('not_enrolled', 'this machine belongs to no organisation yet', { next: 'stillvault org create' });
      if (output.json)
        output.jsonLine({ org: status.org, state: status.state, ...(status.log && { log: status.log }), ...(status.relay && { relay: status.relay.url }) });
      else output.data(table(rows(status.org, status)));
      return 0;
    }
    const { readRunning } = await import('./up/running.ts');
    const running = readRunning(dataFolder(world.env, undefined));
    if (running === undefined)
      throw new StillvaultError('daemon_not_running', 'no console is running here to create one with', {
        next: 'stillvault up, then open the address it prints',
      });
    if (output.json) output.jsonLine({ console: running.console, setup: running.setup ?? null });
    else output.data(`${running.setup ?? running.console}\n`);
    output.note(
      running.setup === undefined
        ? 'this machine has an organisation: it is managed in the console'
        : 'open it in your browser: an organisation begins with a passkey, and this machine joins',
    );
    return 0;
  },
};

function rows(org: NonNullable<Status['org']>, { state, log, relay }: Status): readonly (readonly string[])[] {
  return [
    ['name', printable(org.name)],
    ['id', printable(org.id)],
    ['state', state.replaceAll('_', ' ')],
    ...(log === undefined
      ? []
      : [
          ['head', `entry ${log.seq} ${printable(log.head)}`],
          ['synced', dateTime(log.syncedAt)],
        ]),
    ...(relay === undefined ? [] : [['relay', printable(relay.url)]]),
  ];
}
