// `stillvault rotate` as a program: hooks that work, fail, hang, say too much; interruption; a daemon that keeps what is put (spec/20-rotate.md).
import { describe, expect, test } from 'bun:test';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../../testing/live-daemon.ts';
import { onTerminal, run, start } from './test-command-line.ts';
import { type Folder, type Storing, denied, makeFolder, startStoring } from './test-storing.ts';

async function world(): Promise<
  { storing: Storing; folder: Folder; given: { socketPath: string; env: Readonly<Record<string, string>>; cwd: string } } & AsyncDisposable
> {
  const storing = await startStoring();
  const folder = makeFolder();
  storing.secrets.set('prod/a', { version: 1, value: 'old-a', exposed: 'holder' });
  storing.secrets.set('prod/b', { version: 4, value: 'old-b', exposed: 'weaker' });
  storing.secrets.set('prod/calm', { version: 2, value: 'old-calm' });
  storing.secrets.set('prod/pair', { version: 1, fields: { user: 'u', password: 'old-pair' } });
  const given = { socketPath: storing.socketPath, env: { ...folder.env, PATH: '/usr/bin:/bin' }, cwd: folder.path };
  return { storing, folder, given, [Symbol.asyncDispose]: async () => (folder[Symbol.dispose](), storing[Symbol.asyncDispose]()) };
}
const says = (text: string): string => expect.stringContaining(text) as string; // the matcher's type is any
const valueOf = ({ secrets }: Storing, path: string): string | undefined => secrets.get(path)?.value;

