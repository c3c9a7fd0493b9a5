// Changing a member, a machine, the organisation's terms; which passkeys it takes (spec/05-org-log.md §rules; design rows 74-77, 80).
import { describe, expect, test } from 'bun:test';
import { codeOf } from '../../testing/code-of.ts';
import { type Speaker, World, found } from '../../testing/world.ts';
import { type WorldDevice, idFrom, makeDevice, origin, rpId } from '../../testing/world-people.ts';
import type { GroupId, MemberId } from '../hash.ts';
import type { Bodies, DeviceAdd, EntryType, Role } from './bodies.ts';
import { type OrgSet, anyAuthenticator } from './org-bodies.ts';
import { stateHash } from './state-hash.ts';

async function org(tAdmin = 2): Promise<World> {
  const at = new World('settings');
  await at.genesis({ tAdmin });
  await at.addMember('ben');
  await at.addMember('eve', ['approver', 'writer'], tAdmin > 1 ? [at.device('ben')] : []);
  await at.addMachine('laptop', { owner: at.member('eve').id });
  return at;
}
const judge = async <T extends EntryType>(at: World, type: T, body: Bodies[T], by?: readonly Speaker[]): Promise<string> =>
  codeOf(at.judge(await at.draft(type, body, by)));
const both = (at: World): readonly Speaker[] => [at.device('ada'), at.device('ben')];
const member = (at: World, name: string, roles: readonly Role[], called = name): Bodies['member.set'] => ({ member: at.member(name).id, name: called, roles });

describe('INV-LOG-MEMBER a member changes by the threshold, drops roles by one admin or alone', () => {
  test('more roles, another role, another name need t admins', async () => {
    const at = await org();
    for (const body of [member(at, 'eve', ['approver', 'writer', 'admin']), member(at, 'eve', ['admin']), member(at, 'eve', ['approver', 'writer'], 'eva')]) {
      expect(await judge(at, 'member.set', body)).toBe('E_THRESHOLD');
      expect(await judge(at, 'member.set', body, [at.device('eve')])).toBe('E_ROLE');
      expect(await judge(at, 'member.set', body, both(at))).toBe('accepted');
    }
  });
  test('a role less needs one admin, or the member alone; nobody else', async () => {
    const at = await org();
    const body = member(at, 'eve', ['writer']);
    expect(await judge(at, 'member.set', body)).toBe('accepted');
    expect(await judge(at, 'member.set', body, [at.device('eve')])).toBe('accepted');
    expect(await judge(at, 'member.set', member(at, 'ben', ['admin']), [at.device('eve')])).toBe('E_ROLE');
    expect(await judge(at, 'member.set', body, [at.machine('laptop')])).toBe('E_ROLE');
  });
  test('row 76: the last admin cannot step down, nor one of those that the threshold needs', async () => {
    const at = await org();
    expect(await judge(at, 'member.set', member(at, 'ben', []), [at.device('ben')])).toBe('E_MIN_ADMINS');
    expect(await judge(at, 'member.set', member(at, 'ben', []))).toBe('E_MIN_ADMINS');
    const alone = new World('alone');
    await alone.genesis();
    expect(await judge(alone, 'member.set', member(alone, 'ada', ['approver']))).toBe('E_MIN_ADMINS');
  });
  test('what a member was is gone: an approver without the role approves nothing', async () => {
    const at = await org();
    await at.append('member.set', member(at, 'eve', []), [at.device('eve')]);
    expect(at.state.members.get(at.member('eve').id)).toMatchObject({ roles: [], removed: false });
    expect(await judge(at, 'policy.set', at.policy({ pattern: 'x', clauses: [{ k: 1, members: [at.member('eve').id], groups: [] }] }), both(at))).toBe(
      'E_QUORUM',
    );
  });
  test('nobody unknown or removed, no role twice, no name that deceives', async () => {
    const at = await org();
    expect(await judge(at, 'member.set', { member: idFrom<MemberId>(at.random), name: 'x', roles: [] })).toBe('E_UNKNOWN_ID');
    expect(await judge(at, 'member.set', member(at, 'eve', ['writer', 'writer']))).toBe('E_FIELD');
    expect(await judge(at, 'member.set', member(at, 'eve', [], 'e\u202ev'), both(at))).toBe('E_TEXT');
    expect(await judge(at, 'member.add', { member: idFrom<MemberId>(at.random), name: 'x', roles: ['admin', 'admin'] }, both(at))).toBe('E_FIELD');
    await at.append('member.remove', { member: at.member('eve').id, exposed: [] });
    expect(await judge(at, 'member.set', member(at, 'eve', []), both(at))).toBe('E_UNKNOWN_ID');
  });
});

