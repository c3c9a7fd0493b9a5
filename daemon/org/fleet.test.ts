// A fleet's machine comes in by a token that admits by itself: what its group may ask for, an entitled machine that is online gives it, and nothing else.
import { expect, test } from 'bun:test';
import { openMachineHalf, openSecret } from '../../protocol/custody.ts';
import type { GroupId } from '../../protocol/hash.ts';
import { startLive, until } from '../../testing/live-daemon.ts';
import { found, textOf } from '../../testing/world.ts';
import { type WorldMachine, idFrom } from '../../testing/world-people.ts';
import { shareOf } from '../../testing/world-release.ts';

test('entitlement follows by itself: two of a fleet get the group’s secret from a machine that has it, one outside the group does not', async () => {
  await using live = await startLive({ secrets: { 'prod/db': 'correct horse' } });
  const { world, org } = live;
  const ci = idFrom<GroupId>(world.random);
  await world.append('group.set', { group: ci, name: 'ci', members: [] });
  await world.append('machine.set', { machine: live.daemon.machine, groups: [ci] });
  const before = found(
    [...world.state.policies.values()].find(({ pattern, retired }) => pattern === 'prod/**' && !retired),
    'the policy',
  );
  const { eh: _, ...terms } = before;
  await world.append('policy.set', { ...terms, machines: { any: false, machines: [], groups: [ci] } });
  const outside = await world.addMachine('outside');
  const fleet: WorldMachine[] = [];
  for (const name of ['runner-1', 'runner-2']) {
    const token = await world.issueToken({ autoAdmit: true, groups: [ci] });
    fleet.push(await world.enrolMachine(name, token)); // active at once: nobody admits it
  }
  await org.sync();
  const holds = (id: string): boolean => world.secret('prod/db').wraps.some(({ recipient }) => recipient === id);
  await until(async () => (await org.sync(), fleet.every(({ id }) => holds(id))), 'both of the fleet to have their half');
  expect(holds(outside.id)).toBe(false);
  // And it opens: with an approver's share, and not without.
  const device = world.device('ada');
  for (const machine of fleet) {
    const secret = world.secret('prod/db');
    const wrap = found(secret.wraps.find(({ recipient }) => recipient === machine.id)?.wrap, 'wrap');
    const [sealed] = await org.client.getBlobs([wrap]);
    const half = await openMachineHalf(world.state.org, secret, machine.id, machine.kem, found(sealed, 'blob'));
    const share = { member: device.member, ...(await shareOf(world, device, secret)) };
    expect(textOf(await openSecret(world.state.org, secret, [share], half, world.blob(secret.put.body)))).toBe('correct horse');
  }
});
