// Who waits, who still holds, what would be lost: answers from the log alone (spec/07-custody.md §rewrap, §exposure).
import { describe, expect, test } from 'bun:test';
import { World, found } from '../../testing/world.ts';
import { makeKit } from '../../testing/world-people.ts';
import { halfOf } from '../../testing/world-release.ts';
import { rewrapForMachine } from '../custody.ts';
import { changeLines } from '../change-lines.ts';
import { blobHash } from '../hash.ts';
import { exposureOf, waitingFor } from './holders.ts';
import { lossOf, lossOfDevice, lossOfMachine, lossWords } from './loss.ts';
import type { OrgState } from './state.ts';

async function org(k: number, names = ['ada', 'ben', 'cleo']): Promise<World> {
  const world = new World(`loss ${k}`);
  await world.genesis();
  for (const name of ['ben', 'cleo']) await world.addMember(name, ['approver']);
  await world.addMachine('server');
  await world.approvers('prod/db', k, names);
  await world.put('prod/db', 'one');
  await world.put('prod/key', 'two');
  return world;
}
const exposed = (state: OrgState): readonly string[] =>
  [...state.secrets.values()].flatMap((secret) => (exposureOf(state, secret) ? [secret.path] : [])).toSorted();

describe('INV-CUSTODY-EXPOSED a wrap of the newest version that policy gives no longer', () => {
  test('a person who is removed exposes what they held, each until its next version', async () => {
    const world = await org(1);
    expect(exposed(world.state)).toEqual([]);
    expect(lossOf(world.state, world.member('ben').id).exposed.map(({ path }) => path)).toEqual(['prod/db', 'prod/key']);
    await world.append('member.remove', { member: world.member('ben').id, exposed: [] });
    expect(exposed(world.state)).toEqual(['prod/db', 'prod/key']);
    expect(exposureOf(world.state, world.secret('prod/db'))?.holders.map(({ recipient }) => recipient)).toEqual([world.device('ben').id]);
    await world.put('prod/db', 'renewed');
    expect(exposed(world.state)).toEqual(['prod/key']);
    await world.append('secret.retire', { secret: world.secret('prod/key').id });
    expect(exposed(world.state)).toEqual([]);
  });

  test('a device that is revoked, a machine that is revoked, an approver whom policy names no longer', async () => {
    const world = await org(1);
    const laptop = await world.addDevice('ben');
    await world.put('prod/db', 'again');
    await world.append('device.revoke', { device: laptop.id, exposed: [] });
    expect(exposed(world.state)).toEqual(['prod/db']);
    await world.put('prod/db', 'again');
    expect(exposed(world.state)).toEqual([]);
    await world.append('machine.revoke', { machine: world.machine('server').id, exposed: [] });
    expect(exposed(world.state)).toEqual(['prod/db', 'prod/key']);
    const other = await org(1);
    await other.approvers('prod/db', 1, ['ada', 'ben']);
    expect(exposureOf(other.state, other.secret('prod/db'))?.holders.map(({ recipient }) => recipient)).toEqual([other.device('cleo').id]);
  });

  test('a kit that was replaced has both halves', async () => {
    const world = new World('kits');
    await world.genesis({ withRecovery: true });
    await world.addMachine('server');
    await world.put('prod/db', 'one');
    expect(exposed(world.state)).toEqual([]);
    const kit = await makeKit(world.random);
    const state = { ...world.state, recovery: kit.facts };
    expect(exposureOf(state, world.secret('prod/db'))?.holders.map(({ kind }) => kind)).toEqual(['recovery']);
  });

  test('policy asks for more people than the version opens with', async () => {
    const world = await org(1);
    await world.approvers('prod/db', 2, ['ada', 'ben', 'cleo']);
    expect(exposureOf(world.state, world.secret('prod/db'))).toEqual({ holders: [], weaker: true });
    await world.put('prod/db', 'again');
    expect(exposed(world.state)).toEqual(['prod/key']);
  });

  test('nobody could make the quorum, or no policy governs: who left is counted all the same', async () => {
    const world = await org(2, ['ada', 'ben']);
    await world.append('member.remove', { member: world.member('ben').id, exposed: [] });
    expect(exposed(world.state)).toEqual(['prod/db', 'prod/key']);
    const policy = found([...world.state.policies.values()][0], 'policy');
    await world.append('policy.set', { ...policy, clauses: [{ k: 1, members: [world.member('ada').id], groups: [] }], retired: true });
    expect(exposureOf(world.state, world.secret('prod/db'))?.holders.map(({ recipient }) => recipient)).toEqual([world.device('ben').id]);
  });
});

