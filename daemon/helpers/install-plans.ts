// What installing each kind of helper changes, as data (spec/14-helpers.md §install).
import { usage } from '../cli/terminal/arguments.ts';
import { ownProgram, quoted } from '../cli/up/launcher.ts';
import { configFolder, type Kind, type Mapping } from './mapping.ts';

export type Change =
  /** A file of our own, recognised by its mark. */
  | { readonly kind: 'program'; readonly path: string; readonly mark: string; readonly text: string }
  /** Lines between two marks. `clash`: what of others makes them wrong there. */
  | { readonly kind: 'block'; readonly path: string; readonly mark: string; readonly text: string; readonly clash?: (text: string) => string | undefined }
  /** `about`: what it sets, in words; its lines could hold secrets of others. */
  | {
      readonly kind: 'json';
      readonly path: string;
      readonly about: readonly string[];
      readonly edit: (text: string) => string;
      readonly undo: (text: string) => string | undefined;
    };
export interface Plan {
  readonly changes: readonly Change[];
  /** What is left for a person to do. */
  readonly next: readonly string[];
}
export interface Place {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly folder: string;
  /** Undefined when undoing: what was written is known by its marks. */
  readonly mapping: Mapping | undefined;
}

export function planFor(kind: Kind, place: Place): Plan {
  return plans[kind](place);
}

const markOf = (kind: Kind): string => `Stillvault helper ${kind}`;

/** Starts this very program as that helper, with the daemon that this shell knows. */
function program(kind: Kind, path: string, { env }: Place): Change {
  const socket = env['STILLVAULT_SOCKET'] ?? (env['STILLVAULT_HOME'] ? `${env['STILLVAULT_HOME']}/run/daemon.sock` : undefined);
  const daemon = socket === undefined ? '' : `[ -n "\${STILLVAULT_SOCKET:-}" ] || STILLVAULT_SOCKET=${quoted(socket)}\nexport STILLVAULT_SOCKET\n`;
  const text = `#!/bin/sh\n# ${markOf(kind)}: stillvault helper uninstall ${kind} removes this file.\n${daemon}exec ${ownProgram()} helper ${kind} "$@"\n`;
  return { kind: 'program', path, mark: markOf(kind), text };
}

const block = (kind: Kind, path: string, text: string, clash?: (text: string) => string | undefined): Change => ({
  kind: 'block',
  path,
  mark: markOf(kind),
  text,
  ...(clash === undefined ? {} : { clash }),
});

function mapped({ mapping }: Place, kind: Kind, example: string): readonly string[] {
  if (mapping === undefined) return [];
  const matches = [...new Set(mapping.filter((entry) => entry.kind === kind).map(({ match }) => match))];
  if (matches.length === 0) throw usage(`nothing is mapped for ${kind} yet`, `stillvault helper map ${kind} ${example}`);
  return matches;
}

/** For what only a person can place: the program, and the lines to copy. */
const byHand =
  (kind: Kind, name: string, lines: (path: string, place: Place) => readonly string[]) =>
  (place: Place): Plan => {
    const path = `${place.folder}/${name}`;
    return { changes: [program(kind, path, place)], next: lines(path, place) };
  };

