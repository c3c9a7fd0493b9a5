// Changes that a machine proposes, at an admin's device: the card's words, one gesture, drafts, and machines that lie (spec/09-release.md §changes).
import { describe, expect, test } from 'bun:test';
import type { GroupId, MemberId, PolicyId } from '../../protocol/hash.ts';
import { type Proposed, zeroHash } from '../../protocol/org-log/entry.ts';
import type { Policy } from '../../protocol/org-log/bodies.ts';
import type { SoftMachine } from '../../testing/soft-machine.ts';
import { type SoftPerson, type SoftWorld, joined, softWorld } from '../../testing/soft-org.ts';
import { until } from '../../testing/soft-platform.ts';
import { once } from '../../protocol/request.ts';
import { defaultPolicy } from './policies.ts';

const groupId = 'a1'.repeat(16) as GroupId; // ids as a machine makes them up
const policyId = 'b2'.repeat(16) as PolicyId; // as above
async function ready(world: SoftWorld): Promise<{ readonly ada: SoftPerson; readonly laptop: SoftMachine; readonly me: MemberId }> {
  const ada = await world.founder();
  const laptop = await world.machine(ada);
  return { ada, laptop, me: ada.app.org()?.me.member ?? ('' as MemberId) }; // the founder has an id
}
const group = (name: string, members: readonly MemberId[], id = groupId): Proposed => ({ type: 'group.set', body: { group: id, name, members } });
const rule = (me: MemberId, more: Partial<Policy> = {}): Proposed => ({
  type: 'policy.set',
  body: { ...defaultPolicy, policy: policyId, pattern: 'prod/**', clauses: [{ k: 1, members: [me], groups: [] }], ...more },
});
const card = ({ app }: SoftPerson) => until(app, () => app.org()?.inbox.find(({ outcome }) => !outcome), 'the card');
const refused = (person: SoftPerson, code: string): Promise<unknown> =>
  until(person.app, () => person.app.org()?.refused.find((one) => one.code === code), `refusal ${code}`);
async function sign(person: SoftPerson): Promise<void> {
  const { requestId, matchCode, matchRequired } = await card(person);
  await person.app.approve(requestId, once, matchRequired ? matchCode : undefined, () => undefined);
}
const settled = (person: SoftPerson): unknown => person.app.org()?.inbox[0]?.outcome?.kind;

describe('signed', () => {
  test('the card’s words come from the entries; one gesture signs all of them', async () => {
    await using world = await softWorld();
    const { ada, laptop, me } = await ready(world);
    await laptop.change([group('on-call', [me]), rule(me, { clauses: [{ k: 1, members: [], groups: [groupId] }] })], {
      changes: { claimed: { agent: '', reason: 'only a harmless typo' } },
    });
    const shown = await card(ada);
    expect(shown).toMatchObject({ kind: 'changes', items: [], needed: 1, matchRequired: true, claimed: { reason: 'only a harmless typo' } });
    expect(shown.changes?.map(({ what }) => what)).toEqual(['New group on-call', 'New rule prod/**']);
    expect(shown.changes?.[1]?.differences.map(({ effect, words }) => `${effect}: ${words}`)).toEqual([
      'widens: a new rule: one of group on-call may release prod/** to any admitted machine',
    ]);
    expect(shown.lines).toContain('change: New rule prod/**');
    const before = ada.platform.authenticator.gestures;
    await sign(ada);
    expect(ada.platform.authenticator.gestures - before).toBe(1);
    expect(settled(ada)).toBe('stored');
    expect((await laptop.log.sync()).groups.get(groupId)?.name).toBe('on-call');
  });

  test('another number than the terminal’s signs nothing', async () => {
    await using world = await softWorld();
    const { ada, laptop, me } = await ready(world);
    await laptop.change([group('on-call', [me])]);
    const { requestId, matchCode } = await card(ada);
    const wrong = matchCode === '00' ? '01' : '00';
    await expect(ada.app.approve(requestId, once, wrong, () => undefined)).rejects.toMatchObject({ failure: { code: 'E_MATCH' } });
    expect((await laptop.log.sync()).groups.get(groupId)).toBeUndefined();
  });

  test('a machine’s revocation comes with a new metadata key', async () => {
    await using world = await softWorld();
    const { ada, laptop } = await ready(world);
    const stolen = await world.machine(ada, 'stolen');
    await laptop.change([{ type: 'machine.revoke', body: { machine: stolen.id, exposed: [] } }]);
    expect(await card(ada)).toMatchObject({ matchRequired: false });
    await sign(ada);
    const state = await laptop.log.sync();
    expect(state.machines.get(stolen.id)?.status).toBe('revoked');
    expect(state.mkEpoch).toBe(1);
  });

  test('where two admins must agree it becomes a draft, and the machine is told', async () => {
    await using world = await softWorld();
    const { ada, laptop, me } = await ready(world);
    const ben = await joined(world, ada, 'ben');
    const id = ben.app.org()?.me.member ?? ('' as MemberId); // he has joined
    await ada.app.setRoles(id, ['admin', 'approver', 'writer']);
    await ada.app.setTerms({ tAdmin: 2 });
    const asked = await laptop.change([group('on-call', [me, id])]);
    expect(await card(ada)).toMatchObject({ needed: 2 });
    await sign(ada);
    expect((await laptop.answers(asked))[0]?.answer.decision).toBe('proposed');
    expect((await laptop.log.sync()).groups.get(groupId)).toBeUndefined();
    const draft = await until(ben.app, () => ben.app.org()?.drafts[0], 'the draft');
    expect(await ben.app.agreeDraft(draft.id)).toBe('done');
    expect((await laptop.log.sync()).groups.get(groupId)?.members).toHaveLength(2);
  });

  test('frozen, unfreezing can be signed', async () => {
    await using world = await softWorld();
    const { ada, laptop } = await ready(world);
    await ada.app.freeze('drill');
    await laptop.change([{ type: 'org.unfreeze', body: { reason: 'over' } }]);
    await sign(ada);
    expect(ada.app.org()?.frozen).toBe(false);
  });
});

