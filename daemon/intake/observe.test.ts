// What the approver is told about real askers (spec/10-local-api.md §observed; attacks 39, 40, 43): programs, scripts, containers, hostile texts.
import { describe, expect, test } from 'bun:test';
import { copyFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encode, text } from '../../protocol/codec.ts';
import { encodeUtf8 } from '../../protocol/bytes.ts';
import { limits } from '../../protocol/limits.ts';
import { createFileDigests } from './file-digest.ts';
import { libc } from './libc.ts';
import type { Observed } from './observe.ts';
import { createObserver, systemObserverDeps } from './observer.ts';
import { createProc } from './proc.ts';
import { connectedProcess } from './process-identity.ts';
import { askingProgram, createFolder, inNamespaces, noNamespaces, run, startIntake } from './test-world.ts';

const os = libc();
const sha256 = async (path: string): Promise<string> => new Bun.CryptoHasher('sha256').update(await Bun.file(path).bytes()).digest('hex');

/** Starts a program that asks the daemon who it is. */
async function observedOf(folder: string, command: (socket: string) => readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Observed> {
  await using world = await startIntake(folder, async ({ observe, reply }) => reply.json((await observe()).observed));
  return JSON.parse(await run(command(world.socketPath), env)) as Observed; // cast: JSON of our own type
}

/** Observes a process that does not ask. */
async function observePid(pid: number): Promise<Observed> {
  const pidfd = os?.openPidfd(pid);
  if (pidfd === undefined) throw new Error('no pidfd');
  using _ = pidfd;
  const observer = createObserver(systemObserverDeps([]));
  const peer = { via: 'socket', identity: 'pidfd', uid: process.geteuid?.(), process: connectedProcess(createProc(), pid, pidfd) } as const;
  return (await observer.observe(peer)).observed;
}

/** Until the child runs what it was started with, and sleeps in it: until its exec is complete it is still a copy of this process. */
async function running(pid: number, path: string): Promise<void> {
  const proc = createProc();
  while (proc.link(pid, 'exe')?.toString() !== path || !/\) S /.test(proc.read(pid, 'stat') ?? '')) await Bun.sleep(1);
}

describe.skipIf(os === undefined)('an ordinary asker', () => {
  test('is told whole: program, script, arguments, folder, ancestors', async () => {
    using folder = createFolder();
    const script = join(folder.path, 'agent.ts');
    writeFileSync(script, askingProgram);
    const observed = await observedOf(folder.path, (socket) => [process.execPath, script, socket, '/']);
    expect(observed).toMatchObject({
      identity: 'pidfd',
      uid: process.geteuid?.(),
      exe: { path: process.execPath, sha256: await sha256(process.execPath), unlinked: false },
      script: { kind: 'file', path: script, sha256: await sha256(script) },
      cwd: process.cwd(),
      namespaces: { pid: 'same', mnt: 'same', user: 'same', net: 'same' },
      escaped: [],
    });
    expect(observed.argv?.slice(1, 2)).toEqual([script]);
    expect(observed.ancestors[0]).toMatchObject({ pid: process.pid, exe: process.execPath });
    expect(observed.ancestors.length).toBeLessThanOrEqual(limits.ancestors);
    expect(Math.abs((observed.startedAtMs ?? 0) - Date.now())).toBeLessThan(60_000);
  });

  test('that gives its program as text has no script, and says so', async () => {
    using folder = createFolder();
    const observed = await observedOf(folder.path, (socket) => [process.execPath, '-e', askingProgram, socket, '/']);
    expect(observed.script).toEqual({ kind: 'inline' });
  });
});

