// Leases: who may read, how often, how long, and everything that ends one (spec/09-release.md §leases).
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import { readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LeaseId } from '../../protocol/hash.ts';
import type { ReleaseAsk } from '../../protocol/local-api.ts';
import { type Asker, startAsker } from '../../testing/asker.ts';
import { type Live, detailOf, startLive, textOf, until } from '../../testing/live-daemon.ts';

let live: Live;
beforeAll(async () => {
  live = await startLive({ genesis: { policies: [{ scopes: ['process', 'exe', 'machine'] }] }, secrets: { 'prod/db': 'correct horse', 'prod/api': 'second' } });
});
afterEach(async () => {
  await live.daemon.call('/v1/leases/end', { all: true });
});
afterAll(() => live[Symbol.asyncDispose]());

const leaseOnly = (path: string): ReleaseAsk => ({ items: [{ path }], leaseOnly: true });
const read = (path: string) => live.daemon.release(leaseOnly(path)).end;
const lastReceipt = async () => (await live.org.receipts(live.daemon.machine)).at(-1)?.receipt;
/** The newest receipt says that a lease ended so. */
async function ended(reason: string): Promise<void> {
  await until(async () => (await lastReceipt())?.outcome === 'ended' && ((await lastReceipt())?.note.startsWith(reason) ?? false), `a lease ended: ${reason}`);
  expect(live.daemon.status().leases).toBe(0);
}

/** That program asks for a lease and gets it. */
async function leaseOf(asker: Asker, scope: 'process' | 'exe' | 'machine'): Promise<void> {
  const done = asker.ask({ items: [{ path: 'prod/db' }], lease: { ttlS: 600, uses: 10, scope } });
  for (let isDecided = false; !isDecided;) {
    const seen = await live.org.nextRequest(live.world.device('ada'));
    isDecided = seen.verified.request.observed.pid === asker.pid;
    if (isDecided) await live.org.decide(seen, 'approve');
  }
  expect(textOf(await done)).toBe('correct horse');
}

describe('who may read', () => {
  test('the process that asked, without asking a person again; every use is counted and recorded', async () => {
    const lease = await live.lease('prod/db', { ttlS: 600, uses: 4 });
    expect(lease).toMatchObject({ uses_left: 3, used: 1, approved_by: ['ada'], scope: 'process', paths: ['prod/db'] });
    expect(textOf(await read('prod/db'))).toBe('correct horse');
    expect(await live.daemon.leases()).toMatchObject([{ uses_left: 2, used: 2 }]);
    await until(async () => (await lastReceipt())?.outcome === 'used', 'the use is recorded');
    expect(await lastReceipt()).toMatchObject({ note: '1 uses; 2 in all', lease: { id: lease.id as LeaseId } });
  });

  test('a process that it started', async () => {
    await live.lease('prod/db');
    await using child = await startAsker(live.daemon.socketPath);
    expect(textOf(await child.ask(leaseOnly('prod/db')))).toBe('correct horse');
  });

  test('INV-LOCAL-SELF not even a process that it started, where it asked for itself alone', async () => {
    const done = live.daemon.release({ items: [{ path: 'prod/db' }], lease: { ttlS: 600, uses: 4, self: true } });
    await live.org.decide(await live.org.nextRequest(live.world.device('ada')), 'approve');
    expect(textOf(await done.end)).toBe('correct horse');
    await using child = await startAsker(live.daemon.socketPath);
    expect(detailOf(await child.ask(leaseOnly('prod/db')))).toBe('E_LEASE_SCOPE');
    expect(textOf(await read('prod/db'))).toBe('correct horse');
    for (const scope of ['exe', 'machine'] as const)
      expect(detailOf(await live.daemon.release({ items: [{ path: 'prod/db' }], lease: { ttlS: 600, scope, self: true } }).end)).toBe('E_ASK');
  });

  test('no other process tree: E_LEASE_SCOPE', async () => {
    await using child = await startAsker(live.daemon.socketPath);
    await leaseOf(child, 'process');
    expect(detailOf(await read('prod/db'))).toBe('E_LEASE_SCOPE');
  });

  test('scope exe: the same program anywhere, no other program', async () => {
    await using child = await startAsker(live.daemon.socketPath);
    await leaseOf(child, 'exe');
    expect(textOf(await read('prod/db'))).toBe('correct horse'); // this test runs in the same program
    await using other = await startAsker(live.daemon.socketPath, 'node');
    expect(detailOf(await other.ask(leaseOnly('prod/db')))).toBe('E_LEASE_SCOPE');
  });

  test('scope machine: every program of that user', async () => {
    await using child = await startAsker(live.daemon.socketPath);
    await leaseOf(child, 'machine');
    await using other = await startAsker(live.daemon.socketPath, 'node');
    expect(textOf(await other.ask(leaseOnly('prod/db')))).toBe('correct horse');
  });

  test('another secret is not in it, nor all of several where one is missing', async () => {
    await live.lease('prod/db');
    expect(detailOf(await read('prod/api'))).toBe('E_EXPIRED');
    expect(detailOf(await live.daemon.release({ items: [{ path: 'prod/db' }, { path: 'prod/api' }], leaseOnly: true }).end)).toBe('E_EXPIRED');
    expect(await live.daemon.leases()).toMatchObject([{ used: 1 }]); // a read that fails uses nothing
  });

  test('the approver may give less than was asked for', async () => {
    const asked = live.daemon.release({ items: [{ path: 'prod/db' }], lease: { ttlS: 600, uses: 50, scope: 'machine' } });
    await live.approve(asked, 'ada', { lease: { ttlS: 60, uses: 2, scope: 'process' } });
    expect((await asked.next('released')).lease).toMatchObject({ scope: 'process', uses_left: 1 });
    const single = live.daemon.release({ items: [{ path: 'prod/api' }], lease: { ttlS: 600 } });
    await live.approve(single, 'ada', { lease: { ttlS: 0, uses: 1, scope: 'process' } });
    expect((await single.next('released')).lease).toBeUndefined();
  });

  test('a leased read needs no relay', async () => {
    await live.lease('prod/db');
    await live.stopRelay();
    expect(textOf(await read('prod/db'))).toBe('correct horse');
    await live.startRelay();
    await until(() => live.daemon.status().relay?.connected === true, 'the relay is back');
  });

  test('readers at the same moment never get more than the uses', async () => {
    await live.lease('prod/db', { ttlS: 600, uses: 8 });
    const ends = await Promise.all(Array.from({ length: 30 }, () => read('prod/db')));
    expect(ends.filter((event) => event?.event === 'released')).toHaveLength(7);
    expect(ends.filter((event) => event?.event === 'error').map(detailOf)).toEqual(Array.from({ length: 23 }, () => 'E_EXPIRED'));
    await ended('uses');
  });
});

