// sudo itself asks the helper for a password (spec/14-helpers.md §askpass): a user and rules of its own, in a mount namespace that ends with the test.
import { describe, expect, test } from 'bun:test';
import { chmodSync, chownSync, copyFileSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { releasing } from '../../testing/stub-daemon.ts';
import { type Home, type Ran, createHome, denying } from './test-home.ts';

const uid = 4_242;
const password = 'correct horse';
const works = (...words: readonly string[]): boolean =>
  Bun.which(words[0] ?? '') !== null && Bun.spawnSync([...words], { stdout: 'ignore', stderr: 'ignore' }).exitCode === 0;
const canTry = process.getuid?.() === 0 && works('sudo', '--version') && works('openssl', 'version') && works('unshare', '-m', 'setpriv', '--version');

/** Our user, its password and its right to use sudo, beside those that are there. */
function writeAccounts(folder: string): void {
  mkdirSync(folder);
  for (const name of ['passwd', 'shadow', 'group']) copyFileSync(join('/etc', name), join(folder, name));
  const hash = Bun.spawnSync(['openssl', 'passwd', '-6', '-stdin'], { stdin: new TextEncoder().encode(password) })
    .stdout.toString()
    .trim();
  writeFileSync(join(folder, 'passwd'), `${readFileSync('/etc/passwd', 'utf8')}ben:x:${uid}:${uid}::/tmp:/bin/sh\n`);
  writeFileSync(join(folder, 'shadow'), `${readFileSync('/etc/shadow', 'utf8')}ben:${hash}:19000:0:99999:7:::\n`);
  writeFileSync(join(folder, 'group'), `${readFileSync('/etc/group', 'utf8')}ben:x:${uid}:\n`);
  writeFileSync(join(folder, 'sudoers'), 'Defaults !use_pty, passwd_tries=1\nben ALL=(ALL) ALL\n', { mode: 0o440 });
}

function giveTo(owner: number, folder: string): void {
  chownSync(folder, owner, owner);
  for (const entry of readdirSync(folder, { recursive: true })) chownSync(join(folder, String(entry)), owner, owner);
}

async function sudo(home: Home): Promise<Ran> {
  const accounts = `${home.daemon.folder}/etc`;
  writeAccounts(accounts);
  await home.helper(['install', 'askpass']);
  giveTo(uid, home.dir);
  for (const open of [home.daemon.folder, dirname(home.daemon.socketPath)]) chmodSync(open, 0o755);
  chmodSync(home.daemon.socketPath, 0o666); // as a daemon of another user's would let it in
  const script = `mount --make-rprivate / && for name in passwd shadow group sudoers; do mount --bind ${accounts}/$name /etc/$name; done &&
    exec setpriv --reuid ${uid} --regid ${uid} --clear-groups sudo -A -k id -u`;
  return home.sh(['unshare', '-m', 'sh', '-c', script], { env: { SUDO_ASKPASS: join(home.bin, 'stillvault-askpass') } });
}

describe.skipIf(!canTry)('sudo', () => {
  test('gets the password of the user that it names', async () => {
    await using home = await createHome({ 'POST /v1/release': releasing({ 'prod/x': password }) }, [
      { kind: 'askpass', match: 'sudo:ben', reference: 'prod/x' },
    ]);
    expect(await sudo(home)).toMatchObject({ code: 0, out: '0\n' });
    expect(home.asks()).toMatchObject([{ reason: expect.stringContaining('[sudo] password for ben') as string }]);
  });

  test('INV-HELP-DENIED: after a no nothing runs', async () => {
    await using home = await createHome(denying, [{ kind: 'askpass', match: 'sudo:ben', reference: 'prod/x' }]);
    const { code, out } = await sudo(home);
    expect(code).not.toBe(0);
    expect(out).toBe('');
    expect(home.asks()).toHaveLength(1);
  });

  test('INV-HELP-NOT-MINE: another user’s entry answers nothing, and nobody is asked', async () => {
    await using home = await createHome(denying, [{ kind: 'askpass', match: 'sudo:eve', reference: 'prod/x' }]);
    expect((await sudo(home)).code).not.toBe(0);
    expect(home.asks()).toEqual([]);
  });
});