const plans: Readonly<Record<Kind, (place: Place) => Plan>> = {
  git(place) {
    const path = `${place.folder}/git-credential-stillvault`;
    // The empty helper first: inherited ones would store on disk what we release.
    const sections = mapped(place, 'git', 'https://github.com prod/github#token --username NAME').map(
      (url) => `[credential "${url}"]\n\thelper =\n\thelper = ${path}\n`,
    );
    return { changes: [program('git', path, place), block('git', `${place.home}/.gitconfig`, sections.join(''))], next: [] };
  },

  docker(place) {
    const hosts = mapped(place, 'docker', 'ghcr.io prod/ghcr --username NAME').map((host) =>
      host === 'index.docker.io/v1' ? 'https://index.docker.io/v1/' : host,
    );
    const path = `${place.env['DOCKER_CONFIG'] ?? `${place.home}/.docker`}/config.json`;
    return {
      changes: [program('docker', `${place.folder}/docker-credential-stillvault`, place), dockerConfig(path, hosts)],
      next: [`docker finds it where ${place.folder} is on the PATH`],
    };
  },

  aws(place) {
    const path = `${place.folder}/stillvault-aws`;
    const profiles = mapped(place, 'aws', 'PROFILE prod/aws');
    const header = (profile: string): string => (profile === 'default' ? '[default]' : `[profile ${profile}]`);
    const text = profiles.map((profile) => `${header(profile)}\ncredential_process = ${path} --profile ${profile}\n`).join('');
    const config = place.env['AWS_CONFIG_FILE'] ?? `${place.home}/.aws/config`;
    return {
      changes: [
        program('aws', path, place),
        block('aws', config, text, (found) => profiles.map(header).find((line) => found.split('\n').some((other) => other.trim() === line))),
      ],
      next: [],
    };
  },

  terraform(place) {
    const path = `${place.home}/.terraform.d/plugins/terraform-credentials-stillvault`; // the only place where terraform looks
    const config = place.env['TF_CLI_CONFIG_FILE'] ?? `${place.home}/.terraformrc`;
    const clash = (found: string): string | undefined => (/^\s*credentials_helper\b/m.test(found) ? 'a credentials_helper' : undefined);
    return { changes: [program('terraform', path, place), block('terraform', config, 'credentials_helper "stillvault" {\n  args = []\n}\n', clash)], next: [] };
  },

  cargo(place) {
    const path = `${place.folder}/cargo-credential-stillvault`;
    const config = `${place.env['CARGO_HOME'] ?? `${place.home}/.cargo`}/config.toml`;
    const text = `[registry]\nglobal-credential-providers = ["cargo:token", "${path}"]\n`; // the last is asked first
    return {
      changes: [program('cargo', path, place), block('cargo', config, text, (found) => (/^\s*\[registry\]/m.test(found) ? 'a section [registry]' : undefined))],
      next: [],
    };
  },

  kubectl: byHand('kubectl', 'stillvault-kubectl', (path) => [
    'in the kubeconfig:',
    '  users:',
    '  - name: NAME',
    '    user:',
    '      exec:',
    '        apiVersion: client.authentication.k8s.io/v1',
    `        command: ${path}`,
    '        args: [NAME]',
    '        interactiveMode: Never',
    '        provideClusterInfo: true',
  ]),
  askpass: byHand('askpass', 'stillvault-askpass', (path) => [
    'in your shell, for those that you want:',
    `  export SSH_ASKPASS=${path} SSH_ASKPASS_REQUIRE=force`,
    `  export GIT_ASKPASS=${path}`,
    `  export SUDO_ASKPASS=${path}   # for sudo -A`,
  ]),
  keyring: byHand('keyring', 'keyring', (path) => [
    `pip and uv take the first keyring on the PATH: put ${path.slice(0, path.lastIndexOf('/'))} before the others`,
    '  pip install --keyring-provider subprocess --no-input …',
    '  export UV_KEYRING_PROVIDER=subprocess',
  ]),
  openclaw: byHand('openclaw', 'stillvault-openclaw', (path) => [
    'in the configuration of OpenClaw:',
    `  secrets.providers.stillvault = ${JSON.stringify({ source: 'exec', command: path, jsonOnly: true, timeoutMs: 180_000, noOutputTimeoutMs: 180_000, passEnv: ['HOME', 'XDG_RUNTIME_DIR'] })}`,
  ]),
  systemd: byHand('systemd', 'stillvault-credentials', (path) => [
    `keep this running: ${path} --socket /run/stillvault/credentials.sock`,
    'in the unit:',
    '  LoadCredential=NAME:/run/stillvault/credentials.sock',
    '  ExecStartPre=/usr/bin/test -s %d/NAME',
    '  TimeoutStartSec=200   # longer than people take',
  ]),

  'ssh-agent'(place) {
    const path = `${place.folder}/stillvault-ssh-agent`;
    const socket = '%t/stillvault-ssh/agent.sock';
    const unit = `${configFolder(place.env).replace(/\/stillvault$/, '')}/systemd/user/stillvault-ssh-agent.service`;
    const text = `# ${markOf('ssh-agent')}: stillvault helper uninstall ssh-agent removes this file.\n[Unit]\nDescription=SSH agent of Stillvault\n\n[Service]\nExecStart=${path} --socket ${socket}\nRestart=on-failure\nRestartSec=5\n\n[Install]\nWantedBy=default.target\n`;
    return {
      changes: [program('ssh-agent', path, place), { kind: 'program', path: unit, mark: markOf('ssh-agent'), text }],
      next: ['systemctl --user enable --now stillvault-ssh-agent', 'in ~/.ssh/config:', '  IdentityAgent ${XDG_RUNTIME_DIR}/stillvault-ssh/agent.sock'],
    };
  },
};

const ours = 'stillvault';

function dockerConfig(path: string, hosts: readonly string[]): Change {
  const print = (config: object): string => `${JSON.stringify(config, undefined, '\t')}\n`;
  return {
    kind: 'json',
    path,
    about: hosts.length === 0 ? [`credHelpers that are "${ours}"`] : hosts.map((host) => `credHelpers["${host}"] = "${ours}"`),
    edit(text) {
      const config = parseObject(text, path);
      const helpers = parseHelpers(config, path);
      const taken = hosts.find((host) => helpers[host] !== undefined && helpers[host] !== ours);
      if (taken !== undefined) throw usage(`${path} has a credential helper for ${taken} already`, 'remove it there first');
      return hosts.every((host) => helpers[host] === ours)
        ? text
        : print({ ...config, credHelpers: { ...helpers, ...Object.fromEntries(hosts.map((host) => [host, ours])) } });
    },
    undo(text) {
      const { credHelpers: _before, ...rest } = parseObject(text, path);
      const helpers = parseHelpers(parseObject(text, path), path);
      const left = Object.fromEntries(Object.entries(helpers).filter(([, helper]) => helper !== ours));
      if (Object.keys(left).length === Object.keys(helpers).length) return text;
      const config = Object.keys(left).length === 0 ? rest : { ...rest, credHelpers: left };
      return Object.keys(config).length === 0 ? undefined : print(config);
    },
  };
}

function parseObject(text: string, path: string): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = text.trim() === '' ? {} : JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return { ...parsed };
  } catch {
    // said below, without the text: it can hold what docker login left
  }
  throw usage(`${path} is no JSON object`, 'mend it first');
}

function parseHelpers({ credHelpers = {} }: Readonly<Record<string, unknown>>, path: string): Readonly<Record<string, unknown>> {
  if (typeof credHelpers === 'object' && credHelpers !== null) return { ...credHelpers };
  throw usage(`credHelpers in ${path} is no object`, 'mend it first');
}
