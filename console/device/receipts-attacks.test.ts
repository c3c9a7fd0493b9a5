// A machine of the org that tells of what is another one's: its lease, its request (spec/09-release.md §receipts).
import { expect, test } from 'bun:test';
import type { LeaseId } from '../../protocol/hash.ts';
import { softWorld, value } from '../../testing/soft-org.ts';
import { until } from '../../testing/soft-platform.ts';

test('a machine cannot end, take or settle what another one asked for', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const [laptop, server] = [await world.machine(ada, 'laptop'), await world.machine(ada, 'server')];
  await ada.app.putSecret({ path: 'prod/db', value: value('x'), description: '' });
  const asked = await laptop.ask(['prod/db'], { changes: { lease: { ttlS: 900, uses: 10, scope: 'process' } } });
  const card = await until(ada.app, () => ada.app.org()?.inbox[0], 'the card');
  // Nobody but the laptop and this device knows of the request yet; somebody told the server.
  await server.receipt(asked, 'withdrawn');
  await until(ada.app, () => ada.app.org()?.history.find(({ kind }) => kind === 'alert'), 'the alert');
  expect(ada.app.org()?.inbox[0]?.outcome).toBeUndefined();
  await ada.app.approve(card.requestId, card.leaseChoices[2]?.terms ?? card.lease, card.matchCode, () => undefined);
  const [answer] = await laptop.answers(asked);
  const lease = { id: '0123456789abcdef0123456789abcdef' as LeaseId, ttlS: 900, uses: 10 }; // a lease of the fake machine
  await laptop.receipt(asked, 'released', { evidence: answer ? [answer.evidence] : [], lease });
  await until(ada.app, () => ada.app.org()?.leases[0], 'the lease');
  const other = await server.ask(['prod/db']);
  await server.receipt(other, 'ended', { lease });
  await server.receipt(other, 'released', { lease });
  await until(ada.app, () => ada.app.org()?.leases.find(({ machineName }) => machineName === 'server'), 'what the server says');
  expect(ada.app.org()?.leases.find(({ machineName }) => machineName === 'laptop')).toMatchObject({ paths: ['prod/db'], approvedBy: ['ada'], usesLeft: 9 });
  await ada.app.endLease(lease.id);
  expect(await laptop.notices()).toEqual([lease.id]);
  const again = world.reload(ada);
  await until(again.app, () => again.app.org()?.leases.find(({ machineName }) => machineName === 'laptop'), 'the lease after a reload');
});
