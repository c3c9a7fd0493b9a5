// A request: what a machine says a process asks for, signed and sealed to each device that may decide (spec/09-release.md §request).
import { type Codec, array, bytes, count, decode, encode, int, record, text, time } from './codec.ts';
import { ProtocolError, check } from './errors.ts';
import {
  type Hash,
  type KeyId,
  type MachineId,
  type MemberId,
  type OrgId,
  type RequestId,
  type SecretId,
  hashBytes,
  hashCodec,
  keyIdCodec,
  machineIdCodec,
  orgIdCodec,
  requestIdCodec,
  secretIdCodec,
} from './hash.ts';
import { type Signer, kemPublicKeyCodec } from './keys.ts';
import { limits } from './limits.ts';
import { type LeaseScope, leaseScopeCodec } from './org-log/bodies.ts';
import { protocolSuite, protocolVersion } from './org-log/entry.ts';
import { type Head, type Machine, type OrgState, type PolicyInForce, type Secret, activeMachine, hasRole } from './org-log/state.ts';
import { type Changes, changesCodec } from './changes.ts';
import { type Need, needCodec, verifyNeed, verifyWriter } from './need.ts';
import { compareHead } from './org-log/verify.ts';
import { type Claimed, type Observed, claimedCodec, observedCodec, verifyShown } from './observed.ts';
import { machineEntitled, policyFor, quorumOf, withinHours } from './policy.ts';
import { type Proposal, proposalCodec, verifyProposal } from './proposal.ts';
import { parseEnvelope, payloadHash, signEnvelope, verifyEnvelopeSignature } from './sign.ts';
import { type MailboxId, mailboxIdCodec } from './wire.ts';

export type { Claimed, Observed, ObservedProcess } from './observed.ts';

/** Once is uses 1 and ttlS 0. */
export interface LeaseTerms {
  readonly ttlS: number;
  readonly uses: number;
  readonly scope: LeaseScope;
}
export const leaseTermsCodec: Codec<LeaseTerms> = record<LeaseTerms>({
  ttlS: [1, int(0, limits.leaseMaxS)],
  uses: [2, int(1, limits.usesMax)],
  scope: [3, leaseScopeCodec],
});
export const once: LeaseTerms = { ttlS: 0, uses: 1, scope: 'process' };

export interface RequestItem {
  readonly secret: SecretId;
  readonly ver: number;
  readonly putEh: Hash;
  readonly policyEh: Hash;
  readonly field?: string;
}

export interface Request {
  readonly org: OrgId;
  readonly head: Head;
  readonly requestId: RequestId;
  readonly machine: MachineId;
  readonly keyId: KeyId;
  readonly bootId: Uint8Array;
  /** Counts every request of this machine up, for ever. */
  readonly ctr: number;
  /** Empty where `proposal`, `need` or `changes` is present. */
  readonly items: readonly RequestItem[];
  /** New versions for a writer to countersign. */
  readonly proposal?: Proposal;
  /** Fresh X-Wing key of this request: answers are sealed to it. */
  readonly epk: Uint8Array;
  /** Fresh mailbox for the answers. */
  readonly reply: MailboxId;
  readonly lease: LeaseTerms;
  readonly observed: Observed;
  readonly claimed: Claimed;
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly need?: Need;
  /** Changes of the organisation that a person may sign. */
  readonly changes?: Changes;
}
interface Versioned {
  readonly v: number;
  readonly suite: number;
}

const itemCodec: Codec<RequestItem> = record<RequestItem>({
  secret: [1, secretIdCodec],
  ver: [2, count],
  putEh: [3, hashCodec],
  policyEh: [4, hashCodec],
  field: [5, text(64, 1), 'optional'],
});
export const headCodec: Codec<Head> = record<Head>({ seq: [1, count], eh: [2, hashCodec] });
const requestCodec: Codec<Request & Versioned> = record<Request & Versioned>({
  v: [1, count],
  suite: [2, count],
  org: [3, orgIdCodec],
  head: [4, headCodec],
  requestId: [5, requestIdCodec],
  machine: [6, machineIdCodec],
  keyId: [7, keyIdCodec],
  bootId: [8, bytes(16)],
  ctr: [9, count],
  items: [10, array(itemCodec, limits.itemsPerRequest)],
  proposal: [11, proposalCodec, 'optional'],
  epk: [12, kemPublicKeyCodec],
  reply: [13, mailboxIdCodec],
  lease: [14, leaseTermsCodec],
  observed: [15, observedCodec],
  claimed: [16, claimedCodec],
  issuedAt: [17, time],
  expiresAt: [18, time],
  need: [19, needCodec, 'optional'],
  changes: [20, changesCodec, 'optional'],
});

export interface SignedRequest {
  readonly bytes: Uint8Array;
  readonly rh: Hash;
}

