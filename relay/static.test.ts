// The console's files: strict headers, nothing outside the directory (spec/08-relay.md §console).
import { expect, test } from 'bun:test';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import { join } from 'node:path';
import { relayConnectSrc, serveStatic } from './static.ts';
import { startTestRelay, temporaryDir } from './test-world.ts';

function consoleIn(path: string): string {
  const dir = join(path, 'console');
  mkdirSync(join(dir, 'assets'), { recursive: true });
  writeFileSync(join(path, 'outside.txt'), 'outside');
  writeFileSync(join(dir, 'index.html'), '<!doctype html><title>console</title>');
  writeFileSync(join(dir, 'assets', 'main-abcdef12.js'), 'console.log(1);\n'.repeat(100));
  writeFileSync(join(dir, 'service-worker.js'), 'self;');
  symlinkSync(join(path, 'outside.txt'), join(dir, 'link.txt'));
  symlinkSync(path, join(dir, 'up'));
  return dir;
}

test('every answer carries the policy; hashed names are kept for good, others asked for again', () => {
  using dir = temporaryDir();
  const files = serveStatic(consoleIn(dir.path), { connectSrc: relayConnectSrc });
  const get = (path: string, init?: RequestInit): Response | undefined => files(new Request(`http://relay${path}`, init));
  const index = get('/');
  expect(index?.headers.get('content-security-policy')).toBe(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' http://127.0.0.1:* http://localhost:* ws://127.0.0.1:* ws://localhost:* https: wss:; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types stillvault-worker",
  );
  expect(index?.headers.toJSON()).toMatchObject({
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-cache',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
  });
  expect(get('/assets/main-abcdef12.js')?.headers.get('cache-control')).toContain('immutable');
  expect(get('/service-worker.js')?.headers.get('cache-control')).toBe('no-cache');
  const etag = index?.headers.get('etag') ?? '';
  expect(get('/index.html', { headers: { 'if-none-match': etag } })?.status).toBe(304);
  expect(get('/', { method: 'POST' })).toBeUndefined();
});

test('large files travel compressed where the browser takes it', async () => {
  using dir = temporaryDir();
  const files = serveStatic(consoleIn(dir.path), { connectSrc: ["'self'"] });
  const url = 'http://relay/assets/main-abcdef12.js';
  const zipped = files(new Request(url, { headers: { 'accept-encoding': 'gzip, br' } }));
  expect(zipped?.headers.get('content-encoding')).toBe('gzip');
  expect(new TextDecoder().decode(Bun.gunzipSync((await zipped?.bytes()) ?? new Uint8Array(0)))).toStartWith('console.log(1);');
  expect(files(new Request(url))?.headers.has('content-encoding')).toBe(false);
});

test('no path leads out of the directory: not dots, not encodings, not links', async () => {
  using dir = temporaryDir();
  await using relay = await startTestRelay({ consoleDir: consoleIn(dir.path) });
  const status = (path: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connectSocket(relay.port, '127.0.0.1', () => socket.write(`GET ${path} HTTP/1.1\r\nhost: relay\r\n\r\n`));
      socket.on('error', reject);
      socket.once('data', (data) => {
        socket.destroy();
        resolve(data.toString('latin1').split(' ')[1] ?? '');
      });
    });
  expect(await status('/')).toBe('200');
  for (const path of [
    '/../outside.txt',
    '/assets/../../outside.txt',
    '/%2e%2e/outside.txt',
    '/..%2foutside.txt',
    '/..\\outside.txt',
    '//etc/passwd',
    '/link.txt',
    '/up/outside.txt',
    '/assets',
    '/index.html%00',
  ]) {
    expect(await status(path)).toBeOneOf(['404', '400']);
  }
});

test('without a directory no console is served', async () => {
  await using relay = await startTestRelay();
  expect((await fetch(relay.url)).status).toBe(404);
});
