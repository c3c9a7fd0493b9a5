// Drafts: several admins at different times, each with their own gesture, over one intent; and what a hostile admin tries with them (design rows 74, 75, 93).
import { describe, expect, test } from 'bun:test';
import { codeOf } from '../../testing/code-of.ts';
import { endorsed, entryOf } from '../../testing/world-draft.ts';
import { World } from '../../testing/world.ts';
import { idFrom, makeDevice } from '../../testing/world-people.ts';
import { signDraft, verifyDraftLetter } from '../draft.ts';
import type { MemberId } from '../hash.ts';
import { limits } from '../limits.ts';
import type { Proposed } from './entry.ts';
import { stateHash } from './state-hash.ts';

/** Ada, Ben and Cleo are admins, two of them are needed. */
async function org(): Promise<World> {
  const world = new World('drafts');
  await world.genesis({ tAdmin: 2 });
  await world.addMember('ben');
  await world.addMember('cleo', ['admin', 'approver', 'writer'], [world.device('ben')]);
  await world.addMachine('laptop');
  return world;
}
const member = (world: World, name: string): Proposed => ({ type: 'member.add', body: { member: idFrom<MemberId>(world.random), name, roles: ['approver'] } });
const judge = async (world: World, bytes: Promise<Uint8Array>): Promise<string> => codeOf(world.judge(await bytes));

describe('INV-DRAFT-COUNT: endorsers count like signers, each once, each a person', () => {
  test('one admin endorses, another signs later: it is done, though the log moved on with secrets meanwhile', async () => {
    const world = await org();
    const draft = await endorsed(world, [member(world, 'dora')], [world.device('ada')]);
    await world.put('prod/db', 'meanwhile');
    world.clock.advance(600_000);
    const bytes = await entryOf(world, draft, 0, [world.device('ben')]);
    const state = await world.accept(bytes, 'member.add');
    expect([...state.members.values()].some(({ name }) => name === 'dora')).toBe(true);
    expect(state.authority).toBe(state.head.eh);
  });
  test('row 74: alone it is not enough, and endorsing oneself adds nothing', async () => {
    const world = await org();
    const ada = world.device('ada');
    expect(await judge(world, world.draft('member.add', { member: idFrom(world.random), name: 'eve', roles: [] }, [ada]))).toBe('E_THRESHOLD');
    expect(await judge(world, entryOf(world, await endorsed(world, [member(world, 'eve')], [ada]), 0, [ada]))).toBe('E_SIGNERS');
    const laptop = await world.addDevice('ada');
    expect(await judge(world, entryOf(world, await endorsed(world, [member(world, 'eve')], [laptop]), 0, [ada]))).toBe('E_THRESHOLD');
  });
  test('an approver, a machine and a stranger endorse nothing', async () => {
    const world = await org();
    await world.addMember('fay', ['approver'], [world.device('ben')]);
    const stranger = await makeDevice(world.random, world.member('ada').id, 'stranger');
    const ada = world.device('ada');
    expect(await judge(world, entryOf(world, await endorsed(world, [member(world, 'eve')], [world.device('fay')]), 0, [ada]))).toBe('E_THRESHOLD');
    expect(await judge(world, entryOf(world, await endorsed(world, [member(world, 'eve')], [world.machine('laptop')]), 0, [ada]))).toBe('E_SIGNERS');
    expect(await judge(world, entryOf(world, await endorsed(world, [member(world, 'eve')], [stranger]), 0, [ada]))).toBe('E_SIGNERS');
  });
  test('an endorser revoked meanwhile does not count', async () => {
    const world = await org();
    const laptop = await world.addDevice('ben', 'ben’s laptop', [world.device('ada'), world.device('ben')]);
    const draft = await endorsed(world, [member(world, 'eve')], [laptop]);
    await world.append('device.revoke', { device: laptop.id, exposed: [] });
    expect(await judge(world, entryOf(world, draft, 0, [world.device('ada')]))).toBe('E_REVOKED');
  });
  test('an endorsement taken away, added, or made without user verification', async () => {
    const world = await org();
    const [ada, ben, cleo] = [world.device('ada'), world.device('ben'), world.device('cleo')];
    const draft = await endorsed(world, [member(world, 'dora')], [ben]);
    const both = await endorsed(world, draft.items, [ben, cleo]);
    expect(await judge(world, entryOf(world, draft, 0, [ada], { endorsements: [] }))).toBe('E_SIGNERS');
    expect(await judge(world, entryOf(world, draft, 0, [ada], { endorsements: both.endorsements }))).toBe('E_SIGNERS');
    expect(await judge(world, entryOf(world, draft, 0, [ada], { endorsements: draft.endorsements.map(({ assertion: _, ...rest }) => rest) }))).toBe(
      'E_WEBAUTHN',
    );
    expect(await judge(world, entryOf(world, draft, 0, [ada], { ref: { endorsers: [cleo.voice.ref] } }))).toBe('E_SIGNERS');
  });
});

