// The door of the daemon (spec/10-local-api.md §socket, §http): folders that others can change, stale and live sockets, hostile HTTP, kept and dropped connections.
import { describe, expect, test } from 'bun:test';
import { chmodSync, chownSync, lstatSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import fc from 'fast-check';
import { z } from 'zod';
import { DaemonError } from '../errors.ts';
import { releaseAsk } from './asks.ts';
import { bounds } from './bounds.ts';
import type { Handler } from './connection.ts';
import { ensurePrivateFolder } from './state-path.ts';
import { ask, createFolder, dial, noSecondUid, run, startIntake } from './test-world.ts';

const answerOk: Handler = async ({ reply }) => reply.json({ ok: true });
const selfUid = process.geteuid?.() ?? -1;
const refused = (detail: string): unknown => expect.objectContaining({ detail });
const failure = (detail: string): unknown => ({ error: refused(detail) });

describe('the socket’s folder', () => {
  test('is made 0700 with a socket of 0600, also under a loose umask', async () => {
    using folder = createFolder();
    const before = process.umask(0);
    await using world = await startIntake(folder.path, answerOk).finally(() => process.umask(before));
    expect(lstatSync(join(folder.path, 'run')).mode & 0o777).toBe(0o700);
    expect(lstatSync(world.socketPath).mode & 0o777).toBe(0o600);
  });

  test('of a system unit lets its group in, and no one else', async () => {
    using folder = createFolder();
    await using world = await startIntake(folder.path, answerOk, { socketMode: 0o660 });
    expect(lstatSync(join(folder.path, 'run')).mode & 0o777).toBe(0o750);
    expect(lstatSync(world.socketPath).mode & 0o777).toBe(0o660);
  });

  test('that is a link: E_STATE_PATH', async () => {
    using folder = createFolder();
    mkdirSync(join(folder.path, 'elsewhere'));
    symlinkSync(join(folder.path, 'elsewhere'), join(folder.path, 'run'));
    await expect(startIntake(folder.path, answerOk)).rejects.toEqual(refused('E_STATE_PATH'));
  });

  test('that others may write, or whose parent others may write: E_STATE_PATH; sticky like /tmp is fine', () => {
    using folder = createFolder();
    const below = join(folder.path, 'a', 'b');
    mkdirSync(below, { recursive: true, mode: 0o700 });
    for (const [path, mode] of [
      [below, 0o722],
      [join(folder.path, 'a'), 0o770],
      [join(folder.path, 'a'), 0o777],
    ] as const) {
      chmodSync(path, mode);
      expect(() => ensurePrivateFolder(below, selfUid)).toThrow(refused('E_STATE_PATH') as Error); // cast: a matcher
      chmodSync(path, 0o700);
    }
    chmodSync(join(folder.path, 'a'), 0o1777);
    ensurePrivateFolder(below, selfUid);
  });

  test.skipIf(noSecondUid !== '')(`that belongs to another uid, or is reached through a stranger’s link: E_STATE_PATH ${noSecondUid}`, () => {
    using folder = createFolder();
    const [theirs, mine] = [join(folder.path, 'theirs'), join(folder.path, 'mine')];
    for (const path of [theirs, mine]) mkdirSync(path);
    chownSync(theirs, 65_533, 65_533);
    expect(() => ensurePrivateFolder(theirs, selfUid)).toThrow(refused('E_STATE_PATH') as Error); // cast: a matcher
    expect(() => ensurePrivateFolder(join(theirs, 'run'), selfUid)).toThrow(refused('E_STATE_PATH') as Error); // cast: a matcher
    symlinkSync(mine, join(folder.path, 'link'));
    ensurePrivateFolder(join(folder.path, 'link', 'run'), selfUid); // our own link on the way is fine
    Bun.spawnSync(['chown', '-h', '65533', join(folder.path, 'link')]);
    expect(() => ensurePrivateFolder(join(folder.path, 'link', 'run'), selfUid)).toThrow(refused('E_STATE_PATH') as Error); // cast: a matcher
  });

  test('a link on the way that leads into a folder others may write: E_STATE_PATH', () => {
    using folder = createFolder();
    const open = join(folder.path, 'open');
    mkdirSync(join(open, 'mine'), { recursive: true });
    chmodSync(open, 0o777);
    symlinkSync(join(open, 'mine'), join(folder.path, 'link'));
    expect(() => ensurePrivateFolder(join(folder.path, 'link', 'run'), selfUid)).toThrow(refused('E_STATE_PATH') as Error); // cast: a matcher
  });
});

describe('the socket’s path', () => {
  test('at the bound works, one byte past it is told before anything is made', async () => {
    using folder = createFolder();
    const path = (bytes: number): string => join(folder.path, 'run', 's'.repeat(bytes - join(folder.path, 'run', 'x').length + 1));
    await using world = await startIntake(folder.path, answerOk, { socketPath: path(bounds.socketPathBytes) });
    expect((await ask(world.intake.socketPath, '/')).status).toBe(200);
    await expect(startIntake(folder.path, answerOk, { socketPath: path(bounds.socketPathBytes + 1) })).rejects.toEqual(
      expect.objectContaining({ code: 'usage', detail: 'E_STATE_PATH' }),
    );
  });

  test('where a killed daemon left its socket is taken over', async () => {
    using folder = createFolder();
    mkdirSync(join(folder.path, 'run'), { mode: 0o700 });
    const socketPath = join(folder.path, 'run', 'daemon.sock');
    expect(
      await run([
        process.execPath,
        '-e',
        `require('node:net').createServer().listen(${JSON.stringify(socketPath)}, () => { console.log('up'); process.kill(process.pid, 'SIGKILL'); })`,
      ]),
    ).toBe('up');
    expect(lstatSync(socketPath).isSocket()).toBe(true);
    await using world = await startIntake(folder.path, answerOk);
    expect((await ask(world.socketPath, '/')).status).toBe(200);
  });

  test('INV-LOCAL-ONE where a daemon lives: E_DAEMON_RUNNING, and that one goes on', async () => {
    using folder = createFolder();
    await using world = await startIntake(folder.path, answerOk);
    await expect(startIntake(folder.path, answerOk)).rejects.toEqual(refused('E_DAEMON_RUNNING'));
    expect((await ask(world.socketPath, '/')).status).toBe(200);
    await using beside = await startIntake(join(folder.path, 'x'), answerOk);
    expect((await ask(beside.socketPath, '/')).status).toBe(200);
  });

  test('of a foreign server without our lock: E_DAEMON_RUNNING', async () => {
    using folder = createFolder();
    mkdirSync(join(folder.path, 'run'), { mode: 0o700 });
    using server = Bun.listen({ unix: join(folder.path, 'run', 'daemon.sock'), socket: { data() {} } });
    await expect(startIntake(folder.path, answerOk)).rejects.toEqual(refused('E_DAEMON_RUNNING'));
    server.stop();
  });

  test.each([
    ['a file', (path: string) => writeFileSync(path, 'precious')],
    ['a link', (path: string) => symlinkSync('/dev/null', path)],
    ['a folder', (path: string) => mkdirSync(path)],
  ] as const)('where %s lies: E_STATE_PATH, and it stays', async (_, put) => {
    using folder = createFolder();
    mkdirSync(join(folder.path, 'run'), { mode: 0o700 });
    const path = join(folder.path, 'run', 'daemon.sock');
    put(path);
    const before = lstatSync(path).ino;
    await expect(startIntake(folder.path, answerOk)).rejects.toEqual(refused('E_STATE_PATH'));
    expect(lstatSync(path).ino).toBe(before);
  });

  test('is free again after close, and the lock with it', async () => {
    using folder = createFolder();
    for (let round = 0; round < 2; round++) {
      await using world = await startIntake(folder.path, answerOk);
      expect((await ask(world.socketPath, '/')).status).toBe(200);
    }
  });
});

describe('a request', () => {
  const echo: Handler = async ({ body, reply }) => reply.json(await body(z.strictObject({ text: z.string() })));

  test('of a web page is refused: E_ORIGIN', async () => {
    using folder = createFolder();
    await using world = await startIntake(folder.path, answerOk);
    expect(await ask(world.socketPath, '/', { headers: { origin: 'https://example.com' } })).toEqual({ status: 403, body: failure('E_ORIGIN') });
    expect(await ask(world.socketPath, '/', { headers: { origin: 'null' } })).toEqual({ status: 403, body: failure('E_ORIGIN') });
  });

  test('body at the bound is read, one byte past it is refused: E_ASK_SIZE, with a length and without', async () => {
    using folder = createFolder();
    await using world = await startIntake(folder.path, echo);
    const sized = (bytes: number): string => JSON.stringify({ text: 'x'.repeat(bytes - JSON.stringify({ text: '' }).length) });
    expect((await ask(world.socketPath, '/', { method: 'POST', body: sized(bounds.bodyBytes) })).status).toBe(200);
    expect(await ask(world.socketPath, '/', { method: 'POST', body: sized(bounds.bodyBytes + 1) })).toEqual({ status: 413, body: failure('E_ASK_SIZE') });
    const chunked = await new Promise<number | undefined>((resolve) => {
      const call = request({ socketPath: world.socketPath, method: 'POST', path: '/' }, (response) => resolve(response.statusCode));
      call.on('error', () => {}); // the daemon does not read to the end
      call.write(sized(bounds.bodyBytes));
      call.end(' ');
    });
    expect(chunked).toBe(413);
  });

  test.each([
    ['no JSON', '{'],
    ['no UTF-8', Uint8Array.of(0x22, 0xff, 0x22)],
    ['nothing', ''],
    ['another shape', '{"text":1}'],
    ['an unknown field', '{"text":"a","more":1}'],
    ['a prototype', '{"text":"a","__proto__":{}}'],
    ['a list', '[]'],
  ] as const)('with %s: E_ASK, and the answer quotes nothing of it', async (_, body) => {
    using folder = createFolder();
    await using world = await startIntake(folder.path, echo);
    expect(await ask(world.socketPath, '/', { method: 'POST', body })).toEqual({
      status: 400,
      body: {
        error: { code: 'usage', detail: 'E_ASK', message: expect.any(String) as string }, // cast: a matcher
      },
    });
  });

  test('with an encoded body: E_ASK', async () => {
    using folder = createFolder();
    await using world = await startIntake(folder.path, echo);
    expect(await ask(world.socketPath, '/', { method: 'POST', body: '{}', headers: { 'content-encoding': 'gzip' } })).toEqual({
      status: 400,
      body: failure('E_ASK'),
    });
  });

  test('whose body stays away, or whose headers never end, is dropped', async () => {
    using folder = createFolder();
    await using world = await startIntake(folder.path, echo, { idleMs: 100, bodyMs: 100 });
    const half = await dial(world.socketPath);
    half.socket.write('GET / HTTP/1.1\r\nhost:');
    await half.ended;
    const bodiless = await dial(world.socketPath);
    bodiless.socket.write('POST / HTTP/1.1\r\nhost: d\r\ncontent-length: 9\r\n\r\n{');
    expect(await bodiless.text).toContain('E_ASK');
  });

  test('that fails inside the daemon is told so, without the reason; the log has it', async () => {
    using folder = createFolder();
    const causes: unknown[] = [];
    await using world = await startIntake(
      folder.path,
      async ({ path }) => {
        if (path !== '/silent') throw new Error('hunter2');
      },
      { log: ({ cause }) => void causes.push(cause) },
    );
    for (const path of ['/', '/silent']) {
      const answer = await ask(world.socketPath, path);
      expect(answer).toEqual({ status: 500, body: failure('E_INTERNAL') });
      expect(JSON.stringify(answer)).not.toContain('hunter2');
    }
    expect(String(causes[0])).toContain('hunter2');
  });

  test('that asks for people too often: E_RATE_LOCAL, before the handler goes on', async () => {
    using folder = createFolder();
    let signed = 0;
    await using world = await startIntake(folder.path, async ({ countAsk, reply }) => {
      await countAsk();
      signed++;
      reply.json({});
    });
    for (let n = 0; n < bounds.askBurst; n++) expect((await ask(world.socketPath, '/')).status).toBe(200);
    expect(await ask(world.socketPath, '/')).toEqual({ status: 429, body: failure('E_RATE_LOCAL') });
    expect(signed).toBe(bounds.askBurst);
  });
});

describe('events', () => {
  test('come line by line; a failure after the first is the last of them', async () => {
    using folder = createFolder();
    await using world = await startIntake(folder.path, async ({ reply }) => {
      reply.event({ event: 'waiting' });
      throw new DaemonError('denied', 'E_DENIED', 'ben denied it');
    });
    const text = await (await fetch('http://d/', { unix: world.socketPath })).text();
    expect(
      text
        .trim()
        .split('\n')
        .map((line): unknown => JSON.parse(line)),
    ).toEqual([{ event: 'waiting' }, { event: 'error', error: { code: 'denied', detail: 'E_DENIED', message: 'ben denied it' } }]);
  });

  test('INV-LOCAL-ABORT a client that goes away aborts the ask; one that stays does not', async () => {
    using folder = createFolder();
    const begun = Promise.withResolvers<AbortSignal>();
    await using world = await startIntake(folder.path, async ({ path, signal, reply }) => {
      reply.event({});
      if (path === '/stay') return reply.end();
      begun.resolve(signal);
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    });
    const client = await dial(world.socketPath);
    client.socket.write('GET /go HTTP/1.1\r\nhost: d\r\n\r\n');
    const signal = await begun.promise;
    expect(signal.aborted).toBe(false);
    const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    client.socket.destroy();
    await aborted;
    expect(await (await fetch('http://d/stay', { unix: world.socketPath })).text()).toBe('{}\n');
    expect(world.logged).toEqual(['E_INTERNAL'].slice(1)); // leaving is no failure of ours
  });
});

describe('hostile HTTP', () => {
  test('any bytes leave the daemon answering others', async () => {
    using folder = createFolder();
    await using world = await startIntake(folder.path, async ({ body, reply }) => reply.json(await body(releaseAsk)), { idleMs: 200 });
    const line = fc.constantFrom(
      'GET / HTTP/1.1\r\n',
      'POST / HTTP/1.1\r\n',
      'host: d\r\n',
      'content-length: 3\r\n',
      'content-length: -1\r\n',
      'transfer-encoding: chunked\r\n',
      'upgrade: x\r\nconnection: upgrade\r\n',
      'expect: 100-continue\r\n',
      '\r\n',
      '0\r\n\r\n',
      'ff\r\n',
      '{"items":[]}',
    );
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.array(fc.oneof(line, fc.string()), { maxLength: 8 }).map((parts) => Buffer.from(parts.join(''))),
    );
    await fc.assert(
      fc.asyncProperty(bytes, async (raw) => {
        const client = await dial(world.socketPath);
        client.socket.end(raw);
        await client.ended;
      }),
      { numRuns: 150 },
    );
    expect((await ask(world.socketPath, '/', { method: 'POST', body: '{"items":[{"path":"prod/db"}]}' })).status).toBe(200);
  });

  test('headers past their bound and requests that could be read two ways end the connection', async () => {
    using folder = createFolder();
    await using world = await startIntake(folder.path, answerOk);
    for (const raw of [
      `GET / HTTP/1.1\r\nx: ${'a'.repeat(bounds.headerBytes + 100)}\r\n\r\n`,
      'POST / HTTP/1.1\r\nhost: d\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    ]) {
      const client = await dial(world.socketPath);
      client.socket.write(raw);
      expect(await client.text).not.toContain('200 OK');
    }
  });

  test('connections past their bound are closed, and room comes back', async () => {
    using folder = createFolder();
    await using world = await startIntake(folder.path, answerOk);
    const clients = await Promise.all(Array.from({ length: bounds.connections }, () => dial(world.socketPath)));
    const surplus = await dial(world.socketPath);
    await surplus.ended;
    clients[0]?.socket.destroy();
    await clients[0]?.ended;
    for (let status = 0; status !== 200;)
      status = await ask(world.socketPath, '/').then(
        (answer) => answer.status,
        () => 0,
      ); // the daemon hears of the end a moment later
    for (const { socket } of clients) socket.destroy();
  });
});

describe('the loopback port', () => {
  const loopback = (folder: string): { port: number; tokenFile: string; random: (n: number) => Uint8Array } => ({
    port: 0,
    tokenFile: join(folder, 'token'),
    random: (n) => crypto.getRandomValues(new Uint8Array(n)),
  });
  const call = async (port: number | undefined, headers: Record<string, string>): Promise<{ status: number; body: unknown }> => {
    const response = await fetch(`http://127.0.0.1:${port}/`, { headers });
    return { status: response.status, body: await response.json() };
  };

  test('INV-LOCAL-TOKEN needs the token, a local host name and no browser; its identity is unverified', async () => {
    using folder = createFolder();
    await using world = await startIntake(
      folder.path,
      async ({ peer, reply }) => reply.json({ uid: peer.uid, pid: peer.process?.pid, identity: peer.identity }),
      { loopback: loopback(folder.path) },
    );
    const port = world.intake.loopbackPort;
    expect(lstatSync(join(folder.path, 'token')).mode & 0o777).toBe(0o600);
    const token = readFileSync(join(folder.path, 'token'), 'utf8').trim();
    const authorization = `Bearer ${token}`;
    expect(await call(port, {})).toEqual({ status: 401, body: failure('E_LOOPBACK_TOKEN') });
    expect(await call(port, { authorization: `Bearer ${token.slice(0, -1)}` })).toEqual({ status: 401, body: failure('E_LOOPBACK_TOKEN') });
    expect(await call(port, { authorization, origin: `http://127.0.0.1:${port}` })).toEqual({ status: 403, body: failure('E_ORIGIN') });
    expect(await call(port, { authorization, host: 'rebound.example.com' })).toEqual({ status: 400, body: failure('E_HOST') });
    const answer = await call(port, { authorization });
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ uid: selfUid, identity: 'unverified' });
    const other = await run([
      process.execPath,
      '-e',
      `console.log(await (await fetch('http://localhost:${port}/', { headers: { authorization: ${JSON.stringify(authorization)} } })).text())`,
    ]);
    expect((JSON.parse(other) as { pid: number }).pid).toBeGreaterThan(0); // cast: JSON of our own answer
  });

  test.skipIf(noSecondUid !== '')(`another uid that got the token: E_PEER_UID ${noSecondUid}`, async () => {
    using folder = createFolder();
    await using world = await startIntake(folder.path, answerOk, { loopback: loopback(folder.path), allowedUids: [65_533] });
    const token = readFileSync(join(folder.path, 'token'), 'utf8').trim();
    expect(await call(world.intake.loopbackPort, { authorization: `Bearer ${token}` })).toEqual({ status: 403, body: failure('E_PEER_UID') });
  });

  test('a token file that others may read, or that is a link: E_STATE_PATH', async () => {
    using folder = createFolder();
    writeFileSync(join(folder.path, 'token'), 'x'.repeat(43), { mode: 0o644 });
    await expect(startIntake(folder.path, answerOk, { loopback: loopback(folder.path) })).rejects.toEqual(refused('E_STATE_PATH'));
    symlinkSync(join(folder.path, 'token'), join(folder.path, 'link'));
    await expect(startIntake(folder.path, answerOk, { loopback: { ...loopback(folder.path), tokenFile: join(folder.path, 'link') } })).rejects.toEqual(
      refused('E_STATE_PATH'),
    );
  });
});

test('a kept connection is one connection: nobody is looked up twice, and an exec in between is noticed', async () => {
  using folder = createFolder();
  const seen = new Set<unknown>();
  await using world = await startIntake(folder.path, async ({ observe, reply }) => {
    seen.add((await observe()).identity);
    reply.json({});
  });
  const client = await dial(world.socketPath);
  for (let n = 0; n < 3; n++) {
    const answered = new Promise((resolve) => client.socket.once('data', resolve));
    client.socket.write('GET / HTTP/1.1\r\nhost: d\r\n\r\n');
    await answered;
  }
  client.socket.destroy();
  expect(seen.size).toBe(1);
});
