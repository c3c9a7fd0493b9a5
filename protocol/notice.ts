// Mail between members of an org: sealed containers for devices and machines, lease ends, head attestations (spec/09-release.md §mail).
import { type Codec, bytesUpTo, count, decode, encode, oneOf, record, time } from './codec.ts';
import { check } from './errors.ts';
import { type DeviceId, type Hash, type LeaseId, type OrgId, deviceIdCodec, hash, leaseIdCodec, orgIdCodec } from './hash.ts';
import type { Signer } from './keys.ts';
import { limits } from './limits.ts';
import { protocolSuite, protocolVersion } from './org-log/entry.ts';
import type { Device, Head, OrgState } from './org-log/state.ts';
import { verifyPresence } from './org-log/verify.ts';
import { headCodec } from './request.ts';
import { type KemKey, pad, sealTo, unpad } from './seal.ts';
import { parseEnvelope, signEnvelope } from './sign.ts';

/** To a device: `request`, `receipt`, `draft`. To a machine: `notice`. What is inside is signed and verified on its own. */
export interface Letter {
  readonly kind: 'request' | 'receipt' | 'notice' | 'draft';
  readonly bytes: Uint8Array;
}
const letterCodec: Codec<Letter> = record<Letter>({
  kind: [1, oneOf<Letter['kind']>(['request', 'receipt', 'notice', 'draft'])],
  bytes: [2, bytesUpTo(limits.mailBytes)],
});

/** Sealed to a device's inbox key or a machine's key, padded. */
export function sealLetter(org: OrgId, recipient: { readonly id: string; readonly key: Uint8Array }, letter: Letter): Promise<Uint8Array> {
  return sealTo(recipient.key, 'inbox', org, [recipient.id], pad(encode(letterCodec, letter), 1_024));
}

/** Throws E_OPEN on what is not for this key. */
export async function openLetter(org: OrgId, me: string, key: KemKey, mail: Uint8Array): Promise<Letter> {
  check(mail.length <= limits.mailBytes, 'E_LIMIT', 'a letter beyond its size');
  return decode(letterCodec, unpad(await key.open('inbox', org, [me], mail)), limits.mailBytes);
}

/** A device's word that it saw this head, or that a lease must end. Signed by its presence key: it can only reduce authority. */
export interface Notice {
  readonly org: OrgId;
  readonly device: DeviceId;
  readonly ts: number;
  readonly head: Head;
  readonly endLease?: LeaseId;
}
interface Versioned {
  readonly v: number;
  readonly suite: number;
}
const noticeCodec: Codec<Notice & Versioned> = record<Notice & Versioned>({
  v: [1, count],
  suite: [2, count],
  org: [3, orgIdCodec],
  device: [4, deviceIdCodec],
  ts: [5, time],
  head: [6, headCodec],
  endLease: [7, leaseIdCodec, 'optional'],
});

export function signNotice(notice: Notice, presence: Signer): Promise<Uint8Array> {
  return signEnvelope('notice', encode(noticeCodec, { v: protocolVersion, suite: protocolSuite, ...notice }), [{ signer: presence }]);
}

export interface VerifiedNotice {
  readonly notice: Notice;
  readonly device: Device;
}
/** By an active device, not older than `maxAgeMs`. Throws E_SIGNATURE, E_REVOKED, E_ORG, E_CLOCK. The head in it is the caller's to compare. */
export async function verifyNotice(state: OrgState, signed: Uint8Array, now: number, maxAgeMs: number): Promise<VerifiedNotice> {
  const envelope = parseEnvelope('notice', signed, 4_096);
  const device = await verifyPresence(state, envelope);
  const { v, suite, ...notice } = decode(noticeCodec, envelope.payload, 4_096);
  check(v === protocolVersion && suite === protocolSuite, 'E_SUITE', 'another version or suite');
  check(notice.org === state.org && notice.device === device.device, 'E_ORG', 'a notice of another organisation or device');
  check(notice.ts <= now + limits.clockSkewMs && notice.ts >= now - maxAgeMs, 'E_CLOCK', 'too old, or from the future');
  return { notice, device };
}

/** Seed of the mailbox for head attestations that everybody in the org reads; unknown to the relay. */
export function attestationSeed(org: OrgId, mkCommitment: Hash): Uint8Array {
  return Uint8Array.from(hash('mailbox', ['attest', org, mkCommitment]).match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
