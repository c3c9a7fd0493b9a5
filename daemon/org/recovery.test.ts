// A daemon is loud about the recovery kit: in its status and in its own log, until the use is over or stopped (spec/18-recovery.md §use).
import { expect, test } from 'bun:test';
import { startLive, until } from '../../testing/live-daemon.ts';
import { found } from '../../testing/world.ts';
import { idFrom, makeDevice } from '../../testing/world-people.ts';
import type { MemberId } from '../../protocol/hash.ts';

test('[INV-RECOVERY-LOUD] a use of the kit stands in the status and in the log of the daemon, and a freeze takes it away', async () => {
  const lines: object[] = [];
  await using live = await startLive({ genesis: { withRecovery: true }, daemon: { log: (line) => void lines.push(line) } });
  const { world, daemon } = live;
  const kit = found(world.kit, 'kit');
  expect(daemon.status().kit).toMatchObject({ t: kit.facts.t, m: kit.facts.m, delayMs: kit.facts.delayMs });
  expect(daemon.status().recovering).toBeUndefined();
  const member = idFrom<MemberId>(world.random);
  const device = await makeDevice(world.random, member, 'mallory’s phone');
  const body = { reason: 'found two sheets', member: { member, name: 'mallory', roles: ['admin' as const] }, device: device.facts };
  await world.append('recovery.use', body, [kit, device]);
  await live.org.sync();
  await until(() => daemon.status().recovering !== undefined, 'the daemon to say so');
  const { ts } = found(world.state.recovering, 'use');
  expect(daemon.status().recovering).toEqual({
    name: 'mallory',
    isNew: true,
    device: 'mallory’s phone',
    reason: 'found two sheets',
    at: new Date(ts).toISOString(),
    effectiveAt: new Date(ts + kit.facts.delayMs).toISOString(),
  });
  expect(lines.map((line) => ('event' in line ? line.event : undefined))).toContain('recovery');
  expect(JSON.stringify(lines)).toContain('found two sheets');
  await world.append('org.freeze', { reason: 'nobody of us did this' });
  await live.org.sync();
  await until(() => daemon.status().recovering === undefined, 'the use to be over');
  expect(lines).toContainEqual({ event: 'recovery-over' });
});
