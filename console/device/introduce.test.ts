// Devices that come in where one admin is not enough, or by somebody who is none; what an interruption leaves at every step (spec/05-org-log.md §drafts).
import { expect, test } from 'bun:test';
import type { App, InviteSession } from '../app.ts';
import { type SoftPerson, type SoftWorld, joined, softWorld } from '../../testing/soft-org.ts';
import { until } from '../../testing/soft-platform.ts';

const code = (expected: string): object => ({ failure: { code: expected } });
const draftOf = (app: App) => until(app, () => app.org()?.drafts[0], 'a draft');
const phaseIs = (app: App, kind: string) => until(app, () => (app.phase().kind === kind ? true : undefined), `the phase ${kind}`);

async function twoAdmins(world: SoftWorld): Promise<{ readonly ada: SoftPerson; readonly ben: SoftPerson }> {
  const ada = await world.founder();
  const ben = await joined(world, ada, 'ben');
  const id = ada.app.org()?.members.find(({ name }) => name === 'ben')?.id;
  if (!id) throw new Error('ben is not there');
  await ada.app.setRoles(id, ['admin', 'approver', 'writer']);
  await ada.app.setTerms({ tAdmin: 2 });
  await until(ben.app, () => (ben.app.org()?.me.roles.includes('admin') ? true : undefined), 'ben to be admin');
  return { ada, ben };
}
/** Both sides have compared; nobody has confirmed. */
async function compared(world: SoftWorld, host: SoftPerson, input: Parameters<App['invite']>[0], guest: SoftPerson = world.browser()) {
  const invite = await host.app.invite(input);
  const theirs = await guest.app.joinByInvite(invite.link ?? '', 'a new phone');
  await Promise.all([invite.codes, theirs.codes]);
  return { invite, theirs, guest };
}
const confirmBoth = (invite: InviteSession, theirs: InviteSession) => Promise.all([invite.confirm(), theirs.confirm()]);
const cem = { memberName: 'cem', roles: ['approver'] } as const;

test('INV-ENROL-DRAFT: two admins are needed: the person waits, the second admin lets them in with one gesture, and it opens by itself', async () => {
  await using world = await softWorld();
  const { ada, ben } = await twoAdmins(world);
  const { invite, theirs, guest } = await compared(world, ada, cem);
  expect(ada.app.org()?.members).toHaveLength(2); // nothing is in the log before the others agree
  expect(await confirmBoth(invite, theirs)).toEqual(['proposed', 'proposed']);
  await phaseIs(guest.app, 'waiting');
  const draft = await draftOf(ben.app);
  expect(draft).toMatchObject({ by: 'ada', missing: 1, changes: [{ what: 'Add cem' }, { what: 'Let a new phone of cem in' }] });
  const before = ben.platform.authenticator.gestures;
  expect(await ben.app.agreeDraft(draft.id)).toBe('done');
  expect(ben.platform.authenticator.gestures - before).toBe(1);
  guest.platform.comeBack();
  await phaseIs(guest.app, 'ready');
  expect(guest.app.org()).toMatchObject({ me: { name: 'cem', roles: ['approver'] } });
  await until(ada.app, () => (ada.app.org()?.members.length === 3 ? true : undefined), 'ada to see cem');
});

test('INV-ENROL-WAIT: who waits survives a reload, keys that are renewed meanwhile, and a relay that is away', async () => {
  await using world = await softWorld();
  const { ada, ben } = await twoAdmins(world);
  const machine = await world.machine(ada);
  const { invite, theirs, guest } = await compared(world, ada, cem);
  await confirmBoth(invite, theirs);
  const again = world.reload(guest);
  await phaseIs(again.app, 'waiting');
  // A metadata key that the new device does not get, since it is not in yet; no change of authority.
  await ada.app.revokeMachine(machine.id);
  expect(await ben.app.agreeDraft((await draftOf(ben.app)).id)).toBe('done');
  again.platform.wire = () => Promise.reject(new Error('away'));
  again.platform.comeBack();
  await phaseIs(again.app, 'loading');
  again.platform.wire = undefined;
  world.clock.advance(3_000);
  await phaseIs(again.app, 'ready');
  expect(again.app.org()?.machines).toMatchObject([{ status: 'revoked' }]);
});

test('declined: nobody was added, and the same browser joins by a new link', async () => {
  await using world = await softWorld();
  const { ada, ben } = await twoAdmins(world);
  const first = await compared(world, ada, cem);
  await confirmBoth(first.invite, first.theirs);
  await ben.app.refuseDraft((await draftOf(ben.app)).id);
  await until(ada.app, () => ada.app.org()?.drafts.find(({ refused }) => refused.includes('ben')), 'ada to hear it');
  await ada.app.refuseDraft(ada.app.org()?.drafts[0]?.id ?? ('' as never)); // compared only
  await phaseIs(first.guest.app, 'waiting');
  const second = await compared(world, ada, cem, first.guest);
  await confirmBoth(second.invite, second.theirs);
  expect(await ben.app.agreeDraft((await draftOf(ben.app)).id)).toBe('done');
  first.guest.platform.comeBack();
  await phaseIs(first.guest.app, 'ready');
  expect(ada.app.org()?.members.filter(({ name }) => name === 'cem')).toHaveLength(1);
});

test('who does not want to wait begins anew', async () => {
  await using world = await softWorld();
  const { ada } = await twoAdmins(world);
  const { invite, theirs, guest } = await compared(world, ada, cem);
  await confirmBoth(invite, theirs);
  await phaseIs(guest.app, 'waiting');
  await guest.app.stopWaiting();
  expect(guest.app.phase().kind).toBe('welcome');
  await guest.app.createOrg({ orgName: 'Own', memberName: 'cem', deviceName: 'phone' }, () => undefined);
  expect(guest.app.org()?.name).toBe('Own');
});

