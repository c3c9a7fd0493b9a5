// `stillvault get` as a process, against a daemon that says what the test wants.
import { describe, expect, test } from 'bun:test';
import { exitCodes, failureCodes } from '../../protocol/local-api.ts';
import { failure, releasing, showing, someLease, startStubDaemon, waitingEvent, type StubAnswers } from '../../testing/stub-daemon.ts';
import { lastJson, onTerminal, run, start } from './test-command-line.ts';

const value = 'correct horse \u00e9\n\n';
const secrets = { 'prod/db-primary': value, 'prod/db-primary#password': 'pw' };
const approving: StubAnswers = { 'POST /v1/release': releasing(secrets) };
const leased: StubAnswers = { 'POST /v1/release': releasing(secrets, 'lease') };

describe('what comes out', () => {
  test('a pipe gets the exact bytes, nothing else', async () => {
    const bytes = crypto.getRandomValues(new Uint8Array(4_096));
    await using daemon = await startStubDaemon({ 'POST /v1/release': releasing({ 'prod/blob': bytes }, 'lease') });
    const { code, bytes: got, err } = await run(['get', 'prod/blob'], daemon);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(Buffer.from(got).equals(bytes)).toBe(true);
  });

  test.each([
    ['prod/db-primary', { path: 'prod/db-primary' }],
    ['prod/db-primary#password', { path: 'prod/db-primary', field: 'password' }],
    ['stillvault://prod/db-primary#password', { path: 'prod/db-primary', field: 'password' }],
  ])('the reference %p', async (reference, item) => {
    await using daemon = await startStubDaemon(leased);
    const { out } = await run(['get', reference], daemon);
    expect(out).toBe('field' in item ? 'pw' : value);
    expect(daemon.asks).toEqual([{ call: 'POST /v1/release', body: { items: [item] } }]);
  });

  test('options become the ask', async () => {
    await using daemon = await startStubDaemon(leased);
    await run(['get', 'prod/db-primary', '--reason', 'migrate', '--agent=claude', '--ttl', '15m', '--uses', '20', '--scope', 'exe', '--wait', '1m30s'], daemon);
    expect(daemon.asks[0]?.body).toEqual({
      items: [{ path: 'prod/db-primary' }],
      reason: 'migrate',
      agent: 'claude',
      lease: { ttlS: 900, uses: 20, scope: 'exe' },
      timeoutS: 90,
    });
  });

  test('JSON: every event a line, the value in the last', async () => {
    await using daemon = await startStubDaemon({ 'POST /v1/release': releasing(secrets, 'approval', someLease) });
    const ended = await run(['get', 'prod/db-primary', '--json'], daemon);
    const lines = ended.out
      .trimEnd()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    expect(lines).toMatchObject([
      { event: 'waiting', code: '47', paths: ['prod/db-primary'], approvers: ['ben', 'ada'], needed: 1 },
      { event: 'shown', member: 'ben', device: 'phone' },
      { event: 'approved', member: 'ben', have: 1, needed: 1 },
      { event: 'released', from: 'approval', path: 'prod/db-primary', version: 3, value, approved_by: ['ben'], lease: someLease },
    ]);
    expect(ended.err).toBe('');
  });

  test('JSON: bytes that are no text come as base64', async () => {
    await using daemon = await startStubDaemon({ 'POST /v1/release': releasing({ a: new Uint8Array([0xff, 0]) }, 'lease') });
    expect(lastJson(await run(['get', 'a', '--json'], daemon))).toMatchObject({ value_base64: '/wA=' });
  });

  test('a reader that goes away ends us quietly', async () => {
    await using daemon = await startStubDaemon({ 'POST /v1/release': releasing({ a: new Uint8Array(200_000) }, 'lease') });
    const shell = Bun.spawn(['bash', '-c', `"${process.execPath}" daemon/main.ts get a | head -c1 >/dev/null; echo "\${PIPESTATUS[0]}"`], {
      cwd: `${import.meta.dir}/../..`,
      env: { ...process.env, STILLVAULT_SOCKET: daemon.socketPath },
      stderr: 'pipe',
    });
    expect(await new Response(shell.stdout).text()).toBe('141\n');
    expect(await new Response(shell.stderr).text()).toBe('');
  });
});