/** The machine's side. Throws E_LIMIT where the request would pass its size limit. */
export async function signRequest(request: Request, machine: Signer): Promise<SignedRequest> {
  const payload = encode(requestCodec, { v: protocolVersion, suite: protocolSuite, ...request });
  const signed = await signEnvelope('request', payload, [{ signer: machine }]);
  check(signed.length <= limits.requestBytes, 'E_LIMIT', `a request of more than ${limits.requestBytes} bytes`);
  return { bytes: signed, rh: payloadHash('req', 'request', payload) };
}

/** Two digits that the terminal and the card both show. */
export function matchCode(rh: Hash): string {
  const [high = 0, low = 0] = hashBytes('match', [rh]);
  return String((high * 256 + low) % 100).padStart(2, '0');
}

/** What this device remembers of a machine; persisted with every request that it accepts. */
export interface MachineHighWater {
  readonly ctr: number;
  readonly requestId: RequestId;
}
export interface RequestMemory {
  readonly highWater: (machine: MachineId) => MachineHighWater | undefined;
  /** rh of a request that came before, and whether it was decided here. */
  readonly seen: (request: RequestId) => { readonly rh: Hash; readonly decided: boolean } | undefined;
}

export interface VerifiedItem {
  readonly item: RequestItem;
  readonly secret: Secret;
  readonly policy: PolicyInForce;
}
declare const verified: unique symbol;
/** Minted by verifyRequest only: everything in it comes from the signed request and this client's own log. */
export interface VerifiedRequest {
  readonly [verified]: true;
  readonly request: Request;
  readonly rh: Hash;
  readonly machine: Machine;
  readonly items: readonly VerifiedItem[];
  /** Policies that govern the request, each once. */
  readonly policies: readonly PolicyInForce[];
}

/**
 * The device's side, before anything is shown (spec/09-release.md §device, in that order).
 * `history` gives this client's entry hash at a seq. Throws E_HEAD_AHEAD where this client must sync first.
 */
export async function verifyRequest(
  state: OrgState,
  history: (seq: number) => Hash | undefined,
  memory: RequestMemory,
  me: MemberId,
  signed: Uint8Array,
  now: number,
): Promise<VerifiedRequest> {
  const envelope = parseEnvelope('request', signed, limits.requestBytes);
  const holder = state.keys.get(envelope.signatures[0]?.keyId ?? ('' as KeyId)); // '' is no key id: it is looked up and not found
  check(
    envelope.signatures.length === 1 && holder?.kind === 'machine' && holder.use === 'sig',
    'E_SIG_REQUEST',
    'not signed by a machine of this organisation',
  );
  const machine = activeMachine(state, holder.id as MachineId); // a machine holder's id
  check(machine !== undefined, 'E_MACHINE_REVOKED', 'signed by a machine that is not active');
  await verifyEnvelopeSignature(envelope, 0, machine.sigKey).catch((cause: unknown) => {
    throw new ProtocolError('E_SIG_REQUEST', 'the machine’s signature does not verify', { cause });
  });
  const { v, suite, ...request } = decode(requestCodec, envelope.payload, limits.requestBytes);
  const rh = payloadHash('req', 'request', envelope.payload);
  check(v === protocolVersion && suite === protocolSuite, 'E_SUITE', 'another version or suite');
  check(request.org === state.org, 'E_ORG', 'a request of another organisation');
  check(request.machine === machine.machine && request.keyId === machine.keyIds.sig, 'E_SIG_REQUEST', 'signed by another machine than it names');
  // Frozen, an org can still be changed: taking away, and going on.
  check(!state.frozen || request.changes !== undefined, 'E_FROZEN', 'the organisation is frozen');
  verifyTimes(request, now);
  verifyCounter(request, rh, memory);
  if (compareHead(history, state.head, request.head) === 'ahead') throw new ProtocolError('E_HEAD_AHEAD', 'the machine has seen a newer log: sync first');
  const items = request.items.map((item) => verifyItem(state, machine, item, me));
  const asks = [items[0], request.proposal, request.need, request.changes].filter((part) => part !== undefined);
  check(asks.length === 1, 'E_FIELD', 'asks for nothing, or for two things');
  if (request.proposal || request.need) verifyWriter(state, me);
  if (request.proposal) verifyProposal(request.proposal);
  if (request.need) verifyNeed(state, machine, request.need, request.claimed.reason);
  if (request.changes) check(hasRole(state, me, 'admin') || hasRole(state, me, 'writer'), 'E_NOT_ELIGIBLE', 'this member changes nothing');
  verifyShown(request);
  const policies = [...new Map(items.map(({ policy }) => [policy.policy, policy])).values()];
  for (const policy of policies) verifyAsked(request, policy, machine, me, now);
  return { request, rh, machine, items, policies } as unknown as VerifiedRequest; // the one place where it is minted
}