describe('what ends a lease', () => {
  test('its uses', async () => {
    await live.lease('prod/db', { ttlS: 600, uses: 2 });
    expect(textOf(await read('prod/db'))).toBe('correct horse');
    expect(detailOf(await read('prod/db'))).toBe('E_EXPIRED');
    await ended('uses');
  });

  test('its time', async () => {
    await live.lease('prod/db', { ttlS: 60, uses: 10 });
    live.daemon.clock.advance(59_000);
    expect(textOf(await read('prod/db'))).toBe('correct horse');
    live.daemon.clock.advance(1_000);
    expect(detailOf(await read('prod/db'))).toBe('E_EXPIRED');
    await ended('time');
    live.daemon.clock.advance(-60_000);
  });

  test('nobody prolongs it by setting the wall clock back', async () => {
    await live.lease('prod/db', { ttlS: 60, uses: 10 });
    live.daemon.clock.setWall(-240_000);
    live.daemon.clock.advance(60_000);
    expect(detailOf(await read('prod/db'))).toBe('E_EXPIRED');
    live.daemon.clock.advance(-60_000);
    live.daemon.clock.setWall(0);
    await ended('time');
  });

  test('sleep of the machine, also where the first read comes before the next look', async () => {
    await live.lease('prod/db');
    live.daemon.clock.suspend(5_000);
    expect(detailOf(await read('prod/db'))).toBe('E_EXPIRED');
    await ended('suspend');
  });

  test('the end of its process', async () => {
    const asker = await startAsker(live.daemon.socketPath);
    await leaseOf(asker, 'process');
    expect(live.daemon.status().leases).toBe(1);
    await asker.exit();
    await ended('process-exit');
  });

  test('a command', async () => {
    const { id } = await live.lease('prod/db');
    await live.lease('prod/api');
    expect(await live.daemon.call('/v1/leases/end', { id })).toMatchObject([{ id }]);
    expect(detailOf(await read('prod/db'))).toBe('E_EXPIRED');
    expect(textOf(await read('prod/api'))).toBe('second'); // the other one goes on
    expect(await live.daemon.call('/v1/leases/end', { id })).toMatchObject({ error: { code: 'not_found' } });
    await live.daemon.call('/v1/leases/end', { all: true });
    await ended('ended-locally');
  });

  test('a device', async () => {
    const { id } = await live.lease('prod/db');
    await live.org.endLease(live.world.device('ada'), live.daemon.machine, id as LeaseId);
    await ended('ended-by-device');
    expect(detailOf(await read('prod/db'))).toBe('E_EXPIRED');
  });

  test('a new version of the secret, within the entry that brings it', async () => {
    await live.lease('prod/db');
    await live.lease('prod/api');
    await live.change((world) => world.put('prod/db', 'battery staple'));
    expect(detailOf(await read('prod/db'))).toBe('E_EXPIRED');
    expect(textOf(await read('prod/api'))).toBe('second');
  });

  test('a change of its policy', async () => {
    await live.lease('prod/db');
    await live.change((world) => world.approvers('prod/db', 1, ['ada'], { maxTtlS: 899 }));
    expect(detailOf(await read('prod/db'))).toBe('E_EXPIRED');
    await ended('policy-changed');
  });

  test('freezing the organisation, within one entry: not even a read from memory', async () => {
    await live.lease('prod/db');
    await live.change((world) => world.append('org.freeze', { reason: 'drill' }));
    expect(live.daemon.status()).toMatchObject({ leases: 0, state: 'frozen' });
    expect(detailOf(await read('prod/db'))).toBe('E_FROZEN');
    await ended('frozen');
    await live.change((world) => world.append('org.unfreeze', { reason: 'over' }));
    expect(await live.get('prod/db')).toBe('battery staple');
  });

  test('hours that are over: the lease stays and is not read', async () => {
    const now = new Date();
    const minute = now.getUTCHours() * 60 + now.getUTCMinutes();
    const hours = { days: [0, 1, 2, 3, 4, 5, 6], fromMinute: (minute + 1_439) % 1_440, toMinute: (minute + 60) % 1_440 };
    await live.change((world) => world.approvers('prod/db', 1, ['ada'], { hours }));
    await live.lease('prod/db');
    expect(textOf(await read('prod/db'))).toBe('battery staple');
    live.daemon.clock.setWall(3 * 3_600_000);
    expect(detailOf(await read('prod/db'))).toBe('E_EXPIRED');
    live.daemon.clock.setWall(0);
    expect(textOf(await read('prod/db'))).toBe('battery staple');
  });

  test('revoking the machine', async () => {
    await live.lease('prod/api');
    await live.change((world) => world.append('machine.revoke', { machine: live.daemon.machine, exposed: [] }));
    expect(live.daemon.status()).toMatchObject({ leases: 0, state: 'halted', halted: 'E_MACHINE_REVOKED' });
    expect(detailOf(await read('prod/api'))).toBe('E_MACHINE_REVOKED');
  });
});

