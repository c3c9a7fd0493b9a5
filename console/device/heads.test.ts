// What one device says of the log against this one’s: it holds back approvals, is told with its name, and stops nothing else.
import { expect, test } from 'bun:test';
import { attestationSeed, signNotice } from '../../protocol/notice.ts';
import type { Head } from '../../protocol/org-log/state.ts';
import { mailboxOn, mkCommitment, sealRecord } from '../../protocol/org-log/record.ts';
import { type Hash, hash } from '../../protocol/hash.ts';
import type { StreamId } from '../../protocol/wire.ts';
import { createRelayClient } from '../../relay-client/client.ts';
import { type SoftPerson, type SoftWorld, joined, softWorld, value } from '../../testing/soft-org.ts';
import { until } from '../../testing/soft-platform.ts';
import type { ReviewCard } from '../app.ts';
import { createLogStore } from './log-store.ts';
import { decodeDevice, deviceRecord } from './stored-device.ts';

const code = (expected: string): object => ({ failure: { code: expected } });
const elsewhere = '99'.repeat(32) as Hash; // no entry of this log
const day = 86_400_000;

/** What a program in this person’s browser can do without a gesture: sign with the presence key, under the metadata key. */
async function claim(world: SoftWorld, { platform }: SoftPerson, head: Head): Promise<void> {
  const stored = await platform.storage.load();
  const record = (await platform.storage.read(deviceRecord)).get(deviceRecord);
  const keys = (await createLogStore(platform.storage).load())?.keys;
  const epoch = Math.max(...(keys?.keys() ?? []));
  const mk = keys?.get(epoch);
  if (stored.kind !== 'held' || !record || !mk) throw new Error('no device here');
  const { org, device } = decodeDevice(record);
  const { now, random, fetch } = platform;
  const client = createRelayClient({ url: world.relay.url, org, signer: stored.keys.presence, fetch, now, random });
  const notice = await signNotice({ org, device, ts: now(), head }, stored.keys.presence);
  const body = await sealRecord({ org, stream: hash('stream', ['attest']) as string as StreamId }, epoch, mk, notice, random); // as in follow.ts
  await client.post([{ mailbox: mailboxOn(attestationSeed(org, mkCommitment(mk)), now()), body, ttlS: 86_400 }]);
}

const told = (person: SoftPerson, expected: string): Promise<unknown> =>
  until(person.app, () => (person.app.org()?.notice?.code === expected ? true : undefined), expected);

test('INV-HEAD-CLAIM a bare claim of another history stops approvals and nothing else, until an admin revokes the device', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const ben = await joined(world, ada, 'ben');
  const laptop = await world.machine(ada);
  await ada.app.putSecret({ path: 'prod/db', value: value('x'), description: '' });
  await claim(world, ben, { seq: 0, eh: elsewhere });
  await told(ada, 'E_FORK');
  expect(ada.app.phase().kind).toBe('ready');
  expect(ada.app.org()?.notice?.what).toContain('ben’s phone of ben');

  // Mail goes on, also after a reload, and the claim is not forgotten.
  const again = world.reload(ada);
  await laptop.ask(['prod/db']);
  const card = await until(again.app, () => again.app.org()?.inbox[0], 'the card');
  expect(again.app.phase().kind).toBe('ready');
  expect(again.app.org()?.notice?.code).toBe('E_FORK');
  const approve = ({ requestId, lease }: ReviewCard): Promise<void> => again.app.approve(requestId, lease, undefined, () => undefined);
  const { gestures } = again.platform.authenticator;
  await expect(approve(card)).rejects.toMatchObject(code('E_FORK'));
  expect(again.platform.authenticator.gestures).toBe(gestures);

  await again.app.freeze('somebody lies');
  await again.app.unfreeze('looked at it');
  const liar = again.app.org()?.members.find(({ name }) => name === 'ben')?.devices[0]?.id;
  if (liar) await again.app.revokeDevice(liar);
  expect(again.app.org()?.notice).toBeUndefined();
  const next = await laptop.ask(['prod/db']);
  await approve(await until(again.app, () => again.app.org()?.inbox.find(({ requestId }) => requestId === next.request.requestId), 'the next card'));
  expect((await laptop.answers(next)).map(({ answer }) => answer.decision)).toEqual(['approve']);
});

test('a claim against this log holds back approvals no longer than attestations are believed', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const ben = await joined(world, ada, 'ben');
  const laptop = await world.machine(ada);
  await ada.app.putSecret({ path: 'prod/db', value: value('x'), description: '' });
  await claim(world, ben, { seq: 0, eh: elsewhere });
  await told(ada, 'E_FORK');
  world.clock.advance(2 * day + 60_000);
  await laptop.ask(['prod/db']);
  ada.platform.comeBack();
  const card = await until(ada.app, () => ada.app.org()?.inbox.find(({ outcome }) => !outcome), 'the card');
  expect(ada.app.org()?.notice).toBeUndefined();
  await ada.app.approve(card.requestId, card.lease, undefined, () => undefined);
});

test('a head that the relay does not show is told, holds back approvals, and denies nothing else', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const ben = await joined(world, ada, 'ben');
  const laptop = await world.machine(ada);
  await ada.app.putSecret({ path: 'prod/db', value: value('x'), description: '' });
  await claim(world, ben, { seq: 1_000, eh: elsewhere });
  await told(ada, 'E_HEAD_AHEAD');
  await laptop.ask(['prod/db']);
  const card = await until(ada.app, () => ada.app.org()?.inbox[0], 'the card');
  await expect(ada.app.approve(card.requestId, card.lease, undefined, () => undefined)).rejects.toMatchObject(code('E_HEAD_AHEAD'));
  await ada.app.deny(card.requestId, false);
  expect(ada.app.org()?.inbox[0]?.outcome?.kind).toBe('denied');
});

test('a revoked device gets the new metadata key no more, and its session at the relay ends', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const ben = await joined(world, ada, 'ben');
  const device = ada.app.org()?.members.find(({ name }) => name === 'ben')?.devices[0]?.id;
  const mine = ada.app.org()?.members.find(({ name }) => name === 'ada')?.devices[0]?.id;
  if (!device || !mine) throw new Error('no devices');
  await expect(ben.app.revokeDevice(mine)).rejects.toMatchObject(code('E_NO_ROLE'));
  await expect(ada.app.revokeDevice(mine)).rejects.toMatchObject(code('E_NO_ROLE'));
  const before = ada.platform.authenticator.gestures;
  await ada.app.revokeDevice(device);
  expect(ada.platform.authenticator.gestures - before).toBe(1); // revocation and new metadata key together
  await ada.app.revokeDevice(device); // where the new key was lost on the way
  expect(ada.app.org()?.members.find(({ name }) => name === 'ben')?.devices).toEqual([]);
  await world.machine(ada);
  await ada.app.putSecret({ path: 'prod/db', value: value('x'), description: '' });
  expect(ben.app.org()?.secrets ?? []).toEqual([]);
  ben.platform.comeBack();
  await until(ben.app, () => (ben.app.org()?.notice?.code === 'E_RELAY_AUTH' || ben.app.phase().kind === 'halted' ? true : undefined), 'ben to be out');
  const again = world.reload(ben);
  await until(again.app, () => (again.app.phase().kind !== 'loading' ? true : undefined), 'ben to be told');
  expect(again.app.org()?.secrets ?? []).toEqual([]);
});
