// `stillvault scan`: files of every kind that it knows, what is no secret, and what it must not do in a folder of others.
import { describe, expect, test } from 'bun:test';
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tracesIn } from '../../testing/traces.ts';
import { type Folder, makeFolder } from './test-storing.ts';
import { type Ended, onTerminal, run } from './test-command-line.ts';

// Put together here, so that no scanner takes this file for a leak.
const ghp = `ghp_${'aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5'}`;
const stripe = `sk_live_${'4eC39HqLyjWDarjtT1zdp7dc'}`;
const aws = `AKIA${'QX7RLM2ZT5WB3KDE'}`;
const slack = `xoxb-${'2480193755-kJh7Gf5Ds3Aq1Zx9'}`;
const random = 'kq8ZpL2vN7xR4tW9yB3m';
const pem = (passphrase?: string): string =>
  generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem', ...(passphrase === undefined ? {} : { cipher: 'aes-256-cbc', passphrase }) },
  }).privateKey;
const key = pem();

interface Found {
  readonly file: string;
  readonly kind: string;
  readonly mode: string;
  readonly othersCanRead: boolean;
  readonly git?: { readonly isTracked: boolean; readonly commits: number };
  readonly door: string;
  readonly secrets: readonly { readonly line: number; readonly name: string; readonly what: string }[];
}
interface Report {
  readonly findings: readonly Found[];
  readonly files: number;
  readonly complete: boolean;
  readonly skipped: Readonly<Record<string, unknown>>;
}

async function scan(folder: Folder, ...words: readonly string[]): Promise<Report & Ended> {
  const ended = await run(['scan', '--json', ...words], { cwd: folder.path, env: folder.env });
  return { ...(JSON.parse(ended.out) as Report), ...ended }; // what scan prints
}
const namesOf = ({ findings }: Report): readonly (readonly [number, string])[] =>
  findings.flatMap(({ secrets }) => secrets.map(({ line, name }) => [line, name] as const));

