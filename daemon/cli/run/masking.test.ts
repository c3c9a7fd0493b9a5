// What a program of `run` prints (spec/17-run.md §masking, §terminal): real programs, pipes and a real terminal.
import { describe, expect, test } from 'bun:test';
import { createHash } from 'node:crypto';
import { createMask } from '../../../sdk/mask.ts';
import { releasing, startStubDaemon } from '../../../testing/stub-daemon.ts';
import { onTerminal, run, start } from '../test-command-line.ts';

const value = 'correct-horse-battery-staple';
const approving = { 'POST /v1/release': releasing({ 'prod/db': value, 'prod/pin': '1', 'prod/key': 'line-number-one\nline-number-two\n' }) };
const shell = (program: string, ...options: string[]): string[] => ['run', '-q', '-e', 'A=prod/db', ...options, '--', 'bash', '-c', program];

describe('INV-RUN-MASK between pipes', () => {
  test.each([
    ['raw', 'echo "<$A>"', '<[masked]>\n'],
    ['on standard error too, in its own stream', 'echo "<$A>" >&2; echo out', 'out\n'],
    ['base64', 'printf "%s" "<$A>" | base64 -w0 | head -c 100 | wc -c; printf %s "$A" | base64 -w0', '40\n[masked]'],
    ['hex', 'printf %s "$A" | od -An -tx1 | tr -d " \\n"', '[masked]'],
    ['in two writes with a pause', 'printf %s "${A:0:20}"; sleep 0.3; printf %s "${A:20}"; echo .', '[masked].\n'],
    ['the rest after a beginning that tells nothing', 'printf %s "${A:0:3}"; sleep 0.3; printf %s "${A:3}"; echo .', 'cor[masked].\n'],
    ['line by line', 'printf "  %s\\r\\n" $K', '  [masked]\r\n  [masked]\r\n'],
  ])('%s', async (_name, program, expected) => {
    await using daemon = await startStubDaemon(approving);
    const { out, err } = await run(shell(program, '-e', 'K=prod/key'), daemon);
    expect(out).toBe(expected);
    expect(out + err).not.toContain(value);
  });
  test('a prompt does not wait for what follows it', async () => {
    await using daemon = await startStubDaemon(approving);
    const child = start(shell('printf "to go on type c"; read x || sleep 1000'), daemon, 'out');
    await child.seen('type c'); // the last letter is the first of the value
    child.kill('SIGTERM');
    expect((await child.ended).code).toBe(143);
  });
  test('100 MB of any bytes pass unharmed, in bounded memory', async () => {
    await using daemon = await startStubDaemon(approving);
    const make = 'head -c 100000000 /dev/zero | openssl enc -aes-128-ctr -K 00 -iv 00 2>/dev/null';
    const wanted = Bun.spawnSync(['bash', '-c', `${make} | sha256sum`])
      .stdout.toString()
      .split(' ')[0];
    const child = Bun.spawn([process.execPath, `${import.meta.dir}/../../main.ts`, ...shell(`${make}; grep VmHWM /proc/$PPID/status >&2`)], {
      env: { PATH: process.env['PATH'] ?? '', STILLVAULT_SOCKET: daemon.socketPath },
      stdout: 'pipe',
      stderr: 'pipe',
    });
    const hash = createHash('sha256');
    for await (const chunk of child.stdout) hash.update(chunk);
    expect(hash.digest('hex')).toBe(wanted ?? '');
    expect(Number(/\d+/.exec(await new Response(child.stderr).text())?.[0])).toBeLessThan(250_000); // kB, the runtime's own included
  });
  test('a reader that leaves ends the program as a pipe does', async () => {
    await using daemon = await startStubDaemon(approving);
    const main = `${import.meta.dir}/../../main.ts`;
    const piped = `"${process.execPath}" "${main}" run -q -e A=prod/db -- yes | head -1; echo "\${PIPESTATUS[0]}"`;
    const child = Bun.spawn(['bash', '-c', piped], { env: { PATH: process.env['PATH'] ?? '', STILLVAULT_SOCKET: daemon.socketPath }, stdout: 'pipe' });
    const plain = Bun.spawnSync(['bash', '-c', 'yes | head -1; echo "${PIPESTATUS[0]}"']).stdout.toString();
    expect(await new Response(child.stdout).text()).toBe(plain);
  });
  test('what a program leaves running does not hold us up', async () => {
    await using daemon = await startStubDaemon(approving);
    expect(await run(shell('sleep 1000 & echo "$!"'), daemon)).toMatchObject({ code: 0 });
  });
  test('a value too short to be masked is said; --no-mask passes everything', async () => {
    await using daemon = await startStubDaemon(approving);
    expect((await run(['run', '-e', 'A=prod/pin', '--', 'sh', '-c', 'echo $A'], daemon)).err).toContain('prod/pin is too short to be masked');
    expect((await run(shell('echo "$A"', '--no-mask'), daemon)).out).toBe(`${value}\n`);
  });
});

