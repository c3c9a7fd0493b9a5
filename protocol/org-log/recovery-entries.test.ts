// The recovery kit against the log: announced, delayed, stoppable, and no more than one admin (spec/18-recovery.md; design rows 76-78).
import { describe, expect, test } from 'bun:test';
import { codeOf } from '../../testing/code-of.ts';
import { type Speaker, World, found } from '../../testing/world.ts';
import { type WorldDevice, idFrom, makeDevice, makeKit, origin, rpId } from '../../testing/world-people.ts';
import type { Hash, MemberId } from '../hash.ts';
import { limits } from '../limits.ts';
import type { Bodies, EntryType } from './bodies.ts';
import { zeroHash } from './entry.ts';
import { stateHash } from './state-hash.ts';

const dayMs = 86_400_000;
async function org(tAdmin = 1): Promise<World> {
  const at = new World('recovery');
  await at.genesis({ tAdmin, withRecovery: true });
  return at;
}
const kitOf = (at: World): Speaker => found(at.kit, 'kit');
const judge = async <T extends EntryType>(at: World, type: T, body: Bodies[T], by?: readonly Speaker[]): Promise<string> =>
  codeOf(at.judge(await at.draft(type, body, by)));

interface Return {
  readonly device: WorldDevice;
  readonly body: Bodies['recovery.use'];
}
async function comeback(at: World, name = 'ada', roles: Bodies['member.set']['roles'] = ['admin', 'approver', 'writer']): Promise<Return> {
  const member = at.members.get(name)?.id ?? idFrom<MemberId>(at.random);
  const device = await makeDevice(at.random, member, `${name}’s new phone`);
  return { device, body: { reason: 'phone lost', member: { member, name, roles }, device: device.facts } };
}
async function announce(at: World, back: Return): Promise<Hash> {
  await at.append('recovery.use', back.body, [kitOf(at), back.device]);
  return at.state.head.eh;
}
async function recovered(at: World, back: Return): Promise<void> {
  const use = await announce(at, back);
  at.clock.advance(dayMs);
  await at.append('recovery.finish', { use }, [kitOf(at), back.device]);
}

describe('INV-RECOVERY-USE a use of the kit is announced by kit and new device, and changes nothing yet', () => {
  test('it stands in the state for everybody to see, the device may not sign', async () => {
    const at = await org();
    const back = await comeback(at);
    const before = at.state;
    const eh = await announce(at, back);
    expect(at.state).toEqual({
      ...before,
      head: at.state.head,
      ts: at.state.ts,
      authority: at.state.authority,
      recovering: { ...back.body, eh, ts: at.clock.now(), delayMs: dayMs },
    });
    expect(stateHash(at.state)).not.toBe(stateHash({ ...at.state, recovering: undefined }));
    expect(await judge(at, 'org.unfreeze', { reason: '' }, [back.device])).toBe('E_SIGNERS');
  });
  test('row 78: without the kit, by the kit alone, by more, without the person', async () => {
    const at = await org();
    const { device, body } = await comeback(at);
    expect(await judge(at, 'recovery.use', body, [device])).toBe('E_SIGNERS');
    expect(await judge(at, 'recovery.use', body, [kitOf(at)])).toBe('E_SIGNERS');
    expect(await judge(at, 'recovery.use', body, [at.device('ada'), device])).toBe('E_ROLE');
    expect(await judge(at, 'recovery.use', body, [kitOf(at), at.device('ada'), device])).toBe('E_ROLE');
    const { assert: _, ...voice } = device.voice;
    expect(await judge(at, 'recovery.use', body, [kitOf(at), { voice }])).toBe('E_WEBAUTHN');
    expect(await judge(at, 'recovery.use', body, [await makeKit(at.random), device])).toBe('E_SIGNERS');
  });
  test('the kit signs nothing else', async () => {
    const at = await org();
    for (const [type, body] of [
      ['org.unfreeze', { reason: '' }],
      ['org.freeze', { reason: '' }],
      ['member.remove', { member: at.member('ada').id, exposed: [] }],
      ['org.set', { tAdmin: 1, origins: [origin], rpIds: [rpId], authenticators: at.state.authenticators }],
    ] as const)
      expect(await judge(at, type, body, [kitOf(at)])).toBe('E_ROLE');
  });
  test('only an admin, under the name that the member has, on a device of that member, of a kind that the org takes', async () => {
    const at = await org();
    const { device, body } = await comeback(at);
    const wrong: readonly (readonly [change: Partial<typeof body>, code: string])[] = [
      [{ member: { ...body.member, roles: ['approver'] } }, 'E_ROLE'],
      [{ member: { ...body.member, roles: ['admin', 'admin'] } }, 'E_FIELD'],
      [{ member: { ...body.member, name: 'mallory' } }, 'E_FIELD'],
      [{ member: { ...body.member, member: idFrom<MemberId>(at.random) } }, 'E_SIGNERS'],
      [{ reason: 'a\u202eb' }, 'E_TEXT'],
      [{ device: { ...body.device, custodyKey: at.device('ada').facts.custodyKey } }, 'E_KEY_REUSED'],
    ];
    for (const [change, code] of wrong) expect(await judge(at, 'recovery.use', { ...body, ...change }, [kitOf(at), device])).toBe(code);
    await at.append('org.set', { tAdmin: 1, origins: [origin], rpIds: [rpId], authenticators: { ...at.state.authenticators, deviceBoundOnly: true } });
    expect(await judge(at, 'recovery.use', body, [kitOf(at), device])).toBe('E_AUTHENTICATOR');
  });
  test('nobody who was removed comes back, and not while frozen', async () => {
    const at = await org();
    await at.addMember('ben');
    await at.append('member.remove', { member: at.member('ben').id, exposed: [] });
    const ben = await comeback(at, 'ben');
    expect(await judge(at, 'recovery.use', ben.body, [kitOf(at), ben.device])).toBe('E_ID_REUSED');
    const back = await comeback(at);
    await at.append('org.freeze', { reason: '' });
    expect(await judge(at, 'recovery.use', back.body, [kitOf(at), back.device])).toBe('E_FROZEN');
  });
  test('an org without a kit has none to use', async () => {
    const at = new World('none');
    await at.genesis();
    const back = await comeback(at);
    expect(await judge(at, 'recovery.use', back.body, [await makeKit(at.random), back.device])).toBe('E_SIGNERS');
  });
});

