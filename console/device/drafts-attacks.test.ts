// Letters of drafts by members who want to deceive, drown or stop the other admins (spec/05-org-log.md §drafts).
import { beforeEach, expect, test } from 'bun:test';
import { type Draft, type DraftLetter, endorse, intentOf, signDraft } from '../../protocol/draft.ts';
import { intentHash } from '../../protocol/org-log/draft.ts';
import type { Proposed } from '../../protocol/org-log/entry.ts';
import { codeOf } from '../../testing/code-of.ts';
import { World } from '../../testing/world.ts';
import { type WorldDevice, idFrom, makeDevice } from '../../testing/world-people.ts';
import type { MemberId } from '../../protocol/hash.ts';
import { type Drafts, openDrafts } from './drafts.ts';
import type { Session } from './session.ts';

let world: World;
let session: Session;
let drafts: Drafts;

beforeEach(async () => {
  world = new World('drafts');
  await world.genesis({ tAdmin: 1 });
  await world.addMember('ben', ['admin']);
  await world.addMember('eve', ['admin']);
  await world.addMember('mallory', ['approver']);
  const kept = new Map<string, Uint8Array>();
  const storage = {
    read: (prefix: string) => Promise.resolve(new Map([...kept].filter(([name]) => name.startsWith(prefix)))),
    write: (records: ReadonlyMap<string, Uint8Array>, gone: readonly string[] = []) => {
      for (const [name, bytes] of records) kept.set(name, bytes);
      for (const name of gone) kept.delete(name);
      return Promise.resolve();
    },
  };
  const platform = { storage, now: () => world.clock.now() };
  const { id: device, member } = world.device('ben');
  const log = { sync: () => Promise.resolve(world.state), requireState: () => world.state };
  session = { platform, log, me: { org: world.state.org, device, member } } as unknown as Session; // what receiving a letter needs of it
  drafts = await openDrafts(session, () => undefined);
});

const item = (name: string): Proposed => ({ type: 'member.add', body: { member: idFrom<MemberId>(world.random), name, roles: ['approver'] } });

async function letter(
  from: WorldDevice,
  items: readonly Proposed[],
  note: string,
  { by = [from], pad = 0, word = 'endorsed' as DraftLetter['word'] } = {},
): Promise<Uint8Array> {
  const facts = { authority: world.state.authority, items, expiresAt: 1_000 * Math.floor(world.clock.now() / 1_000 + 3_600) };
  const intent = intentOf(world.state.org, facts);
  const endorsements = await Promise.all(
    by.map(async ({ voice }) => {
      const assertion = await voice.assert?.(intentHash(intent), { client: { pad: 'x'.repeat(pad) } });
      return endorse(intent, { signer: voice.signer, ...(assertion ? { assertion } : {}) });
    }),
  );
  const draft: Draft = { ...facts, note, endorsements };
  return signDraft({ org: world.state.org, device: from.id, ts: world.clock.now(), draft, word }, from.presence);
}

test('another admin’s words do not take the place of the author’s', async () => {
  const items = [item('carl')];
  await drafts.receive(await letter(world.device('ada'), items, 'wait until I have called you'));
  await drafts.receive(await letter(world.device('eve'), items, 'checked with ada, please agree'));
  expect(drafts.rows()).toMatchObject([{ by: 'ada', note: 'wait until I have called you', agreed: ['ada', 'eve'] }]);
});

test('what nobody stands behind, is stale, or is not the sender’s to propose, is not shown', async () => {
  const [ada, mallory] = [world.device('ada'), world.device('mallory')];
  await drafts.receive(await letter(ada, [item('carl')], '', { by: [] }));
  expect(await codeOf(drafts.receive(await letter(mallory, [item('carl')], '')))).toBe('E_ROLE');
  const phone = await makeDevice(world.random, world.member('ada').id, 'ada’s new phone');
  expect(await codeOf(drafts.receive(await letter(mallory, [{ type: 'device.add', body: phone.facts }], '')))).toBe('E_ROLE');
  const before = await letter(ada, [item('carl')], '');
  await world.addMember('dora');
  await drafts.receive(before);
  expect(drafts.rows()).toEqual([]);
});

test('somebody new whose name looks like another’s is flagged', async () => {
  for (const [name, warning] of [
    ['ben', 'there is another one called ben'],
    ['Ben', 'looks like ben, which exists'],
    ['b\u0435n', 'mixed alphabets in the name'],
  ] as const) {
    await drafts.receive(await letter(world.device('ada'), [item(name)], ''));
    expect(drafts.rows().map(({ changes }) => changes)).toContainEqual([expect.objectContaining({ what: `Add ${name}`, warnings: [warning] })]);
  }
});

test('only its author takes a draft back', async () => {
  const items = [item('carl')];
  await drafts.receive(await letter(world.device('ada'), items, 'ada’s'));
  await drafts.receive(await letter(world.device('eve'), items, '', { word: 'withdrawn' }));
  expect(drafts.rows()).toMatchObject([{ note: 'ada’s', refused: ['eve'] }]);
  await drafts.receive(await letter(world.device('ada'), items, '', { word: 'withdrawn' }));
  expect(drafts.rows()).toEqual([]);
});

test('a flood of one member leaves room for the drafts of others', async () => {
  for (let count = 0; count < 70; count++) await drafts.receive(await letter(world.device('eve'), [item(`flood ${count}`)], ''));
  const phone = await makeDevice(world.random, world.member('mallory').id, 'a phone');
  for (let count = 0; count < 20; count++) {
    const mine: Proposed = { type: 'device.add', body: { ...phone.facts, name: `phone ${count}` } };
    await drafts.receive(await letter(world.device('mallory'), [mine], ''));
  }
  await drafts.receive(await letter(world.device('ada'), [item('carl')], 'the true one'));
  expect(drafts.rows().filter(({ note }) => note === 'the true one')).toHaveLength(1);
  expect(drafts.rows().length).toBeLessThan(40);
});

test('endorsements that together are larger than what is kept are refused, and the next start works', async () => {
  const items = [...Array(60).keys()].map((count): Proposed => ({ type: 'org.freeze', body: { reason: `${count} ${'y'.repeat(430)}` } }));
  const devices: WorldDevice[] = [world.device('eve')];
  for (let count = 0; count < 26; count++) devices.push(await world.addDevice('eve', `phone ${count}`));
  const told = [];
  for (const device of devices) told.push(await codeOf(drafts.receive(await letter(device, items, '', { pad: 1_700 }))));
  expect(told).toContain('E_LIMIT');
  const again = await openDrafts(session, () => undefined);
  expect(again.rows()).toHaveLength(1);
  await again.receive(await letter(world.device('ada'), [item('carl')], 'the true one'));
  expect(again.rows()).toHaveLength(2);
});
