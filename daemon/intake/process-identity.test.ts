// The same process, or a coded refusal (spec/10-local-api.md §identity, §anchor; attacks 37, 39, 40, 44): real processes, and a /proc that changes between two reads.
import { afterAll, describe, expect, test } from 'bun:test';
import { copyFileSync, renameSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { anchorOf, isDescendantOf, readParents } from './ancestry.ts';
import { createFileDigests } from './file-digest.ts';
import { libc, type Pidfd } from './libc.ts';
import type { Observation, ObservedAncestor } from './observe.ts';
import { createProc, readStat, type Proc } from './proc.ts';
import { connectedProcess, identifyProcess, verifySameProcess, type ProcessIdentity } from './process-identity.ts';
import { createFolder, noNamespaces } from './test-world.ts';

const os = libc();
const deps = { proc: createProc(), digests: createFileDigests() };
const children: Bun.Subprocess[] = [];
afterAll(() => children.forEach((child) => child.kill('SIGKILL')));

/** A shell that does `then` when it is told to, and says when it has begun. */
async function startShell(then: string, command: readonly string[] = ['sh']): Promise<{ pid: number; go: () => Promise<void>; child: Bun.Subprocess }> {
  const child = Bun.spawn([...command, '-c', `echo ready; read x; ${then}`], { stdin: 'pipe', stdout: 'pipe', stderr: 'ignore' });
  children.push(child);
  const lines = child.stdout[Symbol.asyncIterator]();
  await lines.next();
  const go = async (): Promise<void> => {
    void child.stdin.write('\n');
    void child.stdin.flush();
    await lines.next(); // it says `done`, from the changed process
  };
  return { pid: child.pid, go, child };
}

async function identify(pid: number, over: Partial<typeof deps> = {}): Promise<ProcessIdentity> {
  const pidfd = os?.openPidfd(pid);
  if (pidfd === undefined) throw new Error('no pidfd');
  return identifyProcess({ ...deps, ...over }, connectedProcess(over.proc ?? deps.proc, pid, pidfd));
}
const refused = (detail: string): unknown => expect.objectContaining({ detail });

describe.skipIf(os === undefined)('a real process between request and release', () => {
  test('that did nothing is the same', async () => {
    const shell = await startShell('echo done; read y');
    const identity = await identify(shell.pid);
    await shell.go();
    await verifySameProcess(deps, identity);
  });

  test('that ended: E_PEER_PIDFD', async () => {
    const shell = await startShell('true');
    const identity = await identify(shell.pid);
    shell.child.kill('SIGKILL');
    await shell.child.exited;
    await expect(verifySameProcess(deps, identity)).rejects.toEqual(refused('E_PEER_PIDFD'));
  });

  test('INV-LOCAL-EXE that became another program: E_EXE_HASH', async () => {
    using folder = createFolder();
    await Bun.write(join(folder.path, 'note'), 'done\n');
    const shell = await startShell(`exec tail -f ${folder.path}/note`);
    const identity = await identify(shell.pid);
    await shell.go();
    await expect(verifySameProcess(deps, identity)).rejects.toEqual(refused('E_EXE_HASH'));
  });

  test('that became another script of the same interpreter: E_EXE_HASH', async () => {
    const shell = await startShell(`exec sh -c 'echo done; read y'`);
    const identity = await identify(shell.pid);
    await shell.go();
    await expect(verifySameProcess(deps, identity)).rejects.toEqual(refused('E_EXE_HASH'));
  });

  test.skipIf(noNamespaces !== '')(`that moved to another namespace: E_PEER_NS ${noNamespaces}`, async () => {
    const libcCall = `const { dlopen } = require('bun:ffi'); const c = dlopen('libc.so.6', { unshare: { args: ['i32'], returns: 'i32' } });`;
    const child = Bun.spawn(
      [
        process.execPath,
        '-e',
        `${libcCall} console.log('ready'); for await (const _ of process.stdin) { c.symbols.unshare(0x40000000); console.log('done'); }`,
      ],
      {
        stdin: 'pipe',
        stdout: 'pipe',
      },
    );
    children.push(child);
    const lines = child.stdout[Symbol.asyncIterator]();
    await lines.next();
    const identity = await identify(child.pid);
    void child.stdin.write('x');
    void child.stdin.flush();
    await lines.next();
    const moved = deps.proc.link(child.pid, 'ns/net')?.toString() !== deps.proc.link(process.pid, 'ns/net')?.toString();
    if (moved) await expect(verifySameProcess(deps, identity)).rejects.toEqual(refused('E_PEER_NS'));
  });
});

describe.skipIf(os === undefined)('the program’s file', () => {
  test('replaced at the same path: the running one stays itself, the next one is another', async () => {
    using folder = createFolder();
    const path = join(folder.path, 'agent');
    copyFileSync('/bin/sh', path);
    const first = await startShell('echo done; read y', [path]);
    const identity = await identify(first.pid);
    copyFileSync('/bin/cat', join(folder.path, 'other')); // `first` has said that it runs
    renameSync(join(folder.path, 'other'), path);
    await verifySameProcess(deps, identity); // still the bytes that were shown; unlinking changed no byte
    const running = await deps.digests.digest(deps.proc.exeFile(first.pid));
    expect(running).toMatchObject({ unlinked: true, sha256: identity.exe?.sha256 });
    expect((await deps.digests.digest(path))?.sha256).not.toBe(identity.exe?.sha256);
  });

  test('rewritten with its old times is hashed again: ctime cannot be set back', async () => {
    using folder = createFolder();
    const path = join(folder.path, 'agent');
    await Bun.write(path, 'genuine');
    utimesSync(path, 1, 1);
    const before = await deps.digests.digest(path);
    await Bun.write(path, 'hostile');
    utimesSync(path, 1, 1);
    expect((await deps.digests.digest(path))?.sha256).not.toBe(before?.sha256);
  });

  test('at the size bound is hashed, one byte past it is unknown', async () => {
    using folder = createFolder();
    const path = join(folder.path, 'file');
    await Bun.write(path, 'x'.repeat(100));
    expect((await createFileDigests(100).digest(path))?.sha256).toBe(new Bun.CryptoHasher('sha256').update('x'.repeat(100)).digest('hex'));
    expect((await createFileDigests(99).digest(path))?.sha256).toBeUndefined();
  });

  test('what is no file is unknown, and a FIFO holds nobody up', async () => {
    using folder = createFolder();
    expect(Bun.spawnSync(['mkfifo', join(folder.path, 'fifo')]).exitCode).toBe(0);
    for (const path of ['fifo', '.', 'missing']) expect(await deps.digests.digest(join(folder.path, path))).toBeUndefined();
  });
});

/** A /proc in which one answer differs from the real one from the n-th read on. */
function changing(name: 'stat', afterReads: number, change: (line: string) => string | undefined): Proc {
  let reads = 0;
  const real = createProc();
  return {
    ...real,
    read: (pid, wanted) => {
      const text = real.read(pid, wanted);
      return wanted === name && ++reads > afterReads && text !== undefined ? change(text) : text;
    },
  };
}
const withField =
  (index: number, value: string) =>
  (line: string): string => {
    const at = line.lastIndexOf(')') + 2;
    return line.slice(0, at) + line.slice(at).split(' ').with(index, value).join(' ');
  };

describe.skipIf(os === undefined)('two processes are never mixed', () => {
  test('INV-LOCAL-SAME another start time behind the same pid: E_PEER_PIDFD', async () => {
    await expect(identify(process.pid, { proc: changing('stat', 1, withField(19, '1')) })).rejects.toEqual(refused('E_PEER_PIDFD'));
  });

  test('an exec between two reads: E_EXE_HASH', async () => {
    await expect(identify(process.pid, { proc: changing('stat', 1, withField(25, '4711')) })).rejects.toEqual(refused('E_EXE_HASH'));
  });

  test('a process that vanishes between two reads: E_PEER_PIDFD', async () => {
    await expect(identify(process.pid, { proc: changing('stat', 1, () => undefined) })).rejects.toEqual(refused('E_PEER_PIDFD'));
  });

  test('an executable that was hidden and now is not: E_EXE_HASH', async () => {
    const known = await identify(process.pid);
    await expect(verifySameProcess(deps, { ...known, exe: undefined })).rejects.toEqual(refused('E_EXE_HASH'));
  });

  test('a parent whose child names another one by now ends the walk', () => {
    expect(readParents(deps.proc, process.pid)[0]?.pid).toBe(process.ppid);
    expect(readParents(changing('stat', 2, withField(1, '1')), process.pid)).toEqual([]);
  });
});

describe.skipIf(os === undefined)('who may use a lease of a process', () => {
  test('INV-LOCAL-TREE itself and what it started; not what left its tree, and not its parent', async () => {
    const shell = await startShell('sleep 5 & echo done; wait');
    const anchor = await identify(shell.pid);
    await shell.go();
    const child = Number((await Bun.file(`/proc/${shell.pid}/task/${shell.pid}/children`).text()).split(' ')[0]);
    expect(isDescendantOf(deps.proc, shell.pid, anchor)).toBe(true);
    expect(isDescendantOf(deps.proc, child, anchor)).toBe(true);
    expect(isDescendantOf(deps.proc, process.pid, anchor)).toBe(false);
    expect(isDescendantOf(deps.proc, 1, anchor)).toBe(false);
  });

  test('an orphan that detached itself (setsid, double fork) is outside', async () => {
    using folder = createFolder();
    const note = join(folder.path, 'pid');
    const shell = await startShell(
      `(setsid sh -c 'echo $$ > ${note}.tmp; mv ${note}.tmp ${note}; exec sleep 5' &) ; while [ ! -s ${note} ]; do sleep 0.01; done; echo done; read y`,
    );
    const anchor = await identify(shell.pid);
    await shell.go();
    const orphan = Number(await Bun.file(note).text());
    expect(isDescendantOf(deps.proc, orphan, anchor)).toBe(false);
    process.kill(orphan, 'SIGKILL');
  });

  test('nobody once the anchor has ended, even under the same pid and start time', async () => {
    const anchor = await identify(process.pid);
    const ended: Pidfd = { isAlive: () => false, [Symbol.dispose]: () => {} };
    expect(isDescendantOf(deps.proc, process.pid, anchor)).toBe(true);
    expect(isDescendantOf(deps.proc, process.pid, { ...anchor, pidfd: ended })).toBe(false);
  });
});

describe.skipIf(os === undefined)('the process that a lease belongs to', () => {
  const own = [{ exe: '/usr/bin/stillvault' }, { exe: '/usr/bin/bun', script: '/app/daemon/main.ts' }];
  const parent = readParents(deps.proc, process.pid)[0];
  const ancestor = (over: Partial<ObservedAncestor>): ObservedAncestor => ({
    pid: 999_999,
    startTicks: 1,
    name: 'x',
    uid: 7,
    exe: '/usr/bin/x',
    argv: ['x'],
    ...over,
  });
  const agent = ancestor({ pid: parent?.pid ?? 0, startTicks: parent?.startTicks ?? 0, name: 'claude', exe: '/usr/bin/claude' });
  const shell = ancestor({ exe: '/bin/bash', argv: ['bash', '-c', 'stillvault get x'] });
  const anchorFor = async (over: Partial<Observation['observed']>): Promise<readonly [string, number] | undefined> => {
    if (os === undefined) return undefined;
    const observed = {
      identity: 'pidfd',
      uid: 7,
      name: 'test',
      ancestors: [],
      namespaces: {},
      escaped: [],
      cut: [],
      exe: { path: '/usr/bin/stillvault', unlinked: false, rootOwned: true },
      ...over,
    } as const;
    using anchor = await anchorOf({ ...deps, os }, { observed, identity: await identify(process.pid) }, own);
    return anchor && [anchor.label, anchor.level];
  };
  const itself = [`test (pid ${process.pid})`, 0] as const;

  test('is the requester itself', async () => {
    expect(await anchorFor({ exe: { path: '/usr/bin/python3', unlinked: false, rootOwned: true }, ancestors: [agent] })).toEqual(itself);
  });

  test('is who started our command line, past shells that ran one command', async () => {
    expect(await anchorFor({ ancestors: [agent] })).toEqual([`claude (pid ${agent.pid})`, 1]);
    expect(await anchorFor({ ancestors: [shell, ancestor({ exe: '/usr/bin/stillvault' }), agent] })).toEqual([`claude (pid ${agent.pid})`, 3]);
  });

  test('past a shell’s copy of itself, as in $(… | …), but not past a shell that it started', async () => {
    using folder = createFolder();
    const script = join(folder.path, 'script');
    const lines = [
      '[ -n "$INNER" ] && { echo "started $$"; read -r x; exit; }',
      '( echo "copy $BASHPID"; read -r x ) <&0 &',
      'INNER=1 bash "$0" <&0 &',
      'wait',
    ];
    await Bun.write(script, lines.join('\n'));
    const child = Bun.spawn(['bash', script], { stdin: 'pipe', stdout: 'pipe' });
    children.push(child);
    let text = '';
    for await (const chunk of child.stdout) if ((text += new TextDecoder().decode(chunk)).split('\n').length === 3) break;
    const pids = new Map([...text.matchAll(/(\w+) (\d+)\n/g)].map(([, name, pid]) => [name, Number(pid)]));
    const seen = (pid = 0): ObservedAncestor => {
      const found = readStat(deps.proc, pid);
      return ancestor({ pid, startTicks: found?.startTicks ?? 0, name: 'bash', exe: '/usr/bin/bash', argv: ['bash', script] });
    };
    const [outer, copy, started] = [seen(child.pid), seen(pids.get('copy')), seen(pids.get('started'))];
    expect(await anchorFor({ ancestors: [copy, outer, agent] })).toEqual([`bash (pid ${child.pid})`, 2]);
    expect(await anchorFor({ ancestors: [started, outer, agent] })).toEqual([`bash (pid ${started.pid})`, 1]);
    // Nor where anything else differs, or is no shell: workers of a server are copies of it, and each is on its own.
    for (const other of [{ argv: ['bash', 'other'] }, { uid: 8 }, { exe: '/usr/bin/dash' }, { startTicks: 1 }])
      expect(await anchorFor({ ancestors: [copy, { ...outer, ...other }, agent] })).toEqual([`bash (pid ${copy.pid})`, 1]);
    const server = { exe: '/usr/sbin/nginx', argv: ['nginx'] };
    expect(
      await anchorFor({
        ancestors: [
          { ...copy, ...server },
          { ...outer, ...server },
        ],
      }),
    ).toEqual([`bash (pid ${copy.pid})`, 1]);
    void child.stdin.end();
  });

  test('our command line run by an interpreter is told by its script', async () => {
    const exe = { path: '/usr/bin/bun', unlinked: false, rootOwned: true };
    expect(await anchorFor({ exe, script: { kind: 'file', path: '/app/daemon/main.ts' }, ancestors: [agent] })).toEqual([`claude (pid ${agent.pid})`, 1]);
    expect(await anchorFor({ exe, script: { kind: 'file', path: '/app/agent.ts' }, ancestors: [agent] })).toEqual(itself);
  });

  test('is never pid 1 or a process of another user', async () => {
    expect(await anchorFor({ ancestors: [{ ...agent, pid: 1 }] })).toEqual(itself);
    expect(await anchorFor({ ancestors: [{ ...agent, uid: 0 }] })).toEqual(itself);
  });

  test('is refused when the starter ended meanwhile: E_PEER_PIDFD', async () => {
    await expect(anchorFor({ ancestors: [ancestor({})] })).rejects.toEqual(refused('E_PEER_PIDFD'));
    await expect(anchorFor({ ancestors: [{ ...agent, startTicks: agent.startTicks + 1 }] })).rejects.toEqual(refused('E_PEER_PIDFD'));
  });
});
