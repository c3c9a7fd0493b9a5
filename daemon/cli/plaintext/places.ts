// The files in which programs keep secrets, how to look into them, and the door that we have for each (spec/19-import.md §places).
import {
  type Finder,
  dotenvSpots,
  exportSpots,
  gitCredentialSpots,
  iniSpots,
  keySpots,
  netrcSpots,
  npmrcSpots,
  pgpassSpots,
  shapeSpots,
  treeSpots,
} from './spots.ts';

export interface Place {
  readonly kind: string;
  /** Of the path with `/` before it. */
  readonly match: RegExp;
  readonly find: Finder;
  /** What to do about it; FILE stands for its path. */
  readonly door: string;
}

const toml = (text: string): unknown => Bun.TOML.parse(text);
const jsonc = (text: string): unknown => Bun.JSONC.parse(text);
const yaml = (text: string): unknown => Bun.YAML.parse(text);
const asHelper = (kind: string, example: string): string => `stillvault import FILE; then stillvault helper map ${kind} ${example} and helper install ${kind}`;

/** The first that matches. */
export const places: readonly Place[] = [
  {
    kind: 'dotenv',
    match: /\/\.envrc$|\/\.env(?:\.[^/]*)?$|\/[^/]+\.env$/,
    find: dotenvSpots,
    door: 'stillvault import FILE; then stillvault run --env-file FILE -- program',
  },
  { kind: 'AWS credentials', match: /\/\.aws\/credentials$/, find: iniSpots, door: 'stillvault import FILE leaves credential_process = stillvault helper aws' },
  {
    kind: 'AWS config',
    match: /\/\.aws\/config$/,
    find: iniSpots,
    door: 'stillvault put aws/PROFILE --field access_key_id --field secret_access_key; then helper install aws',
  },
  { kind: 'netrc', match: /\/[._]netrc$/, find: netrcSpots, door: 'stillvault helper map git URL PATH and helper install git' },
  { kind: 'npm', match: /\/\.npmrc$/, find: npmrcSpots, door: 'stillvault import FILE leaves ${NAME}; then stillvault run -e NAME=PATH -- npm' },
  { kind: 'PyPI', match: /\/\.pypirc$/, find: iniSpots, door: 'stillvault helper map keyring URL PATH and helper install keyring' },
  {
    kind: 'docker',
    match: /\/\.docker\/config\.json$|\/\.dockercfg$/,
    find: treeSpots(jsonc, /^(?:auth|identitytoken|registrytoken)$/),
    door: asHelper('docker', 'REGISTRY PATH --username NAME'),
  },
  {
    kind: 'kubeconfig',
    match: /\/\.kube\/config$|\/kubeconfig[^/]*$|\.kubeconfig$/,
    find: treeSpots(yaml, /^(?:token|password|client-key-data|id-token|refresh-token)$/),
    door: 'stillvault import FILE leaves an exec plugin: stillvault helper kubectl',
  },
  {
    kind: 'GitHub CLI',
    match: /\/gh\/hosts\.yml$/,
    find: treeSpots(yaml, /^oauth_token$/),
    door: 'stillvault run -e GH_TOKEN=PATH -- gh; git: stillvault helper install git',
  },
  { kind: 'GitLab CLI', match: /\/glab-cli\/config\.yml$/, find: treeSpots(yaml, /^token$/), door: 'stillvault run -e GITLAB_TOKEN=PATH -- glab' },
  {
    kind: 'gcloud',
    match: /\/gcloud\/(?:application_default_credentials|legacy_credentials\/[^/]+\/adc)\.json$/,
    find: treeSpots(jsonc, /^(?:client_secret|refresh_token|private_key)$/),
    door: 'stillvault put gcloud/adc < FILE; gcloud auth application-default revoke',
  },
  {
    kind: 'Terraform',
    match: /\/credentials\.tfrc\.json$/,
    find: treeSpots(jsonc, /^token$/),
    door: 'stillvault helper map terraform HOST PATH and helper install terraform',
  },
  {
    kind: 'Terraform',
    match: /\/\.terraformrc$|\.tfvars$|\.tfrc$/,
    find: iniSpots,
    door: 'stillvault helper install terraform; variables: stillvault run -e TF_VAR_NAME=PATH -- terraform',
  },
  { kind: 'Terraform state', match: /\.tfstate$/, find: treeSpots(jsonc), door: 'keep state in an encrypted backend; rotate what was in it' },
  {
    kind: 'cargo',
    match: /\/\.cargo\/credentials(?:\.toml)?$/,
    find: treeSpots(toml, /^token$/),
    door: 'stillvault helper map cargo REGISTRY PATH and helper install cargo',
  },
  { kind: 'PostgreSQL', match: /\/\.pgpass$/, find: pgpassSpots, door: 'stillvault run -e PGPASSWORD=PATH -- psql' },
  { kind: 'MySQL', match: /\/\.?my\.cnf$|\/\.mylogin\.cnf$/, find: iniSpots, door: 'stillvault run -e MYSQL_PWD=PATH -- mysql' },
  { kind: 'git', match: /\/\.git-credentials$|\/git\/credentials$/, find: gitCredentialSpots, door: asHelper('git', 'URL PATH --username NAME') },
  {
    kind: 'git config',
    match: /\/\.git\/config$|\/\.gitconfig$/,
    find: shapeSpots,
    door: 'take the password out of the URL: git remote set-url; then stillvault helper install git',
  },
  {
    kind: 'SSH key',
    match: /\/\.ssh\/(?!.*\.pub$|known_hosts|authorized_keys|config$)[^/]+$|\/id_(?:rsa|dsa|ecdsa|ed25519)[^/.]*$/,
    find: keySpots,
    door: 'stillvault put ssh/NAME < FILE; then stillvault helper map ssh-agent and helper install ssh-agent',
  },
  { kind: 'key file', match: /\.(?:pem|key|p8|pk8|ppk|asc)$/, find: keySpots, door: 'stillvault put tls/NAME < FILE; then stillvault get PATH into a pipe' },
  {
    kind: 'agent host',
    match:
      /\/\.mcp\.json$|\/mcp\.json$|\/mcp_config\.json$|\/\.claude\.json$|\/\.claude\/settings(?:\.local)?\.json$|\/\.gemini\/settings\.json$|\/claude_desktop_config\.json$|\/openclaw\.json$/,
    find: treeSpots(jsonc, /^authorization$/i),
    door: 'env "NAME": "stillvault://PATH" and command "stillvault", args ["run", "--", …]; or stillvault mcp',
  },
  {
    kind: 'agent host',
    match: /\/\.codex\/(?:config\.toml)$/,
    find: treeSpots(toml),
    door: 'env NAME = "stillvault://PATH" and command "stillvault run --"; or stillvault mcp',
  },
  {
    kind: 'agent login',
    match: /\/\.codex\/auth\.json$|\/\.claude\/\.credentials\.json$|\/\.gemini\/oauth_creds\.json$/,
    find: treeSpots(jsonc, /^(?:access_?token|refresh_?token|id_?token)$/i),
    door: 'the host keeps its own login here: nothing of ours replaces it',
  },
  { kind: 'export', match: /\.csv$/i, find: exportSpots, door: 'stillvault import FILE; then delete it' },
  { kind: 'export', match: /bitwarden[^/]*\.json$/i, find: treeSpots(jsonc, /^(?:password|totp|privateKey)$/), door: 'stillvault import FILE; then delete it' },
  {
    kind: 'JSON',
    match: /\/(?:secrets?|credentials?|service[-_]?account[^/]*|appsettings[^/]*|local\.settings|config|keyfile)\.json$/,
    find: treeSpots(jsonc),
    door: 'stillvault import FILE',
  },
  {
    kind: 'YAML',
    match: /\/(?:[^/]*secrets?[^/]*|credentials?|application[^/]*|docker-compose[^/]*|compose|values[^/]*|config|database)\.ya?ml$/,
    find: treeSpots(yaml),
    door: 'stillvault import FILE',
  },
  {
    kind: 'settings',
    match: /\/[^/]+\.(?:ini|cfg|conf|properties)$|\/(?:secrets|credentials)$/,
    find: iniSpots,
    door: 'stillvault put PATH; then stillvault run -e NAME=PATH -- program',
  },
  {
    kind: 'TOML',
    match: /\/(?:secrets|config|credentials|\.streamlit\/secrets)\.toml$/,
    find: treeSpots(toml),
    door: 'stillvault put PATH; then stillvault run -e NAME=PATH -- program',
  },
];

/** A file of no known kind: only what has the shape of a token. */
export const anywhere: Place = { kind: 'file', match: /^/, find: shapeSpots, door: 'stillvault put PATH; then stillvault run -e NAME=PATH -- program' };

export function placeOf(path: string): Place {
  return places.find(({ match }) => match.test(path)) ?? anywhere;
}

/** Of a home folder: files, or folders whose files are looked at, not what lies deeper. */
export const homePlaces: readonly string[] = [
  '.',
  '.aws',
  '.docker',
  '.kube',
  '.ssh',
  '.cargo',
  '.terraform.d',
  '.config/gh',
  '.config/glab-cli',
  '.config/git',
  '.config/gcloud',
  '.config/pip',
  '.config/Claude',
  '.config/openclaw',
  '.openclaw',
  '.claude',
  '.codex',
  '.cursor',
  '.gemini',
  '.codeium/windsurf',
  '.config/Code/User',
];