const kinds: readonly (readonly [file: string, text: string, kind: string, wanted: readonly (readonly [number, string])[]])[] = [
  [
    '.env',
    `# c\nPORT=1\nDB_PASSWORD=${random}\nexport S="${stripe}"\n`,
    'dotenv',
    [
      [3, 'DB_PASSWORD'],
      [4, 'S'],
    ],
  ],
  ['.env.production', `API_KEY='${random}'\n`, 'dotenv', [[1, 'API_KEY']]],
  [
    '.aws/credentials',
    `[default]\naws_access_key_id = ${aws}\naws_secret_access_key = ${random}${random}\n`,
    'AWS credentials',
    [
      [2, 'default.aws_access_key_id'],
      [3, 'default.aws_secret_access_key'],
    ],
  ],
  ['.netrc', `machine api.x.org\n  login ben\n  password ${random}\n`, 'netrc', [[3, 'api.x.org']]],
  ['.npmrc', `registry=https://r.x\n//r.x/:_authToken=${random}\n`, 'npm', [[2, '//r.x/:_authToken']]],
  ['.pypirc', `[pypi]\nusername = __token__\npassword = ${random}\n`, 'PyPI', [[3, 'pypi.password']]],
  [
    '.docker/config.json',
    `{\n "auths": {\n  "ghcr.io": {\n   "auth": "${Buffer.from(`ben:${random}`).toString('base64')}"\n  }\n }\n}`,
    'docker',
    [[4, 'auths.ghcr.io.auth']],
  ],
  [
    '.kube/config',
    `users:\n- name: a\n  user:\n    token: ${random}\n    client-key-data: ${Buffer.from(key).toString('base64')}\n`,
    'kubeconfig',
    [
      [4, 'users.0.user.token'],
      [5, 'users.0.user.client-key-data'],
    ],
  ],
  ['.config/gh/hosts.yml', `github.com:\n  user: ben\n  oauth_token: ${ghp}\n`, 'GitHub CLI', [[3, 'github.com.oauth_token']]],
  [
    '.config/gcloud/application_default_credentials.json',
    `{"type":"authorized_user",\n"client_secret":"${random}",\n"refresh_token":"1//${random}"}`,
    'gcloud',
    [
      [2, 'client_secret'],
      [3, 'refresh_token'],
    ],
  ],
  [
    '.terraform.d/credentials.tfrc.json',
    `{"credentials":{"app.terraform.io":{"token":"${random}"}}}`,
    'Terraform',
    [[1, 'credentials.app.terraform.io.token']],
  ],
  ['.cargo/credentials.toml', `[registry]\ntoken = "${random}"\n`, 'cargo', [[2, 'registry.token']]],
  ['.pgpass', `# c\ndb:5432:*:ben:${random}\n`, 'PostgreSQL', [[2, 'ben@db/*']]],
  ['.my.cnf', `[client]\nuser=ben\npassword=${random}\n`, 'MySQL', [[3, 'client.password']]],
  ['.git-credentials', `https://ben:${random}@github.com\n`, 'git', [[1, 'https://github.com']]],
  ['.ssh/id_ed25519', key, 'SSH key', [[1, '']]],
  ['tls/server.key', `junk\n${key}`, 'key file', [[2, '']]],
  ['gcp/service-account.json', JSON.stringify({ type: 'service_account', private_key: key }, undefined, 1), 'JSON', [[3, 'private_key']]],
  ['.mcp.json', `{"mcpServers":{"s":{"command":"x",\n"env":{"API_TOKEN":"${random}"}}}}`, 'agent host', [[2, 'mcpServers.s.env.API_TOKEN']]],
  [
    '.cursor/mcp.json',
    `{"mcpServers":{"s":{"url":"https://x","headers":{"Authorization":"Bearer ${random}"}}}} // c`,
    'agent host',
    [[1, 'mcpServers.s.headers.Authorization']],
  ],
  ['.claude/settings.json', `{"env":{"SLACK":"${slack}"}}`, 'agent host', [[1, 'env.SLACK']]],
  ['.gemini/settings.json', `{"mcpServers":{"s":{"env":{"DB_PASSWORD":"${random}"}}}}`, 'agent host', [[1, 'mcpServers.s.env.DB_PASSWORD']]],
  ['.codex/config.toml', `[mcp_servers.s.env]\nAPI_KEY = "${random}"\n`, 'agent host', [[2, 'mcp_servers.s.env.API_KEY']]],
  [
    'docker-compose.yml',
    `services:\n  db:\n    environment:\n      POSTGRES_PASSWORD: ${random}\n`,
    'YAML',
    [[4, 'services.db.environment.POSTGRES_PASSWORD']],
  ],
  ['app/settings.ini', `[db]\nurl = postgres://u:${random}@db/x\n`, 'settings', [[2, 'db.url']]],
  ['.git/config', `[remote "origin"]\n\turl = https://ben:${random}@github.com/a/b\n`, 'git config', [[2, 'url']]],
  ['src/main.js', `// c\nconst token = '${ghp}';\n`, 'file', [[2, 'token']]],
];

describe('finds', () => {
  test.each(kinds)('%s', async (file, text, kind, wanted) => {
    using folder = makeFolder();
    folder.write(file, text, 0o640);
    const report = await scan(folder);
    expect(report.findings.map((found) => [found.kind, found.mode, found.othersCanRead])).toEqual([[kind, '0640', true]]);
    expect(namesOf(report)).toEqual(wanted);
    expect(report.code).toBe(1);
    expect(report.findings[0]?.door).not.toContain('FILE');
  });

  test('INV-SCAN-BLIND: no value in any form, on paper or as JSON', async () => {
    using folder = makeFolder();
    for (const [file, text] of kinds) folder.write(file, text);
    const secrets = { ghp, stripe, aws, slack, random, key: key.slice(60, 120) };
    for (const words of [['scan'], ['scan', '--json'], ['scan', '-q']]) {
      const { bytes, err } = await run(words, { cwd: folder.path, env: folder.env });
      expect(tracesIn(Buffer.concat([bytes, Buffer.from(err)]), secrets)).toEqual([]);
    }
    const { screen } = await onTerminal(['scan'], { cwd: folder.path, env: folder.env });
    expect(screen).toContain('.env');
    expect(tracesIn(Buffer.from(screen), secrets)).toEqual([]);
  });

  test('the well-known places of a home, and nothing else of it', async () => {
    using folder = makeFolder();
    const home = { ...folder.env, HOME: folder.path };
    for (const [file, text] of kinds) folder.write(file, text);
    const { out } = await run(['scan', '--home', '--json'], { cwd: '/', env: home });
    const files = (JSON.parse(out) as Report).findings.map(({ file }) => file.slice(folder.path.length + 1)); // what scan prints
    expect(files).toContain('.aws/credentials');
    expect(files).toContain('.ssh/id_ed25519');
    expect(files).not.toContain('src/main.js');
  });
});