describe('INV-DRAFT-BOUND: an endorsement is for these changes, on this authority, until then, once', () => {
  test('row 75: another body under the same endorsement', async () => {
    const world = await org();
    const draft = await endorsed(world, [member(world, 'dora')], [world.device('ben')]);
    expect(await judge(world, entryOf(world, draft, 0, [world.device('ada')], { item: member(world, 'eve') }))).toBe('E_DRAFT');
    const swapped = await endorsed(world, [member(world, 'eve')], []);
    expect(await judge(world, entryOf(world, draft, 0, [world.device('ada')], { item: swapped.items[0]!, ref: { items: swapped.ref.items } }))).toBe(
      'E_SIGNATURE',
    );
  });
  test('row 75: loosened, tightened again, loosened with the old endorsement', async () => {
    const world = await org();
    const { eh: _, ...policy } = [...world.state.policies.values()][0]!;
    const loose: Proposed = { type: 'policy.set', body: { ...policy, maxTtlS: 3_600 } };
    const draft = await endorsed(world, [loose], [world.device('ben')]);
    await world.accept(await entryOf(world, draft, 0, [world.device('ada')]), 'policy.set');
    await world.append('policy.set', policy);
    expect(await judge(world, entryOf(world, draft, 0, [world.device('ada')]))).toBe('E_DRAFT');
  });
  test('authority changed since, by whatever entry: sign again', async () => {
    const world = await org();
    const draft = await endorsed(world, [member(world, 'dora')], [world.device('ben')]);
    await world.append('org.freeze', { reason: '' }, [world.device('cleo')]);
    await world.append('org.unfreeze', { reason: '' }, [world.device('cleo'), world.device('ada')]);
    expect(await judge(world, entryOf(world, draft, 0, [world.device('ada')]))).toBe('E_DRAFT');
  });
  test('to the last moment, one past it, and a life too long', async () => {
    const world = await org();
    const expiresAt = world.clock.now() + 1_000;
    const draft = await endorsed(world, [member(world, 'dora')], [world.device('ben')], { expiresAt });
    expect(await judge(world, entryOf(world, draft, 0, [world.device('ada')], { ts: expiresAt }))).toBe('accepted');
    expect(await judge(world, entryOf(world, draft, 0, [world.device('ada')], { ts: expiresAt + 1 }))).toBe('E_DRAFT');
    const long = await endorsed(world, draft.items, [world.device('ben')], { expiresAt: world.clock.now() + limits.draftLifeMs + 1 });
    expect(await judge(world, entryOf(world, long, 0, [world.device('ada')]))).toBe('E_DRAFT');
  });
  test('of another organisation', async () => {
    const [world, other] = [await org(), new World('other')];
    await other.genesis();
    const items = [member(world, 'dora')];
    const foreign = await endorsed(other, items, [world.device('ben')], { authority: world.state.authority });
    expect(await judge(world, entryOf(world, foreign, 0, [world.device('ada')]))).toBe('E_SIGNATURE');
  });
  test('of what needs no second admin', async () => {
    const world = await org();
    const machine = await world.enrolMachine('build');
    const draft = await endorsed(world, [{ type: 'machine.admit', body: { machine: machine.id, groups: [] } }], [world.device('ben')]);
    expect(await judge(world, entryOf(world, draft, 0, [world.device('ada')]))).toBe('E_DRAFT');
  });
});

