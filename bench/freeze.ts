// From the freeze that an admin signs until the last lease is gone on each of several machines, with real daemons, relay and live delivery (ms).
import { type LiveDaemon, startLive, until } from '../testing/live-daemon.ts';
import { type Spread, spreadOf } from './measure.ts';

const [machines, rounds] = [4, 10];

export async function freezeFigures(): Promise<{ readonly machines: number; readonly first: Spread; readonly last: Spread }> {
  await using live = await startLive({ secrets: { 'prod/db': 'first' } });
  const daemons: LiveDaemon[] = [live.daemon];
  for (let at = 1; at < machines; at++) daemons.push(await live.addDaemon(`web-${at}`));
  const [first, last]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    for (const daemon of daemons) {
      await daemon.inStep(live.org);
      const asked = daemon.release({ items: [{ path: 'prod/db' }], lease: { ttlS: 600, uses: 10 } });
      await live.approve(asked);
      await asked.end;
    }
    await live.org.sync();
    live.world.clock.set(Date.now());
    await live.world.append('org.freeze', { reason: 'bench' });
    const from = performance.now();
    const gone = Promise.all(daemons.map((daemon) => leasesGone(daemon, from)));
    await live.org.sync();
    const times = await gone;
    first.push(Math.min(...times));
    last.push(Math.max(...times));
    live.world.clock.set(Date.now());
    await live.world.append('org.unfreeze', { reason: 'bench' });
    await live.org.sync();
  }
  return { machines, first: spreadOf(first), last: spreadOf(last) };
}

async function leasesGone(daemon: LiveDaemon, from: number): Promise<number> {
  await until(() => daemon.status().leases === 0, 'the lease has ended');
  return performance.now() - from;
}