describe('INV-RECOVERY-DELAY it takes effect after the delay, and not before', () => {
  test('a millisecond early, and in time', async () => {
    const at = await org();
    const back = await comeback(at);
    const use = await announce(at, back);
    at.clock.advance(dayMs - 1);
    expect(await judge(at, 'recovery.finish', { use }, [kitOf(at), back.device])).toBe('E_RECOVERY_WAIT');
    at.clock.advance(1);
    expect(await judge(at, 'recovery.finish', { use }, [kitOf(at), back.device])).toBe('accepted');
  });
  test('row 78: a time of the future does not shorten it by more than clocks may differ', async () => {
    const at = await org();
    const back = await comeback(at);
    const use = await announce(at, back);
    at.clock.advance(dayMs - limits.clockSkewMs - 1);
    const early = await at.draft('recovery.finish', { use }, [kitOf(at), back.device], { frame: { ts: at.state.ts + dayMs } });
    expect(await codeOf(at.judge(early))).toBe('E_CLOCK');
  });
  test('signed by others, of another use, a second time', async () => {
    const at = await org();
    const back = await comeback(at);
    const use = await announce(at, back);
    at.clock.advance(dayMs);
    expect(await judge(at, 'recovery.finish', { use }, [kitOf(at)])).toBe('E_SIGNERS');
    expect(await judge(at, 'recovery.finish', { use }, [back.device])).toBe('E_SIGNERS');
    expect(await judge(at, 'recovery.finish', { use }, [at.device('ada'), back.device])).toBe('E_ROLE');
    expect(await judge(at, 'recovery.finish', { use: zeroHash }, [kitOf(at), back.device])).toBe('E_RECOVERY');
    const other = await comeback(at);
    expect(await judge(at, 'recovery.finish', { use }, [kitOf(at), other.device])).toBe('E_SIGNERS');
    await at.append('recovery.finish', { use }, [kitOf(at), back.device]);
    expect(await judge(at, 'recovery.finish', { use }, [kitOf(at), back.device])).toBe('E_RECOVERY');
  });
  test('a second use takes the place of the first, and its delay begins anew', async () => {
    const at = await org();
    const first = await comeback(at);
    const use = await announce(at, first);
    at.clock.advance(dayMs);
    const again = await announce(at, await comeback(at));
    expect(await judge(at, 'recovery.finish', { use }, [kitOf(at), first.device])).toBe('E_SIGNERS');
    expect(at.state.recovering).toMatchObject({ eh: again, ts: at.clock.now() });
  });
});

