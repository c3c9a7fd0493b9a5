// `stillvault import`: AWS, npm, git and docker, and the way back with its refusals.
import { describe, expect, test } from 'bun:test';
import { lstatSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { failure } from '../../../testing/stub-daemon.ts';
import { tracesIn } from '../../../testing/traces.ts';
import { denied, detailOf, importing, makeFolder, plain, rewritten, startStoring } from '../test-storing.ts';

describe('other files', () => {
  const key = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYzqLm7n4';
  const auth = (user: string): string => Buffer.from(`${user}:${key}`).toString('base64');
  test.each([
    [
      '.aws/credentials',
      `[default]\naws_access_key_id = AKIAQX7RLM2ZT5WB3KDE\nregion = eu-central-1\naws_secret_access_key=${key}\n\n[dev]\nregion=x\n`,
      /^\[default\]\nregion = eu-central-1\ncredential_process = .* helper aws --secret stillvault:\/\/aws\/default\n\n\[dev\]\nregion=x\n$/,
      { 'aws/default': { version: 1, fields: { access_key_id: 'AKIAQX7RLM2ZT5WB3KDE', secret_access_key: key } } },
    ],
    [
      '.npmrc',
      `registry=https://r.x/\r\n//r.x/npm/:_authToken=${key}\r\n`,
      /^registry=https:\/\/r\.x\/\r\n\/\/r\.x\/npm\/:_authToken=\$\{NPM_AUTH_TOKEN_R_X_NPM\}\r\n$/,
      { 'npm/r.x-npm': { version: 1, value: key } },
    ],
    [
      '.git-credentials',
      `https://ben:${encodeURIComponent(key)}@github.com\nhttps://x:changeme@y.org\n`,
      /^https:\/\/x:changeme@y\.org\n$/,
      { 'git/github.com/ben': { version: 1, value: key } },
    ],
    [
      '.docker/config.json',
      `{\n\t"auths": {\n\t\t"ghcr.io": {\n\t\t\t"auth": "${auth('ben')}"\n\t\t},\n\t\t"r.x": { "email": "a@b", "auth": "${auth('ci')}" }\n\t}\n}`,
      /^\{\n\t"auths": \{\n\t\t"ghcr\.io": \{\n\t\t\t\n\t\t\},\n\t\t"r\.x": \{ "email": "a@b" \}\n\t\}\n\}$/,
      { 'docker/ghcr.io': { version: 1, fields: { username: 'ben', password: key } }, 'docker/r.x': { version: 1, fields: { username: 'ci', password: key } } },
    ],
    [
      '.kube/config',
      `apiVersion: v1\nkind: Config\nusers:\n- name: ben\n  user:\n    token: "${key}"\n- name: ci\n  user:\n    client-certificate-data: ${auth('cert')}\n    client-key-data: ${auth('key')}\n`,
      /^apiVersion: v1\nkind: Config\nusers:\n- name: ben\n {2}user:\n {4}exec:\n {6}apiVersion: client[^]*helper kubectl --secret stillvault:\/\/kube\/ben [^]*- name: ci\n {2}user:\n {4}exec:[^]*provideClusterInfo: true\n$/,
      { 'kube/ben': { version: 1, value: key }, 'kube/ci': { version: 1, fields: { client_certificate: `cert:${key}`, client_key: `key:${key}` } } },
    ],
  ])('%s: references or helpers, and the way back byte for byte', async (name, before, wanted, stored) => {
    using folder = makeFolder();
    await using daemon = await startStoring();
    folder.write(name, before);
    const ended = await importing(folder, daemon, name, '--yes');
    expect(ended.code).toBe(0);
    expect(Object.fromEntries(daemon.secrets)).toEqual(stored);
    expect(folder.read(name)).toMatch(wanted);
    expect(tracesIn(Buffer.concat([Buffer.from(ended.err), folder.state(), Buffer.from(folder.read(name))]), { key, auth: auth('ben') })).toEqual([]);
    expect((await importing(folder, daemon, '--undo', name)).code).toBe(0);
    expect(folder.read(name)).toBe(before);
  });
});

describe('what is left behind works', () => {
  test('the line in AWS credentials and the plugin in a kubeconfig answer with the keys', async () => {
    using folder = makeFolder();
    await using daemon = await startStoring();
    folder.write('credentials', '[default]\naws_access_key_id = AKIAQX7RLM2ZT5WB3KDE\naws_secret_access_key = Zeppelin-4711-gate\n');
    folder.write('kubeconfig', 'kind: Config\nusers:\n- name: ben\n  user:\n    token: Zeppelin-4712-gate\n');
    for (const name of ['credentials', 'kubeconfig']) expect((await importing(folder, daemon, name, '--yes')).code).toBe(0);
    const answer = async (words: readonly string[]): Promise<unknown> => {
      const child = Bun.spawn([...words], { env: { ...folder.env, PATH: process.env['PATH'] ?? '', STILLVAULT_SOCKET: daemon.socketPath }, stdout: 'pipe' });
      return JSON.parse(await new Response(child.stdout).text()) as unknown; // compared below
    };
    const line = /credential_process = (.*)/.exec(folder.read('credentials'))?.[1] ?? '';
    expect(await answer(['sh', '-c', line])).toMatchObject({ AccessKeyId: 'AKIAQX7RLM2ZT5WB3KDE', SecretAccessKey: 'Zeppelin-4711-gate' });
    const kube = Bun.YAML.parse(folder.read('kubeconfig')) as { users: readonly { user: { exec: { command: string; args: readonly string[] } } }[] }; // what import wrote
    const { command = '', args = [] } = kube.users[0]?.user.exec ?? {};
    expect(await answer([command, ...args])).toMatchObject({ kind: 'ExecCredential', status: { token: 'Zeppelin-4712-gate' } });
  });
});

describe('the way back is refused', () => {
  test('where the file was changed since, where a secret has a newer version, and twice', async () => {
    using folder = makeFolder();
    await using daemon = await startStoring();
    folder.write('.env', plain);
    await importing(folder, daemon, '.env', '--yes');
    expect(detailOf(await importing(folder, daemon, '.env', '--yes'))).toBe('E_IMPORT_UNDO');
    const kept = daemon.secrets.get('shop/STRIPE');
    daemon.secrets.set('shop/STRIPE', { ...kept, version: 2 });
    expect(detailOf(await importing(folder, daemon, '--undo', '.env'))).toBe('E_IMPORT_UNDO');
    if (kept) daemon.secrets.set('shop/STRIPE', kept);
    writeFileSync(join(folder.path, '.env'), `${rewritten}\n`);
    expect(detailOf(await importing(folder, daemon, '--undo', '.env'))).toBe('E_IMPORT_CHANGED');
    expect(folder.read('.env')).toBe(`${rewritten}\n`);
  });
  test('a crash right before the rename, or right after it: the same command goes on', async () => {
    using folder = makeFolder();
    await using daemon = await startStoring();
    const records = join(folder.env['STILLVAULT_HOME'] ?? '', 'import');
    const change = (more: object): void => {
      const [name = ''] = readdirSync(records);
      writeFileSync(join(records, name), JSON.stringify({ ...(JSON.parse(readFileSync(join(records, name), 'utf8')) as object), ...more })); // what import wrote
    };
    folder.write('.env', plain);
    daemon.onPut = ({ path }) => (path === 'shop/DATABASE_URL' ? denied() : undefined);
    await importing(folder, daemon, '.env', '--yes');
    change({ undo: { after: '0'.repeat(64), edits: [] } });
    daemon.onPut = () => undefined;
    expect((await importing(folder, daemon, '.env', '--yes')).code).toBe(0);
    expect(daemon.puts).toHaveLength(3);
    change({ key: Buffer.alloc(32).toString('base64') });
    expect((await importing(folder, daemon, '.env', '--yes')).code).toBe(0);
    expect(folder.state().toString()).not.toContain('"key"');
    expect(folder.read('.env')).toBe(rewritten);
    expect((await importing(folder, daemon, '--undo', '.env')).code).toBe(0);
    expect(folder.read('.env')).toBe(plain);
  });
  test('a record that somebody wrote to', async () => {
    using folder = makeFolder();
    await using daemon = await startStoring();
    folder.write('.env', plain);
    await importing(folder, daemon, '.env', '--yes');
    const records = join(folder.env['STILLVAULT_HOME'] ?? '', 'import');
    const [name = ''] = readdirSync(records);
    writeFileSync(join(records, name), '{"version":2}');
    for (const words of [
      ['--undo', '.env'],
      ['--confirm', '.env'],
      ['.env', '--yes'],
    ])
      expect(detailOf(await importing(folder, daemon, ...words))).toBe('E_IMPORT_UNDO');
  });
  test('the daemon’s limit is waited for', async () => {
    using folder = makeFolder();
    await using daemon = await startStoring();
    folder.write('.env', 'A_PASSWORD=Zeppelin-4711\n');
    let refusals = 1;
    daemon.onPut = () => (refusals-- > 0 ? { event: 'error', ...failure('error', 'too many asks', { detail: 'E_RATE_LOCAL' }) } : undefined);
    const ended = await importing(folder, daemon, '.env', '--yes');
    expect([ended.code, daemon.puts, lstatSync(join(folder.path, '.env')).isFile()]).toEqual([0, ['shop/A_PASSWORD'], true]);
  }, 15_000);
});
