// The first device: what goes wrong while an organisation is made, and what an interruption leaves behind.
import { expect, test } from 'bun:test';
import { softWorld, value } from '../../testing/soft-org.ts';
import { until } from '../../testing/soft-platform.ts';

const input = { orgName: 'Analytical Engines', memberName: 'ada', deviceName: 'ada’s phone' };
const failsWith = (code: string): object => ({ failure: { code } });

test('three gestures make an organisation that is there after a reload', async () => {
  await using world = await softWorld();
  const ada = world.browser();
  await until(ada.app, () => (ada.app.phase().kind === 'welcome' ? true : undefined), 'the welcome');
  expect(await ada.app.checkSupport()).toEqual({ ok: true });
  const steps: string[] = [];
  await ada.app.createOrg(input, (step) => steps.push(step));
  expect(steps).toEqual(['checking-passkeys', 'passkey-created', 'passkey-verified', 'signing-organisation', 'storing', 'done']);
  expect(ada.platform.authenticator.gestures).toBe(3);
  const before = ada.app.org();
  expect(before).toMatchObject({ name: 'Analytical Engines', me: { name: 'ada', roles: ['admin', 'approver', 'writer'] }, head: 0 });
  expect(before?.policies.map(({ pattern, words }) => [pattern, words])).toEqual([['**', 'ada · any admitted machine · leases up to 1 h, 1000 uses · normal']]);
  const again = world.reload(ada);
  await until(again.app, () => again.app.org(), 'the org');
  expect(again.app.org()?.id).toBe(before?.id ?? ('' as never)); // compared only
  await expect(again.app.createOrg(input, () => undefined)).rejects.toMatchObject(failsWith('E_DECIDED'));
});

test('nothing readable lies in the browser’s storage', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const stored = Buffer.concat([...ada.platform.backend.records.values()]).toString('latin1');
  for (const word of ['Analytical', 'ada', 'localhost']) expect(stored).not.toContain(word);
  for (const [name, key] of ada.platform.backend.handles) expect(key.extractable).toBe(name === 'presence-public');
});

test.each([
  ['a passkey without PRF', { prf: 'none' }, 'E_NO_PRF'],
  ['a passkey that gives other bytes each time', { prf: 'changing' }, 'E_PRF_KCV'],
  ['a prompt that is closed', { cancelAfter: 0 }, 'E_CANCELLED'],
  ['a prompt that is closed at the second time', { cancelAfter: 1 }, 'E_CANCELLED'],
  ['a prompt that is closed at the last time', { cancelAfter: 2 }, 'E_CANCELLED'],
  ['a passkey that does not verify the user', { isUserVerified: false }, 'E_WEBAUTHN'],
  ['a passkey that signs for another origin', { origin: 'http://evil.example' }, 'E_WEBAUTHN'],
] as const)('%s: the organisation is not made', async (_what, fault, code) => {
  await using world = await softWorld();
  const ada = world.browser();
  Object.assign(ada.platform.authenticator.faults, fault);
  await expect(ada.app.createOrg(input, () => undefined)).rejects.toMatchObject(failsWith(code));
  expect(ada.app.phase().kind).toBe('welcome');
  expect(ada.platform.backend.records.size).toBe(0);
  // The same browser starts clean.
  Object.assign(ada.platform.authenticator.faults, { prf: 'good', cancelAfter: undefined, isUserVerified: true, origin: undefined });
  await ada.app.createOrg({ ...input, orgName: 'Second try' }, () => undefined);
  expect(ada.app.org()?.name).toBe('Second try');
});

test('a relay that is away is told before a passkey is made', async () => {
  await using world = await softWorld();
  const ada = world.browser();
  ada.platform.wire = () => Promise.reject(new Error('no route'));
  await expect(ada.app.createOrg(input, () => undefined)).rejects.toMatchObject(failsWith('E_RELAY_AWAY'));
  expect(ada.platform.authenticator.gestures).toBe(0);
});

test('a creation that loses the relay after the last gesture goes on at the next visit, with no further gesture', async () => {
  await using world = await softWorld();
  const ada = world.browser();
  ada.platform.wire = (url, _init, pass) => (url.endsWith('/v1/append') ? Promise.reject(new Error('cut')) : pass());
  await expect(ada.app.createOrg(input, () => undefined)).rejects.toMatchObject(failsWith('E_RELAY_AWAY'));
  expect(ada.app.phase().kind).toBe('welcome');
  const again = world.reload(ada);
  await until(again.app, () => again.app.org(), 'the org');
  expect(again.platform.authenticator.gestures).toBe(3);
  expect(again.app.org()?.head).toBe(0);
});

