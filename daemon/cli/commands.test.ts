// The other commands: what they print for people and as JSON, what they refuse, and that help and completion know them all.
import { afterAll, describe, expect, test } from 'bun:test';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SecretInfo } from '../../protocol/local-api.ts';
import { failure, readyStatus, someLease, showing, startStubDaemon, type StubAnswers } from '../../testing/stub-daemon.ts';
import { catalogue } from './catalogue.ts';
import { nearest } from './terminal/nearest.ts';
import { countdown, durationText, parseDuration, printable } from './terminal/text.ts';
import { waitingText } from './terminal/waiting.ts';
import { lastJson, onTerminal, run, start } from './test-command-line.ts';

const dir = mkdtempSync(join(tmpdir(), 'sv-cli-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const info: SecretInfo = {
  path: 'prod/db-primary',
  version: 3,
  fields: ['user', 'password'],
  description: 'orders \u202edb',
  updatedAt: '2026-11-23T11:00:00.000Z',
  entitled: true,
  id: 'aa'.repeat(16),
  policy: {
    pattern: 'prod/**',
    approvers: '2 of ben, ada',
    machines: 'any admitted machine',
    maxTtlS: 900,
    maxUses: 20,
    scopes: ['process'],
    tier: 'high',
    reasonRequired: true,
  },
  custody: { k: 2, members: ['ben', 'ada'], machines: ['build-1'], waiting: ["ben's laptop", 'build-2'], needVersion: ['build-2'], exposedTo: [] },
};
const answers: StubAnswers = {
  'GET /v1/status': (ask) => ask.json(readyStatus),
  'GET /v1/secrets': (ask) => ask.json([info, { ...info, path: 'test/key', fields: [], description: '', entitled: false }]),
  'GET /v1/secrets/info': (ask) =>
    ask.query.get('path') === info.path ? ask.json(info) : ask.json(failure('not_found', 'there is no secret x', { next: 'stillvault ls' }), 404),
  'GET /v1/leases': (ask) => ask.json([someLease, { ...someLease, id: '3f00'.padEnd(32, '0') }]),
  'POST /v1/leases/end': (ask) => ask.json([someLease]),
  'GET /v1/log': (ask) =>
    ask.json([{ seq: Number(ask.query.get('from')), at: '2026-11-23T11:00:00.000Z', type: 'secret.put', by: ['ben (phone)'], what: 'prod/db v3', eh: 'ee' }]),
  'POST /v1/log/verify': (ask) => ask.json({ entries: 13, head: 'ef', org: 'ab', ms: 4.4 }),
};

describe('for people and for programs', () => {
  test('ls', async () => {
    await using daemon = await startStubDaemon(answers);
    expect((await run(['ls'], daemon)).out).toBe(
      'prod/db-primary#user,password  v3  2026-11-23 11:00  orders \\u{202e}db\ntest/key                       v3  2026-11-23 11:00  (this machine may not ask)\n',
    );
    expect((await run(['ls', 'test', '--names'], daemon)).out).toBe('test/key\n');
    expect(await run(['ls', 'nothing'], daemon)).toMatchObject({ code: 0, out: '', err: 'no secret begins with nothing; next: stillvault ls\n' });
    expect(lastJson(await run(['--json', 'ls', 'prod'], daemon))).toEqual([info]);
  });
  test('info', async () => {
    await using daemon = await startStubDaemon(answers);
    expect((await run(['info', 'prod/db-primary'], daemon)).out).toBe(`path                       prod/db-primary
version                    3, 2026-11-23 11:00
fields                     user, password
description                orders \\u{202e}db
this machine               may ask
approvers                  2 of ben, ada
machines                   any admitted machine
lease                      up to 15m, 20 uses, for process
tier                       high, a reason is required
hosts                      none: no proxy and no HTTP tool may send it
reveal                     never shown
policy                     prod/**
approver half              2 of ben, ada
machine half               build-1
waiting for a share        ben's laptop
waiting for a new version  build-2
`);
    expect(lastJson(await run(['info', 'prod/db-primary', '--json'], daemon))).toEqual(info);
    expect(await run(['info', 'x'], daemon)).toMatchObject({ code: 14, err: 'stillvault: there is no secret x\n  next: stillvault ls\n' });
  });
  test('status, and the next step of each state', async () => {
    for (const [state, next] of [
      ['ready', ''],
      ['not_enrolled', 'next: stillvault org create, or stillvault join with a token from the console\n'],
      ['awaiting_admission', 'next: admit this machine in the console; compare the words: apple brick candle delta eagle\n'],
      ['frozen', 'next: the organisation is frozen: an admin unfreezes it in the console\n'],
      ['halted', 'next: stillvault doctor\n'],
    ] as const) {
      await using daemon = await startStubDaemon({ 'GET /v1/status': (ask) => ask.json({ ...readyStatus, state }) });
      const { code, out, err } = await run(['status'], daemon);
      expect({ code, err }).toEqual({ code: 0, err: next });
      expect(out).toStartWith(`state       ${state.replace('_', ' ')}\norg         Acme (abababababababab…)\n`);
      expect(lastJson(await run(['status', '--json'], daemon))).toMatchObject({ state });
    }
  });
  test('lease', async () => {
    await using daemon = await startStubDaemon(answers);
    expect((await run(['lease'], daemon)).out).toMatch(
      /^3f9a01c2 {2}prod\/db-primary {2}process claude \(pid 4121\) {2}\d+:\d\d:\d\d left, until 12:18 {2}1 used, 20 uses left|/,
    );
    expect(lastJson(await run(['lease', 'ls', '--json'], daemon))).toMatchObject([someLease, {}]);
    expect(await run(['lease', 'end', '3f9a'], daemon)).toMatchObject({ code: 0, out: '', err: 'ended 1 lease: prod/db-primary\n' });
    expect((await run(['lease', 'end', '--all'], daemon)).code).toBe(0);
    expect(daemon.asks.filter(({ call }) => call.startsWith('POST')).map(({ body }) => body)).toEqual([{ id: someLease.id }, { all: true }]);
    expect(await run(['lease', 'end', '3f'], daemon)).toMatchObject({ code: 2, err: 'stillvault: 3f fits 2 leases\n  next: stillvault lease ls\n' });
    expect((await run(['lease', 'end', 'zz'], daemon)).err).toBe('stillvault: no live lease begins with zz\n  next: stillvault lease ls\n');
    for (const words of [['end'], ['end', '--all', '3f9a'], ['what']]) expect((await run(['lease', ...words], daemon)).code).toBe(2);
  });
  test('log', async () => {
    await using daemon = await startStubDaemon(answers);
    expect((await run(['log', 'show', '--from', '12'], daemon)).out).toBe('12  2026-11-23 11:00  secret.put  ben (phone)  prod/db v3\n');
    expect((await run(['log', 'verify'], daemon)).out).toBe('verified 13 entries from the first in 4 ms\norg  ab\nhead ef\n');
    expect(lastJson(await run(['log', '--json'], daemon))).toMatchObject({ seq: 0, type: 'secret.put' });
    for (const words of [['shw'], ['show', 'x'], ['show', '--from', 'x']]) expect((await run(['log', ...words], daemon)).code).toBe(2);
  });
  test('log resume: shows what stopped it, asks, and goes on without that record', async () => {
    const line = (by: string, type: string): object => ({ seq: 4, at: '2026-11-23T11:00:00.000Z', type, by: [by], what: 'x', eh: 'ee' });
    const stop = {
      code: 'E_FORK',
      what: 'two entries claim one place',
      record: 'ab',
      evidence: '/s/fork.cbor',
      next: '',
      ours: line('ben', 'secret.put'),
      theirs: line('eve', 'org.freeze'),
    };
    let resumed = 0;
    await using daemon = await startStubDaemon({
      'GET /v1/log/stop': (ask) => ask.json(stop),
      'POST /v1/log/resume': (ask) => {
        resumed++;
        ask.json(readyStatus);
      },
    });
    const shown = await run(['log', 'resume'], daemon);
    expect(shown.code).toBe(2);
    for (const part of ['E_FORK', 'ben', 'eve', '/s/fork.cbor']) expect(shown.out).toContain(part);
    expect(shown.err).toContain('--yes');
    expect(resumed).toBe(0);
    const done = await run(['log', 'resume', '--yes'], daemon);
    expect([done.code, done.err.includes('goes on: ready')]).toEqual([0, true]);
    expect(lastJson(await run(['log', 'resume', '--yes', '--json'], daemon))).toMatchObject({ code: 'E_FORK', resumed: true, state: 'ready' });
    expect(resumed).toBe(2);
  });
  test('log resume: where no decision helps it says what does', async () => {
    await using daemon = await startStubDaemon({
      'GET /v1/log/stop': (ask) => ask.json({ code: 'E_SUITE', what: 'unknown', next: 'install the newest version' }),
    });
    const { code, err } = await run(['log', 'resume', '--yes'], daemon);
    expect([code === 0, err.includes('install the newest version')]).toEqual([false, true]);
  });
  test('log: all pages', async () => {
    const line = (seq: number): object => ({ seq, at: '2026-11-23T11:00:00.000Z', type: 't', by: [], what: '', eh: '' });
    await using daemon = await startStubDaemon({
      'GET /v1/log': (ask) => {
        const from = Number(ask.query.get('from'));
        ask.json(Array.from({ length: Math.min(1_000, 2_003 - from) }, (_, at) => line(from + at)));
      },
    });
    const { out } = await run(['log', '--json'], daemon);
    expect(out.trimEnd().split('\n')).toHaveLength(2_003);
    expect(lastJson({ out })).toMatchObject({ seq: 2_002 });
  });
  test('org', async () => {
    await using daemon = await startStubDaemon(answers);
    expect((await run(['org', 'show'], daemon)).out).toStartWith('name    Acme\nid      abab');
    const none = await run(['org', 'create', '--json'], { ...daemon, env: { STILLVAULT_HOME: dir } });
    expect(none.code).toBe(13);
    expect(lastJson(none)).toMatchObject({ error: { next: 'stillvault up, then open the address it prints' } });
  });
  test('version', async () => {
    expect((await run(['version'])).out).toMatch(/^stillvault \d+\.\d+\.\d+\n$/);
    expect((await run(['--version'])).out).toMatch(/^stillvault \d/);
    expect(lastJson(await run(['--json', 'version']))).toMatchObject({ version: expect.any(String) as string });
  });
});

describe('join', () => {
  const joined = {
    state: 'awaiting_admission',
    org: { id: 'ab', name: 'Acme' },
    machine: { id: 'cd', name: 'build-1' },
    words: 'apple brick candle delta eagle',
  };
  const joining = (states: readonly string[]): StubAnswers => {
    const rest = [...states];
    return {
      'POST /v1/join': (ask) => ask.json(joined),
      'GET /v1/status': (ask) => ask.json({ ...readyStatus, state: rest.length > 1 ? rest.shift() : rest[0] }),
    };
  };
  test('prints the words, waits, and says when it is admitted', async () => {
    await using daemon = await startStubDaemon(joining(['awaiting_admission', 'ready']));
    const { code, out, err } = await run(['join', 'svt1_x', '--name', 'build-1'], daemon);
    expect({ code, out }).toEqual({ code: 0, out: 'machine build-1 of Acme\nwords   apple brick candle delta eagle\n' });
    expect(err).toContain('admitted; next: stillvault put prod/db-primary\n');
    expect(daemon.asks[0]?.body).toEqual({ token: 'svt1_x', name: 'build-1' });
  });
  test.each([
    ['standard input', ['join', '--no-wait']],
    ['-', ['join', '-', '--no-wait']],
  ])('the token from %s', async (_, words) => {
    await using daemon = await startStubDaemon(joining(['awaiting_admission']));
    expect((await run(words, { ...daemon, input: ' svt1_y\n' })).code).toBe(0);
    expect(daemon.asks).toEqual([{ call: 'POST /v1/join', body: { token: 'svt1_y' } }]);
  });
  test('the token from a prompt, not echoed', async () => {
    await using daemon = await startStubDaemon(joining(['awaiting_admission']));
    const { code, screen } = await onTerminal(['join', '--no-wait'], daemon, [['token: ', 'svt1_z\r']]);
    expect(code).toBe(0);
    expect(screen).not.toContain('svt1_z');
    expect(daemon.asks[0]?.body).toEqual({ token: 'svt1_z' });
  });
  test('nobody admits it in time: 11', async () => {
    await using daemon = await startStubDaemon(joining(['awaiting_admission']));
    const ended = await run(['join', 'svt1_x', '--wait', '1s', '--json'], daemon);
    expect(ended.code).toBe(11);
    expect(lastJson(ended)).toMatchObject({ error: { code: 'expired' } });
  });
  test('refused by an admin', async () => {
    await using daemon = await startStubDaemon(joining(['halted']));
    expect((await run(['join', 'svt1_x'], daemon)).code).toBe(16);
  });
  test('Ctrl-C stops waiting only', async () => {
    await using daemon = await startStubDaemon(joining(['awaiting_admission']));
    const child = start(['join', 'svt1_x'], daemon);
    await child.seen('waiting for admission');
    child.kill('SIGINT');
    const { code, err } = await child.ended;
    expect(code).toBe(130);
    expect(err).toContain('this machine can still be admitted');
  });
  test('no token', async () => {
    expect((await run(['join'], { socketPath: '/nonexistent/d.sock', input: '' })).code).toBe(2);
    expect((await run(['join', 'a', 'b'], { socketPath: '/nonexistent/d.sock' })).code).toBe(2);
  });
});

describe('doctor', () => {
  test('each failing line says what to do', async () => {
    const data = join(dir, 'doctor');
    mkdirSync(join(data, 'daemon'), { recursive: true, mode: 0o700 });
    chmodSync(data, 0o755);
    writeFileSync(join(data, 'daemon', 'machine.key'), '', { mode: 0o644 });
    await using daemon = await startStubDaemon({
      'GET /v1/status': (ask) =>
        ask.json({
          ...readyStatus,
          version: '9.9.9',
          state: 'halted',
          halted: 'E_FORK',
          identity: 'unverified',
          relay: { url: 'http://127.0.0.1:9', connected: false, since: '2026-11-23T11:00:00Z' },
        }),
    });
    const ended = await run(['doctor', '--json', '--data', data], { ...daemon, env: { LD_PRELOAD: '' } });
    expect(ended.code).toBe(1);
    const { checks, ok } = lastJson(ended) as { ok: boolean; checks: { name: string; result: string; next?: string }[] }; // as doctor says
    expect(ok).toBe(false);
    const failed = checks.filter(({ result }) => result === 'failed');
    expect(failed.map(({ name }) => name)).toEqual(['daemon', 'enrolment', 'relay', 'files']);
    for (const { next } of failed) expect(next).toBeString();
    const text = await run(['doctor', '--data', data], daemon);
    expect(text.out).toContain('✓ socket');
    expect(text.out).toContain('✗ enrolment   halted: E_FORK\n              next: the relay showed two histories');
    chmodSync(data, 0o700);
    chmodSync(join(data, 'daemon', 'machine.key'), 0o600);
    expect((await run(['doctor', '--data', data], daemon)).out).toContain('✓ files');
  });
  test('without a daemon', async () => {
    const { code, out } = await run(['doctor', '--data', join(dir, 'nothing')], { socketPath: join(dir, 'no.sock') });
    expect(code).toBe(1);
    expect(out).toContain('✗ socket      the Stillvault daemon is not running\n              next: stillvault up\n');
  });
  test('a clock that differs from the relay’s', async () => {
    using relay = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch: () => new Response('', { headers: { date: new Date(Date.now() - 400_000).toUTCString() } }),
    });
    const url = `http://127.0.0.1:${relay.port}`;
    await using daemon = await startStubDaemon({ 'GET /v1/status': (ask) => ask.json({ ...readyStatus, relay: { ...readyStatus.relay, url } }) });
    expect((await run(['doctor', '--data', join(dir, 'nothing')], daemon)).out).toMatch(/✗ clock {7}this machine and the relay differ by (?:399|400) s\n/);
  });
});

