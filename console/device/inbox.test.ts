// Hostile and broken requests: each is refused with its code, and none becomes a card.
import { expect, test } from 'bun:test';
import { generateSigner } from '../../protocol/keys.ts';
import type { Request } from '../../protocol/request.ts';
import type { Hash, OrgId } from '../../protocol/hash.ts';
import { type SoftPerson, type SoftWorld, ruleOf, softWorld, value } from '../../testing/soft-org.ts';
import type { AskOptions, SoftMachine } from '../../testing/soft-machine.ts';
import { until } from '../../testing/soft-platform.ts';

async function ready(world: SoftWorld): Promise<{ readonly ada: SoftPerson; readonly laptop: SoftMachine }> {
  const ada = await world.founder();
  const laptop = await world.machine(ada);
  await ada.app.putSecret({ path: 'prod/db', value: value('x'), description: '' });
  return { ada, laptop };
}
const refusal = (person: SoftPerson, code: string): Promise<unknown> =>
  until(person.app, () => person.app.org()?.refused.find((one) => one.code === code), `refusal ${code}`);
const hour = 3_600_000;
const zeros = '0'.repeat(64);

const changes: readonly (readonly [what: string, code: string, change: (now: number) => Partial<Request>])[] = [
  ['expired', 'E_REQ_STALE', (now) => ({ issuedAt: now - hour, expiresAt: now - hour + 60_000 })],
  ['with an impossible life', 'E_REQ_STALE', (now) => ({ expiresAt: now + 2 * hour })],
  ['from the future', 'E_CLOCK', (now) => ({ issuedAt: now + hour, expiresAt: now + hour + 60_000 })],
  ['of another organisation', 'E_ORG', () => ({ org: zeros as OrgId })], // no organisation
  ['on another history', 'E_FORK', () => ({ head: { seq: 1, eh: zeros as Hash } })], // no entry
  ['with a reason that turns its direction', 'E_TEXT', () => ({ claimed: { agent: 'agent', reason: 'a\u202eb' } })],
  ['for a longer lease than the policy allows', 'E_LEASE_BOUNDS', () => ({ lease: { ttlS: 3_601, uses: 1, scope: 'process' } })],
  ['for an old version', 'E_VERSION', () => ({ items: [] })],
];

test.each(changes)('a request %s is refused with %s', async (what, code, change) => {
  await using world = await softWorld();
  const { ada, laptop } = await ready(world);
  const asked = await laptop.sign(['prod/db']);
  const [item] = asked.request.items;
  const options: AskOptions = { changes: what === 'for an old version' && item ? { items: [{ ...item, ver: 2 }] } : change(world.clock.now()) };
  await laptop.ask(['prod/db'], options);
  await refusal(ada, code);
  expect(ada.app.org()?.inbox).toEqual([]);
});

test('a request by a key that is no machine’s, and one whose bytes were changed, are refused', async () => {
  await using world = await softWorld();
  const { ada, laptop } = await ready(world);
  await laptop.ask(['prod/db'], { signer: (await generateSigner(false)).signer });
  await refusal(ada, 'E_SIG_REQUEST');
  const { bytes } = await laptop.sign(['prod/db']);
  bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1;
  await laptop.send(bytes);
  await until(ada.app, () => (ada.app.org()?.refused.length === 2 ? true : undefined), 'the second refusal');
  expect(ada.app.org()?.refused.map(({ code }) => code)).toEqual(['E_SIG_REQUEST', 'E_SIG_REQUEST']);
  expect(ada.app.org()?.inbox).toEqual([]);
});

test('a request that comes again is one card while it waits, and refused once it was decided, also after a reload', async () => {
  await using world = await softWorld();
  const { ada, laptop } = await ready(world);
  const { bytes, request } = await laptop.ask(['prod/db']);
  await until(ada.app, () => ada.app.org()?.inbox[0], 'the card');
  await laptop.send(bytes);
  const again = world.reload(ada);
  await until(again.app, () => again.app.org()?.inbox[0], 'the card after the reload');
  expect(again.app.org()?.inbox).toHaveLength(1);
  await again.app.deny(request.requestId, false);
  const last = world.reload(again);
  await until(last.app, () => last.app.org(), 'the org');
  await laptop.send(bytes);
  await refusal(last, 'E_REQ_SEEN');
  expect(last.app.org()?.inbox).toEqual([]);
});