describe('INV-RECOVERY-STOP any admin stops it: by a freeze, or the admins by another kit', () => {
  test('row 78: a freeze ends it for good; unfreezing does not bring it back', async () => {
    const at = await org();
    const back = await comeback(at);
    const use = await announce(at, back);
    await at.append('org.freeze', { reason: 'nobody of us did this' });
    at.clock.advance(dayMs);
    expect(await judge(at, 'recovery.finish', { use }, [kitOf(at), back.device])).toBe('E_SIGNERS');
    await at.append('org.unfreeze', { reason: '' });
    expect(await judge(at, 'recovery.finish', { use }, [kitOf(at), back.device])).toBe('E_SIGNERS');
    expect(at.state.recovering).toBeUndefined();
  });
  test('another kit ends it, and the one before signs nothing any more', async () => {
    const at = await org();
    const old = kitOf(at);
    const back = await comeback(at);
    const use = await announce(at, back);
    await at.append('recovery.set', (await makeKit(at.random)).facts);
    at.clock.advance(dayMs);
    expect(at.state.recovering).toBeUndefined();
    for (const bytes of [await at.draft('recovery.finish', { use }, [old, back.device]), await at.draft('recovery.use', back.body, [old, back.device])])
      expect(await codeOf(at.judge(bytes))).toBe('E_SIGNATURE');
  });
  test('a kit of fewer shares than it needs is none; keys of an earlier one do not come back', async () => {
    const at = await org();
    const kit = await makeKit(at.random);
    expect(await judge(at, 'recovery.set', { ...kit.facts, t: 3, m: 2 })).toBe('E_QUORUM');
    const first = found(at.kit, 'kit').facts;
    await at.append('recovery.set', kit.facts);
    expect(await judge(at, 'recovery.set', first)).toBe('E_KEY_REUSED');
    expect(await judge(at, 'recovery.set', { ...(await makeKit(at.random)).facts, kemKey: first.kemKey })).toBe('E_KEY_REUSED');
  });
});

describe('INV-RECOVERY-ADMIN what comes in is one admin, and nobody is locked out', () => {
  test('the only admin’s new phone: the lost one is revoked by it alone', async () => {
    const at = await org();
    const lost = at.device('ada');
    const back = await comeback(at);
    await recovered(at, back);
    expect(at.state.recovering).toBeUndefined();
    await at.append('device.revoke', { device: lost.id, exposed: [] }, [back.device]);
    await at.append('policy.set', at.policy({ pattern: 'new' }), [back.device]);
  });
  test('a new admin: the member whose phone is lost is removed by them alone', async () => {
    const at = await org();
    const back = await comeback(at, 'ben');
    await recovered(at, back);
    expect(at.state.members.get(back.body.member.member)).toMatchObject({ name: 'ben', roles: ['admin', 'approver', 'writer'], removed: false });
    expect(await judge(at, 'member.remove', { member: at.member('ada').id, exposed: [] }, [back.device])).toBe('accepted');
  });
  test('row 76: where two admins are needed, one recovery is one admin and lowers nothing', async () => {
    const at = await org(2);
    await at.addMember('ben');
    const ada = await comeback(at, 'ada');
    await recovered(at, ada);
    const terms = { tAdmin: 1, origins: [origin], rpIds: [rpId], authenticators: at.state.authenticators };
    expect(await judge(at, 'org.set', terms, [ada.device])).toBe('E_THRESHOLD');
    expect(await judge(at, 'member.remove', { member: at.member('ben').id, exposed: [] }, [ada.device])).toBe('E_MIN_ADMINS');
    expect(await judge(at, 'device.revoke', { device: at.device('ada').id, exposed: [] }, [ada.device])).toBe('accepted');
    const ben = await comeback(at, 'ben');
    await recovered(at, ben);
    expect(await judge(at, 'org.set', terms, [ada.device, ben.device])).toBe('accepted');
  });
  test('a member who is no admin becomes one', async () => {
    const at = await org();
    await at.addMember('eve', ['approver']);
    const eve = await comeback(at, 'eve', ['approver', 'admin']);
    await recovered(at, eve);
    expect(await judge(at, 'org.freeze', { reason: '' }, [eve.device])).toBe('accepted');
  });
  test('who was removed meanwhile does not come in', async () => {
    const at = await org();
    await at.addMember('eve', ['approver']);
    const eve = await comeback(at, 'eve', ['approver', 'admin']);
    const use = await announce(at, eve);
    await at.append('member.remove', { member: at.member('eve').id, exposed: [] });
    at.clock.advance(dayMs);
    expect(await judge(at, 'recovery.finish', { use }, [kitOf(at), eve.device])).toBe('E_ID_REUSED');
  });
});
