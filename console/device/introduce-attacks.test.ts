// Letters that would bring a device in without the gesture of whoever vouches for it (spec/05-org-log.md §drafts).
import { beforeEach, expect, test } from 'bun:test';
import { fromBase64Url } from '../../protocol/bytes.ts';
import { decode, encode } from '../../protocol/codec.ts';
import { type Draft, type DraftLetter, endorse, intentOf, draftCodec as proposalCodec, signDraft } from '../../protocol/draft.ts';
import { parseInvite } from '../../protocol/enrolment.ts';
import type { Hash, MemberId } from '../../protocol/hash.ts';
import { importSigner } from '../../protocol/keys.ts';
import { deviceAddCodec } from '../../protocol/org-log/bodies.ts';
import { intentHash } from '../../protocol/org-log/draft.ts';
import type { Proposed } from '../../protocol/org-log/entry.ts';
import { sealTo } from '../../protocol/seal.ts';
import { createRelayClient } from '../../relay-client/client.ts';
import { codeOf } from '../../testing/code-of.ts';
import { softWorld } from '../../testing/soft-org.ts';
import { World } from '../../testing/world.ts';
import { type WorldDevice, idFrom, makeDevice } from '../../testing/world-people.ts';
import { type Drafts, openDrafts } from './drafts.ts';
import { createInviteChannel, draftCodec, revealBytesMax, revealCodec } from './invite-channel.ts';
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

const lies: readonly (readonly [string, string, (draft: Draft, about: { readonly member: MemberId }) => Draft])[] = [
  [
    'something beside the device',
    'E_SAS',
    (draft, { member }) => ({ ...draft, items: [{ type: 'member.set', body: { member, name: 'cem', roles: ['admin'] } }, ...draft.items] }),
  ],
  [
    'a member who is there already',
    'E_SAS',
    (draft, { member }) => ({ ...draft, items: [{ type: 'member.add', body: { member, name: 'cem', roles: ['admin'] } }, ...draft.items] }),
  ],
  ['something after the device', 'E_SAS', (draft) => ({ ...draft, items: [...draft.items, { type: 'org.freeze', body: { reason: '' } }] })],
  [
    'other keys',
    'E_SAS',
    (draft) => ({ ...draft, items: draft.items.map((item) => (item.type === 'device.add' ? { ...item, body: { ...item.body, name: 'other' } } : item)) }),
  ],
  ['another authority', 'E_DRAFT', (draft) => ({ ...draft, authority: 'ab'.repeat(32) as Hash })], // a hash of nothing
  ['an end that is too far away', 'E_DRAFT', (draft) => ({ ...draft, expiresAt: draft.expiresAt + 30 * 86_400_000 })],
];
test.each(lies)('a new device endorses no draft with %s, and keeps nothing', async (_what, code, change) => {
  await using soft = await softWorld();
  const ada = await soft.founder();
  const machine = await soft.machine(ada); // knows the metadata key, as a dishonest admin does
  const { link = '' } = await ada.app.invite({ memberName: 'cem', roles: ['approver'] });
  const [text = '', key = ''] = link.split('#invite=')[1]?.split('.') ?? [];
  const invite = parseInvite(text);
  const { platform } = soft.browser();
  const signer = await importSigner(invite.secret, fromBase64Url(key));
  const client = createRelayClient({ url: invite.relay, org: invite.org, signer, fetch: platform.fetch, now: platform.now, random: platform.random });
  const channel = createInviteChannel({ client, platform, invite, side: 'admin' });
  const cem = soft.browser();
  const theirs = await cem.app.joinByInvite(link, 'cem’s phone');
  await theirs.codes;
  const confirming = theirs.confirm();
  confirming.catch(() => undefined);
  for await (const { step, attempt, body } of channel.messages(AbortSignal.timeout(5_000))) {
    if (step !== 'reveal') continue;
    const state = await machine.log.sync();
    const facts = decode(deviceAddCodec, decode(revealCodec, body, revealBytesMax).device, 8_192);
    const honest: Draft = {
      authority: state.authority,
      items: [{ type: 'device.add', body: facts }],
      expiresAt: soft.clock.now() + 86_400_000,
      note: '',
      endorsements: [],
    };
    const mk = machine.log.keys.get(state.mkEpoch) ?? new Uint8Array(32);
    const sealedKey = await sealTo(facts.inboxKey, 'mk-wrap', state.org, [state.mkEpoch, facts.device], mk);
    const payload = encode(proposalCodec, change(honest, invite));
    await channel.send('endorse', attempt, encode(draftCodec, { epoch: state.mkEpoch, sealedKey, payload, checkpoint: state.checkpoint }));
    break;
  }
  await expect(confirming).rejects.toMatchObject({ failure: { code } });
  expect(cem.platform.backend.records.size).toBe(0);
});
