// A daemon is loud about the recovery kit: in its status and in its own log, until the use is over or stopped (spec/18-recovery.md §use).
import { expect, test } from 'bun:test';
import { startLive, until } from '../../testing/live-daemon.ts';
import { World, found } from '../../testing/world.ts';
import { idFrom, makeDevice } from '../../testing/world-people.ts';
import type { MemberId } from '../../protocol/hash.ts';
import { limits } from '../../protocol/limits.ts';
import { parseEntry } from '../../protocol/org-log/entry.ts';
import { parseEnvelope } from '../../protocol/sign.ts';
import { recoveryTeller } from './recovery.ts';

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
  expect(lines).toContainEqual({ event: 'recovery-stopped' });
});

test('[INV-RECOVERY-LOUD] a use that is dated back in a quiet log and finished at once is told all the same', async () => {
  const world = new World('quiet');
  await world.genesis({ withRecovery: true });
  const kit = found(world.kit, 'kit');
  const member = idFrom<MemberId>(world.random);
  const device = await makeDevice(world.random, member, 'mallory’s phone');
  const lines: object[] = [];
  const tell = recoveryTeller((line) => void lines.push(line));
  tell(world.state);
  world.clock.advance(kit.facts.delayMs);
  const body = { reason: 'in a hurry', member: { member, name: 'mallory', roles: ['admin' as const] }, device: device.facts };
  const use = await world.draft('recovery.use', body, [kit, device], { frame: { ts: world.state.ts } });
  await world.accept(use);
  const finish = await world.draft('recovery.finish', { use: world.state.head.eh }, [kit, device]);
  await world.accept(finish); // the known limit of the delay
  tell(
    world.state,
    [use, finish].map((bytes) => parseEntry(parseEnvelope('entry', bytes, limits.entryBytes).payload)),
  );
  expect(lines).toMatchObject([{ event: 'recovery', name: 'mallory', reason: 'in a hurry' }, { event: 'recovery-in' }]);
});