test('a counter that goes back, and one that comes twice, are told apart', async () => {
  await using world = await softWorld();
  const { ada, laptop } = await ready(world);
  const first = await laptop.ask(['prod/db']);
  await until(ada.app, () => ada.app.org()?.inbox[0], 'the card');
  await laptop.ask(['prod/db'], { changes: { ctr: first.request.ctr } });
  await refusal(ada, 'E_CLONE');
  await laptop.ask(['prod/db'], { changes: { ctr: first.request.ctr - 1 } });
  await refusal(ada, 'E_CTR_BACK');
});

test('a burst of requests fills ten cards and one warning', async () => {
  await using world = await softWorld();
  const { ada, laptop } = await ready(world);
  for (let i = 0; i < 14; i++) await laptop.ask(['prod/db']);
  await refusal(ada, 'E_RATE');
  await laptop.ask(['prod/db'], { changes: { expiresAt: 1 } });
  await refusal(ada, 'E_REQ_STALE');
  expect(ada.app.org()?.inbox).toHaveLength(10);
  expect(ada.app.org()?.refused.filter(({ code }) => code === 'E_RATE')).toHaveLength(1);
});

test('a muted machine is denied what waits, and is not shown again for an hour', async () => {
  await using world = await softWorld();
  const { ada, laptop } = await ready(world);
  const [one, two] = [await laptop.ask(['prod/db']), await laptop.ask(['prod/db'])];
  await until(ada.app, () => (ada.app.org()?.inbox.length === 2 ? true : undefined), 'two cards');
  await ada.app.deny(one.request.requestId, true);
  expect((await laptop.answers(two))[0]?.answer.decision).toBe('deny');
  await laptop.ask(['prod/db']);
  await laptop.ask(['prod/db'], { changes: { expiresAt: 1 } });
  await refusal(ada, 'E_REQ_STALE');
  expect(ada.app.org()?.inbox.filter(({ outcome }) => !outcome)).toEqual([]);
  const again = world.reload(ada);
  await until(again.app, () => again.app.org(), 'the org');
  await laptop.ask(['prod/db']);
  await laptop.ask(['prod/db'], { changes: { expiresAt: 1 } });
  await refusal(again, 'E_REQ_STALE');
  expect(again.app.org()?.inbox).toEqual([]);
  world.clock.advance(hour + 1);
  await laptop.ask(['prod/db']);
  await until(again.app, () => again.app.org()?.inbox.find(({ outcome }) => !outcome), 'a card after an hour');
});

test('a request from a machine that has seen a newer log waits for the log', async () => {
  await using world = await softWorld();
  const { ada, laptop } = await ready(world);
  await laptop.log.sync();
  const { head } = laptop.log.requireState();
  await laptop.ask(['prod/db'], { changes: { head: { seq: head.seq + 1, eh: zeros as Hash } } }); // no entry
  await refusal(ada, 'E_HEAD_AHEAD');
});

test('what was shown stays exact: a new version or a frozen organisation ends the card', async () => {
  await using world = await softWorld();
  const { ada, laptop } = await ready(world);
  const { request } = await laptop.ask(['prod/db']);
  await until(ada.app, () => ada.app.org()?.inbox[0], 'the card');
  await ada.app.putSecret({ path: 'prod/db', value: value('y'), description: '' });
  await until(ada.app, () => ada.app.org()?.inbox.find(({ outcome }) => outcome?.note === 'E_VERSION'), 'the end of the card');
  await expect(ada.app.approve(request.requestId, request.lease, undefined, () => undefined)).rejects.toMatchObject({ failure: { code: 'E_DONE' } });
});

