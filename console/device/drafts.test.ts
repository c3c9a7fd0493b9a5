// Two admins in two browsers: what needs both waits for the second, wherever and whenever that is (spec/05-org-log.md §drafts).
import { expect, test } from 'bun:test';
import { type SoftPerson, type SoftWorld, joined, ruleOf, softWorld, value } from '../../testing/soft-org.ts';
import { until } from '../../testing/soft-platform.ts';

const code = (expected: string): object => ({ failure: { code: expected } });

async function twoAdmins(world: SoftWorld): Promise<{ readonly ada: SoftPerson; readonly ben: SoftPerson }> {
  const ada = await world.founder();
  const ben = await joined(world, ada, 'ben');
  const id = ada.app.org()?.members.find(({ name }) => name === 'ben')?.id;
  if (!id) throw new Error('ben is not there');
  expect(await ada.app.setRoles(id, ['admin', 'approver', 'writer'])).toBe('done');
  expect(await ada.app.setTerms({ tAdmin: 2 })).toBe('done');
  await until(ben.app, () => (ben.app.org()?.me.roles.includes('admin') ? true : undefined), 'ben to be admin');
  return { ada, ben };
}
const loosen = (app: SoftPerson['app']): Promise<string> => {
  const approvers = app.org()?.members.map(({ id }) => id) ?? [];
  return app.setPolicy(ruleOf({ pattern: '**', k: 1, approvers, maxTtlS: 7_200, maxUses: 2_000, tier: 'low' }));
};
const firstDraft = (person: SoftPerson, what: string) => until(person.app, () => person.app.org()?.drafts[0], what);

test('what one admin may not do alone is proposed with one gesture, and done by the other with one', async () => {
  await using world = await softWorld();
  const { ada, ben } = await twoAdmins(world);
  await world.machine(ada);
  const before = ada.platform.authenticator.gestures;
  expect(await loosen(ada.app)).toBe('proposed');
  expect(ada.platform.authenticator.gestures - before).toBe(1);
  expect(ada.app.org()?.drafts).toMatchObject([{ mine: true, agreedByMe: true, agreed: ['ada'], missing: 1, changes: [{ what: 'Rule **' }] }]);
  const draft = await firstDraft(ben, 'ben’s draft');
  expect(draft).toMatchObject({ by: 'ada', mine: false, agreedByMe: false, missing: 1, stale: false });
  // Secrets come meanwhile: the draft stays good.
  await ada.app.putSecret({ path: 'prod/db', value: value('meanwhile'), description: '' });
  expect(await ben.app.agreeDraft(draft.id)).toBe('done');
  await until(ada.app, () => (ada.app.org()?.drafts.length === 0 ? true : undefined), 'ada to see it done');
  expect(ada.app.org()?.policies.find(({ pattern }) => pattern === '**')?.words).toContain('low');
  expect(ada.app.org()?.history.find(({ what }) => what === 'set policy **')?.who).toEqual(['ben', 'ada']);
});

test('what narrows, and freezing, takes one admin; going on again takes both', async () => {
  await using world = await softWorld();
  const { ada, ben } = await twoAdmins(world);
  const approvers =
    ada.app
      .org()
      ?.members.filter(({ me }) => me)
      .map(({ id }) => id) ?? [];
  expect(await ada.app.setPolicy(ruleOf({ pattern: '**', k: 1, approvers, maxTtlS: 60, maxUses: 1, tier: 'high' }))).toBe('done');
  expect(await ada.app.freeze('a laptop is missing')).toBe('done');
  expect(await ada.app.unfreeze('found')).toBe('proposed');
  expect(await ben.app.agreeDraft((await firstDraft(ben, 'the draft')).id)).toBe('done');
  await until(ada.app, () => (ada.app.org()?.frozen === false ? true : undefined), 'ada to go on');
});

test('authority changes between: the draft is stale for both, and is proposed again', async () => {
  await using world = await softWorld();
  const { ada, ben } = await twoAdmins(world);
  await loosen(ada.app);
  const draft = await firstDraft(ben, 'the draft');
  expect(await ben.app.freeze('wait')).toBe('done');
  await expect(ben.app.agreeDraft(draft.id)).rejects.toMatchObject(code('E_DRAFT'));
  await until(ada.app, () => ada.app.org()?.drafts.find(({ stale }) => stale), 'ada to see it stale');
});

test('both propose the same at the same moment: each sees the other’s, one word completes it, nobody is locked out', async () => {
  await using world = await softWorld();
  const { ada, ben } = await twoAdmins(world);
  expect(await Promise.all([loosen(ada.app), loosen(ben.app)])).toEqual(['proposed', 'proposed']);
  // In the same millisecond it is the same draft, with both endorsements.
  const theirs = await until(ada.app, () => ada.app.org()?.drafts.find(({ mine, missing }) => !mine || missing === 0), 'ben’s word at ada’s');
  expect(await ada.app.agreeDraft(theirs.id)).toBe('done');
  // The same changes are in: both drafts are done.
  await until(ben.app, () => (ben.app.org()?.drafts.length === 0 ? true : undefined), 'ben’s list to be empty');
  expect(ada.app.org()?.drafts).toEqual([]);
  expect(await ben.app.freeze('going on')).toBe('done');
});

test('declined by the other, withdrawn by its author, kept over a reload', async () => {
  await using world = await softWorld();
  const { ada, ben } = await twoAdmins(world);
  await loosen(ada.app);
  const draft = await firstDraft(ben, 'the draft');
  await ben.app.refuseDraft(draft.id);
  expect(ben.app.org()?.drafts).toEqual([]);
  await until(ada.app, () => ada.app.org()?.drafts.find(({ refused }) => refused.includes('ben')), 'ada to hear it');
  const again = world.reload(ada);
  await until(again.app, () => again.app.org()?.drafts.find(({ refused }) => refused.includes('ben')), 'the draft after a reload');
  await again.app.refuseDraft(draft.id);
  expect(again.app.org()?.drafts).toEqual([]);
});

test('the last admin cannot give up the role, and a threshold that nobody could meet is refused', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const me = ada.app.org()?.me.member;
  if (!me) throw new Error('nobody is here');
  await expect(ada.app.setRoles(me, ['approver'])).rejects.toMatchObject(code('E_MIN_ADMINS'));
  await expect(ada.app.setTerms({ tAdmin: 2 })).rejects.toMatchObject(code('E_MIN_ADMINS'));
});

test('a group that two admins edit at the same moment: what one took out is not put back by what the other had on screen', async () => {
  await using world = await softWorld();
  const { ada, ben } = await twoAdmins(world);
  const members = ada.app.org()?.members.map(({ id }) => id) ?? [];
  expect(await ada.app.setGroup({ name: 'on call', members })).toBe('proposed');
  expect(await ben.app.agreeDraft((await firstDraft(ben, 'the draft')).id)).toBe('done');
  const [shown] = await until(ada.app, () => (ada.app.org()?.groups.length === 1 ? ada.app.org()?.groups : undefined), 'the group');
  if (!shown) throw new Error('no group');
  const [first] = members;
  if (!first) throw new Error('nobody');
  expect(await ben.app.setGroup({ group: shown.id, name: 'on call', members: [first], shown: shown.members })).toBe('done');
  expect(await ada.app.setGroup({ group: shown.id, name: 'on call', members: shown.members, shown: shown.members })).toBe('done');
  expect(ada.app.org()?.groups[0]?.members).toEqual([first]);
});
