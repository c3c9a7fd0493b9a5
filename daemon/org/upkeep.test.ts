// Halves for machines that joined later, whatever comes between: kills, a relay that is away, others at the same moment, liars (spec/07-custody.md §rewrap).
import { describe, expect, test } from 'bun:test';
import { rewrapForMachine } from '../../protocol/custody.ts';
import { type MachineId, blobHash } from '../../protocol/hash.ts';
import type { WrapEntry } from '../../protocol/org-log/bodies.ts';
import { policyFor } from '../../protocol/policy.ts';
import { startDaemonProcess } from '../../testing/daemon-process.ts';
import { type Live, detailOf, startLive, until } from '../../testing/live-daemon.ts';
import { type World, found } from '../../testing/world.ts';
import { halfOf } from '../../testing/world-release.ts';

const secrets = (count: number): Record<string, string> => Object.fromEntries(Array.from({ length: count }, (_, n) => [`prod/s${n}`, `value ${n}`]));

/** All have it, each once, and the half is the one that the founder's machine has. */
async function servedBy(live: Live, late: MachineId): Promise<void> {
  await until(async () => (await live.org.sync(), live.waiting(late).length === 0), 'every secret is wrapped for it');
  for (const { wraps } of live.world.state.secrets.values()) expect(wraps.filter(({ recipient }) => recipient === late)).toHaveLength(1);
}

describe('INV-CUSTODY-UPKEEP what was begun goes on, nothing is lost, nothing is done twice', () => {
  test('killed in the middle: the next start goes on', async () => {
    await using live = await startLive({ secrets: secrets(140) });
    await live.daemon.stop();
    const late = await live.world.addMachine('late');
    await live.org.sync();
    const waiting = live.waiting(late.id).length;
    {
      await using process_ = await startDaemonProcess(live.daemon);
      await until(async () => (await live.org.sync(), live.waiting(late.id).length < waiting), 'some are served');
      process.kill(process_.pid, 'SIGKILL');
      await process_.exited;
    }
    await live.org.sync();
    await live.daemon.start();
    await servedBy(live, late.id);
    const secret = live.world.secret('prod/s139');
    const wrap = found(secret.wraps.find(({ recipient }) => recipient === late.id)?.wrap, 'wrap');
    live.world.blobs.set(wrap, found((await live.org.client.getBlobs([wrap]))[0], 'blob'));
    expect(await halfOf(live.world, late, secret)).toHaveLength(32);
  }, 20_000);

  test('the relay is away for a while', async () => {
    await using live = await startLive({ secrets: secrets(70) });
    await live.daemon.stop();
    const late = await live.world.addMachine('late');
    await live.org.sync();
    await live.stopRelay();
    await live.daemon.start();
    await live.startRelay();
    await servedBy(live, late.id);
  }, 20_000);

  test('two machines at the same moment: each secret is served once, whoever is faster', async () => {
    await using live = await startLive({ secrets: secrets(90), daemon: { tickMs: 1 } });
    const second = await live.addDaemon('second');
    await Promise.all([live.daemon.stop(), second.stop()]);
    const late = await live.world.addMachine('late');
    await live.org.sync();
    await Promise.all([live.daemon.start({ tickMs: 1 }), second.start({ tickMs: 1 })]);
    await servedBy(live, late.id);
    expect([...live.daemon.problems(), ...second.problems()].filter((code) => code !== 'E_RELAY_CONFLICT')).toEqual([]);
  }, 20_000);

  test('one whose policy nobody could meet does not keep the others waiting', async () => {
    await using live = await startLive({ members: ['ben'], secrets: { 'prod/one': '1' } });
    await live.change((world) =>
      world.append('policy.set', { ...world.policy({ pattern: 'team/*' }), clauses: [{ k: 1, members: [world.member('ben').id], groups: [] }] }),
    );
    await live.change((world) => world.put('team/ben', 'only ben'));
    await live.change((world) => world.append('member.remove', { member: world.member('ben').id, exposed: [] }));
    const late = await live.world.addMachine('late');
    await live.org.sync();
    await until(async () => (await live.org.sync(), live.waiting(late.id).join() === 'team/ben'), 'the other one is served');
    expect(live.daemon.status().custody).toEqual({ waiting: 0, machines: 0, devices: 0, exposed: 1 });
    expect(live.daemon.problems()).toEqual([]);
  });
});

describe('a holder that wraps something else', () => {
  async function lied(
    how: (world: World, machine: MachineId) => Promise<{ entry: WrapEntry; blob: Uint8Array }>,
  ): Promise<[Live, Awaited<ReturnType<Live['addDaemon']>>]> {
    const live = await startLive({ secrets: { 'prod/other': 'served' } });
    const { id } = await live.world.addMachine('mallory');
    await live.org.sync();
    await until(async () => (await live.org.sync(), live.waiting(id).length === 0), 'mallory has its halves');
    await live.change((world) => world.put('prod/db', 'value'));
    await live.daemon.stop();
    const late = await live.addDaemon('late', {}, false);
    const { world } = live;
    const secret = world.secret('prod/db');
    const { entry, blob } = await how(world, late.machine);
    world.blobs.set(blobHash(blob), blob);
    world.clock.set(Date.now());
    const item = { secret: secret.id, putEh: secret.putEh, policyEh: found(policyFor(world.state, secret.path), 'policy').eh, shares: [], wraps: [entry] };
    await world.append('secret.rewrap', { items: [item] }, [world.machine('mallory')]);
    await live.org.sync();
    await until(() => late.status().log?.seq === world.state.head.seq, 'it has read that');
    return [live, late];
  }

  const lies = [
    ['another half', 'E_KEY_COMMIT', (world: World, machine: MachineId) => rewrapForMachine(world.state, world.secret('prod/db'), machine, world.random(32))],
    [
      'bytes that nobody can open',
      'E_OPEN',
      async (world: World, machine: MachineId) => {
        const blob = world.random(1_200);
        const { entry } = await rewrapForMachine(world.state, world.secret('prod/db'), machine, world.random(32));
        return { entry: { ...entry, wrap: blobHash(blob) }, blob };
      },
    ],
  ] as const;
  test.each(lies)(
    '%s: nothing is released, the machine says so, the next version mends it',
    async (_what, code, how) => {
      const [live, late] = await lied(how);
      await using _live = live;
      const asked = late.release('prod/db');
      await (code === 'E_KEY_COMMIT' ? live.approve(asked) : live.seen(asked));
      const end = await asked.end;
      expect(detailOf(end)).toBe(code);
      expect(end?.event === 'error' && end.error.next).toContain('stillvault rotate');
      // It cannot serve others with that either: told once, and left to those who can.
      const third = await world3(live);
      await live.daemon.start();
      await until(async () => (await live.org.sync(), live.waiting(third).length === 0), 'somebody honest serves the third');
      expect(late.problems().filter((problem) => problem === 'E_OPEN').length).toBeLessThanOrEqual(1);
      await live.settle();
      await live.change((world) => world.put('prod/db', 'renewed'));
      await late.inStep(live.org);
      const again = late.release('prod/db');
      await live.approve(again);
      expect((await again.next('released')).values.map(({ value }) => Buffer.from(value, 'base64').toString())).toEqual(['renewed']);
    },
    20_000,
  );

  async function world3(live: Live): Promise<MachineId> {
    await live.org.sync();
    live.world.clock.set(Date.now());
    const { id } = await live.world.addMachine('third');
    await live.org.sync();
    return id;
  }
});