/** A request as a receipt carries it: signed by a machine of this org, at whatever time. For history only: nothing in it may be decided. */
export async function verifyPastRequest(state: OrgState, signed: Uint8Array): Promise<{ readonly request: Request; readonly rh: Hash }> {
  const envelope = parseEnvelope('request', signed, limits.requestBytes);
  const holder = state.keys.get(envelope.signatures[0]?.keyId ?? ('' as KeyId)); // '' is no key id: it is looked up and not found
  const machine =
    holder?.kind === 'machine' && holder.use === 'sig' && envelope.signatures.length === 1 ? state.machines.get(holder.id as MachineId) : undefined; // a machine holder's id
  check(machine !== undefined, 'E_SIG_REQUEST', 'not signed by a machine of this organisation');
  await verifyEnvelopeSignature(envelope, 0, machine.sigKey);
  const { v, suite, ...request } = decode(requestCodec, envelope.payload, limits.requestBytes);
  check(v === protocolVersion && suite === protocolSuite, 'E_SUITE', 'another version or suite');
  check(request.org === state.org && request.machine === machine.machine, 'E_SIG_REQUEST', 'signed by another machine than it names');
  verifyShown(request);
  return { request, rh: payloadHash('req', 'request', envelope.payload) };
}

function verifyTimes(request: Request, now: number): void {
  const life = request.expiresAt - request.issuedAt;
  check(life > 0 && life <= (request.need ? limits.needLifeMs : limits.requestLifeMs), 'E_REQ_STALE', 'an impossible lifetime');
  check(request.issuedAt <= now + limits.clockSkewMs, 'E_CLOCK', 'from the future: compare the clocks');
  check(now < request.expiresAt, 'E_REQ_STALE', 'expired');
}

function verifyCounter(request: Request, rh: Hash, memory: RequestMemory): void {
  const before = memory.seen(request.requestId);
  check(before === undefined || (before.rh === rh && !before.decided), 'E_REQ_SEEN', 'seen before');
  const highWater = memory.highWater(request.machine);
  // A need is posted again, day after day, to who was away: it may come late, and nothing is released on it.
  if (before || !highWater || request.need) return;
  check(request.ctr !== highWater.ctr, 'E_CLONE', 'two requests with one counter: the machine’s key is used twice');
  check(request.ctr > highWater.ctr, 'E_CTR_BACK', 'the machine’s counter went back: its state was rolled back or copied');
}

function verifyItem(state: OrgState, machine: Machine, item: RequestItem, me: MemberId): VerifiedItem {
  const secret = state.secrets.get(item.secret);
  check(secret !== undefined && !secret.retired, 'E_UNKNOWN_ID', 'asks for a secret that is not in this log');
  check(secret.putEh === item.putEh && secret.put.ver === item.ver, 'E_VERSION', 'not the newest version');
  check(item.field === undefined || secret.put.fields.includes(item.field), 'E_UNKNOWN_ID', 'no such field');
  const policy = policyFor(state, secret.path);
  check(policy !== undefined, 'E_POLICY', 'no policy covers this path');
  check(policy.eh === item.policyEh, 'E_POLICY_CHANGED', 'made under another policy');
  check(machineEntitled(state, policy, machine.machine), 'E_NOT_ENTITLED', 'the machine may not ask for this');
  check(quorumOf(state, policy).members.includes(me), 'E_NOT_ELIGIBLE', 'this member does not approve this path');
  return { item, secret, policy };
}

function verifyAsked(request: Request, policy: PolicyInForce, machine: Machine, me: MemberId, now: number): void {
  check(!policy.separationOfDuties || machine.owner !== me, 'E_SOD', 'the machine’s owner does not count');
  check(
    policy.exePins.length === 0 || (request.observed.exeHash !== undefined && policy.exePins.includes(request.observed.exeHash)),
    'E_POLICY',
    'the policy names other programs',
  );
  check(policy.tier !== 'high' || request.observed.identity === 'pidfd', 'E_POLICY', 'the requester could not be identified');
  check(!policy.reasonRequired || request.claimed.reason !== '', 'E_POLICY', 'the policy wants a reason');
  check(withinHours(policy, now), 'E_POLICY', 'outside the policy’s hours');
  verifyLease(request.lease, policy);
}

/** Within the policy's limits: throws E_LEASE_BOUNDS. */
export function verifyLease(lease: LeaseTerms, policy: { readonly maxTtlS: number; readonly maxUses: number; readonly scopes: readonly LeaseScope[] }): void {
  const single = lease.ttlS === 0 && lease.uses === 1;
  check(
    single || (lease.ttlS <= policy.maxTtlS && lease.uses <= policy.maxUses && policy.scopes.includes(lease.scope)),
    'E_LEASE_BOUNDS',
    'a longer or wider lease than the policy allows',
  );
}
