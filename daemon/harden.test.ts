// What keeps other programs out of the daemon's memory (spec/10-local-api.md §hardening; attacks 46, 47), on a real process.
import { describe, expect, test } from 'bun:test';
import { chmodSync, copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { harden, lockBuffer, type HardenedProcess } from './harden.ts';
import { libc } from './intake/libc.ts';
import { createFolder, noSecondUid, run, asUid } from './intake/test-world.ts';

const fake = (env: Record<string, string>, execArgv: readonly string[] = []): HardenedProcess => ({ env, execArgv, umask: () => 0, on: () => {} });

describe('INV-LOCAL-INSPECTOR the daemon does not start', () => {
  test.each([
    ['BUN_INSPECT', '127.0.0.1:9229'],
    ['BUN_INSPECT_CONNECT_TO', 'unix:///tmp/x'],
    ['NODE_OPTIONS', '--inspect'],
    ['NODE_OPTIONS', '--max-old-space-size=100 --inspect-brk=0.0.0.0:1'],
    ['NODE_OPTIONS', '--require /tmp/evil.js'],
    ['NODE_OPTIONS', '--import=/tmp/evil.js'],
    ['BUN_OPTIONS', '--preload=/tmp/evil.ts'],
    ['BUN_OPTIONS', '-r /tmp/evil.ts'],
  ])('with %s=%s', (name, value) => {
    expect(() => harden(fake({ [name]: value }), undefined)).toThrow(expect.objectContaining({ code: 'usage', detail: 'E_INSPECTOR' }) as Error); // cast: a matcher
  });

  test('with --inspect', () => {
    expect(() => harden(fake({}, ['--inspect']), undefined)).toThrow(expect.objectContaining({ detail: 'E_INSPECTOR' }) as Error); // cast: a matcher
  });
});

test('ordinary options are no reason to refuse; what the system does not give is told', () => {
  expect(harden(fake({ NODE_OPTIONS: '--max-old-space-size=4096', BUN_INSPECT: '' }), undefined)).toEqual({ missing: ['non-dumpable', 'no-core-files'] });
});

const hardened = (folder: string): string => `
  const { harden } = await import(${JSON.stringify(join(folder, 'harden.ts'))});
  const { libc } = await import(${JSON.stringify(join(folder, 'intake/libc.ts'))});
  const { readFileSync, statSync } = require('node:fs');
  const { missing } = harden(process, libc());
  process.kill(process.pid, 'SIGUSR1');
  await Bun.sleep(1);
  const core = /Max core file size +(\\d+) +(\\d+)/.exec(readFileSync('/proc/self/limits', 'utf8')).slice(1);
  const umask = /Umask:\\t(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1];
  console.log(JSON.stringify({ missing, core, umask, memoryOwner: statSync('/proc/' + process.pid + '/mem').uid }));`;

test.skipIf(libc() === undefined)('a hardened process leaves no core, keeps files to itself and survives SIGUSR1', async () => {
  expect(JSON.parse(await run([process.execPath, '-e', hardened(import.meta.dir)]))).toMatchObject({ missing: [], core: ['0', '0'], umask: '0077' });
});

test.skipIf(noSecondUid !== '' || libc() === undefined)(
  `a hardened process of a plain user keeps programs of its own uid out of its memory ${noSecondUid}`,
  async () => {
    using folder = createFolder();
    chmodSync(folder.path, 0o755);
    const bun = join(folder.path, 'bun');
    copyFileSync(process.execPath, bun);
    chmodSync(bun, 0o755);
    const bundle = await Bun.build({
      entrypoints: [join(import.meta.dir, 'harden.ts'), join(import.meta.dir, 'intake/libc.ts')],
      target: 'bun',
      outdir: folder.path,
      naming: '[dir]/[name].ts',
    });
    expect(bundle.success).toBe(true);
    expect(JSON.parse(await run([...asUid(65_533), bun, '-e', hardened(folder.path)]))).toMatchObject({ missing: [], memoryOwner: 0 });
  },
);

describe.skipIf(libc() === undefined)('a locked buffer', () => {
  const lockedKib = async (): Promise<number> => Number(/VmLck:\s+(\d+)/.exec(await Bun.file('/proc/self/status').text())?.[1]);

  test('is out of swap until disposed, then wiped; a neighbour on the same page stays locked', async () => {
    const before = await lockedKib();
    const page = new Uint8Array(4_096);
    const [left, right] = [page.subarray(0, 32).fill(1), page.subarray(32, 64).fill(2)];
    const first = lockBuffer(left, libc());
    const second = lockBuffer(right, libc());
    if (!first.locked) return; // the limit of locked memory here is 0
    const during = await lockedKib();
    expect(during).toBeGreaterThan(before);
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    expect(left.every((byte) => byte === 0)).toBe(true);
    expect(right[0]).toBe(2);
    expect(await lockedKib()).toBe(during);
    second[Symbol.dispose]();
    expect(await lockedKib()).toBe(before);
  });

  test('is wiped also where it cannot be locked', () => {
    const bytes = Uint8Array.of(1, 2);
    using buffer = lockBuffer(bytes, undefined);
    expect(buffer.locked).toBe(false);
    buffer[Symbol.dispose]();
    expect([...bytes]).toEqual([0, 0]);
  });
});
