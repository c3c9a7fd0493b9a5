// What serves: a relay, the console alone, a daemon alone; and the ports that `up` may take.
import { afterAll, describe, expect, test } from 'bun:test';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type Server, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lastJson, run, start } from './test-command-line.ts';
import { type PortWish, choosePort } from './up/ports.ts';

const dir = mkdtempSync(join(tmpdir(), 'sv-serve-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const env = { HOME: dir };

describe('relay', () => {
  const data = join(dir, 'relay');
  test('serves, with and without the console, until it is told to stop', async () => {
    for (const [words, status] of [
      [['--console', 'off'], 404],
      [[], 200],
    ] as const) {
      const relay = start(['relay', 'serve', '--data', data, '--port', '0', ...words], { env }, 'out');
      await relay.seen('\n');
      const url = relay.text().trim();
      expect((await fetch(`${url}/readyz`)).status).toBe(200);
      expect((await fetch(url)).status).toBe(status);
      relay.kill('SIGTERM');
      const { code, err } = await relay.ended;
      expect(code).toBe(0);
      for (const line of err.trimEnd().split('\n')) expect(JSON.parse(line)).toMatchObject({ level: 'info' });
    }
  });
  test('a setting that is wrong is named', async () => {
    expect(await run(['relay', 'serve', '--data', data, '--port', 'x'], { env })).toMatchObject({ code: 2 });
    const ended = await run(['relay', 'serve', '--json', '--data', data], { env: { ...env, STILLVAULT_RELAY_PROT: '1' } });
    expect(lastJson(ended)).toMatchObject({ error: { message: 'unknown setting STILLVAULT_RELAY_PROT', detail: 'E_RELAY_CONFIG' } });
  });
  test('check, backup, restore', async () => {
    expect(await run(['relay', 'check', '--data', data], { env })).toMatchObject({ code: 0, out: '0 orgs, 0 records, 0 blobs, 0 mails\n' });
    const file = join(dir, 'backup.db');
    expect((await run(['relay', 'backup', file, '--data', data], { env })).code).toBe(0);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect((await run(['relay', 'restore', file, '--data', join(dir, 'restored')], { env })).code).toBe(0);
    expect((await run(['relay', 'restore', file, '--data', data], { env })).code).toBe(1);
    writeFileSync(file, 'x'.repeat(10_000));
    expect((await run(['relay', 'restore', file, '--data', join(dir, 'damaged')], { env })).code).toBe(1);
  });
  test.each([[[]], [['serve', 'x']], [['backup']], [['check', 'x']], [['what', 'x']]])('usage: relay %p', async (words) => {
    expect((await run(['relay', ...words, '--data', data], { env })).code).toBe(2);
  });
});

describe('console', () => {
  test('serves the page for a relay elsewhere, and nothing of a daemon', async () => {
    const server = start(['console', 'serve', '--relay', 'https://relay.example/', '--port', '0', '--json'], { env }, 'out');
    await server.seen('"listening"');
    const { console } = JSON.parse(server.text()) as { console: string }; // as it says
    const page = await fetch(console);
    expect(page.headers.get('content-security-policy')).toContain("connect-src 'self' https://relay.example wss://relay.example;");
    expect(await (await fetch(`${console}/local/config.json`)).json()).toEqual({ relay: 'https://relay.example' });
    for (const path of ['/local/status', '/local/join']) expect((await fetch(console + path, { headers: { 'x-stillvault-setup': 'x' } })).status).toBe(404);
    server.kill('SIGINT');
    expect((await server.ended).code).toBe(0);
  });
  test('a port that is taken is said, never changed: passkeys belong to it', async () => {
    await taken(async (busy) => {
      const ended = await run(['console', 'serve', '--relay', 'https://relay.example', '--port', String(busy), '--json'], { env });
      expect(ended.code).toBe(1);
      expect(lastJson(ended)).toMatchObject({ error: { message: `port ${busy} for the console is taken by another program` } });
    });
  });
  test.each([
    [[]],
    [['serve']],
    [['serve', '--relay', 'relay.example']],
    [['serve', '--relay', 'https://u@relay.example/']],
    [['serve', '--relay', 'https://relay.example/path']],
    [['serve', '--relay', 'https://r.example', '--port', '70000']],
  ])('usage: console %p', async (words) => {
    expect((await run(['console', ...words], { env })).code).toBe(2);
  });
});

describe('daemon', () => {
  test('listens, logs JSON, stops, leaves no socket', async () => {
    const socketPath = join(dir, 'd', 'd.sock');
    const daemon = start(['daemon', '--state', join(dir, 'state'), '--socket', socketPath], { env });
    await daemon.seen('"listening"');
    expect(lastJson(await run(['status', '--json'], { socketPath }))).toMatchObject({ state: 'not_enrolled' });
    const second = await run(['daemon', '--state', join(dir, 'state'), '--socket', socketPath, '--json'], { env });
    expect(second.code).toBe(1);
    expect(lastJson(second)).toMatchObject({ error: { detail: 'E_DAEMON_RUNNING' } });
    daemon.kill('SIGTERM');
    const { code, err } = await daemon.ended;
    expect(code).toBe(0);
    for (const line of err.trimEnd().split('\n')) expect(JSON.parse(line)).toHaveProperty('event');
    expect(existsSync(socketPath)).toBe(false);
  });
  test.each(['BUN_INSPECT', 'BUN_OPTIONS'])('does not start with %s: another program could read its keys', async (name) => {
    writeFileSync(join(dir, 'empty.ts'), '');
    const ended = await run(['daemon', '--json', '--state', join(dir, 'inspected'), '--socket', join(dir, 'i', 'd.sock')], {
      env: { ...env, [name]: name === 'BUN_OPTIONS' ? `--preload=${join(dir, 'empty.ts')}` : 'ws://127.0.0.1:0/x' },
    });
    expect(ended.code).toBe(2);
    expect(ended.out).toContain('E_INSPECTOR');
    expect(existsSync(join(dir, 'inspected'))).toBe(false);
  });
});

describe('ports that must stay', () => {
  const wish = (given: number | undefined, before: number | undefined, usual: number, isPinned: boolean): PortWish => ({
    what: 'console',
    option: '--port',
    given,
    before,
    usual,
    isPinned: () => isPinned,
  });
  test('the one that was given, that of before, the usual one', async () => {
    const [a, b, c] = [await free(), await free(), await free()];
    expect(await choosePort(wish(a, undefined, c, false))).toBe(a);
    expect(await choosePort(wish(undefined, b, c, true))).toBe(b);
    expect(await choosePort(wish(undefined, undefined, c, false))).toBe(c);
    expect(await choosePort(wish(a, b, c, false))).toBe(a);
  });
  test('taken, and nobody depends on it: any other', async () => {
    await taken(async (port) => {
      expect(await choosePort(wish(undefined, undefined, port, false))).toBe(0);
      expect(await choosePort(wish(undefined, port, 1, false))).toBe(0);
    });
  });
  test('taken, and asked for or depended on: refused with the way out', async () => {
    await taken(async (port) => {
      for (const wished of [wish(port, undefined, 1, false), wish(undefined, port, 1, true)])
        await expect(choosePort(wished)).rejects.toThrow(`port ${port} for the console is taken`);
    });
  });
  test('another one than an organisation depends on: refused', async () => {
    await expect(choosePort(wish(await free(), 7_843, 7_843, true))).rejects.toThrow('your organisation belongs to the console on port 7843');
  });
});

async function taken<T>(use: (port: number) => Promise<T>): Promise<T> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await use(portOf(server));
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}
async function free(): Promise<number> {
  return taken(async (port) => port);
}
function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
