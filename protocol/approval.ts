// An answer to a request: approve (user verified, with the shares), deny, or shown. All three look alike to the relay (spec/09-release.md §answer).
import { type Codec, array, bytes, bytesUpTo, count, decode, encode, int, oneOf, record, text, time } from './codec.ts';
import { verifyShare } from './custody.ts';
import { ProtocolError, check } from './errors.ts';
import {
  type DeviceId,
  type Hash,
  type MachineId,
  type MemberId,
  type OrgId,
  type RequestId,
  deviceIdCodec,
  hash,
  hashCodec,
  memberIdCodec,
  orgIdCodec,
  requestIdCodec,
} from './hash.ts';
import type { Signer } from './keys.ts';
import { limits } from './limits.ts';
import { protocolSuite, protocolVersion } from './org-log/entry.ts';
import type { Policy } from './org-log/bodies.ts';
import { type Head, type OrgState, activeDevice } from './org-log/state.ts';
import { compareHead } from './org-log/verify.ts';
import { quorumOf } from './policy.ts';
import { type LeaseTerms, type Request, type VerifiedItem, headCodec, leaseTermsCodec, verifyLease } from './request.ts';
import { type KemKey, pad, sealOverheadBytes, sealTo, unpad } from './seal.ts';
import { type Assertion, type Envelope, assertionCodec, parseEnvelope, signEnvelope, verifyEnvelopeSignature } from './sign.ts';
import { verifyClaim } from './text.ts';
import { verifyAssertion } from './webauthn.ts';

/** `proposed`: what a machine proposes waits for further admins now. */
export type Decision = 'approve' | 'deny' | 'shown' | 'proposed';
export interface ResealedShare {
  readonly putEh: Hash;
  readonly x: number;
  /** HPKE to epk: the share, never the value. */ readonly sealed: Uint8Array;
}

/** What the passkey signs: the decision on exactly this request, as this card showed it. */
export interface Core {
  readonly org: OrgId;
  readonly rh: Hash;
  readonly decision: Decision;
  readonly lease: LeaseTerms;
  readonly device: DeviceId;
  readonly member: MemberId;
  readonly head: Head;
  readonly nonce: Uint8Array;
  /** Digest of exactly what was shown. */
  readonly card: Hash;
}
export interface Answer extends Core {
  readonly requestId: RequestId;
  readonly ts: number;
  /** One per item of the request in its order; empty unless approved. */
  readonly items: readonly ResealedShare[];
  /** Why a need is declined, in a few words. */
  readonly note?: string;
}
interface Versioned {
  readonly v: number;
  readonly suite: number;
}
const decisionCodec: Codec<Decision> = oneOf<Decision>(['approve', 'deny', 'shown', 'proposed']);
const shareItem: Codec<ResealedShare> = record<ResealedShare>({
  putEh: [1, hashCodec],
  x: [2, int(0, 255)],
  sealed: [3, bytesUpTo(sealOverheadBytes + 64, sealOverheadBytes)],
});
const answerCodec: Codec<Answer & Versioned> = record<Answer & Versioned>({
  v: [1, count],
  suite: [2, count],
  org: [3, orgIdCodec],
  requestId: [4, requestIdCodec],
  rh: [5, hashCodec],
  decision: [6, decisionCodec],
  lease: [7, leaseTermsCodec],
  device: [8, deviceIdCodec],
  member: [9, memberIdCodec],
  head: [10, headCodec],
  ts: [11, time],
  nonce: [12, bytes(16)],
  card: [13, hashCodec],
  items: [14, array(shareItem, limits.itemsPerRequest)],
  note: [15, text(1_024, 1), 'optional'],
});

/** WebAuthn challenge of an approval. */
export function coreHash({ org, rh, decision, lease, device, member, head, nonce, card }: Core): Hash {
  return hash('core', [org, rh, decision, [lease.ttlS, lease.uses, lease.scope], device, member, [head.seq, head.eh], nonce, card]);
}

/** Digest of a card: its lines in the order of the screen. */
export function cardDigest(lines: readonly string[]): Hash {
  return hash('card', lines);
}

/** The share of one item, sealed to the request's key for this device and member. */
export function resealShare(request: Request, rh: Hash, core: Pick<Core, 'member' | 'device'>, putEh: Hash, x: number, share: Uint8Array): Promise<Uint8Array> {
  return sealTo(request.epk, 'reseal', request.org, [rh, putEh, core.member, core.device, x], share);
}

