// No value where it could be found later: log, arguments, environment and files of a daemon that released it (spec/attacks.md #45).
import { expect, test } from 'bun:test';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { startAsker } from '../../testing/asker.ts';
import { startDaemonProcess } from '../../testing/daemon-process.ts';
import { startLive, textOf, until } from '../../testing/live-daemon.ts';
import { tracesIn } from '../../testing/traces.ts';
import { lockBuffer } from '../harden.ts';
import { libc } from '../intake/libc.ts';
import { openDaemonStore } from '../vault/store.ts';
import { disposeItems, releasedValues } from './values.ts';

const secrets = { value: 'correct-horse-battery-staple-4711', proposal: 'proposed-by-a-machine-0815' };

test('a daemon that released, leased, refused and stored: its log, arguments, environment and files hold no value', async () => {
  await using live = await startLive({ secrets: { 'prod/db': secrets.value } });
  await live.daemon.stop();
  await using daemon = await startDaemonProcess(live.daemon);
  await using asker = await startAsker(live.daemon.socketPath);
  const asked = asker.ask({ items: [{ path: 'prod/db' }], reason: 'a reason', lease: { ttlS: 600, uses: 10 } });
  await live.org.decide(await live.org.nextRequest(live.world.device('ada')), 'approve');
  expect(textOf(await asked)).toBe(secrets.value);
  expect(textOf(await asker.ask({ items: [{ path: 'prod/db' }], leaseOnly: true }))).toBe(secrets.value);
  const denied = live.daemon.release('prod/db');
  await live.deny(denied);
  const put = live.daemon.put({ path: 'prod/new', value: Buffer.from(secrets.proposal).toString('base64') });
  await live.org.countersign(await live.seen(put));
  expect((await put.end)?.event).toBe('stored');
  expect((await live.daemon.put({ path: 'none/x', value: Buffer.from(secrets.proposal).toString('base64') }).end)?.event).toBe('error');
  await live.daemon.call('/v1/leases/end', { all: true });
  await until(async () => (await live.org.receipts(live.daemon.machine)).some(({ receipt }) => receipt.outcome === 'ended'), 'the lease has ended');

  const found = {
    log: tracesIn(Buffer.from(daemon.output()), secrets),
    arguments: tracesIn(readFileSync(`/proc/${daemon.pid}/cmdline`), secrets),
    environment: tracesIn(readFileSync(`/proc/${daemon.pid}/environ`), secrets),
    files: readdirSync(live.daemon.stateDir).flatMap((name) => tracesIn(readFileSync(join(live.daemon.stateDir, name)), secrets)),
  };
  expect(found).toEqual({ log: [], arguments: [], environment: [], files: [] });
  expect(readdirSync(live.daemon.stateDir).length).toBeGreaterThan(2);
});

test('a problem whose message could hold anything is logged by its code and place only', async () => {
  const openStore: typeof openDaemonStore = (path) => ({
    ...openDaemonStore(path),
    keepBlobs: () => {
      throw new Error(`could not handle ${secrets.value}`);
    },
  });
  await using live = await startLive({ daemon: { openStore }, secrets: { 'prod/db': 'x' } });
  await until(() => live.daemon.problems().includes('E_INTERNAL'), 'it is logged');
  expect(tracesIn(Buffer.from(JSON.stringify(live.daemon.log)), secrets)).toEqual([]);
  expect(JSON.stringify(live.daemon.log)).toContain('no-log.test.ts'); // where it came from
});

const lockedKb = (): number => Number(/VmLck:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0);
test.skipIf(libc() === undefined)('values are held only as long as a lease lasts: locked pages come and go with it', async () => {
  await using live = await startLive({ secrets: { 'prod/db': secrets.value } });
  const before = lockedKb();
  expect(await live.get('prod/db')).toBe(secrets.value); // no lease: wiped and unlocked when it has left
  await until(() => lockedKb() <= before, 'what was locked for the release is free again');
  await live.lease('prod/db');
  expect(lockedKb()).toBeGreaterThan(before);
  await live.daemon.call('/v1/leases/end', { all: true });
  await until(() => lockedKb() <= before, 'what was locked for the lease is free again');
});

test('values are zeros once they are disposed of; the text that left cannot be wiped', () => {
  const bytes = new TextEncoder().encode(secrets.value);
  const items = [
    { secret: 'ab' as never, path: 'prod/db', version: 1, putEh: 'cd' as never, policyEh: 'ef' as never, values: [{ value: lockBuffer(bytes, libc()) }] },
  ];
  const [left] = releasedValues(items);
  disposeItems(items);
  expect(bytes.every((byte) => byte === 0)).toBe(true);
  expect(Buffer.from(left!.value, 'base64').toString()).toBe(secrets.value); // immutable: spec/attacks.md §residual
});