describe('the list of commands', () => {
  test('has every file, and every file has a page of help with examples first', async () => {
    const files = readdirSync(import.meta.dir).flatMap((name) =>
      /^[a-z]+\.ts$/.test(name) && name !== 'catalogue.ts' && name !== 'dispatch.ts' ? [name.slice(0, -3)] : [],
    );
    expect(Object.keys(catalogue).sort()).toEqual(files.sort());
    const { out } = await run([]);
    const pages = await Promise.all(files.map(async (verb) => [verb, await run([verb, '--help'])] as const));
    for (const [verb, page] of pages) {
      expect(out).toContain(`\n  ${verb}`);
      expect(page).toMatchObject({ code: 0, err: '' });
      expect(page.out).toMatch(/^stillvault [a-z]+: [^\n]+\n\nExamples\n {2}\S/);
      expect(page.out).toContain(`\nUsage\n  stillvault ${verb}`);
    }
    expect(await run(['help', 'get'])).toEqual(await run(['get', '--help']));
  });
  test('an unknown command: 2, and the nearest', async () => {
    expect(await run(['lgo'])).toMatchObject({ code: 2, out: '', err: 'stillvault: unknown command lgo: did you mean log?\n  next: stillvault log\n' });
    expect(await run(['qqqqqqqq', '--json'])).toMatchObject({
      code: 2,
      out: '{"error":{"code":"usage","message":"unknown command qqqqqqqq","next":"stillvault help"}}\n',
    });
    expect((await run(['help', 'qqq'])).code).toBe(2);
    expect((await run(['__proto__'])).code).toBe(2);
    expect(await run(['--jsn'])).toMatchObject({ code: 2, out: '', err: 'stillvault: unknown option --jsn: did you mean --json?\n  next: stillvault help\n' });
  });
  test('a command that is given no verb names those it has', async () => {
    expect((await run(['relay'])).err).toStartWith('stillvault: relay what? serve, check, backup or restore\n');
    expect((await run(['console'])).err).toStartWith('stillvault: console what? serve\n');
  });
  test.each([
    ['is not there', 'nothing.env', 'there is no file nothing.env'],
    ['is a folder', '/', '/ is a folder'],
  ])('a file that %s is told as that', async (_, file, words) => {
    await using daemon = await startStubDaemon(answers);
    for (const command of [
      ['run', '--env-file', file, '--', 'true'],
      ['inject', '-i', file],
      ['put', 'a', '--field', `b=@${file}`],
    ])
      expect((await run(command, daemon)).err).toContain(words);
  });
  test('colours only where they help', async () => {
    const coloured = await onTerminal(['lgo']);
    expect(coloured.screen).toContain('\x1b[31m');
    for (const [words, env] of [
      [['lgo', '--no-color'], {}],
      [['lgo'], { NO_COLOR: '1' }],
      [['lgo'], { TERM: 'dumb' }],
    ] as const)
      expect((await onTerminal(words, { env })).screen).not.toContain('\x1b');
  });
  test.each(['bash', 'zsh', 'fish'])('completion for %s is a script that this shell reads', async (shell) => {
    const { code, out } = await run(['completion', shell]);
    expect(code).toBe(0);
    for (const verb of Object.keys(catalogue)) expect(out).toContain(verb);
    const file = join(dir, `completion.${shell}`);
    writeFileSync(file, out);
    if (Bun.which(shell) !== null) expect(Bun.spawnSync([shell, '-n', file]).stderr.toString()).toBe('');
  });
  test('bash completes commands, options, verbs and paths, and offers no path that a shell would act on', async () => {
    await using daemon = await startStubDaemon({
      ...answers,
      'GET /v1/secrets': (ask) => ask.json(['prod/a', 'prod/$(touch x)', 'prod/b;c', 'test/z'].map((path) => ({ ...info, path }))),
    });
    const { out } = await run(['completion', 'bash']);
    const script = join(dir, 'c.bash');
    writeFileSync(
      script,
      `${out}\nstillvault() { "${process.execPath}" "${join(import.meta.dir, '../main.ts')}" "$@"; }\ntry() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _stillvault; echo "\${COMPREPLY[*]}"; }\ntry stillvault st\ntry stillvault get --re\ntry stillvault lease ''\ntry stillvault get prod\n`,
    );
    const shell = Bun.spawn(['bash', script], { env: { PATH: process.env['PATH'] ?? '', STILLVAULT_SOCKET: daemon.socketPath } });
    expect(await new Response(shell.stdout).text()).toBe('status\n--reason --reveal\nls end\nprod/a\n');
  });
});