/** Signs an answer and seals it whole to the request's key, every answer to one request of one size. */
export async function sealAnswer(request: Request, answer: Answer, signer: Signer, assertion?: Assertion): Promise<Uint8Array> {
  const payload = encode(answerCodec, { v: protocolVersion, suite: protocolSuite, ...answer });
  const envelope = await signEnvelope('approval', payload, [{ signer, ...(assertion ? { assertion } : {}) }]);
  const padded = pad(envelope, answerBytes(request));
  check(padded.length === answerBytes(request), 'E_LIMIT', 'an answer that does not fit');
  return sealTo(request.epk, 'apr', request.org, [answer.rh], padded);
}

// Fits an approval with all its shares, an assertion and its signature.
function answerBytes(request: Request): number {
  return 3_072 + 1_280 * request.items.length;
}

/** What of an answer stands as proof after the shares are gone. */
export interface Evidence extends Core {
  readonly assertion?: Assertion;
  /** Signed envelope of a denial. */ readonly envelope?: Uint8Array;
}
export const evidenceCodec: Codec<Evidence> = record<Evidence>({
  org: [1, orgIdCodec],
  rh: [2, hashCodec],
  decision: [3, decisionCodec],
  lease: [4, leaseTermsCodec],
  device: [5, deviceIdCodec],
  member: [6, memberIdCodec],
  head: [7, headCodec],
  nonce: [8, bytes(16)],
  card: [9, hashCodec],
  assertion: [10, assertionCodec, 'optional'],
  envelope: [11, bytesUpTo(4_096), 'optional'],
});

export interface CountedShare {
  readonly member: MemberId;
  readonly x: number;
  readonly share: Uint8Array;
}
declare const verified: unique symbol;
/** Minted by verifyAnswer only. */
export interface VerifiedAnswer {
  readonly [verified]: true;
  readonly answer: Answer;
  readonly evidence: Evidence;
  /** Opened and checked against their commitments, one per item; empty unless approved. */
  readonly shares: readonly CountedShare[];
}
/** The request that is pending in the daemon. */
export interface PendingRequest {
  readonly request: Request;
  readonly rh: Hash;
  readonly epk: KemKey;
  readonly items: readonly VerifiedItem[];
  /** true where that request was answered and done with before */ readonly consumed: (request: RequestId) => boolean;
}

/**
 * The daemon's side, in the order of spec/09-release.md §daemon; the caller has checked its own deadline first.
 * Throws E_HEAD_AHEAD where the log must be synced and the answer looked at again.
 */
export async function verifyAnswer(
  state: OrgState,
  history: (seq: number) => Hash | undefined,
  pending: PendingRequest,
  sealed: Uint8Array,
  now: number,
): Promise<VerifiedAnswer> {
  const { envelope, bytes: signed } = await openAnswer(state.org, pending, sealed);
  const holder = state.keys.get(envelope.signatures[0]?.keyId ?? ('' as never)); // '' is no key id: it is looked up and not found
  check(
    envelope.signatures.length === 1 && holder?.kind === 'device' && (holder.use === 'sig' || holder.use === 'presence'),
    'E_SIGNATURE',
    'not signed by a device of this organisation',
  );
  const device = activeDevice(state, holder.id as DeviceId); // a device holder's id
  check(device !== undefined, 'E_REVOKED', 'signed by a device that is not active');
  await verifyEnvelopeSignature(envelope, 0, holder.use === 'sig' ? device.sigKey : device.presenceKey);
  const { v, suite, ...answer } = decode(answerCodec, envelope.payload, limits.approvalBytes);
  check(v === protocolVersion && suite === protocolSuite, 'E_SUITE', 'another version or suite');
  check(answer.org === state.org, 'E_ORG', 'an answer of another organisation');
  check(answer.rh === pending.rh || !pending.consumed(answer.requestId), 'E_REPLAY', 'an answer to a request that is done');
  check(answer.rh === pending.rh && answer.requestId === pending.request.requestId, 'E_BIND', 'an answer to another request');
  check(answer.device === device.device && answer.member === device.member, 'E_NOT_ELIGIBLE', 'signed by another device than it names');
  check((answer.decision === 'approve') === (holder.use === 'sig'), 'E_SIGNATURE', 'signed with the wrong key for that decision');
  // A need is answered on another day, perhaps while this machine is off.
  const oldest = pending.request.need ? pending.request.issuedAt : now;
  check(answer.ts >= oldest - limits.clockSkewMs && answer.ts <= now + limits.clockSkewMs, 'E_CLOCK', 'the device’s clock is more than 5 minutes off');
  if (compareHead(history, state.head, answer.head) === 'ahead') throw new ProtocolError('E_HEAD_AHEAD', 'the device has seen a newer log: sync first');
  check(answer.decision !== 'proposed' || pending.request.changes !== undefined, 'E_BIND', 'nothing of this request can be proposed further');
  check(answer.note === undefined || (answer.decision === 'deny' && pending.request.need !== undefined), 'E_BIND', 'a note where none belongs');
  if (answer.note !== undefined) verifyClaim(answer.note);
  const assertion = envelope.signatures[0]?.assertion;
  check((assertion !== undefined) === (answer.decision === 'approve'), 'E_WEBAUTHN', 'user verification is missing, or where none belongs');
  if (assertion) await verifyAssertion(assertion, coreHash(answer), device.passkey, state.origins);
  for (const { policy } of pending.items) verifyEligible(state, policy, pending.request.machine, device.member);
  if (answer.decision !== 'approve' || assertion === undefined) {
    check(answer.items.length === 0, 'E_BIND', 'shares in an answer that approves nothing');
    return mint(answer, { ...coreOf(answer), envelope: signed }, []);
  }
  check(!state.frozen, 'E_FROZEN', 'the organisation is frozen');
  verifyGranted(pending, answer);
  const shares = await openShares(pending, answer);
  return mint(answer, { ...coreOf(answer), assertion }, shares);
}

