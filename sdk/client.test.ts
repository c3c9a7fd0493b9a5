// The client against the daemon's real door (spec/10-local-api.md §calls), in Bun and in Node: outcomes, failures, withdrawal, and servers that are no daemon.
import { describe, expect, test } from 'bun:test';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { putAsk, releaseAsk } from '../daemon/intake/asks.ts';
import type { Handler } from '../daemon/intake/connection.ts';
import { createFolder, dial, startIntake } from '../daemon/intake/test-world.ts';
import { DaemonError } from '../daemon/errors.ts';
import type { ReleaseEvent, Status } from '../protocol/local-api.ts';
import { createClient, parseReference } from './client.ts';
import { StillvaultError } from './errors.ts';

const value = Uint8Array.from({ length: 256 }, (_, at) => at);
const waiting: ReleaseEvent = {
  event: 'waiting',
  request_id: '00',
  code: '47',
  paths: ['prod/db'],
  approvers: ['ben'],
  needed: 1,
  expires_at: '2026-11-23T12:00:00Z',
};
const failed = (code: string, over: object = {}): unknown => expect.objectContaining({ name: 'StillvaultError', code, ...over });

/** A daemon that answers as the real one does, without people. */
const handler: Handler = async ({ path, body, reply, signal }) => {
  if (path === '/v1/status') return reply.json({ state: 'ready', pid: 1 });
  if (path === '/v1/put') {
    for (const { path: stored, value: text } of (await body(putAsk)).puts) {
      if (stored === 'prod/denied') throw new DaemonError('denied', 'E_DENIED', 'ben denied it');
      reply.event({ event: 'stored', path: stored, version: 2, by: `ben, ${text?.length ?? 0} characters` });
    }
    return reply.end();
  }
  const ask = await body(releaseAsk);
  const name = ask.items[0]?.path;
  if (name === 'prod/missing') throw new DaemonError('not_found', 'E_NOT_FOUND', 'no secret prod/missing', { next: 'stillvault ls' });
  reply.event(waiting);
  if (name === 'prod/denied') throw new DaemonError('denied', 'E_DENIED', 'ben denied it');
  if (name === 'prod/slow') return await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
  if (name !== 'prod/lost') {
    const item = { path: 'prod/db', ...ask.items[0], version: 3, value: Buffer.from(value).toString('base64') };
    reply.event({ event: 'released', from: 'approval', values: [item], approved_by: ['ben'] } satisfies ReleaseEvent);
  }
  reply.end();
};

