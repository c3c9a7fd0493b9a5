// `stillvault helper`: doors that git, docker, ssh and others know, each loaded when it is used (spec/14-helpers.md).
import type { Helper } from '../helpers/helper.ts';
import { usage } from './terminal/arguments.ts';
import type { Command } from './terminal/command.ts';
import { nearest } from './terminal/nearest.ts';
import { printable } from './terminal/text.ts';

type Load = () => Promise<{ readonly helper: Helper }>;

/** The doors. */
const helpers: Readonly<Record<string, Load>> = {
  git: () => import('../helpers/git.ts'),
  docker: () => import('../helpers/docker.ts'),
  kubectl: () => import('../helpers/kubectl.ts'),
  aws: () => import('../helpers/aws.ts'),
  'ssh-agent': () => import('../helpers/ssh-agent.ts'),
  askpass: () => import('../helpers/askpass.ts'),
  terraform: () => import('../helpers/terraform.ts'),
  cargo: () => import('../helpers/cargo.ts'),
  keyring: () => import('../helpers/keyring.ts'),
  openclaw: () => import('../helpers/openclaw.ts'),
  systemd: () => import('../helpers/systemd.ts'),
};
/** What sets them up. */
const verbs: Readonly<Record<string, Load>> = {
  map: async () => ({ helper: (await import('../helpers/map.ts')).map }),
  unmap: async () => ({ helper: (await import('../helpers/map.ts')).unmap }),
  ls: async () => ({ helper: (await import('../helpers/map.ts')).listMapped }),
  install: async () => ({ helper: (await import('../helpers/install.ts')).install }),
  uninstall: async () => ({ helper: (await import('../helpers/install.ts')).uninstall }),
};

export const command: Command = {
  usage: ['helper map <kind> <what> <reference> [options]', 'helper install <kind> [--dir DIR]', 'helper <kind> …', 'helper ls'],
  examples: [
    ['stillvault helper map git https://github.com prod/github#token --username ben', 'which secret git gets for a host'],
    ['stillvault helper install git', 'make git ask for it; shows what it changes'],
    ['stillvault helper uninstall git', 'and everything as it was before'],
    ['stillvault helper map ssh-agent ~/.ssh/id_ed25519.pub prod/ssh-ben', 'a key that never leaves the daemon'],
    ['stillvault helper aws --secret prod/aws', 'credential_process of a profile'],
  ],
  options: {},
  notes: [
    `Kinds: ${Object.keys(helpers).join(', ')}.`,
    'A helper answers only for what is mapped, and a no is a no: no other helper and\nno prompt stands in for it. The mapping holds names, never values.',
  ],
  stopAtOperand: true,
  async run({ args, world, output, client }) {
    const [kind, ...words] = args.operands;
    const known = { ...helpers, ...verbs };
    if (kind === undefined) throw usage('which helper?');
    const load = Object.hasOwn(known, kind) ? known[kind] : undefined;
    if (load === undefined) {
      const near = nearest(kind, Object.keys(known));
      throw usage(`unknown helper ${printable(kind)}${near === undefined ? '' : `: did you mean ${near}?`}`, 'stillvault helper --help');
    }
    const [{ helper }, { loadMapping }] = await Promise.all([load(), import('../helpers/mapping.ts')]);
    return helper.run({ words, world, output, client, mapping: async () => loadMapping(world.env) });
  },
};