describe('what would be lost with somebody', () => {
  test('policies whose quorum could not be met, and secrets that nobody could have any more', async () => {
    const world = await org(2, ['ada', 'ben']);
    const loss = lossOf(world.state, world.member('ben').id);
    expect(loss.policies.map(({ pattern }) => pattern)).toEqual(['prod/**']);
    expect(loss.unreachable.map(({ path }) => path)).toEqual(['prod/db', 'prod/key']);
    expect(loss.lastAdmin).toBe(false);
    expect(lossOf(world.state, world.member('cleo').id)).toEqual({ policies: [], unreachable: [], exposed: [], machines: [], lastAdmin: false });
  });

  test('policy could still be met, but the one who came later has no share of this version', async () => {
    const world = await org(2, ['ada', 'ben']);
    await world.approvers('prod/db', 2, ['ada', 'ben', 'cleo']);
    const loss = lossOf(world.state, world.member('ben').id);
    expect(loss.policies).toEqual([]);
    expect(loss.unreachable.map(({ path }) => path)).toEqual(['prod/db', 'prod/key']);
    await world.put('prod/db', 'renewed');
    expect(lossOf(world.state, world.member('ben').id).unreachable.map(({ path }) => path)).toEqual(['prod/key']);
  });

  test('in words, for who decides', async () => {
    const world = await org(2, ['ada', 'ben']);
    expect(lossWords(lossOf(world.state, world.member('ben').id))).toEqual([
      'too few people would be left for prod/**',
      'nobody could have 2 secrets (prod/db, prod/key) any more: renew first',
      '2 secrets (prod/db, prod/key) to renew afterwards: exposed until then',
    ]);
    expect(lossWords(lossOf(world.state, world.member('cleo').id))).toEqual([]);
    const [line] = changeLines(world.state, [{ type: 'device.revoke', body: { device: world.device('ben').id, exposed: [] } }]);
    expect(line?.warnings).toHaveLength(3);
  });

  test('machines that the person owns; the last admin', async () => {
    const world = await org(1);
    await world.addMachine('laptop', { owner: world.member('ben').id });
    expect(lossOf(world.state, world.member('ben').id).machines.map(({ name }) => name)).toEqual(['laptop']);
    expect(lossOf(world.state, world.member('ada').id).lastAdmin).toBe(true);
    expect(lossOfDevice(world.state, world.device('ada').id).lastAdmin).toBe(true);
  });

  test('the only machine that has the other half', async () => {
    const world = await org(1);
    expect(lossOfMachine(world.state, world.machine('server').id)).toMatchObject({ policies: [], lastAdmin: false });
    expect(lossOfMachine(world.state, world.machine('server').id).unreachable.map(({ path }) => path)).toEqual(['prod/db', 'prod/key']);
    expect(lossOfDevice(world.state, world.device('ben').id)).toMatchObject({ unreachable: [], exposed: [{ path: 'prod/db' }, { path: 'prod/key' }] });
  });
});

describe('INV-CUSTODY-WAITING who waits for a wrap, and who can end it', () => {
  const waits = (world: World, path = 'prod/db'): readonly (readonly [string, string])[] =>
    waitingFor(world.state, world.secret(path)).map(({ kind, servedBy }) => [kind, servedBy]);

  test('k = 1: any approver’s device serves devices, a machine serves machines', async () => {
    const world = await org(1);
    await world.addDevice('ben');
    const late = await world.addMachine('late');
    expect(waits(world)).toEqual([
      ['device', 'approver'],
      ['machine', 'machine'],
    ]);
    const secret = world.secret('prod/db');
    const { entry, blob } = await rewrapForMachine(world.state, secret, late.id, await halfOf(world, world.machine('server'), secret));
    world.blobs.set(blobHash(blob), blob);
    const item = { secret: secret.id, putEh: secret.putEh, policyEh: found([...world.state.policies.values()][0], 'policy').eh, shares: [], wraps: [entry] };
    await world.append('secret.rewrap', { items: [item] }, [world.machine('server')]);
    expect(waits(world)).toEqual([['device', 'approver']]);
  });

  test('k = 2: the member’s own device; a new approver waits for the next version', async () => {
    const world = await org(2, ['ada', 'ben']);
    await world.addDevice('ben');
    await world.approvers('prod/db', 2, ['ada', 'ben', 'cleo']);
    expect(
      waits(world)
        .map(([, by]) => by)
        .sort(),
    ).toEqual(['own', 'version']);
  });

  test('no machine is left that could wrap for another: the next version', async () => {
    const world = await org(1);
    await world.append('machine.revoke', { machine: world.machine('server').id, exposed: [] });
    await world.addMachine('late');
    expect(waits(world)).toEqual([['machine', 'version']]);
  });

  test('nobody could make the quorum: nothing is wrapped, so nobody waits', async () => {
    const world = await org(2, ['ada', 'ben']);
    await world.addMachine('late');
    await world.append('member.remove', { member: world.member('ben').id, exposed: [] });
    expect(waits(world)).toEqual([]);
  });
});
