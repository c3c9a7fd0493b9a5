// Tokens, invitations, and what people compare (spec/11-enrolment.md; row 79).
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { codeOf } from '../testing/code-of.ts';
import { seededRandom, signerOf } from '../testing/seeded.ts';
import { idFrom } from '../testing/world-people.ts';
import { fromBase64Url, toBase64Url, toHex } from './bytes.ts';
import {
  type DeviceInvite,
  type JoinToken,
  deviceCommitment,
  fingerprintWords,
  formatInvite,
  formatToken,
  inviteKey,
  joinMailbox,
  openJoinPacket,
  parseInvite,
  parseToken,
  sealJoinPacket,
  shortAuthentication,
} from './enrolment.ts';
import type { Hash, MemberId, OrgId, TokenId } from './hash.ts';
import type { MailboxId } from './wire.ts';

const random = seededRandom('enrolment');
const org = toHex(random(32)) as OrgId; // an org of this test only
const signer = await signerOf(random(32));
const token: JoinToken = { org, token: idFrom<TokenId>(random), scalar: random(32), publicKey: signer.publicKey, relay: 'https://relay.example' };
const invite: DeviceInvite = {
  org,
  head: { seq: 3, eh: toHex(random(32)) as Hash },
  member: idFrom<MemberId>(random),
  joinId: idFrom(random),
  secret: random(32),
  mailbox: toHex(random(32)) as MailboxId,
  relay: 'https://relay.example',
}; // ids of this test only

describe('INV-ENROL-TOKEN', () => {
  const written = formatToken(token);
  test('a token goes there and back, and is one word to copy', () => {
    expect(parseToken(written)).toEqual(token);
    expect(written).toMatch(/^svt1_[A-Za-z0-9_-]+$/);
  });
  test('a typing error, a cut or longer copy, another kind: a code, never another token', () => {
    fc.assert(
      fc.property(fc.nat({ max: written.length - 1 }), fc.constantFrom(...Array.from('abcdefghijklmnopqrstuvwxyzABC0123456789-_ é')), (at, char) => {
        const changed = written.slice(0, at) + char + written.slice(at + 1);
        fc.pre(changed !== written);
        expect(() => parseToken(changed)).toThrow('E_TOKEN_FORMAT');
      }),
      { numRuns: 300 },
    );
    for (const wrong of ['', 'svt1_', written.slice(0, -1), `${written}A`, written.slice(5), written.replace('svt1', 'svt2'), 'x'.repeat(2_000)])
      expect(() => parseToken(wrong)).toThrow('E_TOKEN_FORMAT');
  });
  test('the packet behind it opens with that token only', async () => {
    const packet = { epoch: 4, mk: random(32), pin: { seq: 7, eh: toHex(random(32)) as Hash, checkpoint: 5 } }; // a hash of this test only
    const mail = await sealJoinPacket(token, packet, random);
    expect(await openJoinPacket(token, mail)).toEqual(packet);
    for (const other of [
      { ...token, scalar: random(32) },
      { ...token, token: idFrom<TokenId>(random) },
      { ...token, org: toHex(random(32)) as OrgId },
    ])
      expect(await codeOf(openJoinPacket(other, mail))).toBe('E_OPEN'); // an org of this test only
    expect(await codeOf(openJoinPacket(token, new Uint8Array(513)))).toBe('E_LIMIT');
    expect(joinMailbox(token)).not.toBe(joinMailbox({ ...token, scalar: random(32) }));
  });
});

describe('INV-ENROL-WORDS row 79: what people compare covers all that matters', () => {
  test('five words that change with org and keys', () => {
    const [sig, kem] = [random(65), random(1_216)];
    const words = fingerprintWords(org, sig, kem);
    expect(words.split(' ').length).toBe(5);
    expect(
      new Set([
        words,
        fingerprintWords(toHex(random(32)) as OrgId, sig, kem),
        fingerprintWords(org, random(65), kem),
        fingerprintWords(org, sig, random(1_216)),
      ]).size,
    ).toBe(4); // an org of this test only
  });
  test('six digits and three words that change with every part of the transcript', () => {
    const device = random(100);
    const [admin, mine] = [random(32), random(32)];
    const sas = (
      changes: Partial<DeviceInvite> = {},
      parts: readonly [Hash, Uint8Array, Uint8Array, Uint8Array] = [deviceCommitment(device, mine), device, admin, mine],
    ): string => {
      const { digits, words } = shortAuthentication({ ...invite, ...changes }, ...parts);
      expect(digits).toMatch(/^\d{6}$/);
      return `${digits} ${words}`;
    };
    const commitment = deviceCommitment(device, mine);
    const all = [
      sas(),
      sas({ org: toHex(random(32)) as OrgId }),
      sas({ head: { seq: 4, eh: invite.head.eh } }),
      sas({ head: { seq: 3, eh: toHex(random(32)) as Hash } }),
      sas({ member: idFrom<MemberId>(random) }),
      sas({ joinId: idFrom(random) }),
      sas({ secret: random(32) }), // ids of this test only
      sas({}, [deviceCommitment(random(100), mine), device, admin, mine]),
      sas({}, [commitment, random(100), admin, mine]),
      sas({}, [commitment, device, random(32), mine]),
      sas({}, [commitment, device, admin, random(32)]),
    ];
    expect(new Set(all).size).toBe(all.length);
  });
  test('the commitment binds keys and nonce', () => {
    expect(new Set([deviceCommitment(random(9), random(32)), deviceCommitment(random(9), random(32))]).size).toBe(2);
    const [device, nonce] = [random(9), random(32)];
    expect(deviceCommitment(device, nonce)).toBe(deviceCommitment(device, nonce));
  });
});

describe('invitations', () => {
  test('a link goes there and back; anything else is E_TOKEN_FORMAT', () => {
    expect(parseInvite(formatInvite(invite))).toEqual(invite);
    const raw = fromBase64Url(formatInvite(invite));
    for (const wrong of ['', 'x', formatInvite(invite).slice(0, -4), toBase64Url(raw.subarray(1)), `${formatInvite(invite)}AAAA`, '#'.repeat(3_000)])
      expect(() => parseInvite(wrong)).toThrow('E_TOKEN_FORMAT');
  });
  test('each message of a join has a key of its own', () => {
    const keys = [
      inviteKey(invite, 'to-admin', 1),
      inviteKey(invite, 'to-admin', 2),
      inviteKey(invite, 'to-device', 1),
      inviteKey({ ...invite, joinId: idFrom(random) }, 'to-admin', 1),
      inviteKey({ ...invite, secret: random(32) }, 'to-admin', 1),
    ];
    expect(new Set(keys.map(toHex)).size).toBe(keys.length);
  });
});
