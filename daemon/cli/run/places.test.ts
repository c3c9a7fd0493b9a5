// Where `run` puts values: files, descriptors, input, arguments (spec/17-run.md §places, §files, §descriptors). Real programs, a stub daemon.
import { describe, expect, test } from 'bun:test';
import { chmodSync, chownSync, existsSync, lstatSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { releasing, startStubDaemon } from '../../../testing/stub-daemon.ts';
import { run, start } from '../test-command-line.ts';

const value = 'correct horse battery';
const approving = { 'POST /v1/release': releasing({ 'prod/db': value, 'prod/raw': Uint8Array.of(0, 255, 10, 13, 0), 'prod/key': 'kkkkkkkk' }) };
const folder = (): Disposable & { readonly path: string } => {
  const path = mkdtempSync(join(tmpdir(), 'sv-places-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
};
const gone = async (path: string): Promise<void> => {
  while (existsSync(path)) await Bun.sleep(5);
};

describe('a file', () => {
  test('INV-RUN-FILE is 0600 in a private folder in memory, and gone at the end', async () => {
    await using daemon = await startStubDaemon(approving);
    const program = 'stat -c %a "$F" "${F%/*}"; stat -f -c %T "$F"; echo "$F"; test "$(cat "$F")" = "correct horse battery" && echo same';
    const { code, out } = await run(['run', '--file', 'F=prod/db', '--', 'sh', '-c', program], daemon);
    const [mode, folderMode, kind, path = '', same] = out.trimEnd().split('\n');
    expect({ code, mode, folderMode, kind, same }).toEqual({ code: 0, mode: '600', folderMode: '700', kind: 'tmpfs', same: 'same' });
    expect(existsSync(path)).toBe(false);
  });
  test('INV-RUN-FILE is gone also when we are killed, and so are the link and the program', async () => {
    using dir = folder();
    const link = join(dir.path, 'key');
    await using daemon = await startStubDaemon(approving);
    const words = ['run', '--file', 'F=prod/db', '--file', `${link}=prod/key`, '--', 'sh', '-c', 'echo "$$ $F" >&2; exec sleep 1000'];
    const child = start(words, daemon);
    await child.seen('stillvault-run');
    const [, pid, path = ''] = /(\d+) (\/\S+)/.exec(child.text()) ?? [];
    expect(existsSync(path) && lstatSync(link).isSymbolicLink()).toBe(true);
    child.kill('SIGKILL');
    await gone(join(path, '..'));
    await gone(link);
    await gone(`/proc/${pid}`);
    await child.ended;
  });
  test('at a path that was asked for is a link, gone at the end', async () => {
    using dir = folder();
    const link = join(dir.path, 'pgpass');
    await using daemon = await startStubDaemon(approving);
    const { code, out } = await run(['run', '--no-mask', '--file', `${link}=prod/db`, '--', 'cat', link], daemon);
    expect({ code, out }).toEqual({ code: 0, out: value });
    expect(readdirSync(dir.path)).toEqual([]);
  });
  test('never takes the place of another, and nobody is asked', async () => {
    using dir = folder();
    const path = join(dir.path, 'mine');
    writeFileSync(path, 'mine');
    await using daemon = await startStubDaemon(approving);
    expect(await run(['run', '--file', `${path}=prod/db`, '--', 'true'], daemon)).toMatchObject({ code: 125 });
    expect(await run(['run', '--file', `${path}/no/folder=prod/db`, '--', 'true'], daemon)).toMatchObject({ code: 125 });
    expect(daemon.asks).toEqual([]);
    expect(await Bun.file(path).text()).toBe('mine');
  });
  test('INV-RUN-FILE lies in no folder that somebody else could rename it in', async () => {
    await using daemon = await startStubDaemon(approving);
    const place = mkdtempSync('/dev/shm/sv-places-');
    using _gone = { [Symbol.dispose]: () => rmSync(place, { recursive: true, force: true }) };
    const where = async (): Promise<string> =>
      (await run(['run', '--file', 'F=prod/db', '--', 'sh', '-c', 'echo "$F"'], { ...daemon, env: { XDG_RUNTIME_DIR: place } })).out;
    expect(await where()).toStartWith(`${place}/stillvault-run-`);
    chmodSync(place, 0o777);
    expect(await where()).toMatch(/^(?!\/dev\/shm\/sv-places).*\/stillvault-run-/);
    chmodSync(place, 0o700);
    if (process.geteuid?.() !== 0) return; // root alone can give it away: as where `sudo -E` keeps the variable
    chownSync(place, 65_534, 65_534);
    expect(await where()).toMatch(/^(?!\/dev\/shm\/sv-places).*\/stillvault-run-/);
  });
  test('of one who came between is not removed', async () => {
    using dir = folder();
    const path = join(dir.path, 'theirs');
    await using daemon = await startStubDaemon({
      'POST /v1/release': (ask) => {
        writeFileSync(path, 'theirs');
        return releasing({ 'prod/db': value })(ask);
      },
    });
    expect((await run(['run', '--file', `${path}=prod/db`, '--', 'true'], daemon)).code).toBe(125);
    expect(await Bun.file(path).text()).toBe('theirs');
  });
});

describe('a descriptor', () => {
  test('INV-RUN-FD can be read twice, byte for byte, and is no file', async () => {
    await using daemon = await startStubDaemon(approving);
    const program = 'echo "$K $R"; cmp "$K" "$K" && test "$(cat "$K")" = kkkkkkkk && od -An -tx1 "$R"; readlink /proc/self/fd/3';
    const { out } = await run(['run', '--fd', 'K=prod/key', '--fd', 'R=prod/raw', '--', 'sh', '-c', program], daemon);
    expect(out.split('\n').map((line) => line.trim())).toEqual(['/dev/fd/3 /dev/fd/4', '00 ff 0a 0d 00', '/memfd:stillvault (deleted)', '']);
  });
  test('as standard input', async () => {
    await using daemon = await startStubDaemon(approving);
    expect((await run(['run', '--no-mask', '--stdin', 'prod/raw', '--', 'cat'], { ...daemon, input: 'typed' })).bytes).toEqual(
      Uint8Array.of(0, 255, 10, 13, 0),
    );
  });
});

describe('arguments', () => {
  test('INV-RUN-ARGV stay as written, with a word about it', async () => {
    await using daemon = await startStubDaemon(approving);
    const { out, err } = await run(['run', '-e', 'A=prod/db', '--', 'echo', 'stillvault://prod/db'], daemon);
    expect(out).toBe('stillvault://prod/db\n');
    expect(err).toContain('argument 1 is a reference and stays as it is');
  });
  test('INV-RUN-ARGV hold values only where that was asked for, with a warning', async () => {
    await using daemon = await startStubDaemon(approving);
    const words = ['run', '--no-mask', '--arg-secrets', '--', 'echo', 'stillvault://prod/key', '-p={{ stillvault://prod/db }}'];
    const { out, err } = await run(words, daemon);
    expect(out).toBe(`kkkkkkkk -p=${value}\n`);
    expect(err).toContain('can be read by every program of this user');
    expect(daemon.asks).toHaveLength(1);
  });
});

test('all places together are one request, each secret once', async () => {
  await using daemon = await startStubDaemon(approving);
  const words = ['run', '-e', 'A=prod/db', '--file', 'F=prod/db', '--fd', 'K=prod/key', '--stdin', 'prod/key', '--', 'true'];
  expect((await run(words, daemon)).code).toBe(0);
  expect(daemon.asks).toEqual([{ call: 'POST /v1/release', body: { items: [{ path: 'prod/db' }, { path: 'prod/key' }] } }]);
});
