// stillvault_run: argv without a shell, a process group, bounds, masks (spec/13-mcp.md §run).
import { describe, expect, test } from 'bun:test';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { releasing } from '../testing/stub-daemon.ts';
import { type Host, startDaemonStub, startHost } from './test-host.ts';

const value = 'correct horse battery staple';
const reason = 'nightly report';
const ref = 'stillvault://prod/db';

async function withHost(use: (host: Host, folder: string, asks: readonly unknown[]) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'sv-mcp-'));
  await using stub = await startDaemonStub({ 'POST /v1/release': releasing({ 'prod/db': value, 'prod/pem': 'first line of it\nsecond line of it\n' }) });
  await using host = await startHost({ socketPath: stub.socketPath });
  try {
    await use(host, folder, stub.asks);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
const until = async (is: () => boolean): Promise<void> => {
  while (!is()) await Bun.sleep(10);
};

describe('a program', () => {
  test('INV-MCP-RUN gets its arguments as they are, no shell between', () =>
    withHost(async (host) => {
      const argv = ['printf', '%s\\n', '$SECRET', '`id`', 'a  b', ';echo', "'"];
      const { structured } = await host.call('stillvault_run', { argv, env: { SECRET: ref }, reason });
      expect(structured).toMatchObject({ stdout: { text: "$SECRET\n`id`\na  b\n;echo\n'\n" } });
    }));

  test('gets values by environment and standard input, and works in the folder given', () =>
    withHost(async (host, folder, asks) => {
      const argv = ['sh', '-c', 'printf %s "$SECRET" > env; cat > input; pwd'];
      const { structured } = await host.call('stillvault_run', { argv, env: { SECRET: 'prod/db' }, stdin: `key: {{ ${ref} }}\n`, cwd: folder, reason });
      expect(structured).toMatchObject({ exit_code: 0, stdout: { text: `${folder}\n` } });
      expect(readFileSync(join(folder, 'env'), 'utf8')).toBe(value);
      expect(readFileSync(join(folder, 'input'), 'utf8')).toBe(`key: ${value}\n`);
      expect(asks).toHaveLength(1);
    }));

  test('its exit code, signal and error output come back; its failure is none of the call', () =>
    withHost(async (host) => {
      const failing = await host.call('stillvault_run', { argv: ['sh', '-c', 'echo "bad: $S" >&2; exit 3'], env: { S: ref }, reason });
      expect(failing.structured).toMatchObject({ status: 'ok', exit_code: 3, stderr: { text: 'bad: [masked]\n' } });
      expect(failing.isError).toBe(false);
      const killed = await host.call('stillvault_run', { argv: ['sh', '-c', 'kill -9 $$'], reason });
      expect(killed.structured).toMatchObject({ status: 'ok', signal: 'SIGKILL' });
    }));

  test('INV-MCP-RUN that does not end in time is ended with all that it started', () =>
    withHost(async (host, folder) => {
      const argv = ['sh', '-c', `sh -c 'echo $$ > ${folder}/pid; trap "" TERM; while :; do sleep 0.05; done' & wait`];
      const { structured } = await host.call('stillvault_run', { argv, reason, timeout_s: 1 });
      expect(structured).toMatchObject({ timed_out: true });
      const pid = Number(readFileSync(join(folder, 'pid'), 'utf8'));
      await until(() => !existsSync(`/proc/${pid}`) || readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z '));
    }));

  test('INV-MCP-RUN what it leaves running in its group ends with it', () =>
    withHost(async (host, folder) => {
      const argv = ['sh', '-c', `(echo started > ${folder}/f; sleep 600) & while ! test -s ${folder}/f; do :; done; echo $!`];
      const { structured } = await host.call('stillvault_run', { argv, env: { S: ref }, reason });
      const { text } = structured['stdout'] as { text: string }; // cast: as the schema says
      await until(() => !existsSync(`/proc/${text.trim()}`) || readFileSync(`/proc/${text.trim()}/stat`, 'utf8').includes(') Z '));
    }));

  test('INV-MCP-RUN ends when the call is cancelled', () =>
    withHost(async (host, folder) => {
      const cancelling = new AbortController();
      const argv = ['sh', '-c', `echo $$ > ${folder}/p; mv ${folder}/p ${folder}/pid; exec sleep 600`];
      const call = host.call('stillvault_run', { argv, env: { S: ref }, reason }, { signal: cancelling.signal }).catch(() => 'cancelled');
      await until(() => existsSync(join(folder, 'pid')));
      const pid = readFileSync(join(folder, 'pid'), 'utf8').trim();
      cancelling.abort();
      expect(await call).toBe('cancelled');
      await until(() => !existsSync(`/proc/${pid}`));
    }));

  test('of much output, the end is shown, and told how much is not', () =>
    withHost(async (host) => {
      const { structured } = await host.call('stillvault_run', {
        argv: ['sh', '-c', 'head -c 200000 /dev/zero | tr "\\0" x; echo "the end $S"'],
        env: { S: ref },
        reason,
      });
      const { text, cut_bytes: cut } = structured['stdout'] as { text: string; cut_bytes: number }; // cast: as the schema says
      expect(text.length).toBe(65_536);
      expect(text.endsWith('the end [masked]\n')).toBe(true);
      expect(cut).toBe(200_000 + 'the end [masked]\n'.length - 65_536);
    }));

  test('INV-MCP-VALUE what one call released is masked in the output of every later one', () =>
    withHost(async (host, folder) => {
      await host.call('stillvault_run', { argv: ['sh', '-c', `printenv S > ${folder}/s; printenv P > ${folder}/p`], env: { S: ref, P: 'prod/pem' }, reason });
      expect((await host.call('stillvault_run', { argv: ['cat', `${folder}/s`], reason })).structured).toMatchObject({ stdout: { text: '[masked]\n' } });
      expect((await host.call('stillvault_run', { argv: ['head', '-n1', `${folder}/p`], reason })).structured).toMatchObject({
        stdout: { text: '[masked]\n' },
      });
    }));
});

describe('nobody is asked', () => {
  test.each([
    ['a reference in argv', { argv: ['echo', ref] }, 'usage'],
    ['a program that is not there', { argv: ['no-such-program'], env: { S: ref } }, 'not_found'],
    ['a folder that is not there', { argv: ['true'], env: { S: ref }, cwd: '/no/such/folder' }, 'not_found'],
    ['a reference that is none', { argv: ['true'], env: { S: 'two words' } }, 'usage'],
    ['a stray reference in the input', { argv: ['cat'], stdin: `x ${ref} y` }, 'usage'],
  ])('for %s', (_, args, code) =>
    withHost(async (host, _folder, asks) => {
      const { structured, isError } = await host.call('stillvault_run', { ...args, reason });
      expect(structured).toMatchObject({ status: 'failed', code });
      expect(isError).toBe(true);
      expect(asks).toEqual([]);
    }),
  );

  test('for a program without secrets', () =>
    withHost(async (host, _folder, asks) => {
      expect((await host.call('stillvault_run', { argv: ['true'], reason })).structured).toMatchObject({ status: 'ok', exit_code: 0 });
      expect(asks).toEqual([]);
    }));
});