describe('attacks', () => {
  test('[INV-CHANGE-WORDS] another list at the relay than the machine signed', async () => {
    await using world = await softWorld();
    const { ada, laptop, me } = await ready(world);
    await laptop.change([group('harmless', [])], { swapped: [rule(me)] });
    await refused(ada, 'E_BIND');
    expect(ada.app.org()?.inbox).toEqual([]);
  });

  test('[INV-CHANGE-SHOWN] the same thing is changed while the card is open: what would do something else is not signed', async () => {
    await using world = await softWorld();
    const { ada, laptop, me } = await ready(world);
    const ben = await joined(world, ada, 'ben');
    const id = ben.app.org()?.me.member ?? ('' as MemberId); // he has joined
    await laptop.change([group('on-call', [me])]);
    await sign(ada);
    await laptop.change([group('on-call', [])]);
    expect((await card(ada)).changes?.[0]?.differences).toEqual([{ effect: 'narrows', words: 'ada goes out' }]);
    await ada.app.setGroup({ group: groupId, name: 'on-call', members: [me, id] });
    await expect(sign(ada)).rejects.toMatchObject({ failure: { code: 'E_DRAFT' } });
    expect((await laptop.log.sync()).groups.get(groupId)?.members).toHaveLength(2);
  });

  test('[INV-CHANGE-SHOWN] two admins at the same moment: the second signs again, on the new head, only what was shown', async () => {
    await using world = await softWorld();
    const { ada, laptop, me } = await ready(world);
    const other = await joined(world, ada, 'ben');
    await ada.app.setRoles(other.app.org()?.me.member ?? ('' as MemberId), ['admin', 'approver']); // he has joined
    await until(other.app, () => other.app.org()?.me.roles.includes('admin') || undefined, 'ben is an admin');
    await laptop.change([group('on-call', [me])]);
    let isLate = false;
    ada.platform.wire = async (url, _init, pass) => {
      if (!isLate && url.endsWith('/append')) {
        isLate = true;
        await other.app.setGroup({ name: 'security', members: [me] });
      }
      return pass();
    };
    const before = ada.platform.authenticator.gestures;
    await sign(ada);
    expect(ada.platform.authenticator.gestures - before).toBe(2);
    expect([...(await laptop.log.sync()).groups.values()].map(({ name }) => name).sort()).toEqual(['on-call', 'security']);
  });

  test('[INV-CHANGE-LIST] only the closed list, and never what is exposed', async () => {
    await using world = await softWorld();
    const { ada, laptop, me } = await ready(world);
    const eve = 'e5'.repeat(16) as MemberId; // made up
    await laptop.change([{ type: 'member.add', body: { member: eve, name: 'eve', roles: ['admin'] } }]);
    await refused(ada, 'E_FIELD');
    await laptop.change([{ type: 'machine.revoke', body: { machine: laptop.id, exposed: [] } }, group('on-call', [me])]);
    await laptop.change([{ type: 'machine.revoke', body: { machine: laptop.id, exposed: ['00'.repeat(16) as never] } }]); // an id of nothing
    await until(ada.app, () => (ada.app.org()?.refused.filter(({ code }) => code === 'E_FIELD').length ?? 0) === 3 || undefined, 'three refusals');
    expect(ada.app.org()?.inbox).toEqual([]);
  });

  test('[INV-CHANGE-ROLE] nobody but an admin sees a card, and only who could sign it', async () => {
    await using world = await softWorld();
    const { ada, laptop, me } = await ready(world);
    const ben = await joined(world, ada, 'ben');
    await laptop.change([group('on-call', [me])]);
    await refused(ben, 'E_NOT_ELIGIBLE');
    expect(ben.app.org()?.inbox).toEqual([]);
  });

  test('what nobody could meet, a revoked machine, and the same bytes again', async () => {
    await using world = await softWorld();
    const { ada, laptop, me } = await ready(world);
    await laptop.change([rule(me, { clauses: [{ k: 2, members: [me], groups: [] }] })]);
    await refused(ada, 'E_QUORUM');
    const { bytes } = await laptop.change([group('on-call', [me])]);
    const { requestId } = await card(ada);
    await ada.app.deny(requestId, false);
    await laptop.send(bytes);
    await refused(ada, 'E_REQ_SEEN');
    const second = await world.machine(ada, 'second');
    const late = await laptop.sign([], { changes: { changes: { blob: zeroHash, digest: zeroHash } } });
    await ada.app.revokeMachine(laptop.id);
    await second.send(late.bytes);
    await refused(ada, 'E_MACHINE_REVOKED');
    expect((await second.log.sync()).groups.get(groupId)).toBeUndefined();
  });

  test('names that look like others are flagged on the card', async () => {
    await using world = await softWorld();
    const { ada, laptop, me } = await ready(world);
    await ada.app.setGroup({ name: 'on-call', members: [me] });
    await laptop.change([group('0n-call', [])]);
    expect((await card(ada)).changes?.[0]?.warnings).toEqual(['looks like on-call, which exists']);
  });
});