describe('the terminal as the place where the value goes', () => {
  test('is refused before anybody is asked', async () => {
    await using daemon = await startStubDaemon(approving);
    const { code, screen } = await onTerminal(['get', 'prod/db-primary'], daemon);
    expect(code).toBe(2);
    expect(screen).toContain('add --reveal');
    expect(daemon.asks).toEqual([]);
  });
  test('is refused for JSON too', async () => {
    await using daemon = await startStubDaemon(approving);
    expect((await onTerminal(['get', 'prod/db-primary', '--json'], daemon)).code).toBe(2);
    expect(daemon.asks).toEqual([]);
  });
  test('with --reveal shows it, a newline after it, and what moves the cursor as text', async () => {
    await using daemon = await startStubDaemon({ ...showing(true), 'POST /v1/release': releasing({ a: 'x\x1b]0;evil\x07y' }, 'lease') });
    const { code, screen } = await onTerminal(['get', 'a', '--reveal'], daemon);
    expect(code).toBe(0);
    expect(screen).toContain('x\\u{1b}]0;evil\\u{7}y\r\n');
    expect(screen).not.toContain('\x1b]');
  });
  test('with --reveal -n no newline follows', async () => {
    await using daemon = await startStubDaemon({ ...showing(true), 'POST /v1/release': releasing({ a: 'abc' }, 'lease') });
    expect((await onTerminal(['get', 'a', '--reveal', '-n'], daemon)).screen).toBe('abc');
  });
  test('with --reveal, where the policy lets it be shown to nobody: refused before anybody is asked', async () => {
    await using daemon = await startStubDaemon({ ...showing(false), ...approving });
    const { code, screen } = await onTerminal(['get', 'prod/db-primary', '--reveal'], daemon);
    expect(code).toBe(15);
    expect(screen).toContain('prod/db-primary is shown on no screen: its rule prod/** does not allow it');
    expect(screen).not.toContain('correct horse');
    expect(daemon.asks.map(({ call }) => call)).toEqual(['GET /v1/secrets/info']);
    expect((await run(['get', 'prod/db-primary', '--reveal'], daemon)).out).toBe(value);
  });
});

describe('while people decide', () => {
  const line = /waiting for ben or 1 other approver · prod\/db-primary · code 47 · 2:5[678] left · Ctrl-C withdraws/;

  test('elsewhere than on a terminal: one line a change, on standard error', async () => {
    await using daemon = await startStubDaemon(approving);
    const { out, err } = await run(['get', 'prod/db-primary'], daemon);
    const [waiting, ...rest] = err.split('\n');
    expect(waiting).toMatch(line);
    expect(rest).toEqual(["shown on ben's phone 12:03", 'approved by ben · once', '']);
    expect(out).toBe(value);
  });

  test('on a terminal: in place, gone when done', async () => {
    await using daemon = await startStubDaemon({ ...showing(true), ...approving });
    const { screen } = await onTerminal(['get', 'prod/db-primary', '--reveal'], daemon);
    expect(screen).toMatch(line);
    expect(screen).toContain("\r\x1b[2Kshown on ben's phone 12:03\r\n\r\x1b[2Kwaiting for ben");
    expect(screen).toContain('\r\x1b[2Kapproved by ben · once');
  });

  test('a daemon that takes its time: said at once on a terminal, and Ctrl-C works', async () => {
    const withdrawn = Promise.withResolvers<void>();
    await using daemon = await startStubDaemon({
      ...showing(true),
      'POST /v1/release': async (ask) => {
        await ask.gone;
        withdrawn.resolve();
      },
    });
    const { code, screen } = await onTerminal(['get', 'a', '--reveal'], daemon, [['asking · Ctrl-C withdraws', '\x03']]);
    await withdrawn.promise;
    expect(code).toBe(130);
    expect(screen).toContain('stillvault:');
    expect(screen).toContain('withdrawn');
  });

  test('-q: nothing but the value', async () => {
    await using daemon = await startStubDaemon(approving);
    expect(await run(['get', '-q', 'prod/db-primary'], daemon)).toMatchObject({ code: 0, out: value, err: '' });
  });

  test('a quorum is counted down by names', async () => {
    await using daemon = await startStubDaemon({
      'POST /v1/release': (ask) => {
        ask.event({ ...waitingEvent(['prod/root']), approvers: ['ben', 'ada', 'eve'], needed: 2 });
        ask.event({ event: 'approved', member: 'ada', have: 1, needed: 2 });
        ask.event({ event: 'denied', member: 'eve', final: true });
        ask.event({ event: 'error', ...failure('denied', 'eve denied prod/root', { next: 'ask eve' }) });
        ask.end();
      },
    });
    const { code, err } = await run(['get', 'prod/root'], daemon);
    expect(code).toBe(10);
    expect(err).toMatch(/^waiting for 2 of ben, ada, eve · prod\/root · code 47/);
    expect(err).toContain('ada approved, 1 of 2\nstillvault: eve denied prod/root\n  next: ask eve\n');
  });

  test('names of others cannot move the cursor', async () => {
    await using daemon = await startStubDaemon({
      'POST /v1/release': (ask) => {
        ask.event({ ...waitingEvent(['prod/\u202ebd']), approvers: ['b\x1b[2Jen'] });
        ask.event({ event: 'error', ...failure('denied', 'no\r\x1b[A') });
        ask.end();
      },
    });
    const { err, out } = await run(['get', 'a'], daemon);
    expect(err).toContain('waiting for b\\u{1b}[2Jen · prod/\\u{202e}bd');
    expect(err).toContain('stillvault: no\\u{d}\\u{1b}[A\n');
    const json = await run(['get', 'a', '--json'], daemon);
    expect(json.out).toContain('prod/\\u202ebd');
    expect(out + err + json.out).not.toMatch(/[\x1b\u202e\r]/);
  });

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s withdraws: the connection closes', async (signal, exit) => {
    const withdrawn = Promise.withResolvers<void>();
    await using daemon = await startStubDaemon({
      'POST /v1/release': async (ask) => {
        ask.event(waitingEvent(['prod/db-primary']));
        await ask.gone;
        withdrawn.resolve();
      },
    });
    const child = start(['get', 'prod/db-primary'], daemon);
    await child.seen('Ctrl-C withdraws');
    child.kill(signal);
    await withdrawn.promise;
    const { code, out, err } = await child.ended;
    expect({ code, out }).toEqual({ code: exit, out: '' });
    expect(err).toContain('withdrawn: nobody is asked any more');
  });

  test('Ctrl-C typed at a terminal withdraws', async () => {
    const withdrawn = Promise.withResolvers<void>();
    await using daemon = await startStubDaemon({
      ...showing(true),
      'POST /v1/release': async (ask) => {
        ask.event(waitingEvent(['prod/db-primary']));
        await ask.gone;
        withdrawn.resolve();
      },
    });
    const { code, screen } = await onTerminal(['get', 'prod/db-primary', '--reveal'], daemon, [['Ctrl-C withdraws', '\x03']]);
    await withdrawn.promise;
    expect(code).toBe(130);
    expect(screen).toContain('withdrawn');
  });

  test('withdrawn in JSON', async () => {
    await using daemon = await startStubDaemon({ 'POST /v1/release': (ask) => ask.event(waitingEvent(['a'])) });
    const child = start(['get', 'a', '--json'], daemon);
    while (daemon.asks.length === 0) await Bun.sleep(5);
    child.kill('SIGINT');
    const ended = await child.ended;
    expect(ended.code).toBe(130);
    expect(lastJson(ended)).toMatchObject({ error: { code: 'withdrawn' } });
  });
});

