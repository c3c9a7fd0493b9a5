// Hostile processes at the socket (spec/10-local-api.md §identity, attacks 36, 37, 40): another uid, a peer that died, a peer we cannot see.
import { expect, test } from 'bun:test';
import { chmodSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { DaemonError } from '../errors.ts';
import type { Handler } from './connection.ts';
import { libc } from './libc.ts';
import { socketPeer } from './peer.ts';
import { createProc } from './proc.ts';
import { asUid, ask, askingProgram, createFolder, createSharedRuntime, inNamespaces, noNamespaces, noSecondUid, run, startIntake } from './test-world.ts';

const answerOk: Handler = async ({ reply }) => reply.json({ ok: true });
const detailOf = (line: string): unknown => (JSON.parse(line) as { error?: { detail?: unknown } }).error?.detail; // cast: JSON of our own failure

test('a program of the daemon’s own uid is named by the kernel, once per connection', async () => {
  using folder = createFolder();
  const pids: unknown[] = [];
  await using world = await startIntake(folder.path, async ({ peer, reply }) => {
    pids.push(peer.process);
    reply.json({ uid: peer.uid, pid: peer.process?.pid, identity: peer.identity });
  });
  const answer = { status: 200, body: { uid: process.geteuid?.(), pid: process.pid, identity: world.observer.identity } };
  expect(await ask(world.socketPath, '/')).toEqual(answer);
  expect(await ask(world.socketPath, '/')).toEqual(answer);
  expect(pids[0]).toBeDefined();
  expect(pids[1]).toBe(pids[0]); // the very object: looked up once
});

test.skipIf(noSecondUid !== '')(`INV-LOCAL-UID another uid is turned away, by the folder and by the daemon: E_PEER_UID ${noSecondUid}`, async () => {
  using folder = createFolder();
  using shared = createFolder();
  chmodSync(shared.path, 0o755);
  const bun = createSharedRuntime(shared.path);
  await using world = await startIntake(folder.path, answerOk);
  const stranger = async (): Promise<string> => run([...asUid(65_533), bun, '-e', askingProgram, world.socketPath, '/']);
  expect(await stranger()).toContain('failed'); // the folder's mode
  for (const path of [folder.path, join(folder.path, 'run')]) chmodSync(path, 0o755);
  expect(await stranger()).toContain('failed'); // the socket's mode
  chmodSync(world.socketPath, 0o666);
  expect(detailOf(await stranger())).toBe('E_PEER_UID');
  expect(detailOf(await run([...asUid(65_534), bun, '-e', askingProgram, world.socketPath, '/']))).toBe('E_PEER_NS'); // what an unmapped uid looks like
  expect(world.logged).toEqual(['E_PEER_UID', 'E_PEER_UID', 'E_PEER_NS', 'E_PEER_NS']);
});

test.skipIf(noSecondUid !== '')(`a uid that the daemon serves is answered ${noSecondUid}`, async () => {
  using folder = createFolder();
  using shared = createFolder();
  chmodSync(shared.path, 0o755);
  const bun = createSharedRuntime(shared.path);
  await using world = await startIntake(folder.path, async ({ peer, reply }) => reply.json({ uid: peer.uid }), { allowedUids: [0, 65_533] });
  for (const path of [folder.path, join(folder.path, 'run')]) chmodSync(path, 0o755);
  chmodSync(world.socketPath, 0o666);
  expect(JSON.parse(await run([...asUid(65_533), bun, '-e', askingProgram, world.socketPath, '/']))).toEqual({ uid: 65_533 });
});

test.skipIf(libc() === undefined)('INV-LOCAL-PIDFD a peer that died between connect and check: E_PEER_PIDFD', async () => {
  using folder = createFolder();
  const path = join(folder.path, 's');
  const accepted = Promise.withResolvers<number>();
  const server = createServer({ pauseOnConnect: true }, (socket) => accepted.resolve(Number((Reflect.get(socket, '_handle') as { fd: number }).fd))); // cast: the runtime's own field
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const client = Bun.spawn([process.execPath, '-e', `require('node:net').connect(${JSON.stringify(path)}); setInterval(() => {}, 1000)`]);
  const fd = await accepted.promise;
  const check = (): unknown => socketPeer({ os: libc(), proc: createProc(), allowedUids: [process.geteuid?.() ?? -1], selfUid: 0 }, fd);
  expect(check()).toMatchObject({ process: { pid: client.pid } });
  client.kill('SIGKILL');
  await client.exited;
  expect(check).toThrow(expect.objectContaining({ detail: 'E_PEER_PIDFD' }));
  server.close();
});

test.skipIf(libc() === undefined)('a peer that hands its connection to a child and ends is not served: E_PEER_PIDFD', async () => {
  using folder = createFolder();
  await using world = await startIntake(folder.path, answerOk);
  const child = `while kill -0 $0 2>/dev/null; do sleep 0.01; done; printf 'GET / HTTP/1.1\\r\\nhost: d\\r\\nconnection: close\\r\\n\\r\\n' >&0; cat`;
  const parent = `
    const socket = require('node:net').connect(${JSON.stringify(world.socketPath)}, () => {
      Bun.spawn(['sh', '-c', ${JSON.stringify(child)}, String(process.pid)], { stdio: [socket._handle.fd, 1, 2] });
      process.exit(0);
    });`;
  const said = await run([process.execPath, '-e', parent]);
  // A parent that ends may shut the connection down for its child too: then the child hears nothing at all.
  if (said !== '') expect(said).toContain('E_PEER_PIDFD');
});

test.skipIf(noNamespaces !== '')(`INV-LOCAL-NS a daemon in its own process namespace refuses a peer outside: E_PEER_NS ${noNamespaces}`, async () => {
  using folder = createFolder();
  const socketPath = join(folder.path, 'run', 'daemon.sock');
  const daemon = `
    const { startIntake } = await import(${JSON.stringify(join(import.meta.dir, 'test-world.ts'))});
    await startIntake(${JSON.stringify(folder.path)}, async ({ reply }) => reply.json({}));
    console.log('up');`;
  await using inside = Bun.spawn([...inNamespaces, process.execPath, '-e', daemon], { stdout: 'pipe', stderr: 'inherit' });
  for await (const _ of inside.stdout) break; // it says that it listens
  expect(await ask(socketPath, '/')).toMatchObject({ status: 403, body: { error: { detail: 'E_PEER_NS', code: 'policy_forbids' } } });
  inside.kill('SIGKILL');
});

test.skipIf(noNamespaces !== '' || libc()?.hasPeerPidfd !== true)(
  `a pid that really is reused between connect and check: E_PEER_PIDFD ${noNamespaces}`,
  async () => {
    using folder = createFolder();
    const script = `
    const { writeFileSync } = require('node:fs');
    const { createServer } = require('node:net');
    const [{ libc }, { createProc }, { socketPeer }] = await Promise.all(['libc', 'proc', 'peer'].map((name) => import(${JSON.stringify(`${import.meta.dir}/`)} + name + '.ts')));
    const accepted = Promise.withResolvers();
    const server = createServer({ pauseOnConnect: true }, accepted.resolve).listen(${JSON.stringify(join(folder.path, 's'))}, async () => {
      const client = Bun.spawn([process.execPath, '-e', 'require("node:net").connect(process.argv.at(-1)); setInterval(() => {}, 1000)', ${JSON.stringify(join(folder.path, 's'))}]);
      const socket = await accepted.promise;
      client.kill('SIGKILL');
      await client.exited;
      writeFileSync('/proc/sys/kernel/ns_last_pid', String(client.pid - 1)); // the next process gets the pid of the one that connected
      const other = Bun.spawn(['sleep', '60']);
      try { socketPeer({ os: libc(), proc: createProc(), allowedUids: [process.geteuid()], selfUid: 0 }, socket._handle.fd); } catch (error) { console.log(other.pid === client.pid, error.detail); }
      process.exit(0);
    });`;
    expect(await run([...inNamespaces, process.execPath, '-e', script])).toBe('true E_PEER_PIDFD');
  },
);

test('a pid that means another process by now is never taken for the peer: the descriptor decides', () => {
  const os = libc();
  if (os === undefined) return;
  const gone = { isAlive: () => false, [Symbol.dispose]: () => {} };
  const reused = { ...os, peerCredentials: () => ({ pid: process.pid, uid: 7, gid: 7 }), peerPidfd: () => gone };
  expect(() => socketPeer({ os: reused, proc: createProc(), allowedUids: [7], selfUid: 7 }, 0)).toThrow(DaemonError);
});

test('without pidfds of peers the identity is marked unverified', () => {
  const os = libc();
  if (os === undefined) return;
  const old = { ...os, hasPeerPidfd: false, peerCredentials: () => ({ pid: process.pid, uid: 7, gid: 7 }), peerPidfd: () => undefined };
  const peer = socketPeer({ os: old, proc: createProc(), allowedUids: [7], selfUid: 7 }, 0);
  expect(peer.identity).toBe('unverified');
  peer.process?.pidfd[Symbol.dispose]();
});