test('a creation whose acknowledgement was lost is the same organisation when it is tried again on the page', async () => {
  await using world = await softWorld();
  const ada = world.browser();
  ada.platform.wire = async (url, _init, pass) => {
    const answer = await pass();
    if (url.endsWith('/v1/append')) throw new Error('the answer is lost');
    return answer;
  };
  await expect(ada.app.createOrg(input, () => undefined)).rejects.toMatchObject(failsWith('E_RELAY_AWAY'));
  ada.platform.wire = undefined;
  await ada.app.createOrg(input, () => undefined);
  expect(ada.app.org()?.head).toBe(0);
  expect(ada.platform.authenticator.gestures).toBe(3);
});

test('storage without room: nothing was made, and it is said', async () => {
  await using world = await softWorld();
  const ada = world.browser();
  ada.platform.backend.isFull = true;
  await expect(ada.app.createOrg(input, () => undefined)).rejects.toMatchObject(failsWith('E_STORAGE'));
  expect(ada.platform.backend.records.size).toBe(0);
});

test('names that could not be shown are refused before anything is asked', async () => {
  await using world = await softWorld();
  const ada = world.browser();
  for (const orgName of ['', 'a\u202eb', ' a', 'x'.repeat(200)])
    await expect(ada.app.createOrg({ ...input, orgName }, () => undefined)).rejects.toMatchObject(failsWith('E_TEXT'));
  expect(ada.platform.authenticator.gestures).toBe(0);
});

test('a passkey that later gives other bytes opens nothing, and changes nothing', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const before = new Map(ada.platform.backend.records);
  ada.platform.authenticator.faults.prf = 'other';
  await expect(ada.app.freeze('test')).rejects.toMatchObject(failsWith('E_PRF_KCV'));
  expect(ada.platform.backend.records.get('device')).toEqual(before.get('device') ?? new Uint8Array(0));
  ada.platform.authenticator.faults.prf = 'good';
  await ada.app.freeze('test');
  expect(ada.app.org()?.frozen).toBe(true);
});

test('a browser that lost its local key says so before it asks for the passkey', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  ada.platform.backend.handles.delete('mac');
  const again = world.reload(ada);
  await until(again.app, () => again.app.org(), 'the org');
  const gestures = again.platform.authenticator.gestures;
  await expect(again.app.freeze('test')).rejects.toMatchObject(failsWith('E_DEVICE_BIND'));
  expect(again.platform.authenticator.gestures).toBe(gestures);
});

test('a synced passkey and copied records on another browser open nothing', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const copied = await world.founder('eve');
  // Everything but the key that cannot be exported.
  const { backend } = ada.platform;
  const mac = copied.platform.backend.handles.get('mac');
  if (mac) backend.handles.set('mac', mac);
  const elsewhere = world.browser({ authenticator: ada.platform.authenticator, backend });
  await until(elsewhere.app, () => elsewhere.app.org(), 'the org');
  await expect(elsewhere.app.freeze('test')).rejects.toMatchObject(failsWith('E_DEVICE_BIND'));
});

test('a browser whose storage was evicted asks to be enrolled again', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  ada.platform.backend.handles.clear();
  const lost = world.reload(ada);
  await until(lost.app, () => (lost.app.phase().kind === 'welcome' ? true : undefined), 'the welcome');
  expect(lost.app.phase()).toMatchObject(failsWith('E_DEVICE_BIND'));
  ada.platform.backend.records.clear();
  const empty = world.reload(lost);
  await until(empty.app, () => (empty.app.phase().kind === 'welcome' ? true : undefined), 'the welcome');
  expect(empty.app.phase()).toEqual({ kind: 'welcome' });
});

test('a stored log that lost an entry stops the device', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  await ada.app.freeze('test');
  const name = [...ada.platform.backend.records.keys()].findLast((key) => key.startsWith('log/')) ?? '';
  ada.platform.backend.records.delete(name);
  const again = world.reload(ada);
  await until(again.app, () => (again.app.phase().kind === 'halted' ? true : undefined), 'the halt');
  expect(again.app.phase()).toMatchObject({ code: 'E_LOG_ROLLBACK' });
});

test('a secret that no machine could ever open is not stored', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const gestures = ada.platform.authenticator.gestures;
  await expect(ada.app.putSecret({ path: 'prod/db', value: value('x'), description: '' })).rejects.toMatchObject(failsWith('E_NO_MACHINE'));
  expect(ada.platform.authenticator.gestures).toBe(gestures);
});