describe('INV-DRAFT-ORDER: several changes go in one after the other, nothing of authority between them', () => {
  test('in order, with secrets between; then the draft is used up', async () => {
    const world = await org();
    const draft = await endorsed(world, [member(world, 'dora'), member(world, 'eli'), member(world, 'fay')], [world.device('ben')]);
    await world.accept(await entryOf(world, draft, 0, [world.device('ada')]), 'member.add');
    await world.put('prod/db', 'between');
    expect(await judge(world, entryOf(world, draft, 2, [world.device('ada')]))).toBe('E_DRAFT');
    expect(await judge(world, entryOf(world, draft, 0, [world.device('ada')]))).toBe('E_DRAFT');
    await world.accept(await entryOf(world, draft, 1, [world.device('ada')]), 'member.add');
    await world.accept(await entryOf(world, draft, 2, [world.device('ada')]), 'member.add');
    expect(world.state.drafted).toBeUndefined();
    expect(await judge(world, entryOf(world, draft, 2, [world.device('ada')]))).toBe('E_DRAFT');
  });
  test('row 74: the second entry of another draft does not go on where the first one of this went in', async () => {
    const world = await org();
    const draft = await endorsed(world, [member(world, 'dora'), member(world, 'eli')], [world.device('ben')]);
    const other = await endorsed(world, [member(world, 'fay'), member(world, 'eve')], [world.device('ben')]);
    await world.accept(await entryOf(world, draft, 0, [world.device('ada')]), 'member.add');
    expect(await judge(world, entryOf(world, other, 1, [world.device('ada')]))).toBe('E_DRAFT');
    expect(await judge(world, entryOf(world, draft, 1, [world.device('ada')]))).toBe('accepted');
  });
  test('what is left of it ends with another change of authority', async () => {
    const world = await org();
    const draft = await endorsed(world, [member(world, 'dora'), member(world, 'eli')], [world.device('ben')]);
    await world.accept(await entryOf(world, draft, 0, [world.device('ada')]), 'member.add');
    await world.append('member.remove', { member: world.member('cleo').id, exposed: [] });
    expect(await judge(world, entryOf(world, draft, 1, [world.device('ada')]))).toBe('E_DRAFT');
  });
  test('how far a draft got is part of the state', async () => {
    const world = await org();
    const before = world.state;
    const draft = await endorsed(world, [member(world, 'dora'), member(world, 'eli')], [world.device('ben')]);
    await world.accept(await entryOf(world, draft, 0, [world.device('ada')]), 'member.add');
    expect(stateHash({ ...world.state, drafted: undefined })).not.toBe(stateHash(world.state));
    expect(stateHash({ ...world.state, authority: before.authority })).not.toBe(stateHash(world.state));
  });
});

describe('INV-DRAFT-DEVICE row 93: a device for somebody without one', () => {
  test('endorsed by an admin and by the new device itself, signed by a second admin', async () => {
    const world = await org();
    const { ref, items, endorsements } = await endorsed(world, [member(world, 'dora')], [world.device('ben')]);
    await world.accept(await entryOf(world, { ref, items, endorsements }, 0, [world.device('ada')]), 'member.add');
    const dora = [...world.state.members.values()].find(({ name }) => name === 'dora')!;
    const phone = await makeDevice(world.random, dora.id, 'dora’s phone');
    const draft = await endorsed(world, [{ type: 'device.add', body: phone.facts }], [world.device('ben'), phone]);
    expect(await judge(world, entryOf(world, draft, 0, [world.device('ada')]))).toBe('accepted');
    expect(await judge(world, entryOf(world, draft, 0, [world.device('ben')]))).toBe('E_SIGNERS');
    const alone = await endorsed(world, draft.items, [phone]);
    expect(await judge(world, entryOf(world, alone, 0, [world.device('ada')]))).toBe('E_THRESHOLD');
    const without = await endorsed(world, draft.items, [world.device('ben')]);
    expect(await judge(world, entryOf(world, without, 0, [world.device('ada')]))).toBe('E_SIGNERS');
  });
});