describe('is no finding', () => {
  test.each([
    'API_KEY=changeme',
    'API_KEY=your-api-key-here',
    'PASSWORD=xxxxxxxx',
    'PASSWORD=${DB_PASSWORD}',
    'PASSWORD=$DB_PASSWORD',
    'TOKEN=stillvault://prod/token',
    'TOKEN=op://vault/item/field',
    'DB_PASSWORD=postgres',
    'PASSWORD=',
    'TOKEN=<your token>',
    'TOKEN={{ token }}',
    'TOKEN_URL=https://auth.example.org/token/path',
    'PASSWORD_MIN_LENGTH=12',
    'SESSION_TOKEN_TTL=360000000',
    `KEY=${'AKIA'}IOSFODNN7EXAMPLE`,
    'SECRET_NAME=prod-db-primary-secret',
    'PUBLIC_KEY=kq8ZpL2vN7xR4tW9yB3m',
    'PRIVATE_KEY_PATH=/etc/ssl/private/key',
    'DATABASE_URL=postgres://user:password@localhost/db',
    'KEYBOARD_LAYOUT=us-international-altgr',
    'PASS=********',
    'MONKEY=banana-tree-house-roof',
  ])('%s', async (line) => {
    using folder = makeFolder();
    folder.write('.env', `${line}\n`);
    const report = await scan(folder);
    expect(namesOf(report)).toEqual([]);
    expect(report.code).toBe(0);
  });
  test('keys with a passphrase, public keys, and words about keys', async () => {
    using folder = makeFolder();
    folder.write('a.pem', pem('open sesame'));
    folder.write('b.js', "const begin = '-----BEGIN OPENSSH PRIVATE KEY-----';\n");
    folder.write('.ssh/id_rsa.pub', 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI ben\n');
    const made = Bun.spawnSync(['ssh-keygen', '-q', '-t', 'ed25519', '-N', 'open sesame', '-f', join(folder.path, 'id_ed25519')]);
    expect(made.success).toBe(true);
    expect(namesOf(await scan(folder))).toEqual([]);
  });
  test('a key that ssh-keygen made without one is', async () => {
    using folder = makeFolder();
    Bun.spawnSync(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', join(folder.path, 'id_ed25519')]);
    expect((await scan(folder)).findings.map(({ kind }) => kind)).toEqual(['SSH key']);
  });
});

describe('in a folder of others', () => {
  test('INV-SCAN-INSIDE: links are not followed, pipes not waited for, node_modules passed over, and it says so', async () => {
    using folder = makeFolder();
    using outside = makeFolder();
    const far = outside.write('.env', `DB_PASSWORD=${random}\n`);
    symlinkSync(far, join(folder.path, '.env'));
    symlinkSync(outside.path, join(folder.path, 'elsewhere'));
    folder.write('node_modules/x/.env', `DB_PASSWORD=${random}\n`);
    folder.write('large.env', `DB_PASSWORD=${random}\n${'#'.repeat(1_100_000)}`);
    folder.write('image.env', Buffer.from(`DB_PASSWORD=${random}\n\0`));
    expect(Bun.spawnSync(['mkfifo', join(folder.path, 'pipe.env')]).success).toBe(true);
    const { findings, skipped, complete, code } = await scan(folder);
    expect(findings).toEqual([]);
    expect(skipped).toEqual({ links: 2, folders: 1, unreadable: 0, large: 1, binary: 1, isCut: false });
    expect({ complete, code }).toEqual({ complete: true, code: 0 });
    expect((await run(['scan', '.env'], { cwd: folder.path, env: folder.env })).code).toBe(2);
  });

  test('INV-SCAN-GIT: a hostile repository starts no program; tracked and committed are told', async () => {
    using folder = makeFolder();
    const git = (...words: readonly string[]): boolean =>
      Bun.spawnSync(['git', '-c', 'user.name=x', '-c', 'user.email=x@x', ...words], { cwd: folder.path, stdio: ['ignore', 'ignore', 'ignore'] }).success;
    git('init', '-q');
    folder.write('.env', `DB_PASSWORD=${random}\n`);
    git('add', '.env');
    git('commit', '-qm', '1');
    folder.write('.env', `DB_PASSWORD=${random}\nB=1\n`);
    expect(git('commit', '-qam', '2')).toBe(true);
    const [proof, hook] = [join(folder.path, 'proof'), join(folder.path, 'hook')];
    writeFileSync(hook, `#!/bin/sh\ntouch ${proof}\n`, { mode: 0o755 });
    git('config', 'core.fsmonitor', hook);
    git('config', 'core.pager', hook);
    git('config', 'core.hooksPath', folder.path);
    git('config', 'core.sshCommand', hook);
    Bun.spawnSync(['git', 'ls-files'], { cwd: folder.path });
    expect(existsSync(proof)).toBe(true); // plain git would have started it
    Bun.spawnSync(['rm', proof]);
    const report = await scan(folder);
    expect(report.findings[0]?.git).toEqual({ isTracked: true, commits: 2 });
    expect(existsSync(proof)).toBe(false);
  });

  test('names that move the cursor are shown escaped', async () => {
    using folder = makeFolder();
    folder.write('\x1b[2Jx.env', `DB_PASSWORD=${random}\n`);
    const { out } = await run(['scan'], { cwd: folder.path, env: folder.env });
    expect(out).not.toContain('\x1b');
    expect(out).toContain('\\u{1b}');
  });

  test('a tree that aliases make large, one too deep, and half a file', async () => {
    using folder = makeFolder();
    const lines = ['a0: &a0 [x,x,x,x,x,x,x,x,x]', ...Array.from({ length: 9 }, (_, at) => `a${at + 1}: &a${at + 1} [${Array(9).fill(`*a${at}`).join(',')}]`)];
    folder.write('secrets.yml', lines.join('\n'));
    folder.write('secrets.json', '['.repeat(200_000));
    folder.write('config.json', `{"token":"${ghp}`);
    expect(namesOf(await scan(folder))).toEqual([[1, 'token']]);
  });

  test.each([
    ['spaces', '.env', `A=a${' '.repeat(1_000_000)}b`],
    ['spaces', 'a.ini', `a=${' '.repeat(1_000_000)}`],
    ['beginnings of keys', 'a.js', '-----BEGIN PRIVATE KEY-----\n'.repeat(37_000)],
    ['beginnings of keys', 'a.pem', '-----BEGIN PRIVATE KEY-----'.repeat(38_000)],
    ['beginnings of tokens', '.env', `A=${'sk-'.repeat(340_000)}`],
    ['beginnings of JWTs', '.env', `A=${'eyJaaaaaaaaaa.'.repeat(70_000)}`],
    ['open quotes', '.env', 'A="\n'.repeat(250_000)],
    [
      'a thousand secrets',
      'secrets.json',
      JSON.stringify(Object.fromEntries(Array.from({ length: 9_000 }, (_, at) => [`p${at}_password`, `Zeppelin-${at}-${'x'.repeat(60)}y`]))),
    ],
  ])('a file made to be slow: %s in %s', async (_what, name, text) => {
    using folder = makeFolder();
    folder.write(name, text);
    expect((await scan(folder)).files).toBe(1); // and within the time of a test
  });

  test('nothing there, and no such folder', async () => {
    using folder = makeFolder();
    mkdirSync(join(folder.path, 'empty'));
    expect((await scan(folder, 'empty')).code).toBe(0);
    expect((await run(['scan', 'nowhere'], { cwd: folder.path, env: folder.env })).code).toBe(14);
  });
});
