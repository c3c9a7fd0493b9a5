// `stillvault run`: the program gets exactly what was written, the value gets nowhere else.
import { afterAll, describe, expect, test } from 'bun:test';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { failure, releasing, startStubDaemon, waitingEvent } from '../../testing/stub-daemon.ts';
import { parseEnvFile } from './run/variables.ts';
import { onTerminal, run, start } from './test-command-line.ts';

const dir = mkdtempSync(join(tmpdir(), 'sv-run-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const file = (name: string, text: string, mode = 0o644): string => {
  writeFileSync(join(dir, name), text);
  chmodSync(join(dir, name), mode);
  return join(dir, name);
};

const value = 'correct horse battery \u00e9';
const secrets = { 'prod/db': value, 'prod/db#user': 'ben', 'prod/key': 'k' };
const approving = { 'POST /v1/release': releasing(secrets) };

describe('what the program gets', () => {
  test('references of options, files and the environment: one request, each secret once', async () => {
    await using daemon = await startStubDaemon(approving);
    const env = file('.env', '# comment\nPLAIN=1\nexport B="stillvault://prod/db#user"\n');
    const words = ['run', '--no-mask', '-e', 'A=prod/db', '--env', 'AGAIN=stillvault://prod/db', '--env-file', env, '--reason', 'deploy', '--ttl', '15m', '--'];
    const { code, out } = await run([...words, 'sh', '-c', 'echo "$A|$AGAIN|$PLAIN|$B|$C"'], { ...daemon, env: { C: 'stillvault://prod/key' } });
    expect({ code, out }).toEqual({ code: 0, out: `${value}|${value}|1|ben|k\n` });
    expect(daemon.asks).toEqual([
      {
        call: 'POST /v1/release',
        body: { items: [{ path: 'prod/key' }, { path: 'prod/db', field: 'user' }, { path: 'prod/db' }], reason: 'deploy', lease: { ttlS: 900 } },
      },
    ]);
  });

  test('-e wins over a file, a file over the environment', async () => {
    await using daemon = await startStubDaemon(approving);
    const env = file('order.env', 'A=from-file\nB=stillvault://prod/key\n');
    const { out } = await run(['run', '-e', 'C=prod/db#user', '--env-file', env, 'sh', '-c', 'echo "$A $B $C"'], {
      ...daemon,
      env: { A: 'x', B: 'y', C: 'stillvault://gone' },
    });
    expect(out).toBe('from-file k ben\n');
    expect(JSON.stringify(daemon.asks)).not.toContain('gone');
  });

  test('arguments exactly as written', async () => {
    await using daemon = await startStubDaemon(approving);
    const odd = ['a b', '', '$HOME', '`id`', '--json', '--', '-e', 'X=1', '*', "it's", '"', '\\', 'é\n日'];
    const { out } = await run(['run', '-e', 'A=prod/db', '--', 'sh', '-c', 'for a in "$@"; do printf "%s\\0" "$a"; done', 'sh', ...odd], daemon);
    expect(out.split('\0').slice(0, -1)).toEqual(odd);
  });

  test('the first word that is no option begins the program', async () => {
    await using daemon = await startStubDaemon(approving);
    expect((await run(['run', '-e', 'A=prod/db', 'sh', '-c', 'echo "$0 $1"', '--help', '-q'], daemon)).out).toBe('--help -q\n');
  });

  test('an argument that is no text is refused, not changed', async () => {
    const shell = Bun.spawn(['bash', '-c', `exec "${process.execPath}" "${import.meta.dir}/../main.ts" run -- echo $'\\xff'`], {
      env: { PATH: process.env['PATH'] ?? '' },
      stderr: 'pipe',
    });
    expect(await new Response(shell.stdout).text()).toBe('');
    expect(await new Response(shell.stderr).text()).toContain('not UTF-8');
    expect(await shell.exited).toBe(125);
  });

  test('standard input is the program’s', async () => {
    await using daemon = await startStubDaemon(approving);
    expect((await run(['run', '-e', 'A=prod/db', 'cat'], { ...daemon, input: 'typed' })).out).toBe('typed');
  });

  test('without a reference nobody is asked', async () => {
    expect(await run(['run', '--', 'sh', '-c', 'echo ran'], { socketPath: '/nonexistent/d.sock' })).toMatchObject({ code: 0, out: 'ran\n' });
  });

  test('a terminal stays a terminal', async () => {
    await using daemon = await startStubDaemon(approving);
    const { code, screen } = await onTerminal(['run', '-q', '-e', 'A=prod/db', '--', 'sh', '-c', 'test -t 0 && test -t 1 && stty size'], daemon);
    expect({ code, screen }).toEqual({ code: 0, screen: '30 120\r\n' });
  });
});

describe('how it ends', () => {
  test.each([0, 1, 42, 125, 255])('exit code %d passes', async (exit) => {
    await using daemon = await startStubDaemon(approving);
    expect((await run(['run', '-e', 'A=prod/db', '--', 'sh', '-c', `exit ${exit}`], daemon)).code).toBe(exit);
  });
  test('ended by a signal: 128+n', async () => {
    await using daemon = await startStubDaemon(approving);
    expect((await run(['run', '-e', 'A=prod/db', '--', 'sh', '-c', 'kill -KILL $$'], daemon)).code).toBe(137);
  });
  test.each(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1', 'SIGQUIT'] as const)('%s reaches the program', async (signal) => {
    await using daemon = await startStubDaemon(approving);
    const child = start(
      ['run', '-e', 'A=prod/db', '--', 'sh', '-c', `trap 'echo got; exit 7' ${signal.slice(3)}; echo ready >&2; while :; do sleep 0.02; done`],
      daemon,
    );
    await child.seen('ready');
    child.kill(signal);
    expect(await child.ended).toMatchObject({ code: 7, out: 'got\n' });
  });
  test('Ctrl-C at a terminal reaches the program once', async () => {
    await using daemon = await startStubDaemon(approving);
    const program = `trap 'n=$((n+1)); echo int' INT; echo ready; i=0; while [ $i -lt 12 ]; do sleep 0.03; i=$((i+1)); done; echo "n=$n"`;
    const { code, screen } = await onTerminal(['run', '-e', 'A=prod/db', '--', 'sh', '-c', program], daemon, [['ready', '\x03']]);
    expect({ code, n: /n=\d+/.exec(screen)?.[0] }).toEqual({ code: 0, n: 'n=1' });
  });
  test('not found: 127, not executable: 126, and nobody is asked', async () => {
    await using daemon = await startStubDaemon(approving);
    const plain = file('plain', 'x');
    expect(await run(['run', '-e', 'A=prod/db', '--', 'no-such-program-here'], daemon)).toMatchObject({ code: 127, out: '' });
    expect(await run(['run', '-e', 'A=prod/db', '--', join(dir, 'gone')], daemon)).toMatchObject({ code: 127 });
    expect(await run(['run', '-e', 'A=prod/db', '--', plain], daemon)).toMatchObject({ code: 126 });
    expect(await run(['run', '-e', 'A=prod/db', '--', dir], daemon)).toMatchObject({ code: 126 });
    expect(daemon.asks).toEqual([]);
  });
  test('a script whose interpreter is missing: 127', async () => {
    await using daemon = await startStubDaemon(approving);
    const script = file('script', '#!/no/such/interpreter\n', 0o755);
    expect((await run(['run', '-e', 'A=prod/db', '--', script], daemon)).code).toBe(127);
  });
  test.each(['denied', 'expired', 'unreachable', 'not_found', 'policy_forbids', 'not_enrolled'] as const)(
    '%s: 125, the code in JSON on standard error, the program never started',
    async (code) => {
      await using daemon = await startStubDaemon({
        'POST /v1/release': (ask) => {
          ask.event(waitingEvent(['prod/db']));
          ask.event({ event: 'error', ...failure(code, 'no') });
          ask.end();
        },
      });
      const ended = await run(['run', '--json', '-e', 'A=prod/db', '--', 'sh', '-c', 'echo started'], daemon);
      expect(ended).toMatchObject({ code: 125, out: '' });
      expect(
        ended.err
          .trimEnd()
          .split('\n')
          .map((line): unknown => JSON.parse(line)),
      ).toMatchObject([{ event: 'waiting' }, { error: { code } }]);
    },
  );
  test('no daemon: 125', async () => {
    expect(await run(['run', '-e', 'A=prod/db', '--', 'echo', 'started'], { socketPath: '/nonexistent/d.sock' })).toMatchObject({ code: 125, out: '' });
  });
  test.each([
    [['run']],
    [['run', '-e', 'A=prod/db']],
    [['run', '-e', 'A', '--', 'true']],
    [['run', '-e', '1A=prod/db', '--', 'true']],
    [['run', '-e', 'A=', '--', 'true']],
    [['run', '-e', 'A=prod/ db', '--', 'true']],
    [['run', '--env-file', '/nonexistent', '--', 'true']],
    [['run', ...Array.from({ length: 17 }, (_, at) => ['-e', `A${at}=s/${at}`]).flat(), '--', 'true']],
  ])('usage: %p', async (words) => {
    const { code, err } = await run(words, { socketPath: '/nonexistent/d.sock' });
    expect(code).toBe(125);
    expect(err).toStartWith('stillvault: ');
    expect(err).not.toContain('daemon');
  });
  test('a value that no environment can carry: not started, rather than started with another', async () => {
    for (const bytes of [new Uint8Array([65, 0, 66]), new Uint8Array([0xff])]) {
      await using daemon = await startStubDaemon({ 'POST /v1/release': releasing({ 'prod/db': bytes }, 'lease') });
      expect(await run(['run', '-e', 'A=prod/db', '--', 'echo', 'started'], daemon)).toMatchObject({ code: 125, out: '' });
    }
  });
  test('Ctrl-C while waiting withdraws and starts nothing', async () => {
    const withdrawn = Promise.withResolvers<void>();
    await using daemon = await startStubDaemon({
      'POST /v1/release': async (ask) => {
        ask.event(waitingEvent(['prod/db']));
        await ask.gone;
        withdrawn.resolve();
      },
    });
    const child = start(['run', '-e', 'A=prod/db', '--', 'echo', 'started'], daemon);
    await child.seen('Ctrl-C withdraws');
    child.kill('SIGINT');
    await withdrawn.promise;
    expect(await child.ended).toMatchObject({ code: 130, out: '' });
  });
});

