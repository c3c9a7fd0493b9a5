// `stillvault import` of files that somebody made so that a value ends up where none belongs, is lost, or the import never ends.
import { describe, expect, test } from 'bun:test';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { tracesIn } from '../../../testing/traces.ts';
import type { Client } from '../../../sdk/client.ts';
import { detailOf, importing, makeFolder, plain, startStoring } from '../test-storing.ts';
import { replaceFile } from './rewrite.ts';
import { verifyStored } from './store.ts';

const value = 'kq8ZpL2vN7xR4tW9yB3m';

describe('INV-IMPORT-BLIND', () => {
  test.each([
    ['in a comment', '# aws_secret_access_key = '],
    ['under another name', 'old_secret = '],
  ])('a secret that stands between the lines of a profile is in no record: %s', async (_what, before) => {
    using folder = makeFolder();
    await using daemon = await startStoring();
    const text = `[default]\naws_access_key_id = AKIA${'QX7RLM2ZT5WB3KDE'}\n${before}${value}\naws_secret_access_key = Zeppelin4711gate\n`;
    mkdirSync(join(folder.path, '.aws'));
    folder.write('.aws/credentials', text);
    const ended = await importing(folder, daemon, '.aws/credentials', '--yes');
    expect(detailOf(ended)).toBe('E_IMPORT_UNSAFE');
    expect(folder.read('.aws/credentials')).toBe(text);
    expect(tracesIn(Buffer.concat([folder.state(), ended.bytes, Buffer.from(ended.err)]), { value })).toEqual([]);
  });

  test('a password with an @ that nobody encoded is the password, and none of it a name', async () => {
    using folder = makeFolder();
    await using daemon = await startStoring();
    const text = `https://ben:hunter@${value}@git.x\n`;
    folder.write('.git-credentials', text);
    const ended = await importing(folder, daemon, '.git-credentials', '--yes', '--to', 'in');
    expect(Object.fromEntries(daemon.secrets)).toEqual({ 'in/git/git.x/ben': { version: 1, value: `hunter@${value}` } });
    expect(tracesIn(Buffer.concat([folder.state(), ended.bytes, Buffer.from(ended.err)]), { value })).toEqual([]);
    expect((await importing(folder, daemon, '--undo', '.git-credentials')).code).toBe(0);
    expect(folder.read('.git-credentials')).toBe(text);
  });
});

test.each([
  ['a key', 'secrets.json', (name: string) => JSON.stringify({ [name]: { password: 'Zeppelin-4711-gate' } })],
  ['a field', 'bitwarden.json', (name: string) => JSON.stringify({ encrypted: false, items: [{ name: 'x', fields: [{ name, value, type: 1 }] }] })],
])('INV-IMPORT-BLIND: a token in the place of %s becomes no path, and is not shown', async (_what, file, text) => {
  using folder = makeFolder();
  await using daemon = await startStoring();
  const token = `ghp_${'aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5'}`;
  folder.write(file, text(token));
  for (const words of [['--dry-run', '--all'], ['--json', '--dry-run'], ['--yes']]) {
    const { bytes, err } = await importing(folder, daemon, file, '--to', 'in', ...words);
    expect(tracesIn(Buffer.concat([bytes, Buffer.from(err), folder.state()]), { token })).toEqual([]);
  }
  expect(daemon.puts).toEqual([]);
});

test('refused before anything is sent: a folder above it that others can exchange', async () => {
  using folder = makeFolder();
  await using daemon = await startStoring();
  mkdirSync(join(folder.path, 'open/app'), { recursive: true });
  folder.write('open/app/.env', plain);
  chmodSync(join(folder.path, 'open'), 0o777);
  expect(detailOf(await importing(folder, daemon, 'open/app/.env', '--yes'))).toBe('E_IMPORT_UNSAFE');
  expect(daemon.puts).toEqual([]);
});

test('a field called __proto__ is stored like any other', async () => {
  using folder = makeFolder();
  await using daemon = await startStoring();
  folder.write('bitwarden.json', JSON.stringify({ encrypted: false, items: [{ name: 'x', fields: [{ name: '__proto__', value, type: 1 }] }] }));
  expect((await importing(folder, daemon, 'bitwarden.json', '--yes', '--to', 'in')).code).toBe(0);
  expect(daemon.secrets.get('in/x')).toEqual({ version: 1, fields: { proto: value } });
});

