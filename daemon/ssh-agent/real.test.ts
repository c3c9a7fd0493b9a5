// The SSH agent against the real programs: ssh-add, ssh-keygen, ssh with sshd on loopback, git. What is not installed is skipped.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SeenRequest } from '../../testing/live-org.ts';
import { type Live, startLive, until } from '../../testing/live-daemon.ts';
import { start, type Started } from '../cli/test-command-line.ts';
import { saveMapping } from '../helpers/mapping.ts';

const has = (...programs: readonly string[]): boolean => programs.every((name) => Bun.which(name) !== null);
const sshd = Bun.which('sshd') ?? (existsSync('/usr/sbin/sshd') ? '/usr/sbin/sshd' : undefined);
const canSsh = has('ssh', 'ssh-keygen', 'ssh-add');

let dir: string;
let live: Live;
let agent: Started;
let agentSocket: string;
const keyFile = (name: string): string => join(dir, name);
const publicLine = (name: string): string => readFileSync(keyFile(`${name}.pub`), 'utf8').trim();
const kinds = [
  ['ed25519', ['-t', 'ed25519']],
  ['ecdsa', ['-t', 'ecdsa', '-b', '256']],
  ['rsa', ['-t', 'rsa', '-b', '2048']],
  ['pem', ['-t', 'rsa', '-b', '2048', '-m', 'PEM']],
  ['pkcs8', ['-t', 'ecdsa', '-b', '256', '-m', 'PKCS8']],
] as const;