describe.skipIf(os === undefined)('a program on disk', () => {
  test.each([
    ['deleted while it runs', (path: string) => rmSync(path), (path: string) => path, true],
    ['renamed while it runs', (path: string) => renameSync(path, `${path}-new`), (path: string) => `${path}-new`, false],
    [
      'replaced by another at the same path',
      (path: string) => {
        copyFileSync('/bin/cat', `${path}-new`);
        renameSync(`${path}-new`, path);
      },
      (path: string) => path,
      true,
    ],
  ] as const)('%s is shown by the bytes that run', async (_, change, pathAfter, unlinked) => {
    using folder = createFolder();
    const path = join(folder.path, 'agent');
    copyFileSync('/bin/sleep', path);
    const wanted = await sha256(path);
    await using child = Bun.spawn([path, '60']);
    await running(child.pid, path);
    change(path);
    expect((await observePid(child.pid)).exe).toMatchObject({ path: pathAfter(path), sha256: wanted, unlinked });
    child.kill('SIGKILL');
  });
});

describe.skipIf(os === undefined)('texts of a hostile asker', () => {
  test('are escaped, cut and marked; a request with all of them still fits', async () => {
    using folder = createFolder();
    const nasty = join(folder.path, `${'d'.repeat(200)}\u202e\n`);
    const cwd = join(nasty, 'e'.repeat(200), 'f'.repeat(200));
    mkdirSync(cwd, { recursive: true });
    const path = join(cwd, 'claude\u200b');
    copyFileSync('/usr/bin/tail', path);
    await using child = Bun.spawn([path, '-f', '/dev/null', ...Array.from({ length: 100 }, () => '\u202e'.repeat(900))], { cwd, stderr: 'ignore' });
    await running(child.pid, path);
    const observed = await observePid(child.pid);
    child.kill('SIGKILL');
    expect(observed.exe?.path).toEndWith('claude\\u{200b}');
    expect([...observed.escaped].toSorted()).toEqual(['argv', 'cwd', 'exe', 'name']);
    expect([...observed.cut].filter((name) => name !== 'ancestors').toSorted()).toEqual(['argv', 'cwd', 'exe']);
    for (const shown of [observed.exe?.path ?? '', observed.cwd ?? '', ...(observed.argv ?? [])]) encode(text(limits.observedBytes), shown); // throws past the bound
    expect(encodeUtf8(JSON.stringify(observed)).length).toBeLessThan(limits.requestBytes);
  });
});

describe('an asker in a container', () => {
  test.skipIf(noNamespaces !== '')(
    `in fresh user, mount and process namespaces is shown as elsewhere, its script not read by our paths ${noNamespaces}`,
    async () => {
      using folder = createFolder();
      const script = join(folder.path, 'agent.ts');
      writeFileSync(script, askingProgram);
      const observed = await observedOf(folder.path, (socket) => [...inNamespaces, process.execPath, script, socket, '/']);
      expect(observed).toMatchObject({ uid: process.geteuid?.(), namespaces: { pid: 'other', mnt: 'other', user: 'other', net: 'same' } });
      expect(observed.script).toEqual({ kind: 'file', path: script });
      expect(observed.exe?.sha256).toBe(await sha256(process.execPath)); // the opened file is the opened file, in any namespace
    },
  );
});

test.skipIf(os === undefined)('what cannot be read is absent, never guessed', async () => {
  const pidfd = os?.openPidfd(process.pid);
  if (pidfd === undefined) throw new Error('no pidfd');
  using _ = pidfd;
  const hidden = { read: () => undefined, link: () => undefined, readArgv: async () => undefined, exeFile: () => '/proc/0/exe' };
  const observer = createObserver({ ...systemObserverDeps([]), proc: hidden, digests: createFileDigests(), passwd: () => '' });
  const { observed } = await observer.observe({ via: 'socket', identity: 'pidfd', uid: 4_711, process: connectedProcess(hidden, process.pid, pidfd) });
  expect(observed).toEqual({ identity: 'pidfd', uid: 4_711, pid: process.pid, ancestors: [], namespaces: {}, escaped: [], cut: [] });
});

test('an asker that is not known at all is told as just that', async () => {
  const { observed, identity } = await createObserver(systemObserverDeps([])).observe({
    via: 'loopback',
    identity: 'unverified',
    uid: undefined,
    process: undefined,
  });
  expect(observed).toEqual({ identity: 'unverified', ancestors: [], namespaces: {}, escaped: [], cut: [] });
  expect(identity).toBeUndefined();
});