test('a process that becomes another program loses the lease, also for those it started', async () => {
  await using other = await startLive({ secrets: { 'prod/db': 'x' }, daemon: { own: [{ exe: realpathSync(process.execPath) }] } });
  const script = join(other.dir, 'agent.sh');
  writeFileSync(script, 'exec 3<&0\n"$@" <&3 &\nkill -STOP $$\nexec sleep 60\n'); // the lease of our own command line belongs to whoever runs it
  await using asker = await startAsker(other.daemon.socketPath, process.execPath, ['sh', script]);
  const done = asker.ask({ items: [{ path: 'prod/db' }], lease: { ttlS: 600, uses: 10 } });
  await other.org.decide(await other.org.nextRequest(other.world.device('ada')), 'approve');
  expect(await done).toMatchObject({ event: 'released', lease: { holder: `sh (pid ${asker.pid})` } });
  expect(textOf(await asker.ask(leaseOnly('prod/db')))).toBe('x');
  process.kill(asker.pid, 'SIGCONT');
  await until(() => readFileSync(`/proc/${asker.pid}/comm`, 'utf8').startsWith('sleep'), 'it became another program');
  expect(detailOf(await asker.ask(leaseOnly('prod/db')))).toBe('E_LEASE_SCOPE');
  expect(other.daemon.status().leases).toBe(0);
});

test('a stop ends every lease and loses none of their receipts', async () => {
  await using other = await startLive({ secrets: { 'prod/db': 'x' } });
  await other.lease('prod/db');
  await other.daemon.stop();
  const notes = (await other.org.receipts(other.daemon.machine)).map(({ receipt }) => [receipt.outcome, receipt.note.split(';')[0]]);
  expect(notes.at(-1)).toEqual(['ended', 'shutdown']);
  await other.daemon.start();
  expect(await other.daemon.leases()).toEqual([]);
});
