// stillvault_inject_file: a file of memory, for this user, for its time (spec/13-mcp.md §files).
import { describe, expect, test } from 'bun:test';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { releasing } from '../testing/stub-daemon.ts';
import { type Host, startDaemonStub, startHost } from './test-host.ts';

const value = 'correct horse battery staple';
const released = { 'POST /v1/release': releasing({ 'prod/db': value }) };
const reason = 'migrate orders';
const template = 'user=app\npassword={{ stillvault://prod/db }}\n';
const noMemory = existsSync('/dev/shm') ? '' : ' (no /dev/shm here)';

async function withHost(
  use: (host: Host, asks: readonly { readonly call: string }[]) => Promise<void>,
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  await using stub = await startDaemonStub(released, { maxTtlS: 60 });
  await using host = await startHost({ socketPath: stub.socketPath, env });
  await use(host, stub.asks);
}
const gone = async (path: string): Promise<void> => {
  while (existsSync(path)) await Bun.sleep(10);
};

describe.skipIf(noMemory !== '')(`a file${noMemory}`, () => {
  test('INV-MCP-FILE lies in memory, for this user only, with its values, and the answer holds none', () =>
    withHost(async (host) => {
      const { structured, whole } = await host.call('stillvault_inject_file', { template, name: 'db.conf', reason });
      const path = String(structured['path']);
      expect(path).toMatch(/^\/dev\/shm\/stillvault-mcp-\d+-\w+\/db\.conf$/);
      expect(readFileSync(path, 'utf8')).toBe(`user=app\npassword=${value}\n`);
      expect([statSync(path).mode & 0o777, statSync(dirname(path)).mode & 0o777]).toEqual([0o600, 0o700]);
      expect(whole).not.toContain(value);
    }));

  test('INV-MCP-FILE is gone when its time is over', () =>
    withHost(async (host) => {
      const { structured } = await host.call('stillvault_inject_file', { template, reason, ttl_s: 1 });
      await gone(dirname(String(structured['path'])));
    }));

  test('INV-MCP-FILE is gone with the session', async () => {
    let path = '';
    await withHost(async (host) => {
      path = String((await host.call('stillvault_inject_file', { template: 'stillvault://prod/db', reason })).structured['path']);
      expect(readFileSync(path, 'utf8')).toBe(value);
    });
    await gone(dirname(path));
  });

  test('INV-MCP-FILE of a session that was killed is swept by the next', async () => {
    const dead = Bun.spawn(['true']);
    await dead.exited;
    const left = `/dev/shm/stillvault-mcp-${dead.pid}-left`;
    mkdirSync(left, { mode: 0o700 });
    await withHost(async (host) => {
      await host.call('stillvault_inject_file', { template, reason });
      expect(existsSync(left)).toBe(false);
    });
  });

  test('stays no longer than the lease that the policy allows', () =>
    withHost(async (host, asks) => {
      const before = Date.now();
      const { structured } = await host.call('stillvault_inject_file', { template, reason, ttl_s: 3_600 });
      expect(Date.parse(String(structured['expires_at']))).toBeLessThan(before + 120_000);
      expect(asks).toContainEqual({
        call: 'POST /v1/release',
        body: expect.objectContaining({ reason: 'migrate orders · write file secret for 60 s' }) as unknown,
      } as never); // cast: a matcher
    }));

  test('is filled from a template of the disk, under its name', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sv-mcp-'));
    writeFileSync(join(folder, '.pgpass'), 'db:5432:*:app:{{ stillvault://prod/db }}\n');
    await withHost(async (host) => {
      const { structured } = await host.call('stillvault_inject_file', { template_path: join(folder, '.pgpass'), reason });
      expect(String(structured['path'])).toEndWith('/_pgpass');
      expect(readFileSync(String(structured['path']), 'utf8')).toBe(`db:5432:*:app:${value}\n`);
    });
    rmSync(folder, { recursive: true });
  });
});

describe('nobody is asked', () => {
  test.each([
    ['both templates', { template, template_path: '/x' }, 'usage'],
    ['no template', {}, 'usage'],
    ['a template without references', { template: 'nothing' }, 'usage'],
    ['a template that is not there', { template_path: '/no/such/file' }, 'not_found'],
    ['a template that is a folder', { template_path: '/' }, 'not_found'],
  ])('for %s', (_, args, code) =>
    withHost(async (host, asks) => {
      expect((await host.call('stillvault_inject_file', { ...args, reason })).structured).toMatchObject({ status: 'failed', code });
      expect(asks.filter(({ call }) => call === 'POST /v1/release')).toEqual([]);
    }),
  );

  test('for a name that leads elsewhere', () =>
    withHost(async (host) => {
      for (const name of ['../x', 'a/b', '.hidden', '']) expect((await host.call('stillvault_inject_file', { template, name, reason })).isError).toBe(true);
    }));
});

test('INV-MCP-FILE a runtime folder on a disk is passed over', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sv-mcp-'));
  if (statfsSync(folder).type !== 0x01021994)
    await withHost(
      async (host) => {
        await host.call('stillvault_inject_file', { template, reason });
        expect(readdirSync(folder)).toEqual([]);
      },
      { XDG_RUNTIME_DIR: folder },
    );
  rmSync(folder, { recursive: true });
});