describe('refused, and within the time of a test', () => {
  const many = (count: number): readonly number[] => [...Array(count).keys()];
  test.each([
    [
      'an item of 100,000 fields with one name',
      'bitwarden.json',
      () => JSON.stringify({ encrypted: false, items: [{ name: 'x', fields: many(100_000).map((at) => ({ name: 'f', value: `v${at}`, type: 0 })) }] }),
      'E_IMPORT_LIMIT',
    ],
    [
      'a table of one line with 100,000 fields',
      'a.csv',
      () =>
        `name,login_password,fields\nx,y,"${many(100_000)
          .map((at) => `f: v${at}`)
          .join('\n')}"\n`,
      'E_IMPORT_LIMIT',
    ],
    [
      '20,000 registries',
      'config.json',
      () => JSON.stringify({ auths: Object.fromEntries(many(20_000).map((at) => [`r${at}`, { auth: btoa(`u:pass${at}`) }])) }),
      'E_IMPORT_LIMIT',
    ],
    ['a configuration as large as an export', 'config.json', () => JSON.stringify({ auths: { x: { auth: 'A'.repeat(2_000_000) } } }), 'E_IMPORT_FILE'],
  ])('%s', async (_what, file, text, code) => {
    using folder = makeFolder();
    await using daemon = await startStoring();
    folder.write(file, text());
    expect(detailOf(await importing(folder, daemon, file, '--yes', '--to', 'in'))).toBe(code);
    expect(daemon.puts).toEqual([]);
  });
});

test('the command that it proposes is one command, whatever a folder is called', async () => {
  using folder = makeFolder();
  await using daemon = await startStoring();
  const file = `$(touch pwned)/.env`;
  mkdirSync(dirname(join(folder.path, file)));
  writeFileSync(join(folder.path, file), plain, { mode: 0o600 });
  const first = await importing(folder, daemon, file, '--yes', '--to', 'in');
  const again = await importing(folder, daemon, file, '--yes', '--to', 'in');
  expect([first.code, again.code]).toEqual([0, 2]);
  for (const words of [first.err, again.err])
    for (const line of words.split('\n').filter((text) => /^\s*(?:next: )?stillvault /.test(text)))
      Bun.spawnSync(['sh', '-c', line.replace(/^\s*(?:next: )?stillvault/, ':').replace(/ {3}\(or .*$/, '')], {
        cwd: folder.path,
        stdio: ['ignore', 'ignore', 'ignore'],
      });
  expect(existsSync(join(folder.path, 'pwned'))).toBe(false);
});

describe('at the last moment', () => {
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
  test('INV-IMPORT-CHANGED: a change right before the rename is not written over', () => {
    using folder = makeFolder();
    const path = folder.write('.env', 'A=1\n');
    expect(() => replaceFile(path, bytes('A=1\n'), bytes('A=2\n'), 'x', () => writeFileSync(path, 'A=9\n'))).toThrow('was changed meanwhile');
    expect([readFileSync(path, 'utf8'), readdirSync(folder.path)]).toEqual(['A=9\n', ['.env']]);
  });
  test('INV-IMPORT-READABLE: a log that is behind what was stored keeps the values', async () => {
    const daemon = { list: () => Promise.resolve([{ path: 'a/b', version: 1, entitled: true }]) } as unknown as Client; // what is asked of it
    const record = { version: 1, file: '/x', at: '', stored: [{ path: 'a/b', version: 2 }] } as const;
    await expect(verifyStored(daemon, { ...record, stored: [...record.stored] }, [{ path: 'a/b', value: 'x', from: [] }])).rejects.toMatchObject({
      detail: 'E_IMPORT_UNREADABLE',
    });
  });
  test('undo asks for no value where others can replace the file by now', async () => {
    using folder = makeFolder();
    await using daemon = await startStoring();
    folder.write('.env', plain);
    expect((await importing(folder, daemon, '.env', '--yes')).code).toBe(0);
    chmodSync(folder.path, 0o777);
    expect(detailOf(await importing(folder, daemon, '--undo', '.env'))).toBe('E_IMPORT_UNSAFE');
    expect(daemon.daemon.asks.filter(({ call }) => call === 'POST /v1/release')).toEqual([]);
  });
});

test.skipIf(process.geteuid?.() !== 0).each(['app/.env', 'app', '.'])('a file below something of another user (only root can make that): %s', async (whose) => {
  using folder = makeFolder();
  await using daemon = await startStoring();
  mkdirSync(join(folder.path, 'app'));
  folder.write('app/.env', plain);
  chownSync(join(folder.path, whose), 12_345, 12_345);
  expect(detailOf(await importing(folder, daemon, 'app/.env', '--yes'))).toBe('E_IMPORT_UNSAFE');
  expect(daemon.puts).toEqual([]);
});

test('a pipe in the place of a file is not waited for', () => {
  using folder = makeFolder();
  const pipe = join(folder.path, 'pipe');
  expect(Bun.spawnSync(['mkfifo', pipe]).success).toBe(true);
  const code = `import { readRaw } from '${join(import.meta.dir, '../plaintext/read.ts')}'; console.log(readRaw('${pipe}', 9).kind)`;
  expect(Bun.spawnSync([process.execPath, '-e', code], { timeout: 10_000 }).stdout.toString()).toBe('not a file\n');
});
