// Letters that would bring a device in without the gesture of whoever vouches for it (spec/05-org-log.md §drafts).
import { beforeEach, expect, test } from 'bun:test';
import { type DraftLetter, endorse, intentOf, signDraft } from '../../protocol/draft.ts';
import type { MemberId } from '../../protocol/hash.ts';
import { intentHash } from '../../protocol/org-log/draft.ts';
import type { Proposed } from '../../protocol/org-log/entry.ts';
import { codeOf } from '../../testing/code-of.ts';
import { World } from '../../testing/world.ts';
import { type WorldDevice, idFrom, makeDevice } from '../../testing/world-people.ts';
import { type Drafts, openDrafts } from './drafts.ts';
import type { Session } from './session.ts';

let world: World;
let drafts: Drafts;
let phone: WorldDevice;
let ownDevice: Proposed;

beforeEach(async () => {
  world = new World('introduce');
  await world.genesis({ tAdmin: 1 });
  await world.addMember('mallory', ['approver']);
  await world.addMember('dora', ['approver']);
  const platform = { storage: { read: () => Promise.resolve(new Map()), write: () => Promise.resolve() }, now: () => world.clock.now() };
  const { id: device, member } = world.device('ada');
  const log = { sync: () => Promise.resolve(world.state), requireState: () => world.state };
  drafts = await openDrafts({ platform, log, me: { org: world.state.org, device, member } } as unknown as Session, () => undefined); // what receiving needs of it
  phone = await makeDevice(world.random, world.member('mallory').id, 'mallory’s new phone');
  ownDevice = { type: 'device.add', body: phone.facts };
});

async function letter(from: WorldDevice, items: readonly Proposed[], by: readonly WorldDevice[], word: DraftLetter['word'] = 'endorsed'): Promise<Uint8Array> {
  const facts = { authority: world.state.authority, items, expiresAt: world.clock.now() + 3_600_000 };
  const intent = intentOf(world.state.org, facts);
  const endorsements = await Promise.all(
    by.map(async ({ voice }) => endorse(intent, { signer: voice.signer, ...(voice.assert ? { assertion: await voice.assert(intentHash(intent)) } : {}) })),
  );
  return signDraft({ org: world.state.org, device: from.id, ts: world.clock.now(), draft: { ...facts, note: '', endorsements }, word }, from.presence);
}

test('INV-DRAFT-OWN: a member’s own device with the gesture of one that they have is shown', async () => {
  await drafts.receive(await letter(world.device('mallory'), [ownDevice], [world.device('mallory'), phone]));
  expect(drafts.rows()).toMatchObject([{ by: 'mallory', missing: 1, agreed: ['mallory'] }]);
});

test('a stolen presence key vouches for no device: without the member’s own gesture it is not shown', async () => {
  await drafts.receive(await letter(world.device('mallory'), [ownDevice], [phone]));
  await drafts.receive(await letter(world.device('mallory'), [ownDevice], [phone, world.device('dora')]));
  expect(drafts.rows()).toEqual([]);
});

test('an admin’s presence key alone brings nobody in either: a new device does not stand behind itself', async () => {
  const member = idFrom<MemberId>(world.random);
  const stranger = await makeDevice(world.random, member, 'a stranger’s');
  const items: readonly Proposed[] = [
    { type: 'member.add', body: { member, name: 'carl', roles: ['admin'] } },
    { type: 'device.add', body: stranger.facts },
  ];
  await drafts.receive(await letter(world.device('ada'), items, [stranger]));
  expect(drafts.rows()).toEqual([]);
});

test('a member who is no admin brings in nobody else, two devices under one name, or a device with something beside it', async () => {
  const mallory = world.device('mallory');
  const foreign = await makeDevice(world.random, world.member('dora').id, 'dora’s');
  const rise: Proposed = { type: 'member.set', body: { member: world.member('mallory').id, name: 'mallory', roles: ['admin'] } };
  const second: Proposed = { type: 'device.add', body: (await makeDevice(world.random, world.member('mallory').id, 'another')).facts };
  for (const items of [[{ type: 'device.add', body: foreign.facts } as const], [ownDevice, rise], [rise], [ownDevice, second]])
    expect(await codeOf(drafts.receive(await letter(mallory, items, [mallory, phone])))).toBe('E_ROLE');
  expect(drafts.rows()).toEqual([]);
});

test('where proof of the model is wanted no member who is no admin proposes a device: nobody would have seen the proof', async () => {
  const { tAdmin, origins, rpIds } = world.state;
  await world.append('org.set', { tAdmin, origins, rpIds, authenticators: { deviceBoundOnly: false, aaguids: [], attested: true } });
  const mallory = world.device('mallory');
  expect(await codeOf(drafts.receive(await letter(mallory, [ownDevice], [mallory, phone])))).toBe('E_ROLE');
});
