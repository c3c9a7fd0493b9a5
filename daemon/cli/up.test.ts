// `stillvault up` and what follows, all as real processes: relay, daemon, console, put, get, run, lease. Only the people are programs.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LiveOrg, createLiveOrg } from '../../testing/live-org.ts';
import { World } from '../../testing/world.ts';
import { lastJson, run, start } from './test-command-line.ts';

const dir = mkdtempSync(join(tmpdir(), 'sv-up-'));
const data = join(dir, 'data');
const socketPath = join(data, 'run', 'daemon.sock');
const given = { socketPath };
let up: ReturnType<typeof start>;
let addresses: { readonly console: string; readonly relay: string };
let secret: string;
let org: LiveOrg;
let token: string;

const startUp = async (...options: readonly string[]): Promise<Record<string, string>> => {
  up = start(['up', '--json', '--data', data, ...options], {}, 'out');
  await up.seen('"started"');
  return JSON.parse(up.text().split('\n')[0] ?? '') as Record<string, string>; // the first event
};

beforeAll(async () => {
  const { console, relay } = await startUp('--port', '0', '--relay-port', '0');
  const [origin = '', setup = ''] = (console ?? '').split('/#setup=');
  addresses = { console: origin, relay: relay ?? '' };
  secret = setup;
});
afterAll(async () => {
  up.kill('SIGTERM');
  await up.ended;
  rmSync(dir, { recursive: true, force: true });
});

