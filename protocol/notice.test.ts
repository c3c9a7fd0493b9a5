// Letters, head attestations, lease ends: sealed to one, signed by a device, not old (spec/09-release.md §mail).
import { describe, expect, test } from 'bun:test';
import { codeOf } from '../testing/code-of.ts';
import { World } from '../testing/world.ts';
import { idFrom } from '../testing/world-people.ts';
import type { LeaseId, OrgId } from './hash.ts';
import { limits } from './limits.ts';
import { type Letter, type Notice, attestationSeed, openLetter, sealLetter, signNotice, verifyNotice } from './notice.ts';
import { mailboxOn, mailboxesAround } from './org-log/record.ts';
import { pad, sealTo } from './seal.ts';

const world = new World('notice');
await world.genesis();
await world.addMember('ben');
const laptop = await world.addMachine('laptop');
const [ada, ben] = [world.device('ada'), world.device('ben')];
const { org } = world.state;
const letter: Letter = { kind: 'request', bytes: world.random(100) };

describe('INV-MAIL-SEALED a letter opens for its reader only', () => {
  test('to a device, to a machine', async () => {
    expect(await openLetter(org, ada.id, ada.inbox, await sealLetter(org, { id: ada.id, key: ada.inbox.publicKey }, letter))).toEqual(letter);
    expect(
      await openLetter(org, laptop.id, laptop.kem, await sealLetter(org, { id: laptop.id, key: laptop.kem.publicKey }, { ...letter, kind: 'notice' })),
    ).toEqual({ ...letter, kind: 'notice' });
  });
  test('not for another key, id or org; not garbage', async () => {
    const mail = await sealLetter(org, { id: ada.id, key: ada.inbox.publicKey }, letter);
    expect(await codeOf(openLetter(org, ada.id, ben.inbox, mail))).toBe('E_OPEN');
    expect(await codeOf(openLetter(org, ben.id, ada.inbox, mail))).toBe('E_OPEN');
    expect(await codeOf(openLetter('ab'.repeat(32) as OrgId, ada.id, ada.inbox, mail))).toBe('E_OPEN');
    expect(await codeOf(openLetter(org, ada.id, ada.inbox, new Uint8Array(limits.mailBytes + 1)))).toBe('E_LIMIT');
    expect(await codeOf(openLetter(org, ada.id, ada.inbox, new Uint8Array(20)))).toBe('E_OPEN');
    expect(await codeOf(openLetter(org, ada.id, ada.inbox, await sealTo(ada.inbox.publicKey, 'inbox', org, [ada.id], pad(new Uint8Array(3)))))).toBe('E_CBOR');
  });
  test('small letters look alike', async () => {
    const sizes = await Promise.all(
      [1, 100, 900].map(
        async (size) => (await sealLetter(org, { id: ada.id, key: ada.inbox.publicKey }, { kind: 'notice', bytes: new Uint8Array(size) })).length,
      ),
    );
    expect(new Set(sizes).size).toBe(1);
  });
});

describe('INV-NOTICE-SIGNED by an active device’s presence key, not old', () => {
  const notice: Notice = { org, device: ada.id, ts: world.clock.now(), head: world.state.head };
  const judge = async (changes: Partial<Notice> = {}, signer = ada.presence, maxAgeMs = 60_000, at = world): Promise<string> =>
    codeOf(verifyNotice(at.state, await signNotice({ ...notice, ...changes }, signer), at.clock.now(), maxAgeMs));
  test('an honest attestation, an honest end of a lease', async () => {
    expect(await judge()).toBe('accepted');
    const endLease = idFrom<LeaseId>(world.random);
    expect((await verifyNotice(world.state, await signNotice({ ...notice, endLease }, ada.presence), world.clock.now(), 0)).notice.endLease).toBe(endLease);
  });
  test('with another key, in another’s name, of another org or version', async () => {
    for (const signer of [ada.sig, laptop.sig, ada.passkey]) expect(await judge({}, signer)).toBe('E_SIGNATURE');
    expect(await judge({ device: ben.id })).toBe('E_ORG');
    expect(await judge({ org: 'ab'.repeat(32) as OrgId })).toBe('E_ORG');
    expect(await judge({ suite: 2 } as Partial<Notice>)).toBe('E_SUITE'); // a field that honest devices do not set
  });
  test('row 89: too old, from the future', async () => {
    const now = world.clock.now();
    expect(await judge({ ts: now - 60_000 })).toBe('accepted');
    expect(await judge({ ts: now - 60_001 })).toBe('E_CLOCK');
    expect(await judge({ ts: now + limits.clockSkewMs })).toBe('accepted');
    expect(await judge({ ts: now + limits.clockSkewMs + 1 })).toBe('E_CLOCK');
  });
  test('of a revoked device', async () => {
    const at = new World('notice');
    await at.genesis();
    await at.addMember('ben');
    await at.append('device.revoke', { device: at.device('ben').id, exposed: [] });
    expect(await judge({ device: at.device('ben').id, head: at.state.head, org: at.state.org }, at.device('ben').presence, 60_000, at)).toBe('E_REVOKED');
  });
});

test('row 27: mailboxes change daily, and owners read the day before and after', () => {
  const seed = world.random(32);
  const day = 86_400_000;
  const noon = Date.UTC(2026, 0, 5, 12);
  expect(mailboxOn(seed, noon)).toBe(mailboxOn(seed, noon + day / 2 - 1));
  expect(new Set([noon - day, noon, noon + day].map((ts) => mailboxOn(seed, ts))).size).toBe(3);
  expect(mailboxesAround(seed, noon)).toEqual([mailboxOn(seed, noon - day), mailboxOn(seed, noon), mailboxOn(seed, noon + day)]);
  expect(attestationSeed(org, world.state.mkCommitment).length).toBe(32);
  expect(attestationSeed(org, world.state.mkCommitment)).not.toEqual(attestationSeed('ab'.repeat(32) as OrgId, world.state.mkCommitment));
});
