// The state and its hash: equal for equal content, different for any difference, linear for large orgs (spec/05-org-log.md §checkpoint).
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { World, found } from '../../testing/world.ts';
import { idFrom } from '../../testing/world-people.ts';
import type { GroupId, MemberId, SecretId } from '../hash.ts';
import { advance } from './apply.ts';
import { IdMap } from './id-map.ts';
import { type OrgState, activeDevice, devicesOf, isActiveMember, liveAdmins } from './state.ts';
import { stateHash } from './state-hash.ts';

async function org(): Promise<World> {
  const world = new World('state');
  await world.genesis({ withRecovery: true });
  await world.addMember('ben');
  await world.addMachine('laptop');
  await world.append('group.set', { group: idFrom<GroupId>(world.random), name: 'on call', members: [] });
  await world.put('prod/db', 'value');
  return world;
}
const world = await org();

describe('INV-STATE-HASH', () => {
  test('another client that reads the same log has the same state hash', async () => {
    let state: OrgState | undefined;
    for (const { bytes } of world.entries) state = await advance(state, bytes, world.clock.now());
    expect(stateHash(found(state, 'state'))).toBe(stateHash(world.state));
  });
  const state = world.state;
  const first = <T>(values: Iterable<T>): T => found([...values][0], 'value');
  const member = first(state.members.values());
  const device = first(state.devices.values());
  const machine = first(state.machines.values());
  const token = first(state.tokens.values());
  const group = first(state.groups.values());
  const policy = first(state.policies.values());
  const secret = first(state.secrets.values());
  const wrap = first(secret.wraps);
  const more = idFrom<SecretId>(world.random);
  const [keyId, holder] = first(state.keys.entries());
  const { recovery: _, ...withoutKit } = state;
  const changed: readonly (readonly [what: string, state: OrgState])[] = [
    ['name', { ...state, name: 'other' }],
    ['head', { ...state, head: { ...state.head, seq: 99 } }],
    ['time', { ...state, ts: state.ts + 1 }],
    ['threshold', { ...state, tAdmin: 2 }],
    ['origins', { ...state, origins: [] }],
    ['relying parties', { ...state, rpIds: [...state.rpIds, 'x'] }],
    ['recovery', withoutKit],
    ['frozen', { ...state, frozen: true }],
    ['epoch', { ...state, mkEpoch: 1 }],
    ['a member removed', { ...state, members: state.members.set(member.id, { ...member, removed: true }) }],
    ['a role', { ...state, members: state.members.set(member.id, { ...member, roles: [] }) }],
    ['a device revoked', { ...state, devices: state.devices.set(device.device, { ...device, revoked: true }) }],
    ['a device’s key', { ...state, devices: state.devices.set(device.device, { ...device, inboxKey: device.custodyKey }) }],
    ['a machine’s status', { ...state, machines: state.machines.set(machine.machine, { ...machine, status: 'revoked' }) }],
    ['a machine’s owner', { ...state, machines: state.machines.set(machine.machine, { ...machine, owner: member.id }) }],
    [
      'a token used',
      { ...state, tokens: state.tokens.set(token.token, first(state.tokens.values()).usedBy ? { ...token, usedBy: idFrom(world.random) } : token) },
    ],
    ['a group', { ...state, groups: state.groups.set(group.group, { ...group, members: [member.id] }) }],
    ['a policy', { ...state, policies: state.policies.set(policy.policy, { ...policy, maxTtlS: 1 }) }],
    ['a secret’s wraps', { ...state, secrets: state.secrets.set(secret.id, { ...secret, wraps: [...secret.wraps, { ...wrap, recipient: 'ee'.repeat(16) }] }) }],
    ['a secret’s body', { ...state, secrets: state.secrets.set(secret.id, { ...secret, put: { ...secret.put, description: 'other' } }) }],
    ['who put a secret', { ...state, secrets: state.secrets.set(secret.id, { ...secret, putBy: idFrom<MemberId>(world.random) }) }],
    ['when a machine came', { ...state, machines: state.machines.set(machine.machine, { ...machine, enrolledAt: 1 }) }],
    ['the place of the newest checkpoint', { ...state, checkpoint: 1 }],
    ['a secret retired', { ...state, secrets: state.secrets.set(secret.id, { ...secret, retired: true }) }],
    ['a secret more', { ...state, secrets: state.secrets.set(more, { ...secret, id: more, put: { ...secret.put, secret: more } }) }],
    ['who holds a key', { ...state, keys: state.keys.set(keyId, { ...holder, use: holder.use === 'kem' ? 'sig' : 'kem' }) }],
  ];
  test('differs for any difference', () => {
    const hashes = changed.map(([, other]) => stateHash(other));
    expect(new Set([stateHash(state), ...hashes]).size).toBe(changed.length + 1);
  });
  test('does not depend on the order in which things came', () => {
    const add = (ids: readonly MemberId[]): OrgState => ({ ...state, members: ids.reduce((members, id) => members.set(id, { ...member, id }), state.members) });
    const ids = Array.from({ length: 20 }, () => `ab${idFrom<MemberId>(world.random).slice(2)}` as MemberId); // all in one bucket
    expect(stateHash(add(ids))).toBe(stateHash(add(ids.toReversed())));
  });
  test('ten thousand secrets are hashed once each', () => {
    let { secrets } = state;
    for (let index = 0; index < 10_000; index++) {
      const id = idFrom<SecretId>(world.random);
      secrets = secrets.set(id, { ...secret, id });
    }
    const large = { ...state, secrets };
    expect(stateHash(large)).toBe(stateHash({ ...large }));
    expect(secrets.size).toBe(10_001);
  });
});

test('an IdMap behaves as a Map, and what was taken from it before does not change', () => {
  const key = fc.uint8Array({ minLength: 2, maxLength: 2 }).map((bytes) => Buffer.from(bytes).toString('hex'));
  fc.assert(
    fc.property(fc.array(fc.tuple(key, fc.nat())), (pairs) => {
      const map = new Map<string, number>();
      let ids = IdMap.empty<string, number>();
      for (const [id, value] of pairs) {
        const [before, size] = [ids, ids.size];
        const old = before.get(id);
        ids = ids.set(id, value);
        map.set(id, value);
        expect([before.size, before.get(id)]).toEqual([size, old]);
      }
      expect([ids.size, new Map(ids.entries()), [...ids.keys()].sort()]).toEqual([map.size, map, [...map.keys()].sort()]);
      for (const [id, value] of map) expect([ids.has(id), ids.get(id)]).toEqual([true, value]);
    }),
    { numRuns: 100 },
  );
  expect(IdMap.empty<string, number>().get('')).toBeUndefined();
});

test('a removed member has no devices and no say', async () => {
  const at = await org();
  const ben = at.member('ben').id;
  await at.append('member.remove', { member: ben, exposed: [] });
  expect([
    isActiveMember(at.state, ben),
    devicesOf(at.state, ben).length,
    activeDevice(at.state, at.device('ben').id),
    liveAdmins(at.state).includes(ben),
  ]).toEqual([false, 0, undefined, false]);
});