describe('a client', () => {
  test('gets status, stores, and gets values as bytes', async () => {
    using folder = createFolder();
    await using world = await startIntake(folder.path, handler);
    const client = createClient({ socketPath: world.socketPath });
    expect(await client.status()).toEqual({ state: 'ready', pid: 1 } as Status); // cast: this daemon says only that
    const progress: unknown[] = [];
    expect(await client.get('stillvault://prod/db#password', { reason: 'migration', onProgress: (event) => progress.push(event) })).toEqual(value);
    expect(progress).toEqual([waiting]);
    expect(await client.put('prod/db', { value })).toEqual({ path: 'prod/db', version: 2, by: 'ben, 344 characters' });
  });

  test('stores several in one request, and tells which are in where the rest fails', async () => {
    using folder = createFolder();
    await using world = await startIntake(folder.path, handler);
    const client = createClient({ socketPath: world.socketPath });
    const of = (...paths: readonly string[]) => paths.map((path) => ({ path, value }));
    expect((await client.putAll(of('prod/a', 'prod/b'))).map(({ path }) => path)).toEqual(['prod/a', 'prod/b']);
    const stored: unknown[] = [];
    const onProgress = (event: object): unknown => stored.push(event);
    expect(await client.putAll(of('prod/a', 'prod/denied', 'prod/b'), { onProgress }).catch((error: unknown) => error)).toEqual(failed('denied'));
    expect(stored).toMatchObject([{ event: 'stored', path: 'prod/a' }]);
  });

  test('wipes a value after its use, also when that fails', async () => {
    using folder = createFolder();
    await using world = await startIntake(folder.path, handler);
    const client = createClient({ socketPath: world.socketPath });
    let kept: Uint8Array | undefined;
    expect(
      await client.withSecret('prod/db', (bytes) => {
        kept = bytes;
        return bytes[255];
      }),
    ).toBe(255);
    expect(kept?.every((byte) => byte === 0)).toBe(true);
    await expect(
      client.withSecret('prod/db', (bytes) => {
        kept = bytes;
        throw new Error('mine');
      }),
    ).rejects.toThrow('mine');
    expect(kept?.every((byte) => byte === 0)).toBe(true);
  });

  test('tells failures by their code: before the first event, after it, and without an outcome', async () => {
    using folder = createFolder();
    await using world = await startIntake(folder.path, handler);
    const client = createClient({ socketPath: world.socketPath });
    await expect(client.get('prod/missing')).rejects.toEqual(failed('not_found', { detail: 'E_NOT_FOUND', next: 'stillvault ls' }));
    await expect(client.get('prod/denied')).rejects.toEqual(failed('denied', { detail: 'E_DENIED' }));
    await expect(client.get('prod/lost')).rejects.toEqual(failed('error'));
    await expect(client.get('prod/../x')).rejects.toEqual(failed('usage', { detail: 'E_ASK' }));
    await expect(client.get('')).rejects.toEqual(failed('usage'));
  });

  test('withdraws by aborting, with its own reason', async () => {
    using folder = createFolder();
    const withdrawn = Promise.withResolvers<void>();
    await using world = await startIntake(folder.path, async (ask) => {
      ask.signal.addEventListener('abort', () => withdrawn.resolve());
      await handler(ask);
    });
    const client = createClient({ socketPath: world.socketPath });
    const abort = new AbortController();
    const reason = new Error('Ctrl-C');
    await expect(client.get('prod/slow', { signal: abort.signal, onProgress: () => abort.abort(reason) })).rejects.toBe(reason);
    await withdrawn.promise;
    await expect(client.get('prod/slow', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  test('keeps its connection from one release to the next', async () => {
    using folder = createFolder();
    const peers = new Set<unknown>();
    await using world = await startIntake(folder.path, async (ask) => {
      peers.add(ask.peer);
      await handler(ask);
    });
    const client = createClient({ socketPath: world.socketPath });
    for (let n = 0; n < 3; n++) await client.get('prod/db');
    expect(peers.size).toBe(1);
  });

  test('without a daemon: daemon_not_running, also where a killed one left its socket', async () => {
    using folder = createFolder();
    const path = join(folder.path, 'daemon.sock');
    await expect(createClient({ socketPath: path }).status()).rejects.toEqual(failed('daemon_not_running'));
    const died = Bun.spawn([
      process.execPath,
      '-e',
      `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`,
    ]);
    await died.exited;
    await expect(createClient({ socketPath: path }).status()).rejects.toEqual(failed('daemon_not_running', { next: 'stillvault up' }));
  });
});

describe('what answers but is no daemon', () => {
  const answers: readonly (readonly [string, string])[] = [
    ['no JSON', 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nhey!'],
    ['a failure that is none of ours', 'HTTP/1.1 500 No\r\ncontent-length: 20\r\n\r\n{"error":{"code":1}}'],
    ['a redirect', 'HTTP/1.1 302 Found\r\nlocation: http://example.com/\r\ncontent-length: 0\r\n\r\n'],
    ['no HTTP', 'SSH-2.0-OpenSSH_9.9\r\n'],
    ['nothing', ''],
  ];
  test.each(answers)('%s', async (_, answer) => {
    using folder = createFolder();
    const path = join(folder.path, 's');
    const server = Bun.listen({ unix: path, socket: { data: (socket) => void socket.end(answer) } });
    chmodSync(path, 0o600);
    await expect(createClient({ socketPath: path }).status()).rejects.toEqual(failed('error'));
    await expect(createClient({ socketPath: path }).get('prod/db')).rejects.toEqual(failed('error'));
    server.stop(true);
  });

  test('an endless line ends at the bound', async () => {
    using folder = createFolder();
    const path = join(folder.path, 's');
    const chunk = 'x'.repeat(65_536);
    const server = Bun.serve({
      unix: path,
      fetch: () => new Response(new ReadableStream({ pull: (controller) => controller.enqueue(new TextEncoder().encode(chunk)) })),
    });
    chmodSync(path, 0o600);
    await expect(createClient({ socketPath: path }).get('prod/db')).rejects.toEqual(failed('error', { detail: 'E_LOCAL_API' }));
    await server.stop(true);
  });
});

test('references', () => {
  expect(parseReference('prod/db')).toEqual({ path: 'prod/db' });
  expect(parseReference('prod/db#password')).toEqual({ path: 'prod/db', field: 'password' });
  expect(parseReference('stillvault://prod/db#password')).toEqual({ path: 'prod/db', field: 'password' });
  for (const wrong of ['', '#x', 'a#', 'a b', 'a#b#c']) expect(() => parseReference(wrong)).toThrow(StillvaultError);
});

const node = Bun.which('node');
test.skipIf(node === null)('the same in Node', async () => {
  using folder = createFolder();
  await using world = await startIntake(folder.path, handler);
  const built = await Bun.build({
    entrypoints: [join(import.meta.dir, 'client.ts')],
    target: 'node',
    format: 'esm',
    outdir: folder.path,
    naming: 'client.mjs',
  });
  expect(built.success).toBe(true);
  const script = `
    const { createClient } = await import(${JSON.stringify(join(folder.path, 'client.mjs'))});
    const client = createClient({ socketPath: ${JSON.stringify(world.socketPath)} });
    const abort = new AbortController();
    const code = (work) => work.then(() => 'none', (error) => error.code ?? error.message);
    console.log(JSON.stringify([
      (await client.status()).state, (await client.get('prod/db')).length, (await client.get('prod/db')).length, await code(client.get('prod/denied')), await code(client.get('prod/missing')),
      await code(client.get('prod/slow', { signal: abort.signal, onProgress: () => abort.abort(new Error('Ctrl-C')) })),
      await code(createClient({ socketPath: ${JSON.stringify(join(folder.path, 'none'))} }).status()),
    ]));`;
  await using child = Bun.spawn([node ?? '', '--input-type=module', '-e', script], { stdout: 'pipe', timeout: 10_000, killSignal: 'SIGKILL' });
  expect(JSON.parse(await new Response(child.stdout).text())).toEqual(['ready', 256, 256, 'denied', 'not_found', 'Ctrl-C', 'daemon_not_running']);
  expect(await child.exited).toBe(0);
  (await dial(world.socketPath)).socket.destroy();
});