describe('INV-ROTATE-WALK', () => {
  test('--exposed: a hook makes each new value, the others stay as they are, nothing is kept of the walk', async () => {
    await using at = await world();
    const ended = await run(['rotate', '--exposed', '--hook', 'echo "new $STILLVAULT_PATH v$STILLVAULT_VERSION $STILLVAULT_REASON"', '--yes'], at.given);
    expect(ended).toMatchObject({ code: 0, out: says('prod/a  v1  holder') });
    expect(ended.err).toContain('renewed 2 of 2 secrets');
    expect([valueOf(at.storing, 'prod/a'), valueOf(at.storing, 'prod/b'), valueOf(at.storing, 'prod/calm')]).toEqual([
      'new prod/a v1 holder',
      'new prod/b v4 weaker',
      'old-calm',
    ]);
    expect(at.folder.state().toString()).not.toContain('prod/');
    expect((await run(['rotate', '--exposed', '--hook', 'false', '--yes'], at.given)).err).toContain('nothing is exposed');
  });

  test('--dry-run shows and runs nothing; without --yes and a person nothing happens', async () => {
    await using at = await world();
    const hook = `touch ${at.folder.path}/ran`;
    expect(await run(['rotate', 'prod/*', '--hook', hook, '--dry-run'], at.given)).toMatchObject({ code: 0, out: says('prod/calm') });
    expect(await run(['rotate', 'prod/*', '--hook', hook], at.given)).toMatchObject({ code: 2, err: says('add --yes') });
    expect(existsSync(`${at.folder.path}/ran`)).toBe(false);
    expect(at.storing.puts).toEqual([]);
  });

  test('a hook that fails stores nothing, the others go on, and the same command goes on with what is left', async () => {
    await using at = await world();
    const words = ['rotate', 'prod/a', 'prod/b', '--hook', 'test -e ok || test $STILLVAULT_PATH = prod/b || { echo never; exit 3; }; echo made', '--yes'];
    const first = await run(words, at.given);
    expect(first.code).toBe(1);
    expect(first.err).toContain('the hook ended with 3: nothing was stored');
    expect(first.err).toContain('left: prod/a; next: the same command again');
    expect(at.storing.puts).toEqual(['prod/b']);
    expect(at.folder.state().toString()).not.toMatch(/made|never|old-/);
    at.folder.write('ok', '');
    const second = await run(words, at.given);
    expect(second).toMatchObject({ code: 0, err: says('going on: 1 of 2 are done') });
    expect(at.storing.puts).toEqual(['prod/b', 'prod/a']);
  });

  test('a writer says no: what was asked for together stays, and what was stored before it is not stored again', async () => {
    await using at = await world();
    at.storing.onPut = ({ path }) => (path === 'prod/b' ? denied() : undefined);
    expect(await run(['rotate', '--exposed', '--hook', 'echo x', '--yes', '--json'], at.given)).toMatchObject({
      code: 1,
      out: says('{"event":"failed","path":"prod/b","code":"denied"'),
    });
    expect(at.storing.puts).toEqual(['prod/a']);
    at.storing.onPut = () => undefined;
    expect((await run(['rotate', '--exposed', '--hook', 'echo x', '--yes'], at.given)).code).toBe(0);
    expect(at.storing.puts).toEqual(['prod/a', 'prod/b']);
    expect(at.storing.gestures).toEqual([2, 1]);
  });

  test('stored, but --after failed: the next run does only that', async () => {
    await using at = await world();
    const words = ['rotate', 'prod/a', '--hook', 'echo x', '--after', 'echo "$STILLVAULT_PATH $STILLVAULT_VERSION" > after; test -e ok', '--yes'];
    expect(await run(words, at.given)).toMatchObject({ code: 1, err: says('the new version is stored, but --after failed') });
    expect(at.folder.read('after')).toBe('prod/a 2\n');
    at.folder.write('ok', '');
    expect((await run(words, at.given)).code).toBe(0);
    expect(at.storing.puts).toEqual(['prod/a']);
  });

  test('Ctrl-C while a hook runs: it and what it started are ended, and nothing was stored', async () => {
    await using at = await world();
    const going = start(['rotate', '--exposed', '--hook', 'sleep 60 & echo $! > child; echo going >&2; wait', '--yes'], at.given);
    await going.seen('going');
    going.kill('SIGINT');
    expect((await going.ended).code).toBe(130);
    expect(at.storing.puts).toEqual([]);
    const child = Number(at.folder.read('child'));
    // Killed, and gone as soon as the kernel comes to it.
    await until(() => !existsSync(`/proc/${child}/stat`) || / Z /.test(readFileSync(`/proc/${child}/stat`, 'utf8')), 'what the hook started has ended');
  });

  test('asks at the terminal where no hook fits', async () => {
    await using at = await world();
    const { code, screen } = await onTerminal(['rotate', 'prod/calm'], at.given, [
      ['renew 1 secret? [y/N]', 'y'],
      ['new value of prod/calm: ', 'typed\r'],
      ['once more: ', 'typed\r'],
    ]);
    expect([code, valueOf(at.storing, 'prod/calm')]).toEqual([0, 'typed']);
    expect(screen.replaceAll('asks here', '')).not.toContain('typed');
  });

  test('--rekey: read by a release, the same value is stored again, fields too', async () => {
    await using at = await world();
    expect((await run(['rotate', 'prod/a', 'prod/pair', '--rekey', '--yes'], at.given)).code).toBe(0);
    expect(at.storing.secrets.get('prod/a')).toEqual({ version: 2, value: 'old-a' });
    expect(at.storing.secrets.get('prod/pair')).toEqual({ version: 2, fields: { user: 'u', password: 'old-pair' } });
  });

  test('what is no selection', async () => {
    await using at = await world();
    expect((await run(['rotate'], at.given)).code).toBe(2);
    expect(await run(['rotate', 'prod/none', '--rekey'], at.given)).toMatchObject({ code: 14 });
    expect((await run(['rotate', 'prod/a', '--rekey', '--hook', 'x'], at.given)).code).toBe(2);
    expect((await run(['rotate', 'prod/a', '--pass-old'], at.given)).code).toBe(2);
  });
});

