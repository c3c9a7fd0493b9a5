// A daemon whose log stopped at a fork stays stopped over a restart, whatever the relay shows then, until a person decides (spec/05-org-log.md §sync; row 11).
import { expect, test } from 'bun:test';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Hash } from '../../protocol/hash.ts';
import type { LogStop } from '../../protocol/local-api/admin.ts';
import { orgStream, sealRecord } from '../../protocol/org-log/record.ts';
import type { StreamRecord } from '../../protocol/wire.ts';
import { type Live, detailOf, startLive, until } from '../../testing/live-daemon.ts';

/** The daemon holds a lease; then the relay shows it a second, valid entry in the place of its last one. */
async function forked(): Promise<Live> {
  const live = await startLive({ hostile: true, members: ['ben'], secrets: { 'prod/db': 'correct horse' } });
  const { world } = live;
  const stream = orgStream(world.state.org);
  await live.daemon.stop();
  const bytes = await world.draft('org.freeze', { reason: 'the other branch' });
  const { eh } = (await world.judge(bytes)).head;
  const { mkEpoch, head } = world.state;
  const blob = await sealRecord({ org: world.state.org, stream }, mkEpoch, world.mk.get(mkEpoch)!, bytes, world.random);
  const theirs: StreamRecord = { stream, seq: head.seq + 1, prev: head.eh, eh, blob };
  await live.unseen((at) => at.put('prod/db', 'ours'));
  await live.daemon.start();
  await live.daemon.inStep(live.org);
  await live.lease('prod/db');
  live.liar.bend = {
    read: (page, about) => (about.stream === stream ? { ...page, records: page.records.map((one) => (one.seq === theirs.seq ? theirs : one)) } : page),
  };
  live.liar.tell({ head: { stream, seq: world.state.head.seq, eh: 'cd'.repeat(32) as Hash } });
  await until(() => live.daemon.status().halted === 'E_FORK' && live.daemon.status().leases === 0, 'it stops, and its lease ends');
  return live;
}

async function expectStopped(live: Live): Promise<void> {
  expect(live.daemon.status()).toMatchObject({ state: 'halted', halted: 'E_FORK', leases: 0 });
  expect(detailOf(await live.daemon.release('prod/db').end)).toBe('E_FORK');
  expect(detailOf(await live.daemon.release({ items: [{ path: 'prod/db' }], leaseOnly: true }).end)).toBe('E_FORK');
}

test('#11 INV-LOG-HALTED after a restart the relay hides the second branch: nothing is released, and the proof is there again', async () => {
  await using live = await forked();
  await live.daemon.stop();
  live.liar.bend = {};
  rmSync(join(live.daemon.stateDir, 'fork.cbor')); // as if the program had died before it was written
  await live.daemon.start();
  await expectStopped(live);
  expect(existsSync(join(live.daemon.stateDir, 'fork.cbor'))).toBe(true);
  await live.unseen((world) => world.put('prod/db', 'newer'));
  await live.daemon.stop();
  await live.daemon.start();
  await expectStopped(live);
});

test('#11 INV-LOG-RESUME the person is shown who signed what, decides about that record only, and it goes on without a restart, and after one', async () => {
  await using live = await forked();
  await live.daemon.stop();
  live.liar.bend = {};
  await live.daemon.start();
  const stop = (await live.daemon.call('/v1/log/stop')) as LogStop; // as the daemon says
  expect(stop).toMatchObject({
    code: 'E_FORK',
    ours: { type: 'secret.put' },
    theirs: { type: 'org.freeze' },
    evidence: join(live.daemon.stateDir, 'fork.cbor'),
  });
  expect(await live.daemon.call('/v1/log/resume', { record: 'ab'.repeat(32) })).toMatchObject({ error: { detail: 'E_NOT_FOUND' } });
  await expectStopped(live);
  expect(await live.daemon.call('/v1/log/resume', { record: stop.record })).toMatchObject({ state: 'ready' });
  expect(await live.get('prod/db')).toBe('ours');
  await live.daemon.stop();
  await live.daemon.start();
  expect(live.daemon.status().state).toBe('ready');
  expect(await live.daemon.call('/v1/log/stop')).toMatchObject({ error: { detail: 'E_NOT_FOUND' } });
});

test('#9 INV-LOG-HALTED a log that went back is nothing to decide about: it says what to do instead', async () => {
  await using live = await startLive({ hostile: true, members: ['ben'], secrets: { 'prod/db': 'correct horse' } });
  const { seq } = live.world.state.head;
  const older = live.world.entries[seq - 1]!;
  live.liar.bend = { read: (page) => ({ head: { ...page.head, seq: seq - 1, eh: older.eh }, records: page.records.filter((one) => one.seq < seq) }) };
  live.liar.tell({ head: { stream: orgStream(live.world.state.org), seq, eh: 'cd'.repeat(32) as Hash } });
  await until(() => live.daemon.status().halted === 'E_LOG_ROLLBACK', 'it stops');
  const stop = (await live.daemon.call('/v1/log/stop')) as LogStop; // as the daemon says
  expect([stop.code, stop.record]).toEqual(['E_LOG_ROLLBACK', undefined]);
  expect(stop.next).toContain('restart the daemon');
  expect(await live.daemon.call('/v1/log/resume', { record: 'ab'.repeat(32) })).toMatchObject({ error: { detail: 'E_LOG_ROLLBACK' } });
  await live.daemon.stop();
  live.liar.cut(); // away: nothing was checked again
  await live.daemon.start();
  expect(live.daemon.status()).toMatchObject({ state: 'halted', halted: 'E_LOG_ROLLBACK' });
  live.liar.bend = {};
  live.liar.mend();
  await until(() => live.daemon.status().state === 'ready', 'the same check passes', 15_000);
}, 30_000);