describe('words', () => {
  const waiting = {
    event: 'waiting',
    request_id: '',
    code: '47',
    paths: ['prod/db-primary'],
    approvers: ['ben', 'ada'],
    needed: 1,
    expires_at: '2026-11-23T12:02:58Z',
  } as const;
  const now = Date.parse('2026-11-23T12:00:00Z');
  test('the waiting line', () => {
    expect(waitingText(waiting, [], now)).toBe('waiting for ben or 1 other approver · prod/db-primary · code 47 · 2:58 left · Ctrl-C withdraws');
    expect(waitingText({ ...waiting, approvers: ['ben'] }, [], now)).toStartWith('waiting for ben · ');
    expect(waitingText({ ...waiting, approvers: ['ben', 'ada', 'eve'] }, [], now)).toStartWith('waiting for ben or 2 other approvers · ');
    expect(waitingText({ ...waiting, approvers: ['ben', 'ada', 'eve'], needed: 2 }, [], now)).toStartWith('waiting for 2 of ben, ada, eve · ');
    expect(waitingText({ ...waiting, approvers: ['ben', 'ada', 'eve'], needed: 2 }, ['ada'], now)).toStartWith('waiting for ben or 1 other approver · ');
    expect(waitingText({ ...waiting, paths: ['a', 'b', 'c'] }, [], now)).toContain(' · a and 2 others · ');
  });
  test('on a narrow terminal code and time stay, and the line never wraps', async () => {
    await using daemon = await startStubDaemon({
      ...showing(true),
      'POST /v1/release': (ask) =>
        ask.event({ ...waiting, paths: ['prod/a-very-long-path/of/a/database-primary'], expires_at: new Date(Date.now() + 100_000).toISOString() }),
    });
    for (const cols of [200, 80, 60, 40, 20]) {
      const { screen } = await onTerminal(['get', 'a', '--reveal'], daemon, [['code 47', '\x03']], cols);
      const line = /\r\x1b\[2K([^\r^]*code 47[^\r^]*)[\r^]/.exec(screen)?.[1] ?? '';
      expect(line.length).toBeLessThan(cols);
      expect(line).toMatch(/code 47( · 1:\d\d left)?/);
    }
  });
  test('durations and countdowns', () => {
    expect(['90s', '15m', '1h', '1h30m', '45'].map((text) => parseDuration(text, 'ttl', 86_400))).toEqual([90, 900, 3_600, 5_400, 45]);
    for (const text of ['', '0', '0s', '1d', '-1m', '1.5h', '25h', 'm', '1m1h']) expect(() => parseDuration(text, 'ttl', 86_400)).toThrow('--ttl is a time');
    expect([0, 45, 60, 900, 5_400].map(durationText)).toEqual(['0s', '45s', '1m', '15m', '1h30m']);
    expect([-5, 0, 1, 178_000, 3_778_000].map(countdown)).toEqual(['0:00', '0:00', '0:01', '2:58', '1:02:58']);
  });
  test('text of others', () => {
    expect(printable('a\u0000\u009b\u200b\u2066\u{e0041}\ud800é日')).toBe('a\\u{0}\\u{9b}\\u{200b}\\u{2066}\\u{e0041}\\u{d800}é日');
  });
  test('the nearest word', () => {
    expect(nearest('gte', ['get', 'put'])).toBe('get');
    expect(nearest('stauts', Object.keys(catalogue))).toBe('status');
    expect(nearest('xyzzy', Object.keys(catalogue))).toBeUndefined();
  });
});