const local = async (path: string, init: RequestInit = {}, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(addresses.console + path, { ...init, headers: { 'x-stillvault-setup': secret, ...headers } });
const postJoin = async (headers: Record<string, string> = {}, body: unknown = { token }): Promise<Response> =>
  local('/local/join', { method: 'POST', body: JSON.stringify(body) }, { 'content-type': 'application/json', ...headers });

describe('the console beside the daemon', () => {
  test('gives the page with strict headers, and the relay’s address', async () => {
    const page = await fetch(addresses.console);
    expect(page.status).toBe(200);
    expect(page.headers.get('content-security-policy')).toContain(`connect-src 'self' ${addresses.relay} ${addresses.relay.replace('http', 'ws')}`);
    expect(await (await fetch(`${addresses.console}/local/config.json`)).json()).toEqual({ relay: addresses.relay });
  });
  test('tells its state to whoever knows the secret', async () => {
    expect(await (await local('/local/status')).json()).toMatchObject({ state: 'not_enrolled' });
  });
  test.each([
    ['no secret', { 'x-stillvault-setup': '' }, 403],
    ['another secret', { 'x-stillvault-setup': 'A'.repeat(32) }, 403],
    ['another origin', { origin: 'https://evil.example' }, 403],
    ['another port’s origin', { origin: 'http://localhost:1' }, 403],
    ['an opaque origin', { origin: 'null' }, 403],
    ['a name that was made to lead here', { host: 'evil.example' }, 421],
    ['another port in the host', { host: 'localhost:1' }, 421],
    ['a form', { 'content-type': 'text/plain' }, 415],
  ])('refuses to join for %s', async (_, headers, status) => {
    token = 'svt1_x';
    expect((await postJoin(headers)).status).toBe(status);
    expect(await (await local('/local/status')).json()).toMatchObject({ state: 'not_enrolled' });
  });
  test.each([
    ['empty', {}],
    ['number', { token: 1 }],
    ['unknown field', { token: 'x', more: 1 }],
    ['list', []],
    ['text', 'x'],
    ['too long', { token: 'x'.repeat(5_000) }],
  ])('refuses the ask: %s', async (_, body) => {
    expect((await postJoin({}, body)).status).toBe(400);
  });
  test('a token that is none is explained', async () => {
    const answer = await postJoin({}, { token: 'svt1_x' });
    expect(answer.status).toBe(409);
    expect(await answer.json()).toMatchObject({ error: { code: 'usage', detail: 'E_TOKEN_FORMAT' } });
  });
  test('an address instead of the name leads to the name: passkeys belong to it', async () => {
    const answer = await fetch(addresses.console.replace('localhost', '127.0.0.1'), { redirect: 'manual' });
    expect(answer.headers.get('location')).toBe(`${addresses.console}/`);
  });
  test('nothing of the disk is reachable', async () => {
    for (const path of ['/../up.json', '/%2e%2e/up.json', '/local/', '/local/../up.json', '/etc/passwd']) expect((await local(path)).status).toBe(404);
  });
});

describe('before there is an organisation', () => {
  test('a launcher makes it a command in any folder, whatever that folder holds', async () => {
    const folder = join(dir, 'trap');
    mkdirSync(folder);
    writeFileSync(join(folder, '.env'), 'STILLVAULT_SOCKET=/nonexistent/trap.sock\n');
    writeFileSync(join(folder, 'bunfig.toml'), 'preload = ["./trap.ts"]\n');
    // Paths of a tsconfig.json or jsconfig.json here, or above here, would even decide which file the program itself is.
    for (const name of ['tsconfig.json', 'jsconfig.json']) writeFileSync(join(folder, name), '{ "compilerOptions": { "paths": { "*": ["./trap.ts"] } } }');
    writeFileSync(join(folder, 'trap.ts'), 'console.log("trapped")');
    const shell = Bun.spawn(['sh', '-c', 'stillvault status --json'], { cwd: folder, env: { PATH: `${join(data, 'bin')}:${process.env['PATH']}` } });
    expect(JSON.parse(await new Response(shell.stdout).text())).toMatchObject({ state: 'not_enrolled' });
  });
  test('put says what to do', async () => {
    const ended = await run(['put', 'prod/db', '--json'], { ...given, input: 'x' });
    expect(ended.code).toBe(16);
    expect(lastJson(ended)).toMatchObject({ error: { code: 'not_enrolled', next: 'stillvault org create' } });
  });
  test('get says what to do', async () => {
    expect(lastJson(await run(['get', 'prod/db', '--json'], given))).toMatchObject({ error: { code: 'not_enrolled' } });
  });
  test('org create gives the address with the secret, which only this user can read', async () => {
    const { out } = await run(['org', 'create'], { ...given, env: { STILLVAULT_HOME: data } });
    expect(out).toBe(`${addresses.console}/#setup=${secret}\n`);
    expect(statSync(join(data, 'up.json')).mode & 0o777).toBe(0o600);
    expect(statSync(data).mode & 0o777).toBe(0o700);
  });
});

describe('the story', () => {
  test('the page makes this machine join; an admin admits it', async () => {
    const world = new World('up');
    world.clock.set(Date.now());
    await world.genesis();
    org = await createLiveOrg(world, addresses.relay);
    await org.sync();
    token = await org.token();
    const answer = await postJoin({ origin: addresses.console });
    expect(answer.status).toBe(200);
    const joined = (await answer.json()) as { words: string; machine: { name: string } }; // as the server says
    expect(joined.words.split(' ')).toHaveLength(5);
    await up.seen('"awaiting_admission"');
    expect(up.text()).toContain(joined.words);
    expect(readFileSync(join(data, 'up.json'), 'utf8')).not.toContain(secret);

    const child = start(['join', token, '--json'], given, 'out');
    await child.seen('"awaiting_admission"');
    expect(child.text()).toContain(joined.words);
    await org.admit();
    await up.seen('"ready"');
    const ended = await child.ended;
    expect({ code: ended.code, last: lastJson(ended) }).toEqual({ code: 0, last: { event: 'admitted' } });
  });

  test('put is stored when a writer countersigns', async () => {
    const child = start(['put', 'prod/db-primary'], { ...given, input: 'correct horse' });
    await org.countersign(await org.nextRequest(org.world.device('ada')));
    const { code, err } = await child.ended;
    expect(err).toMatch(
      /^waiting for ada · prod\/db-primary · code \d\d · [23]:[05]\d left · Ctrl-C withdraws\nstored prod\/db-primary version 1, countersigned by ada\n$/,
    );
    expect(code).toBe(0);
    expect((await run(['ls', '--names'], given)).out).toBe('prod/db-primary\n');
  });

  test('get waits for the person, tells that she saw it, and gets the exact bytes', async () => {
    const child = start(['get', 'prod/db-primary', '--reason', 'migrate'], given);
    const seen = await org.nextRequest(org.world.device('ada'));
    await org.decide(seen, 'shown');
    await child.seen('shown on');
    await org.decide(seen, 'approve');
    const { code, out, err } = await child.ended;
    expect({ code, out }).toEqual({ code: 0, out: 'correct horse' });
    expect(err).toMatch(
      /^waiting for ada · prod\/db-primary · code \d\d · [23]:[05]\d left · Ctrl-C withdraws\nshown on ada’s phone \d\d:\d\d\napproved by ada · once\n$/,
    );
  });

  test('a denial: 10', async () => {
    const child = start(['get', 'prod/db-primary', '--json'], given);
    await org.decide(await org.nextRequest(org.world.device('ada')), 'deny');
    const ended = await child.ended;
    expect(ended.code).toBe(10);
    expect(lastJson(ended)).toMatchObject({ error: { code: 'denied' } });
  });

  test('nobody decides: 11', async () => {
    const child = start(['get', 'prod/db-primary', '--json', '--wait', '1s'], given);
    await org.nextRequest(org.world.device('ada'));
    const ended = await child.ended;
    expect(ended.code).toBe(11);
    expect(lastJson(ended)).toMatchObject({ error: { code: 'expired' } });
  });

  test('Ctrl-C withdraws it at the daemon', async () => {
    const child = start(['get', 'prod/db-primary'], given);
    await child.seen('Ctrl-C withdraws');
    await org.nextRequest(org.world.device('ada'));
    expect(lastJson(await run(['status', '--json'], given))).toMatchObject({ pending: 1 });
    child.kill('SIGINT');
    expect((await child.ended).code).toBe(130);
    for (let pending = 1; pending !== 0;) pending = (lastJson(await run(['status', '--json'], given)) as { pending: number }).pending; // as status says
  });

  test('a secret that is not there: 14', async () => {
    const ended = await run(['get', 'prod/gone', '--json'], given);
    expect(ended.code).toBe(14);
    expect(lastJson(ended)).toMatchObject({ error: { code: 'not_found' } });
  });

  test('run: approved once, in the program’s environment', async () => {
    const child = start(['run', '-e', 'PGPASSWORD=prod/db-primary', '--', 'sh', '-c', 'printf "%s" "$PGPASSWORD"; exit 3'], given);
    await org.decide(await org.nextRequest(org.world.device('ada')), 'approve');
    expect(await child.ended).toMatchObject({ code: 3, out: '[masked]' });
  });

  test('a lease answers the next read at once, is listed, and ends when told to', async () => {
    const child = start(['get', 'prod/db-primary', '--ttl', '15m', '--uses', '5'], given);
    await org.decide(await org.nextRequest(org.world.device('ada')), 'approve');
    const first = await child.ended;
    expect(first.err).toContain('lease 15m');
    expect(await run(['get', 'prod/db-primary', '--lease-only'], given)).toMatchObject({ code: 0, out: 'correct horse', err: '' });
    const { out } = await run(['lease', 'ls'], given);
    expect(out).toContain('prod/db-primary');
    const ended = await run(['lease', 'end', out.split(' ')[0] ?? ''], given);
    expect(ended).toMatchObject({ code: 0, err: 'ended 1 lease: prod/db-primary\n' });
    expect((await run(['get', 'prod/db-primary', '--lease-only', '--json'], given)).code).not.toBe(0);
  });

  test('info, log, doctor and org speak of it', async () => {
    expect((await run(['info', 'prod/db-primary'], given)).out).toContain('approvers');
    expect((await run(['log', 'show'], given)).out).toContain('secret.put');
    expect((await run(['log', 'verify'], given)).out).toStartWith('verified ');
    expect((await run(['org', 'show'], given)).out).toContain(org.world.state.name);
    const doctor = await run(['doctor', '--data', data], given);
    expect(doctor.out).not.toContain('✗');
    expect(doctor.code).toBe(0);
  });

  test('no log of ours holds the value or a name', () => {
    for (const name of ['daemon.log', 'relay.log']) {
      const text = readFileSync(join(data, 'log', name), 'utf8');
      for (const word of ['correct horse', 'prod/db-primary', 'ada', 'migrate']) expect(text).not.toContain(word);
    }
  });
});

describe('starting again', () => {
  test('a second one beside it is refused', async () => {
    const ended = await run(['up', '--json', '--data', data]);
    expect(ended.code).toBe(1);
    expect(lastJson(ended)).toMatchObject({ error: { code: 'error', detail: 'E_DAEMON_RUNNING' } });
  });
  test('after a stop: the same addresses, the same machine', async () => {
    up.kill('SIGINT');
    expect((await up.ended).code).toBe(0);
    expect(existsSync(socketPath)).toBe(false);
    const again = await startUp();
    expect(again).toMatchObject({ console: addresses.console, relay: addresses.relay, state: 'ready' });
  });
  test('the console’s port is taken and an organisation belongs to it: said, not changed', async () => {
    up.kill('SIGTERM');
    await up.ended;
    const port = Number(new URL(addresses.console).port);
    const squatter = createServer();
    await new Promise<void>((resolve) => squatter.listen(port, '127.0.0.1', resolve));
    const ended = await run(['up', '--json', '--data', data]);
    const other = await run(['up', '--json', '--data', data, '--port', '0']);
    await new Promise((resolve) => squatter.close(resolve));
    expect(ended.code).toBe(1);
    expect(lastJson(ended)).toMatchObject({ error: { message: `port ${port} for the console is taken by another program` } });
    expect(other.code).toBe(2);
    await startUp();
  });
});