describe('INV-RUN-TTY at a terminal', () => {
  test('the program has one of the same size, and is masked', async () => {
    await using daemon = await startStubDaemon(approving);
    const { code, screen } = await onTerminal(shell('test -t 0 && test -t 1 && test -t 2 && stty size && echo "<$A>"; exit 7'), daemon);
    expect({ code, screen }).toEqual({ code: 7, screen: '30 120\r\n<[masked]>\r\n' });
  });
  test('its size follows ours', async () => {
    await using daemon = await startStubDaemon(approving);
    let screen = '';
    const { promise: ready, resolve } = Promise.withResolvers<void>();
    const child = Bun.spawn(
      [process.execPath, `${import.meta.dir}/../../main.ts`, ...shell("trap 'stty size; exit' WINCH; echo ready; while :; do sleep 0.02; done")],
      {
        env: { PATH: process.env['PATH'] ?? '', STILLVAULT_SOCKET: daemon.socketPath, TERM: 'xterm' },
        terminal: {
          cols: 100,
          rows: 20,
          data(_terminal, data) {
            screen += new TextDecoder().decode(data);
            if (screen.includes('ready')) resolve();
          },
        },
      },
    );
    await ready;
    child.terminal?.resize(77, 11);
    await child.exited;
    child.terminal?.close();
    expect(screen).toContain('11 77');
  });
  test('keys arrive one by one, and are seen at once', async () => {
    await using daemon = await startStubDaemon(approving);
    const program = 'stty -echo -icanon; echo ready; read -rn1 k; echo "got $k"; read -rn1 k; echo "and $k"';
    const { code, screen } = await onTerminal(shell(program), daemon, [
      ['ready', 'c'],
      ['got c', 'o'],
    ]);
    expect({ code, end: screen.trimEnd().split('\r\n').at(-1) }).toEqual({ code: 0, end: 'and o' });
  });
  test('a shell inside has job control', async () => {
    await using daemon = await startStubDaemon(approving);
    const { screen } = await onTerminal(['run', '-q', '-e', 'A=prod/db', '--', 'bash', '--norc', '-i'], { ...daemon, env: { PS1: 'ready> ' } }, [
      ['ready> ', `sh -c 'printf U; printf P; exec sleep 1000'\r`],
      ['UP', '\x1a'],
      ['Stopped', 'kill -9 %1; echo "$A"\r'],
      ['[masked]', 'exit\rexit\r'],
    ]);
    expect(screen).toContain('[masked]');
    expect(screen).not.toContain(value);
  });
  test('our own terminal is as before at every end', async () => {
    await using daemon = await startStubDaemon(approving);
    const inside = `"${process.execPath}" "${import.meta.dir}/../../main.ts" run -q -e A=prod/db -- bash -c`;
    for (const program of ['exit 3', 'kill -KILL $$', 'kill -TERM $PPID; sleep 1000']) {
      let screen = '';
      const decoder = new TextDecoder();
      const child = Bun.spawn(['bash', '-c', `stty -g; ${inside} '${program}'; stty -g`], {
        env: { PATH: process.env['PATH'] ?? '', STILLVAULT_SOCKET: daemon.socketPath, TERM: 'xterm' },
        terminal: { data: (_terminal, data) => void (screen += decoder.decode(data, { stream: true })) },
      });
      await child.exited;
      const [before, after] = screen.split('\r\n').filter((line) => /^[0-9a-f:]{20,}$/.test(line));
      expect(after).toBe(before ?? 'none');
      child.terminal?.close();
    }
  });
  test('--no-tty gives pipes; --tty without a terminal is refused', async () => {
    await using daemon = await startStubDaemon(approving);
    expect((await onTerminal(shell('test -t 1 || echo pipe', '--no-tty'), daemon)).screen).toBe('pipe\r\n');
    expect((await run(shell('true', '--tty'), daemon)).code).toBe(125);
    expect(daemon.asks).toHaveLength(1);
  });
});

test('INV-RUN-MASK a pause shows at most a quarter of a value, 3 bytes, and never more by further pauses', () => {
  const bytes = new TextEncoder().encode(value);
  const stream = createMask([bytes]).stream();
  let shown = '';
  const add = (part: Uint8Array): void => void (shown += new TextDecoder().decode(part));
  for (const byte of bytes) {
    add(stream.push(Uint8Array.of(byte)));
    add(stream.idle());
    add(stream.idle());
  }
  add(stream.end());
  expect(shown).toBe('cor[masked]');
});