function verifyEligible(state: OrgState, policy: Policy, machine: MachineId, member: MemberId): void {
  check(quorumOf(state, policy).members.includes(member), 'E_NOT_ELIGIBLE', 'this member does not approve this path');
  check(!policy.separationOfDuties || state.machines.get(machine)?.owner !== member, 'E_SOD', 'the machine’s owner does not count');
}

async function openAnswer(org: OrgId, pending: PendingRequest, sealed: Uint8Array): Promise<{ readonly envelope: Envelope; readonly bytes: Uint8Array }> {
  check(sealed.length <= limits.mailBytes, 'E_LIMIT', 'an answer beyond its size');
  const padded = await pending.epk.open('apr', org, [pending.rh], sealed).catch((cause: unknown) => {
    throw new ProtocolError('E_BIND', 'sealed for another request', { cause });
  });
  const signed = unpad(padded);
  return { envelope: parseEnvelope('approval', signed, limits.approvalBytes), bytes: signed };
}

function verifyGranted({ request, items }: PendingRequest, { lease, items: shares }: Answer): void {
  const asked = request.lease;
  const scopes = ['process', 'exe', 'machine'];
  check(
    lease.ttlS <= asked.ttlS && lease.uses <= asked.uses && scopes.indexOf(lease.scope) <= scopes.indexOf(asked.scope),
    'E_LEASE_BOUNDS',
    'more than was asked for',
  );
  for (const { policy } of items) verifyLease(lease, policy);
  check(shares.length === items.length && shares.every((share, index) => share.putEh === items[index]?.item.putEh), 'E_BIND', 'shares for other secrets');
}

async function openShares({ request, rh, epk, items }: PendingRequest, answer: Answer): Promise<readonly CountedShare[]> {
  const shares: CountedShare[] = [];
  for (const [index, { putEh, x, sealed }] of answer.items.entries()) {
    const secret = items[index]?.secret;
    check(secret !== undefined, 'E_BIND', 'shares for other secrets');
    const share = await epk.open('reseal', request.org, [rh, putEh, answer.member, answer.device, x], sealed).catch((cause: unknown) => {
      throw new ProtocolError('E_BIND', 'a share sealed for another request', { cause });
    });
    verifyShare(request.org, secret, answer.member, x, share);
    shares.push({ member: answer.member, x, share });
  }
  return shares;
}

function coreOf({ org, rh, decision, lease, device, member, head, nonce, card }: Answer): Core {
  return { org, rh, decision, lease, device, member, head, nonce, card };
}

function mint(answer: Answer, evidence: Evidence, shares: readonly CountedShare[]): VerifiedAnswer {
  return { answer, evidence, shares } as unknown as VerifiedAnswer; // the one place where it is minted
}

/** Proof from the log alone that this member's passkey approved the request with this hash. Throws E_WEBAUTHN, E_SIGNATURE. */
export async function verifyEvidence(state: OrgState, rh: Hash, evidence: Evidence): Promise<void> {
  const device = state.devices.get(evidence.device);
  check(device !== undefined && device.member === evidence.member && evidence.rh === rh && evidence.org === state.org, 'E_BIND', 'evidence for something else');
  if (evidence.decision === 'approve') {
    check(evidence.assertion !== undefined, 'E_WEBAUTHN', 'user verification is missing');
    await verifyAssertion(evidence.assertion, coreHash(evidence), device.passkey, state.origins);
    return;
  }
  check(evidence.envelope !== undefined, 'E_SIGNATURE', 'the signed denial is missing');
  const envelope = parseEnvelope('approval', evidence.envelope, limits.approvalBytes);
  await verifyEnvelopeSignature(envelope, 0, device.presenceKey);
  const answer = decode(answerCodec, envelope.payload, limits.approvalBytes);
  check(answer.rh === rh && answer.decision === evidence.decision && answer.device === evidence.device, 'E_BIND', 'evidence for something else');
}
