// `stillvault import` of files that can hold references: what is stored, what the file becomes, the way back, and every way to fail.
import { describe, expect, test } from 'bun:test';
import { chmodSync, linkSync, readdirSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { tracesIn } from '../../testing/traces.ts';
import { type Folder, denied, detailOf, importing, makeFolder, plain, rewritten, secrets, startStoring } from './test-storing.ts';
import { failure } from '../../testing/stub-daemon.ts';
import { lastJson, onTerminal } from './test-command-line.ts';

describe('a dotenv file', () => {
  test('stored with one gesture, rewritten in one step with the same mode, undone byte for byte', async () => {
    using folder = makeFolder();
    await using daemon = await startStoring();
    folder.write('.env', plain, 0o640);
    const ended = await importing(folder, daemon, '.env', '--yes');
    expect(ended).toMatchObject({ code: 0, out: '' });
    expect(daemon.puts).toEqual(['shop/DB_PASSWORD', 'shop/STRIPE', 'shop/DATABASE_URL']);
    expect(daemon.secrets.get('shop/DB_PASSWORD')).toEqual({ version: 1, value: secrets.password });
    expect(folder.read('.env')).toBe(rewritten);
    expect(statSync(join(folder.path, '.env')).mode & 0o777).toBe(0o640);
    expect(readdirSync(folder.path)).toEqual(['.env']);
    expect(daemon.gestures).toEqual([3]);

    const undone = await importing(folder, daemon, '--undo', '.env');
    expect(undone.code).toBe(0);
    expect(folder.read('.env')).toBe(plain);
    expect(detailOf(await importing(folder, daemon, '--undo', '.env'))).toBe('E_IMPORT_UNDO');
  });

  test('INV-IMPORT-BLIND: no value in any output, in what is remembered, or in an argument, in any encoding', async () => {
    using folder = makeFolder();
    await using daemon = await startStoring();
    folder.write('.env', plain);
    daemon.onPut = ({ path }) => {
      const here = tracesIn(folder.state(), secrets);
      if (here.length > 0) throw new Error(`at ${path}: ${JSON.stringify(here)}`);
      return path === 'shop/STRIPE' ? denied() : undefined;
    };
    const denial = await importing(folder, daemon, '.env', '--yes');
    const left = folder.state();
    daemon.onPut = () => undefined;
    const parts = [
      denial,
      await importing(folder, daemon, '.env', '--dry-run', '--json'),
      await importing(folder, daemon, '.env', '--yes', '--json'),
      await importing(folder, daemon, '--undo', '--json'),
    ];
    const said = parts.flatMap(({ bytes, err }) => [Buffer.from(bytes), Buffer.from(err)]);
    expect(parts.map(({ code }) => code)).toEqual([10, 0, 0, 0]);
    expect(left.length).toBeGreaterThan(100);
    expect(tracesIn(Buffer.concat([...said, left, folder.state()]), secrets)).toEqual([]);
  });

  test('INV-IMPORT-RECORD: what stays after the rewrite has no keyed tags by which a password could be guessed', async () => {
    using folder = makeFolder();
    await using daemon = await startStoring();
    folder.write('.env', plain);
    daemon.onPut = ({ path }) => (path === 'shop/STRIPE' ? denied() : undefined);
    await importing(folder, daemon, '.env', '--yes');
    expect(folder.state().toString()).toContain('"tag"');
    daemon.onPut = () => undefined;
    await importing(folder, daemon, '.env', '--yes');
    const record = folder.state().toString();
    expect(record).not.toContain('"tag"');
    expect(record).not.toContain('"key"');
    expect(record).toContain('"undo"');
    const [name = ''] = readdirSync(join(folder.env['STILLVAULT_HOME'] ?? '', 'import'));
    expect(statSync(join(folder.env['STILLVAULT_HOME'] ?? '', 'import', name)).mode & 0o777).toBe(0o600);
    expect((await importing(folder, daemon, '--confirm', '.env')).code).toBe(0);
    expect(folder.state().length).toBe(0);
    expect(folder.read('.env')).toBe(rewritten);
  });

  test('INV-IMPORT-WHOLE: a denial leaves the file as it was, and the same command goes on without storing twice', async () => {
    using folder = makeFolder();
    await using daemon = await startStoring();
    folder.write('.env', plain);
    daemon.onPut = ({ path }) => (path === 'shop/DATABASE_URL' ? denied() : undefined);
    expect((await importing(folder, daemon, '.env', '--yes')).code).toBe(10);
    expect(folder.read('.env')).toBe(plain);
    daemon.onPut = () => undefined;
    expect((await importing(folder, daemon, '.env', '--yes')).code).toBe(0);
    expect(daemon.puts).toEqual(['shop/DB_PASSWORD', 'shop/STRIPE', 'shop/DATABASE_URL']);
    expect([...daemon.secrets.values()].map(({ version }) => version)).toEqual([1, 1, 1]);
  });

  test('a value that changed between two tries is stored anew', async () => {
    using folder = makeFolder();
    await using daemon = await startStoring();
    folder.write('.env', plain);
    daemon.onPut = ({ path }) => (path === 'shop/STRIPE' ? denied() : undefined);
    await importing(folder, daemon, '.env', '--yes');
    folder.write('.env', plain.replace('4711', '4712'));
    daemon.onPut = () => undefined;
    expect(detailOf(await importing(folder, daemon, '.env', '--yes'))).toBe('E_IMPORT_COLLISION'); // it is there, with another value
    expect((await importing(folder, daemon, '.env', '--yes', '--replace')).code).toBe(0);
    expect(daemon.secrets.get('shop/DB_PASSWORD')).toEqual({ version: 2, value: secrets.password.replace('4711', '4712') });
  });

  test.each([
    ['adds a line', `${plain}\nNEW=1`, `${rewritten}\nNEW=1`],
    ['changes one, in the same length', plain.replace('3000', '3001'), rewritten.replace('3000', '3001')],
  ])('INV-IMPORT-CHANGED: while people decide, somebody %s', async (_what, edited, wanted) => {
    using folder = makeFolder();
    await using daemon = await startStoring();
    folder.write('.env', plain);
    daemon.onPut = ({ path }) => {
      if (path === 'shop/DATABASE_URL') folder.write('.env', edited);
      return undefined;
    };
    expect(detailOf(await importing(folder, daemon, '.env', '--yes'))).toBe('E_IMPORT_CHANGED');
    expect(folder.read('.env')).toBe(edited);
    expect(readdirSync(folder.path)).toEqual(['.env']);
    expect((await importing(folder, daemon, '.env', '--yes')).code).toBe(0);
    expect(daemon.puts).toHaveLength(3);
    expect(folder.read('.env')).toBe(wanted);
  });

  test('INV-IMPORT-READABLE: a machine that could not ask for them keeps the values', async () => {
    using folder = makeFolder();
    await using daemon = await startStoring();
    daemon.entitled = false;
    folder.write('.env', plain);
    const ended = await importing(folder, daemon, '.env', '--yes');
    expect([ended.code, detailOf(ended)]).toEqual([15, 'E_IMPORT_UNREADABLE']);
    expect(folder.read('.env')).toBe(plain);
  });

  test('seventy values are two requests; what a request cannot carry goes in two', async () => {
    using folder = makeFolder();
    await using daemon = await startStoring();
    folder.write('.env', Array.from({ length: 70 }, (_, at) => `KEY_${at}_SECRET=Hangar-${at}-0815-x\n`).join(''));
    expect((await importing(folder, daemon, '.env', '--yes', '--all')).code).toBe(0);
    expect(daemon.gestures).toEqual([64, 6]);
    daemon.gestures.length = 0;
    folder.write('.env.more', plain);
    daemon.onPut = () => ((daemon.gestures.at(-1) ?? 0) > 1 ? { event: 'error', ...failure('usage', 'too much at once', { detail: 'E_LIMIT' }) } : undefined);
    expect((await importing(folder, daemon, '.env.more', '--yes')).code).toBe(0);
    expect(daemon.gestures).toEqual([3, 2, 1, 1, 1]);
  });

  test('all in one secret with --as-fields: one proposal, and the way back', async () => {
    using folder = makeFolder();
    await using daemon = await startStoring();
    folder.write('.env', plain);
    expect((await importing(folder, daemon, '.env', '--yes', '--as-fields', '--to', 'prod/shop', '--map', 'STRIPE=pay/stripe')).code).toBe(0);
    expect(daemon.puts).toEqual(['prod/shop', 'pay/stripe']);
    expect(daemon.secrets.get('prod/shop')?.fields).toEqual({ DB_PASSWORD: secrets.password, DATABASE_URL: secrets.url });
    expect(folder.read('.env')).toContain('DB_PASSWORD="stillvault://prod/shop#DB_PASSWORD"   # main');
    expect((await importing(folder, daemon, '--undo')).code).toBe(0);
    expect(folder.read('.env')).toBe(plain);
  });

  test('which are taken: --only, --except, --all', async () => {
    using folder = makeFolder();
    await using daemon = await startStoring();
    folder.write('.env', plain);
    const taken = async (...words: readonly string[]): Promise<unknown> =>
      (lastJson(await importing(folder, daemon, '.env', '--dry-run', '--json', ...words)) as { take: readonly { name: string }[] }).take.map(
        ({ name }) => name,
      ); // what import prints
    expect(await taken()).toEqual(['DB_PASSWORD', 'STRIPE', 'DATABASE_URL']);
    expect(await taken('--only', 'PORT')).toEqual(['PORT']);
    expect(await taken('--except', 'STRIPE')).toEqual(['DB_PASSWORD', 'DATABASE_URL']);
    expect(await taken('--all')).toEqual(['PORT', 'DB_PASSWORD', 'STRIPE', 'DATABASE_URL', 'last']);
    expect((await importing(folder, daemon, '.env', '--only', 'NONE')).code).toBe(2);
    expect(daemon.puts).toEqual([]);
  });

  test('tells where plaintext still lies: comments, copies, git', async () => {
    using folder = makeFolder();
    await using daemon = await startStoring();
    folder.write('.env', `${plain}\n# old: ${secrets.password}\n`);
    folder.write('.env~', 'x');
    folder.write('.env.bak', 'x');
    folder.write('.env.local', 'x');
    for (const words of [
      ['init', '-q'],
      ['add', '.env'],
      ['-c', 'user.name=x', '-c', 'user.email=x@x', 'commit', '-qm', '1'],
    ])
      Bun.spawnSync(['git', ...words], { cwd: folder.path });
    const { err } = await importing(folder, daemon, '.env', '--yes');
    expect(err).toContain('line 9 of the file itself still holds the value of shop/DB_PASSWORD');
    expect(err).toContain('git: tracked by git, 1 commit:');
    expect(err).toContain('.env.bak');
    expect(err).toContain('.env~');
    expect(err).not.toContain('.env.local');
  });
});

test('a folder: each file under its own names, none twice', async () => {
  using folder = makeFolder();
  await using daemon = await startStoring();
  folder.write('.env', 'A_PASSWORD=Zeppelin-1\n');
  folder.write('.env.production', 'A_PASSWORD=Zeppelin-2\n');
  folder.write('api/.env', 'A_PASSWORD=Zeppelin-3\n');
  folder.write('.npmrc', '//r.x/:_authToken=Zeppelin-4\n');
  folder.write('node_modules/x/.env', 'A_PASSWORD=Zeppelin-5\n');
  folder.write('clean.env', 'PORT=1\n');
  expect((await importing(folder, daemon, '.', '--yes')).code).toBe(0);
  expect(Object.fromEntries([...daemon.secrets].map(([path, { value }]) => [path, value]))).toEqual({
    'shop/A_PASSWORD': 'Zeppelin-1',
    'shop/production/A_PASSWORD': 'Zeppelin-2',
    'shop/api/A_PASSWORD': 'Zeppelin-3',
    'npm/r.x': 'Zeppelin-4',
  });
  expect(folder.read('api/.env')).toBe('A_PASSWORD=stillvault://shop/api/A_PASSWORD\n');
  expect(folder.read('clean.env')).toBe('PORT=1\n');
});

describe('refused before anything is sent', () => {
  const prepared: readonly (readonly [string, (folder: Folder) => void, readonly string[], string | undefined])[] = [
    ['a link', (folder) => symlinkSync(folder.write('real.env', plain), join(folder.path, '.env')), [], 'E_IMPORT_FILE'],
    ['a hard link', (folder) => linkSync(folder.write('.env', plain), join(folder.path, 'other')), [], 'E_IMPORT_UNSAFE'],
    ['a folder in which anyone can write', (folder) => (folder.write('.env', plain), chmodSync(folder.path, 0o777)), [], 'E_IMPORT_UNSAFE'],
    ['a folder in which the group can write', (folder) => (folder.write('.env', plain), chmodSync(folder.path, 0o775)), [], 'E_IMPORT_UNSAFE'],
    ['no file', () => undefined, [], 'E_IMPORT_FILE'],
    [
      'two names for one path',
      (folder) => folder.write('.env', `A_TOKEN=Zeppelin-1\nB_TOKEN=Zeppelin-2\n`),
      ['--map', 'A_TOKEN=x', '--map', 'B_TOKEN=x'],
      'E_IMPORT_COLLISION',
    ],
    ['a path that is none', (folder) => folder.write('.env', plain), ['--to', '../x'], undefined],
    ['a name that is not there', (folder) => folder.write('.env', plain), ['--map', 'NONE=x'], 'E_IMPORT_NAME'],
    ['a value too long', (folder) => folder.write('.env', `A_PASSWORD=${'Ab1'.repeat(22_000)}\n`), [], 'E_IMPORT_LIMIT'],
    ['an unknown form', (folder) => folder.write('.env', plain), ['--format', 'toml'], undefined],
    ['nobody to ask', (folder) => folder.write('.env', plain), ['--no-input'], undefined],
  ];
  test.each(prepared)('%s', async (_what, prepare, words, detail) => {
    using folder = makeFolder();
    await using daemon = await startStoring();
    prepare(folder);
    const ended = await importing(folder, daemon, '.env', ...(words.includes('--no-input') ? words : ['--yes', ...words]));
    expect([ended.code, detailOf(ended), daemon.puts]).toEqual([2, detail, []]);
    expect(tracesIn(Buffer.concat([ended.bytes, Buffer.from(ended.err)]), secrets)).toEqual([]);
  });

  test('a secret that is there already is not replaced without being told to', async () => {
    using folder = makeFolder();
    await using daemon = await startStoring();
    daemon.secrets.set('shop/STRIPE', { version: 7, value: 'somebody else’s' });
    folder.write('.env', plain);
    expect(detailOf(await importing(folder, daemon, '.env', '--yes'))).toBe('E_IMPORT_COLLISION');
    expect(daemon.puts).toEqual([]);
    expect((await importing(folder, daemon, '.env', '--dry-run')).out).toContain('would be version 8');
  });

  test('a person says no at the terminal, or yes', async () => {
    using folder = makeFolder();
    await using daemon = await startStoring();
    folder.write('.env', plain);
    const given = { cwd: folder.path, env: folder.env, socketPath: daemon.socketPath };
    const no = await onTerminal(['import', '.env'], given, [['[y/N]', 'n']]);
    expect([no.code, daemon.puts]).toEqual([1, []]);
    const yes = await onTerminal(['import', '.env'], given, [['[y/N]', 'y']]);
    expect([yes.code, daemon.puts.length]).toEqual([0, 3]);
    expect(tracesIn(Buffer.from(no.screen + yes.screen), secrets)).toEqual([]);
  });
});