describe('failures', () => {
  test.each(failureCodes)('%s: its exit code, its text, its JSON', async (code) => {
    await using daemon = await startStubDaemon({
      'POST /v1/release': (ask) => {
        ask.event({ event: 'error', ...failure(code, 'what happened', { next: 'try this', detail: 'E_TEST' }) });
        ask.end();
      },
    });
    const [text, json] = await Promise.all([run(['get', 'a'], daemon), run(['get', 'a', '--json'], daemon)]);
    expect(text).toMatchObject({ code: exitCodes[code], out: '', err: 'stillvault: what happened (E_TEST)\n  next: try this\n' });
    expect(json).toMatchObject({ code: exitCodes[code], err: '' });
    expect(JSON.parse(json.out)).toEqual({ error: { code, message: 'what happened', next: 'try this', detail: 'E_TEST' } });
  });

  test('no daemon: 13, and how to start one', async () => {
    const ended = await run(['get', 'a', '--json'], { socketPath: '/nonexistent/d.sock' });
    expect(ended.code).toBe(13);
    expect(lastJson(ended)).toMatchObject({ error: { code: 'daemon_not_running', next: 'stillvault up' } });
  });

  test('an answer cut off in the middle releases nothing', async () => {
    await using daemon = await startStubDaemon({
      'POST /v1/release': (ask) => {
        ask.event(waitingEvent(['a']));
        ask.end();
      },
    });
    expect(await run(['get', 'a'], daemon)).toMatchObject({ code: 1, out: '' });
  });

  test.each([
    [['get']],
    [['get', 'a', 'b']],
    [['get', 'a b']],
    [['get', 'a', '--uses', '3']],
    [['get', 'a', '--ttl', 'soon']],
    [['get', 'a', '--ttl', '2d']],
    [['get', 'a', '--wait', '16m']],
    [['get', 'a', '--scope', 'world', '--ttl', '1m']],
    [['get', 'a', '--lease-only', '--ttl', '1m']],
    [['get', 'a', '--reason']],
    [['get', 'a', '--reason', 'x', '--reason', 'y']],
    [['get', 'a', '--reval']],
    [['get', 'a', '-x']],
    [['get', 'a', '--reveal=yes']],
  ])('usage: %p', async (words) => {
    await using daemon = await startStubDaemon(approving);
    const { code, out, err } = await run(words, daemon);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(/^stillvault: [^\n]+\n {2}next: [^\n]+\n$/);
    expect(daemon.asks).toEqual([]);
  });
});