describe('INV-LOG-MACHINE a machine has the groups and the owner that an admin gives it, and no group that does not exist', () => {
  test('groups and owner change as a whole', async () => {
    const at = await org();
    const group = idFrom<GroupId>(at.random);
    const { id } = at.machine('laptop');
    expect(await judge(at, 'machine.set', { machine: id, groups: [group] })).toBe('E_UNKNOWN_ID');
    await at.append('group.set', { group, name: 'servers', members: [] }, both(at));
    await at.append('machine.set', { machine: id, groups: [group] });
    expect(at.state.machines.get(id)).toMatchObject({ status: 'active', groups: [group] });
    expect(at.state.machines.get(id)?.owner).toBeUndefined();
    expect(await judge(at, 'machine.set', { machine: id, groups: [], owner: idFrom<MemberId>(at.random) })).toBe('E_UNKNOWN_ID');
  });
  test('a waiting one keeps waiting; a revoked one and one that was never there do not change', async () => {
    const at = await org();
    const waiting = await at.enrolMachine('waiting');
    await at.append('machine.set', { machine: waiting.id, groups: [], owner: at.member('ben').id });
    expect(at.state.machines.get(waiting.id)).toMatchObject({ status: 'enrolled', owner: at.member('ben').id });
    expect(await judge(at, 'machine.admit', { machine: waiting.id, groups: [idFrom<GroupId>(at.random)] })).toBe('E_UNKNOWN_ID');
    await at.append('machine.revoke', { machine: waiting.id, exposed: [] });
    expect(await judge(at, 'machine.set', { machine: waiting.id, groups: [] })).toBe('E_UNKNOWN_ID');
  });
});

describe('INV-LOG-TERMS the organisation’s terms change by the threshold and lock nobody out', () => {
  const terms = (at: World, change: Partial<OrgSet> = {}): OrgSet => ({
    tAdmin: at.state.tAdmin,
    origins: [origin],
    rpIds: [rpId],
    authenticators: at.state.authenticators,
    ...change,
  });
  test('row 74: one admin alone changes none of them, not even the name', async () => {
    const at = await org();
    for (const change of [{ name: 'Engines' }, { tAdmin: 1 }, { origins: [origin, 'https://evil.example'] }, { authenticators: anyAuthenticator }])
      expect(await judge(at, 'org.set', terms(at, change))).toBe('E_THRESHOLD');
  });
  test('the threshold goes where the admins can meet it', async () => {
    const at = await org();
    expect(await judge(at, 'org.set', terms(at, { tAdmin: 3 }), both(at))).toBe('E_MIN_ADMINS');
    await at.append('org.set', terms(at, { tAdmin: 1 }), both(at));
    expect(await judge(at, 'member.add', { member: idFrom<MemberId>(at.random), name: 'x', roles: [] })).toBe('accepted');
    await at.append('org.set', terms(at, { tAdmin: 2, name: 'Engines' }));
    expect(at.state).toMatchObject({ tAdmin: 2, name: 'Engines' });
    expect(await judge(at, 'member.remove', { member: at.member('ben').id, exposed: [] })).toBe('E_MIN_ADMINS');
  });
  test('an org that is being founded keeps its threshold and may change the rest', async () => {
    const at = new World('founding');
    await at.genesis({ tAdmin: 3 });
    expect(await judge(at, 'org.set', terms(at, { name: 'Engines' }))).toBe('accepted');
    expect(await judge(at, 'org.set', terms(at, { tAdmin: 2 }))).toBe('E_MIN_ADMINS');
  });
  test('what devices in use sign with stays: relying party, and an origin that may use it', async () => {
    const at = await org();
    expect(await judge(at, 'org.set', terms(at, { rpIds: ['other.example'] }), both(at))).toBe('E_WEBAUTHN');
    for (const wrong of ['https://other.example', 'https://evilconsole.example', 'https://console.example.evil.example', 'https://console.example/path'])
      expect([wrong, await judge(at, 'org.set', terms(at, { origins: [wrong] }), both(at))]).toEqual([wrong, 'E_WEBAUTHN']);
    for (const fine of ['https://console.example:8443', 'https://a.console.example'])
      expect([fine, await judge(at, 'org.set', terms(at, { origins: [fine] }), both(at))]).toEqual([fine, 'accepted']);
    await at.append('org.set', terms(at, { origins: [origin, 'https://new.example'], rpIds: [rpId, 'new.example'] }), both(at));
    expect(await judge(at, 'org.freeze', { reason: '' })).toBe('accepted');
  });
  test('a relying party whose devices are all revoked may go', async () => {
    const at = await org();
    await at.append('org.set', terms(at, { origins: [origin, 'https://new.example'], rpIds: [rpId, 'new.example'] }), both(at));
    const old = await makeDevice(at.random, at.member('eve').id, 'old');
    const moved = { ...old, facts: { ...old.facts, passkey: { ...old.facts.passkey, rpId: 'new.example' } }, voice: assertingAt(old, 'new.example') };
    await at.append('device.add', moved.facts, [at.device('ada'), at.device('eve'), moved]);
    expect(await judge(at, 'org.set', terms(at), both(at))).toBe('E_WEBAUTHN');
    await at.append('device.revoke', { device: old.id, exposed: [] });
    expect(await judge(at, 'org.set', terms(at), both(at))).toBe('accepted');
  });
  test('texts that deceive', async () => {
    const at = await org();
    for (const change of [{ name: 'a\u202eb' }, { origins: [origin, 'https://a\u200bb.example'] }, { rpIds: [rpId, 'a\u200bb.example'] }])
      expect(await judge(at, 'org.set', terms(at, change), both(at))).toBe('E_TEXT');
  });
  test('the state hash covers them', async () => {
    const at = await org();
    const hash = stateHash(at.state);
    expect(stateHash({ ...at.state, authenticators: { ...anyAuthenticator, attested: true } })).not.toBe(hash);
    expect(stateHash({ ...at.state, authenticators: { ...anyAuthenticator } })).toBe(hash);
  });
});

