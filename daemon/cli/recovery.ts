// `stillvault recovery`: the kit on paper. People sign in the browser, so this says where; a drill can be done right here (spec/18-recovery.md).
import type { Status } from '../../protocol/local-api.ts';
import { StillvaultError } from '../../sdk/errors.ts';
import { recoveryText } from './recovery/text.ts';
import { usage } from './terminal/arguments.ts';
import type { Call, Command } from './terminal/command.ts';
import { dataFolder } from './terminal/places.ts';
import { printable, table } from './terminal/text.ts';

const verbs = ['show', 'create', 'drill', 'use'] as const;
type Verb = (typeof verbs)[number];

export const command: Command = {
  usage: ['recovery show', 'recovery create', 'recovery drill', 'recovery use'],
  examples: [
    ['stillvault recovery create', 'where to make the kit: before the only phone is lost'],
    ['stillvault recovery drill', 'type the sheets: are they the kit that the log names? Changes nothing'],
    ['stillvault recovery use', 'every phone is lost: where to type the sheets, and what they ask for'],
    ['stillvault recovery show', 'the kit, and a use of it that is under way'],
  ],
  options: {},
  notes: [
    'The kit is words on paper. Whoever has enough sheets reads every secret at once,\nand becomes an admin after the delay: keep them apart.',
    'Words are typed at a prompt or in the console. They are never an argument, never\nin a file, and never shown here.',
  ],
  async run(call) {
    const [verb = 'show', ...more] = call.args.operands;
    if (more.length > 0 || !isVerb(verb)) throw usage(`unknown: recovery ${call.args.operands.map(printable).join(' ')}`);
    const status = await call.client().status();
    // Whoever lost the machines too still has the sheets, which say the rest.
    if (status.org === undefined && verb !== 'use')
      throw new StillvaultError('not_enrolled', 'this machine belongs to no organisation yet', { next: 'stillvault org create' });
    if (verb === 'show') return show(call, status);
    return verb === 'drill' ? drill(call, status) : point(call, status, verb);
  },
};

function isVerb(text: string): text is Verb {
  return verbs.some((verb) => verb === text);
}

function show({ output }: Call, { kit, recovering }: Status): number {
  if (output.json) output.jsonLine({ kit: kit ?? null, recovering: recovering ?? null });
  else
    output.data(
      table([
        ['kit', kit ? printable(kit.id) : 'none: losing every admin’s phone would lose every secret'],
        ...(kit
          ? [
              ['sheets', `${kit.t} of ${kit.m} open it`],
              ['delay', kit.delayMs === 0 ? 'none' : `${kit.delayMs / 3_600_000} hours`],
            ]
          : []),
      ]),
    );
  if (recovering) output.note(output.style.red(recoveryText(recovering)));
  if (!kit) output.note('next: stillvault recovery create');
  return 0;
}

async function drill(call: Call, { kit }: Status): Promise<number> {
  if (!kit) throw noKit();
  const { drillHere } = await import('./recovery/sheets.ts');
  await drillHere(call, kit.sigKey);
  if (call.output.json) call.output.jsonLine({ kit: kit.id, ok: true });
  else call.output.data(`these sheets are the kit ${printable(kit.id)} that the log names\n`);
  call.output.note('that the relay lets it in, and that it opens the newest key, is what the drill in the console proves too');
  return 0;
}

async function point({ world, output }: Call, { org, kit, relay, recovering }: Status, verb: 'create' | 'use'): Promise<number> {
  if (verb === 'use' && org && !kit) throw noKit();
  const { readRunning } = await import('./up/running.ts');
  const origin = readRunning(dataFolder(world.env, undefined))?.console;
  const known = org && relay ? `/${org.id}/${encodeURIComponent(relay.url)}` : '';
  const page = verb === 'create' ? '#/recovery/make' : `#/recovery${known}`;
  const address = origin === undefined ? undefined : `${new URL(origin).origin}/${page}`;
  if (output.json) output.jsonLine({ address: address ?? null, page, org: org?.id ?? null, relay: relay?.url ?? null });
  else output.data(`${address ?? page}\n`);
  if (address === undefined) output.note('open it below the address of your console, where you enrolled');
  for (const line of verb === 'create' ? createSteps : useSteps) output.note(line);
  if (verb === 'use' && recovering) output.note(output.style.red(recoveryText(recovering)));
  return 0;
}

const createSteps = [
  'In a browser of an admin: choose how many sheets, print or write each, type two words of it back, sign once.',
  'Then keep the sheets apart, and try them: stillvault recovery drill',
];
const useSteps = [
  'In a new browser, with enough sheets: type them, say who you are and what happened. Everybody is told.',
  'After the delay, type them once more in that same browser. Then shut out what was lost, and seal the secrets anew.',
];

function noKit(): StillvaultError {
  return new StillvaultError('not_found', 'the organisation has no recovery kit', { detail: 'E_RECOVERY', next: 'stillvault recovery create' });
}