describe('INV-DRAFT-LETTER: on its way to the other admins', () => {
  const letterOf = async (world: World, by: 'ada' | 'fay' = 'ada', note = 'new colleague') => {
    const draft = await endorsed(world, [member(world, 'dora')], [world.device('ben')]);
    const { authority, expiresAt } = draft.ref;
    const letter = {
      org: world.state.org,
      device: world.device(by).id,
      ts: world.clock.now(),
      word: 'endorsed',
      draft: { authority, items: draft.items, expiresAt, note, endorsements: draft.endorsements },
    } as const;
    return { bytes: await signDraft(letter, world.device(by).presence), letter };
  };
  test('arrives whole, with those whose word counts today', async () => {
    const world = await org();
    const { bytes, letter } = await letterOf(world);
    const { from, draft, endorsers, stale, word } = await verifyDraftLetter(world.state, bytes, world.clock.now());
    expect([from.device, word, stale, endorsers]).toEqual([world.device('ada').id, 'endorsed', false, [world.device('ben').voice.ref]]);
    expect(draft.items).toEqual(letter.draft.items);
  });
  test('says so when nobody can use it any more', async () => {
    const world = await org();
    const { bytes } = await letterOf(world);
    expect((await verifyDraftLetter(world.state, bytes, world.clock.now() + 3_600_001)).stale).toBe(true);
    await world.append('org.freeze', { reason: '' });
    expect((await verifyDraftLetter(world.state, bytes, world.clock.now())).stale).toBe(true);
  });
  test('an endorsement that does not count is left out, the others stay', async () => {
    const world = await org();
    const { letter } = await letterOf(world);
    const wrong = letter.draft.endorsements.map((signature) => ({
      ...signature,
      signature: signature.signature.map((byte, at) => (at === 9 ? byte ^ 1 : byte)),
    }));
    const doctored = { ...letter, draft: { ...letter.draft, endorsements: [...wrong, ...letter.draft.endorsements, ...letter.draft.endorsements] } };
    const { endorsers, draft } = await verifyDraftLetter(world.state, await signDraft(doctored, world.device('ada').presence), world.clock.now());
    expect([endorsers.length, draft.endorsements.length]).toEqual([1, 1]);
  });
  test('not from a stranger, a revoked device, another organisation, the future, nor with text that deceives', async () => {
    const world = await org();
    const { letter } = await letterOf(world);
    const say = async (changes: object, by = world.device('ada')): Promise<string> =>
      codeOf(verifyDraftLetter(world.state, await signDraft({ ...letter, ...changes }, by.presence), world.clock.now()));
    const stranger = await makeDevice(world.random, world.member('ada').id, 'stranger');
    expect(await say({}, stranger)).toBe('E_SIGNATURE');
    expect(await say({ device: world.device('ben').id })).toBe('E_ORG');
    expect(await say({ org: '22'.repeat(32) })).toBe('E_ORG');
    expect(await say({ ts: world.clock.now() + limits.clockSkewMs + 1 })).toBe('E_CLOCK');
    expect(await say({ draft: { ...letter.draft, note: 'ok \u202e ton' } })).toBe('E_TEXT');
    for (const item of [
      member(world, 'eve \u202e nimda'),
      { type: 'org.freeze', body: { reason: 'a\nb' } },
      { type: 'policy.set', body: world.policy({ hosts: ['a\u200b.x'] }) },
    ])
      expect(await say({ draft: { ...letter.draft, items: [letter.draft.items[0], item] } })).toBe('E_TEXT');
    expect(await say({ draft: { ...letter.draft, items: [{ type: 'checkpoint', body: { stateHash: world.state.authority } }] } })).toBe('E_DRAFT');
    await world.append('device.revoke', { device: (await world.addDevice('cleo', 'laptop', [world.device('ada'), world.device('cleo')])).id, exposed: [] });
    expect(await say({ device: world.member('cleo').devices[1]!.id }, world.member('cleo').devices[1])).toBe('E_REVOKED');
  });
});