async function sh(words: readonly string[], env: Readonly<Record<string, string>> = {}, input?: string): Promise<{ code: number; out: string; err: string }> {
  const child = Bun.spawn([...words], {
    cwd: dir,
    env: { PATH: process.env['PATH'] ?? '', HOME: dir, SSH_AUTH_SOCK: agentSocket, ...env },
    stdin: input === undefined ? 'ignore' : new TextEncoder().encode(input),
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, out, err };
}

/** The next request at ada's phone, decided. */
async function decide(decision: 'approve' | 'deny'): Promise<SeenRequest['verified']['request']> {
  const seen = await live.org.nextRequest(live.world.device('ada'));
  await live.org.decide(seen, decision);
  return seen.verified.request;
}

beforeAll(async () => {
  if (!canSsh) return;
  dir = mkdtempSync(join(tmpdir(), 'sv-ssh-'));
  agentSocket = join(dir, 'agent', 'a.sock');
  for (const [name, how] of kinds) await sh(['ssh-keygen', '-q', '-N', '', '-C', `${name} key`, ...how, '-f', keyFile(name)]);
  await sh(['ssh-keygen', '-q', '-N', 'pass', '-t', 'ed25519', '-f', keyFile('locked')]);
  await sh(['ssh-keygen', '-q', '-N', '', '-t', 'ed25519', '-f', keyFile('swapped')]);
  const secrets = Object.fromEntries([...kinds.map(([name]) => name), 'locked'].map((name) => [`prod/${name}`, readFileSync(keyFile(name), 'utf8')]));
  live = await startLive({ secrets: { ...secrets, 'prod/swapped': readFileSync(keyFile('ed25519'), 'utf8') } });
  const config = join(dir, 'config');
  const entries = [...kinds.map(([name]) => name), 'locked', 'swapped'].map((name) => ({
    kind: 'ssh-agent' as const,
    match: publicLine(name),
    reference: `prod/${name}`,
  }));
  saveMapping({ XDG_CONFIG_HOME: config }, entries);
  agent = start(['helper', 'ssh-agent', '--socket', agentSocket], { socketPath: live.daemon.socketPath, env: { XDG_CONFIG_HOME: config } });
  await agent.seen('serving 7 keys');
});
afterAll(async () => {
  if (!canSsh) return;
  agent.kill('SIGTERM');
  expect((await agent.ended).code).toBe(0);
  await live[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

describe.skipIf(!canSsh)('ssh-add', () => {
  test('lists the mapped keys, and nobody is asked', async () => {
    const { out } = await sh(['ssh-add', '-L']);
    expect(out.trim().split('\n')).toEqual([...kinds.map(([name]) => publicLine(name)), publicLine('locked'), publicLine('swapped')]);
    expect(live.daemon.status().pending).toBe(0);
  });

  test('INV-HELP-SSH-KEEP: adds nothing, removes nothing, locks nothing', async () => {
    expect((await sh(['ssh-add', keyFile('ed25519')])).err).toContain('agent refused operation');
    expect((await sh(['ssh-add', '-D'])).code).not.toBe(0);
    expect((await sh(['ssh-add', '-d', keyFile('rsa')])).code).not.toBe(0);
    expect((await sh(['ssh-add', '-L'])).out).toContain('rsa key');
  });
});

describe.skipIf(!canSsh)('signatures', () => {
  test.each(kinds.map(([name]) => name))('%s: ssh-keygen signs a file with it, and verifies', async (name) => {
    writeFileSync(join(dir, 'message'), `to be signed with ${name}`);
    rmSync(join(dir, 'message.sig'), { force: true });
    const signing = sh(['ssh-keygen', '-Y', 'sign', '-f', keyFile(`${name}.pub`), '-n', 'file', 'message']);
    const request = await decide('approve');
    expect(request.claimed.agent).toBe('ssh-agent');
    expect(request.claimed.reason).toMatch(/^sign a file \(SSHSIG namespace file, sha512 [0-9a-f]{12}\)$/);
    expect(request.observed.exe).toBe(Bun.which('ssh-keygen') ?? '');
    expect((await signing).code).toBe(0);
    writeFileSync(join(dir, 'signers'), `me ${publicLine(name)}\n`);
    const verified = await sh(['ssh-keygen', '-Y', 'verify', '-f', 'signers', '-I', 'me', '-n', 'file', '-s', 'message.sig'], {}, `to be signed with ${name}`);
    expect(verified.out).toContain('Good "file" signature');
  });

  test('INV-HELP-SSH-DENIED: a no is FAILURE, and ssh-keygen has no signature', async () => {
    rmSync(join(dir, 'message.sig'), { force: true });
    const signing = sh(['ssh-keygen', '-Y', 'sign', '-f', keyFile('ed25519.pub'), '-n', 'file', 'message']);
    await decide('deny');
    const { code, err } = await signing;
    expect(code).not.toBe(0);
    expect(err).toContain('agent refused operation');
    expect(existsSync(join(dir, 'message.sig'))).toBe(false);
    await agent.seen('not signed · prod/ed25519 · sign a file');
  });

  test('a program that goes away withdraws what it asked', async () => {
    const child = Bun.spawn(['ssh-keygen', '-Y', 'sign', '-f', keyFile('ed25519.pub'), '-n', 'file', 'message'], {
      cwd: dir,
      env: { PATH: process.env['PATH'] ?? '', SSH_AUTH_SOCK: agentSocket },
      stderr: 'ignore',
      stdout: 'ignore',
    });
    await live.org.nextRequest(live.world.device('ada'));
    child.kill('SIGKILL');
    await until(() => live.daemon.status().pending === 0, 'the request is withdrawn');
  });

  test('a key with a passphrase in the secret is told as that', async () => {
    const signing = sh(['ssh-keygen', '-Y', 'sign', '-f', keyFile('locked.pub'), '-n', 'file', 'message']);
    await decide('approve');
    expect((await signing).code).not.toBe(0);
    await agent.seen('has a passphrase');
  });

  test('a secret that holds another key than its public half says signs nothing', async () => {
    const signing = sh(['ssh-keygen', '-Y', 'sign', '-f', keyFile('swapped.pub'), '-n', 'file', 'message']);
    await decide('approve');
    expect((await signing).code).not.toBe(0);
    await agent.seen('the secret holds another key');
  });

  test.skipIf(!has('git'))('git commit -S: the approver reads that it is a commit', async () => {
    const repo = join(dir, 'repo');
    const git = (...words: readonly string[]) => sh(['git', '-C', repo, '-c', 'user.name=ben', '-c', 'user.email=ben@acme.test', ...words]);
    await sh(['git', 'init', '-q', repo]);
    const signed = ['-c', 'gpg.format=ssh', '-c', `user.signingkey=${publicLine('ed25519')}`];
    const commit = git(...signed, 'commit', '-q', '--allow-empty', '-S', '-m', 'signed by the agent');
    const request = await decide('approve');
    expect(request.claimed.reason).toMatch(/^sign a git commit or tag \(SSHSIG namespace git, sha512 [0-9a-f]{12}\)$/);
    expect(request.observed.ancestors.some(({ argv }) => argv.includes('commit'))).toBe(true);
    expect((await commit).code).toBe(0);
    writeFileSync(join(dir, 'signers'), `ben@acme.test ${publicLine('ed25519')}\n`);
    const shown = await git('-c', `gpg.ssh.allowedSignersFile=${join(dir, 'signers')}`, 'verify-commit', 'HEAD');
    expect(shown.err).toContain('Good "git" signature for ben@acme.test');
  });
});

describe.skipIf(!canSsh || sshd === undefined || process.getuid?.() !== 0)('ssh to a real sshd', () => {
  let server: ReturnType<typeof Bun.spawn>;
  let port: number;
  let hostKey: string;

  beforeAll(async () => {
    await sh(['ssh-keygen', '-q', '-N', '', '-t', 'ed25519', '-f', keyFile('host')]);
    hostKey = (await sh(['ssh-keygen', '-lf', keyFile('host.pub')])).out.split(' ')[1] ?? '';
    port = await freePort();
    const home = join(dir, 'authorized');
    mkdirSync(home);
    writeFileSync(join(home, 'keys'), kinds.map(([name]) => `${publicLine(name)}\n`).join(''));
    chmodSync(dir, 0o700);
    if (!existsSync('/run/sshd')) mkdirSync('/run/sshd', { mode: 0o755 });
    const lines = [
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${keyFile('host')}`,
      `AuthorizedKeysFile ${join(home, 'keys')}`,
      `PidFile ${join(dir, 'sshd.pid')}`,
      'PermitRootLogin prohibit-password',
      'PasswordAuthentication no',
      'UsePAM no',
      'StrictModes no',
      'LogLevel ERROR',
      'AllowAgentForwarding yes',
    ];
    writeFileSync(join(dir, 'sshd_config'), `${lines.join('\n')}\n`);
    server = Bun.spawn([sshd ?? '', '-D', '-e', '-f', join(dir, 'sshd_config')], { stdout: 'ignore', stderr: 'ignore' });
    await until(() => reached(port), 'sshd listens');
  });
  afterAll(() => server.kill());

  const ssh = (name: string, more: readonly string[], command: string) =>
    sh([
      'ssh',
      '-F',
      'none',
      '-p',
      String(port),
      '-o',
      `IdentityAgent=${agentSocket}`,
      '-o',
      'IdentitiesOnly=yes',
      '-o',
      `IdentityFile=${keyFile(`${name}.pub`)}`,
      '-o',
      'StrictHostKeyChecking=no',
      '-o',
      `UserKnownHostsFile=${join(dir, 'known')}`,
      '-o',
      'LogLevel=ERROR',
      '-o',
      'BatchMode=yes',
      ...more,
      `root@127.0.0.1`,
      command,
    ]);

  test.each(['ed25519', 'ecdsa', 'rsa'])('INV-HELP-SSH-HOST: %s logs in, and the card names user and host key', async (name) => {
    const login = ssh(name, [], 'echo inside');
    const request = await decide('approve');
    expect(request.claimed.reason).toBe(`log in as root to host key ${hostKey}`);
    expect(request.observed.exe).toBe(Bun.which('ssh') ?? '');
    expect(await login).toMatchObject({ code: 0, out: 'inside\n' });
  });

  test('a no ends the login', async () => {
    const login = ssh('ed25519', [], 'echo inside');
    await decide('deny');
    expect(await login).toMatchObject({ out: '' });
    expect((await login).err).toContain('Permission denied');
  });

  test('INV-HELP-SSH-FORWARD: through a forwarded agent, the card says so first, and names the last host', async () => {
    const hop = `ssh -F none -p ${port} -o IdentitiesOnly=yes -o IdentityFile=${keyFile('ecdsa.pub')} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o BatchMode=yes 127.0.0.1 echo twice`;
    const login = ssh('ed25519', ['-A'], hop);
    expect((await decide('approve')).claimed.reason).toBe(`log in as root to host key ${hostKey}`);
    expect((await decide('approve')).claimed.reason).toBe(`FORWARDED agent: log in as root to host key ${hostKey}`);
    expect(await login).toMatchObject({ code: 0, out: 'twice\n' });
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function reached(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => (socket.destroy(), resolve(true)));
    socket.once('error', () => resolve(false));
  });
}