test('the code that the terminal shows: another one approves nothing', async () => {
  await using world = await softWorld();
  const { ada, laptop } = await ready(world);
  const me = ada.app.org()?.me.member;
  await ada.app.setPolicy(ruleOf({ pattern: 'prod/**', k: 1, approvers: me ? [me] : [], maxTtlS: 60, maxUses: 1, tier: 'high' }));
  const { request } = await laptop.ask(['prod/db']);
  const card = await until(ada.app, () => ada.app.org()?.inbox[0], 'the card');
  expect(card).toMatchObject({ matchRequired: true, tier: 'high' });
  const gestures = ada.platform.authenticator.gestures;
  const other = card.matchCode === '00' ? '01' : '00';
  for (const code of [undefined, other])
    await expect(ada.app.approve(request.requestId, request.lease, code, () => undefined)).rejects.toMatchObject({ failure: { code: 'E_MATCH' } });
  expect(ada.platform.authenticator.gestures).toBe(gestures);
  await ada.app.approve(request.requestId, request.lease, card.matchCode, () => undefined);
  expect(ada.app.org()?.inbox[0]?.outcome?.kind).toBe('approved');
});

test('an approval without user verification is told at once and is not sent', async () => {
  await using world = await softWorld();
  const { ada, laptop } = await ready(world);
  const { request } = await laptop.ask(['prod/db']);
  await until(ada.app, () => ada.app.org()?.inbox[0], 'the card');
  const { faults } = ada.platform.authenticator;
  for (const fault of [{ isUserVerified: false }, { isUserVerified: true, origin: 'http://evil.example' }]) {
    Object.assign(faults, fault);
    await expect(ada.app.approve(request.requestId, request.lease, undefined, () => undefined)).rejects.toMatchObject({ failure: { code: 'E_WEBAUTHN' } });
  }
  faults.origin = undefined;
  await ada.app.approve(request.requestId, request.lease, undefined, () => undefined);
});

test('two taps on approve ask for one gesture', async () => {
  await using world = await softWorld();
  const { ada, laptop } = await ready(world);
  const { request } = await laptop.ask(['prod/db']);
  await until(ada.app, () => ada.app.org()?.inbox[0], 'the card');
  const gestures = ada.platform.authenticator.gestures;
  const tap = (): Promise<void> => ada.app.approve(request.requestId, request.lease, undefined, () => undefined);
  const [first, second] = await Promise.allSettled([tap(), tap()]);
  expect([first.status, second.status]).toEqual(['fulfilled', 'rejected']);
  expect(ada.platform.authenticator.gestures).toBe(gestures + 1);
});

test('a card that nobody decides expires', async () => {
  await using world = await softWorld();
  const { ada, laptop } = await ready(world);
  await laptop.ask(['prod/db']);
  await until(ada.app, () => ada.app.org()?.inbox[0], 'the card');
  world.clock.advance(181_000);
  await until(ada.app, () => ada.app.org()?.inbox.find(({ outcome }) => outcome?.kind === 'expired'), 'the expiry');
});

test('a proposal that is not what the machine signed, or that lacks a part, is refused', async () => {
  await using world = await softWorld();
  const { ada, laptop } = await ready(world);
  await laptop.propose('prod/api', value('x'), (encoded) => encoded.map((byte, index) => (index === encoded.length - 1 ? byte ^ 1 : byte)));
  await refusal(ada, 'E_BIND');
  const proposed = await laptop.propose('prod/api', value('x'));
  const card = await until(ada.app, () => ada.app.org()?.inbox[0], 'the card');
  ada.platform.wire = async (url, _init, pass) => (url.endsWith('/v1/blobs/get') ? Promise.reject(new Error('gone')) : pass());
  await expect(ada.app.approve(proposed.request.requestId, card.leaseChoices[0]?.terms ?? card.lease, undefined, () => undefined)).rejects.toMatchObject({
    failure: { code: 'E_RELAY_AWAY' },
  });
  expect(ada.app.org()?.secrets.map(({ path }) => path)).toEqual(['prod/db']);
});

test('mail that is nothing, and letters of no kind, change nothing', async () => {
  await using world = await softWorld();
  const { ada, laptop } = await ready(world);
  await laptop.send(new Uint8Array(100), 'notice');
  await laptop.send(new Uint8Array(100), 'receipt');
  await laptop.send(new Uint8Array(100), 'request');
  await until(ada.app, () => ada.app.org()?.refused[0], 'a refusal');
  await laptop.ask(['prod/db']);
  await until(ada.app, () => ada.app.org()?.inbox[0], 'the card');
});