describe('where the value is', () => {
  test('in the program’s environment; not in ours, nor in any argument, nor on standard error', async () => {
    await using daemon = await startStubDaemon(approving);
    const child = start(['run', '-e', 'A=prod/db', '--', 'sh', '-c', 'echo "pid $$" >&2; read x; printf %s "$A"'], { ...daemon, env: {} });
    // Its input is closed, so it ends by itself; what we need is read from /proc while it runs.
    const seen = Bun.spawn([process.execPath, join(import.meta.dir, '../main.ts'), 'run', '-e', 'A=prod/db', '--', 'sh', '-c', 'echo "pid $$"; read x'], {
      env: { PATH: process.env['PATH'] ?? '', STILLVAULT_SOCKET: daemon.socketPath },
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: 'pipe',
    });
    const { value: first } = await seen.stdout.getReader().read();
    const pid = Number(new TextDecoder().decode(first).replace('pid ', ''));
    const read = (of: number, what: string): string => readFileSync(`/proc/${of}/${what}`, 'utf8');
    expect(read(pid, 'environ')).toContain(`A=${value}`);
    for (const text of [read(seen.pid, 'environ'), read(seen.pid, 'cmdline'), read(pid, 'cmdline')]) expect(text).not.toContain('horse');
    await seen.stdin.end();
    await seen.exited;
    expect(await new Response(seen.stderr).text()).not.toContain('horse');
    const ended = await child.ended;
    expect(ended.out).toBe('[masked]');
    expect(ended.err).not.toContain('horse');
  });
});

describe('env files', () => {
  test('what lines mean', () => {
    const text = 'A=1\nB = two words # note\nC="x # y\\n\\"z\\""\nD=\'$raw\\n\'\nE=\n\n  # c\nexport F=a=b\r\nG=""';
    expect(parseEnvFile('f', text)).toEqual([
      ['A', '1'],
      ['B', 'two words'],
      ['C', 'x # y\n"z"'],
      ['D', '$raw\\n'],
      ['E', ''],
      ['F', 'a=b'],
      ['G', ''],
    ]);
  });
  test.each(['A', '1A=x', 'A="open', "A='open", 'A B=x', 'A="x" y'])('refused with its line, never its text: %p', (line) => {
    expect(() => parseEnvFile('f.env', `OK=1\n${line}`)).toThrow('f.env line 2 is not NAME=value');
  });
});
