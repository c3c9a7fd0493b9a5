// Tokens that admit by themselves, and groups of machines (spec/11-enrolment.md §machine, spec/05-org-log.md §rules).
import { expect, test } from 'bun:test';
import { type SoftPerson, type SoftWorld, joined, softWorld } from '../../testing/soft-org.ts';
import { softPlatform, until } from '../../testing/soft-platform.ts';
import { SoftMachine } from '../../testing/soft-machine.ts';

const code = (expected: string): object => ({ failure: { code: expected } });
const enrol = (world: SoftWorld, token: string, name: string): Promise<SoftMachine> =>
  SoftMachine.enrol(softPlatform({ relayUrl: world.relay.url, clock: world.clock }), token, name);

async function group({ app }: SoftPerson, name = 'ci'): Promise<NonNullable<ReturnType<typeof app.org>>['groups'][number]['id']> {
  await app.setGroup({ name, members: [] });
  return (await until(app, () => app.org()?.groups.find((row) => row.name === name), 'the group')).id;
}

test('INV-ENROL-AUTO: with two admins a token for a fleet is good once the other has agreed, and not before', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const ben = await joined(world, ada, 'ben');
  const ci = await group(ada);
  await ada.app.setRoles(ada.app.org()?.members.find(({ name }) => name === 'ben')?.id ?? ('' as never), ['admin']); // compared only
  await ada.app.setTerms({ tAdmin: 2 });
  const waits = Promise.withResolvers<void>();
  const making = ada.app.enrolMachine({ here: false, intoGroup: ci }, waits.resolve);
  await waits.promise;
  expect(ada.app.org()?.tokens).toEqual([]);
  const draft = await until(ben.app, () => ben.app.org()?.drafts[0], 'ben’s draft');
  expect(draft.changes).toMatchObject([{ what: 'Make a machine token', differences: [{ effect: 'widens' }] }]);
  expect(await ben.app.agreeDraft(draft.id)).toBe('done');
  const { token, expiresAt } = await making;
  expect(expiresAt - world.clock.now()).toBeLessThanOrEqual(3_600_000);
  const runner = await enrol(world, token, 'runner-1');
  const row = await until(ada.app, () => ada.app.org()?.machines.find(({ id }) => id === runner.id), 'the machine');
  expect(row).toMatchObject({ status: 'active', groups: [ci] });
  expect(ada.app.org()?.groups).toMatchObject([{ name: 'ci', machines: [runner.id] }]);
  expect(ada.app.org()?.tokens).toMatchObject([{ autoAdmit: true, usedBy: 'runner-1' }]);
  // Spent: the relay lets its key register nothing more, and every client refuses a second machine.
  await expect(enrol(world, token, 'runner-2')).rejects.toMatchObject({ code: expect.stringMatching(/^E_(RELAY_FORBIDDEN|TOKEN_USED)$/) as unknown });
});

test('a token for a fleet that nobody agrees to ends unused, and its page is told', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  await joined(world, ada, 'ben');
  const ci = await group(ada);
  await ada.app.setRoles(ada.app.org()?.members.find(({ name }) => name === 'ben')?.id ?? ('' as never), ['admin']); // as above
  await ada.app.setTerms({ tAdmin: 2 });
  const waits = Promise.withResolvers<void>();
  const making = ada.app.enrolMachine({ here: false, intoGroup: ci }, waits.resolve);
  making.catch(() => undefined);
  await waits.promise;
  world.clock.advance(3_700_000);
  await expect(making).rejects.toMatchObject(code('E_DRAFT'));
});

test('tokens live up to 24 hours; one that admits by itself at most one, for a group that exists', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  expect((await ada.app.enrolMachine({ here: false, hours: 24 })).expiresAt - world.clock.now()).toBeGreaterThan(23.9 * 3_600_000);
  await expect(ada.app.enrolMachine({ here: false, hours: 25 })).rejects.toMatchObject(code('E_TOKEN_EXPIRED'));
  await expect(ada.app.enrolMachine({ here: false, hours: 2, intoGroup: await group(ada) })).rejects.toMatchObject(code('E_TOKEN_EXPIRED'));
  await expect(ada.app.enrolMachine({ here: false, intoGroup: 'ab'.repeat(16) as never })).rejects.toMatchObject(code('E_UNKNOWN_ID')); // no such group
});

test('groups and owner of a machine change, and with them who may ask; another’s words are not admitted', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const ci = await group(ada);
  const { token } = await ada.app.enrolMachine({ here: false });
  const machine = await enrol(world, token, 'laptop');
  await until(ada.app, () => ada.app.org()?.machines[0], 'the machine');
  await expect(ada.app.admitMachine(machine.id, 'abandon ability able about above', [ci])).rejects.toMatchObject(code('E_SAS'));
  await ada.app.admitMachine(machine.id, machine.words.toUpperCase(), [ci]);
  expect(ada.app.org()?.machines).toMatchObject([{ status: 'active', groups: [ci], owner: ada.app.org()?.me.member }]);
  await ada.app.setMachine(machine.id, { groups: [] });
  expect(ada.app.org()?.machines[0]).not.toHaveProperty('owner');
  expect(ada.app.org()?.groups).toMatchObject([{ machines: [] }]);
});

test('a person is removed with one gesture, what is lost is told before, and their devices are out', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const ben = await joined(world, ada, 'ben');
  const id = ada.app.org()?.members.find(({ name }) => name === 'ben')?.id;
  if (!id) throw new Error('ben is not there');
  expect(ada.app.lossOf({ member: id })).toMatchObject({ rules: [], lastAdmin: false });
  const me = ada.app.org()?.me.member;
  if (!me) throw new Error('nobody is here');
  expect(ada.app.lossOf({ member: me })).toMatchObject({ rules: ['**'], lastAdmin: true });
  const before = ada.platform.authenticator.gestures;
  await ada.app.removeMember(id);
  expect(ada.platform.authenticator.gestures - before).toBe(1);
  expect(ada.app.org()?.members.map(({ name }) => name)).toEqual(['ada']);
  await until(ben.app, () => (ben.app.phase().kind === 'ready' ? undefined : true), 'ben to be out');
  await expect(ada.app.removeMember(me)).rejects.toMatchObject(code('E_MIN_ADMINS'));
});

test('a member who is no admin revokes a further device of their own, and nobody else’s', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const ben = await joined(world, ada, 'ben');
  const invite = await ben.app.invite({ ownDevice: true });
  const laptop = world.browser();
  const theirs = await laptop.app.joinByInvite(invite.link ?? '', 'ben’s laptop');
  await Promise.all([invite.codes, theirs.codes]);
  await Promise.all([invite.confirm(), theirs.confirm()]);
  await ada.app.agreeDraft((await until(ada.app, () => ada.app.org()?.drafts[0], 'the draft')).id);
  const device = await until(
    ben.app,
    () =>
      ben.app
        .org()
        ?.members.find(({ me }) => me)
        ?.devices.find(({ me }) => !me),
    'ben’s laptop',
  );
  await ben.app.revokeDevice(device.id);
  expect(ben.app.org()?.members.find(({ me }) => me)?.devices).toHaveLength(1);
  const hers = ben.app.org()?.members.find(({ name }) => name === 'ada')?.devices[0];
  if (!hers) throw new Error('ada has no device');
  await expect(ben.app.revokeDevice(hers.id)).rejects.toMatchObject(code('E_NO_ROLE'));
});