test('an admin’s own further device needs nobody else', async () => {
  await using world = await softWorld();
  const { ada } = await twoAdmins(world);
  const { invite, theirs, guest } = await compared(world, ada, { ownDevice: true });
  expect(await confirmBoth(invite, theirs)).toEqual(['done', 'done']);
  expect(guest.app.org()?.me.name).toBe('ada');
});

test('a member who is no admin adds a further device: it proposes, one admin agrees', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const dora = await joined(world, ada, 'dora');
  const { invite, theirs, guest } = await compared(world, dora, { ownDevice: true });
  expect(await confirmBoth(invite, theirs)).toEqual(['proposed', 'proposed']);
  expect(dora.app.org()?.drafts).toMatchObject([{ mine: true, missing: 1 }]);
  const draft = await draftOf(ada.app);
  expect(draft).toMatchObject({ by: 'dora', missing: 1, changes: [{ what: 'Let a new phone of dora in' }] });
  expect(await ada.app.agreeDraft(draft.id)).toBe('done');
  guest.platform.comeBack();
  await phaseIs(guest.app, 'ready');
  await until(dora.app, () => (dora.app.org()?.drafts.length === 0 ? true : undefined), 'dora to see it done');
  expect(dora.app.org()?.members.find(({ name }) => name === 'dora')?.devices).toHaveLength(2);
});

test('INV-DRAFT-OWN: a member who is no admin proposes nothing else, and hears a no', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const dora = await joined(world, ada, 'dora');
  await expect(dora.app.invite({ memberName: 'eve', roles: ['admin'] })).rejects.toMatchObject(code('E_NO_ROLE'));
  await expect(dora.app.setTerms({ tAdmin: 1 })).rejects.toMatchObject(code('E_NO_ROLE'));
  const { invite, theirs } = await compared(world, dora, { ownDevice: true });
  await confirmBoth(invite, theirs);
  await ada.app.refuseDraft((await draftOf(ada.app)).id);
  await until(dora.app, () => dora.app.org()?.drafts.find(({ refused }) => refused.includes('ada')), 'dora to hear it');
});

test.each([
  ['the new device goes away before it signs', 'guest'],
  ['the admin goes away before they sign', 'host'],
] as const)('%s: nothing is in the log, and the same people begin again', async (_what, who) => {
  await using world = await softWorld();
  const { ada, ben } = await twoAdmins(world);
  const { invite, theirs, guest } = await compared(world, ada, cem);
  if (who === 'guest') guest.platform.authenticator.faults.cancelAfter = 0;
  else ada.platform.authenticator.faults.cancelAfter = 0;
  const ours = invite.confirm();
  ours.catch(() => undefined);
  const other = theirs.confirm();
  other.catch(() => undefined);
  await expect(who === 'guest' ? other : ours).rejects.toMatchObject(code('E_CANCELLED'));
  invite.cancel();
  theirs.cancel();
  await Promise.allSettled([ours, other]);
  guest.platform.authenticator.faults.cancelAfter = undefined;
  ada.platform.authenticator.faults.cancelAfter = undefined;
  expect(ada.app.org()?.drafts).toEqual([]);
  expect(guest.platform.backend.records.size).toBe(0);
  const again = await compared(world, ada, cem, guest);
  await confirmBoth(again.invite, again.theirs);
  expect(await ben.app.agreeDraft((await draftOf(ben.app)).id)).toBe('done');
  guest.platform.comeBack();
  await phaseIs(guest.app, 'ready');
});

test('INV-ENROL-REPEAT: the admin is cut off between the log and the relay: whoever starts next lets the device in', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const { invite, theirs, guest } = await compared(world, ada, cem);
  ada.platform.wire = (url, _init, pass) => (url.endsWith('/v1/keys') ? Promise.reject(new Error('cut')) : pass());
  const other = theirs.confirm();
  other.catch(() => undefined);
  await expect(invite.confirm()).rejects.toMatchObject(code('E_RELAY_AWAY'));
  const waiting = world.reload(guest);
  await phaseIs(waiting.app, 'waiting');
  ada.platform.wire = undefined;
  const back = world.reload(ada);
  await until(back.app, () => (back.app.org()?.online ? true : undefined), 'ada to be back');
  waiting.platform.comeBack();
  await phaseIs(waiting.app, 'ready');
});

test('the answer of the log is lost when the last admin agrees: it is done once, and can be said again', async () => {
  await using world = await softWorld();
  const { ada, ben } = await twoAdmins(world);
  const { invite, theirs, guest } = await compared(world, ada, cem);
  await confirmBoth(invite, theirs);
  const { id } = await draftOf(ben.app);
  let appended = 0;
  ben.platform.wire = async (url, _init, pass) => {
    const answer = await pass();
    if (url.endsWith('/v1/append') && ++appended === 1) throw new Error('the answer is lost');
    return answer;
  };
  await ben.app.agreeDraft(id).catch(() => undefined);
  ben.platform.wire = undefined;
  if (ben.app.org()?.drafts.some((draft) => draft.id === id)) await ben.app.agreeDraft(id);
  guest.platform.comeBack();
  await phaseIs(guest.app, 'ready');
  expect(guest.app.org()?.members.map(({ name }) => name)).toEqual(['ada', 'ben', 'cem']);
});