function assertingAt(device: WorldDevice, where: string): WorldDevice['voice'] {
  const assert = found(device.voice.assert, 'passkey');
  return { ...device.voice, assert: (challenge, wrong = {}) => assert(challenge, { rpId: where, origin: `https://${where}`, ...wrong }) };
}

describe('INV-LOG-AUTHENTICATOR row 80: only the passkeys that the organisation takes come in', () => {
  const listed = Uint8Array.from({ length: 16 }, (_, index) => index + 1);
  const rules: readonly (readonly [what: string, rule: OrgSet['authenticators'], passkey: Partial<DeviceAdd['passkey']>, code: string])[] = [
    ['anything', anyAuthenticator, {}, 'accepted'],
    ['device-bound, a synced one', { ...anyAuthenticator, deviceBoundOnly: true }, { backupEligible: true, backedUp: false }, 'E_AUTHENTICATOR'],
    ['device-bound, a bound one', { ...anyAuthenticator, deviceBoundOnly: true }, { backupEligible: false, backedUp: false }, 'accepted'],
    ['a list, another model', { ...anyAuthenticator, aaguids: [listed] }, {}, 'E_AUTHENTICATOR'],
    ['a list, a listed model', { ...anyAuthenticator, aaguids: [new Uint8Array(16).fill(9), listed] }, { aaguid: listed }, 'accepted'],
    ['attested, without', { ...anyAuthenticator, attested: true }, {}, 'E_AUTHENTICATOR'],
    ['attested, with', { ...anyAuthenticator, attested: true }, { attestationDigest: new Uint8Array(32).fill(1) }, 'accepted'],
  ];
  test.each(rules)('%s', async (_what, authenticators, passkey, code) => {
    const at = await org();
    await at.append('org.set', { tAdmin: 2, origins: [origin], rpIds: [rpId], authenticators }, both(at));
    const device = await makeDevice(at.random, at.member('eve').id, 'new');
    const facts = { ...device.facts, passkey: { ...device.facts.passkey, ...passkey } };
    expect(await judge(at, 'device.add', facts, [at.device('ada'), at.device('eve'), device])).toBe(code);
    expect(await judge(at, 'org.freeze', { reason: 'those who are in stay in' })).toBe('accepted');
  });
});