describe('INV-ROTATE-HOOK', () => {
  const hook = async (command: string, more: readonly string[] = [], path = 'prod/a'): Promise<{ code: number; err: string; value: unknown; puts: number }> => {
    await using at = await world();
    const { code, err } = await run(['rotate', path, '--hook', command, '--yes', ...more], at.given);
    const kept = at.storing.secrets.get(path);
    return { code, err, value: kept?.fields ?? kept?.value, puts: at.storing.puts.length };
  };

  test('one newline at the end is left off, and only one; --keep-newline keeps it', async () => {
    expect((await hook('printf "v\\n"')).value).toBe('v');
    expect((await hook('printf "v\\r\\n"')).value).toBe('v');
    expect((await hook('printf "v\\n\\n"')).value).toBe('v\n');
    expect((await hook('printf "v\\n"', ['--keep-newline'])).value).toBe('v\n');
  });

  test('nothing, too much, no end, another’s signal: nothing is stored', async () => {
    expect(await hook('true')).toMatchObject({ code: 1, puts: 0, err: says('wrote nothing') });
    expect(await hook('head -c 65536 /dev/zero')).toMatchObject({ code: 0, puts: 1 });
    expect(await hook('head -c 65537 /dev/zero')).toMatchObject({ code: 1, puts: 0, err: says('more than a secret can hold') });
    expect(await hook('yes')).toMatchObject({ code: 1, puts: 0, err: says('more than a secret can hold') });
    expect(await hook('sleep 60', ['--hook-timeout', '1s'])).toMatchObject({ code: 1, puts: 0, err: says('longer than 1 s') });
    expect(await hook('echo x; kill -9 $$')).toMatchObject({ code: 1, puts: 0, err: says('SIGKILL') });
  });

  test('what leaves the group and holds the output open holds nobody up', async () => {
    expect(await hook('setsid sleep 30 2>/dev/null & echo x', ['--hook-timeout', '1s'])).toMatchObject({ code: 1, puts: 0, err: says('longer than 1 s') });
  });

  test('the old value is in no argument and no variable, and on standard input only when asked for', async () => {
    await using at = await world();
    const dump = 'tr "\\0" "\\n" < /proc/$$/environ > env; tr "\\0" " " < /proc/$$/cmdline > argv; cat > stdin; echo made';
    expect((await run(['rotate', 'prod/a', '--hook', dump, '--yes'], at.given)).code).toBe(0);
    expect([at.folder.read('env'), at.folder.read('argv'), at.folder.read('stdin')].join('')).not.toContain('old-a');
    expect((await run(['rotate', 'prod/b', '--hook', dump, '--pass-old', '--yes'], at.given)).code).toBe(0);
    expect([at.folder.read('env'), at.folder.read('argv')].join('')).not.toContain('old-b');
    expect(at.folder.read('stdin')).toBe('old-b');
  });

  test('fields: one JSON object of exactly those, and what is none is not repeated', async () => {
    expect((await hook(`echo '{"user":"n","password":"secret-new"}'`, [], 'prod/pair')).value).toEqual({ user: 'n', password: 'secret-new' });
    for (const wrong of [
      '{"user":"secret-new"}',
      '{"user":"n","password":"secret-new","more":"x"}',
      '{"user":"n","password":7}',
      '["secret-new"]',
      'secret-new',
      '{"user":"n","password":""}',
    ]) {
      const ended = await hook(`echo '${wrong}'`, [], 'prod/pair');
      expect([ended.code, ended.puts]).toEqual([1, 0]);
      expect(ended.err).toContain('exactly these fields: user, password');
      expect(ended.err).not.toContain('secret-new');
    }
  });

  test('a hooks file: the first pattern that fits; one that others can change runs nothing', async () => {
    await using at = await world();
    const file = at.folder.write('rotate.hooks', '# ours\nprod/a   echo "for a"\n\nprod/**  echo rest\n');
    expect((await run(['rotate', '--exposed', '--hooks', file, '--yes'], at.given)).code).toBe(0);
    expect([valueOf(at.storing, 'prod/a'), valueOf(at.storing, 'prod/b')]).toEqual(['for a', 'rest']);
    const refused = async (): Promise<unknown> => run(['rotate', 'prod/calm', '--hooks', file, '--yes'], at.given);
    chmodSync(file, 0o666);
    expect(await refused()).toMatchObject({ code: 2, err: says('can be changed by others') });
    chmodSync(file, 0o600);
    chmodSync(at.folder.path, 0o777);
    expect(await refused()).toMatchObject({ code: 2, err: says('in a folder in which others can replace it') });
    chmodSync(at.folder.path, 0o755);
    if (process.geteuid?.() === 0) {
      chownSync(file, 65_534, 65_534); // only root can give it away
      expect(await refused()).toMatchObject({ code: 2, err: says('belongs to another user') });
      chownSync(file, 0, 0);
    }
    // A link from a safe folder to one in which others can put another of our files there; and a link that they can turn.
    mkdirSync(join(at.folder.path, 'open'));
    renameSync(file, join(at.folder.path, 'open/rotate.hooks'));
    chmodSync(join(at.folder.path, 'open'), 0o777);
    symlinkSync('open/rotate.hooks', file);
    expect(await refused()).toMatchObject({ code: 2, err: says('in a folder in which others can replace it') });
    rmSync(file);
    symlinkSync(join(at.folder.path, 'safe.hooks'), join(at.folder.path, 'open/turned'));
    symlinkSync('open/turned', file);
    at.folder.write('safe.hooks', 'prod/** echo stolen\n');
    expect(await refused()).toMatchObject({ code: 2, err: says('in a folder in which others can replace it') });
    rmSync(file);
    at.folder.write('rotate.hooks', 'prod/calm\n');
    expect(await refused()).toMatchObject({ code: 2, err: says('line 1') });
    expect(valueOf(at.storing, 'prod/calm')).toBe('old-calm');
  });
});
