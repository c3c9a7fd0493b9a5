// Receipts: what became of each request, hash-chained per machine, signed by it, provable from the log (spec/09-release.md §receipts).
import { type Evidence, evidenceCodec } from './approval.ts';
import { type Codec, array, bytesUpTo, count, decode, encode, oneOf, record, text, time } from './codec.ts';
import { check } from './errors.ts';
import {
  type Hash,
  type LeaseId,
  type MachineId,
  type OrgId,
  type RequestId,
  hashCodec,
  leaseIdCodec,
  machineIdCodec,
  orgIdCodec,
  requestIdCodec,
} from './hash.ts';
import type { Signer } from './keys.ts';
import { limits } from './limits.ts';
import { protocolSuite, protocolVersion } from './org-log/entry.ts';
import type { Head, OrgState } from './org-log/state.ts';
import { type LeaseTerms, headCodec, leaseTermsCodec } from './request.ts';
import { parseEnvelope, payloadHash, signEnvelope, verifyEnvelopeSignature } from './sign.ts';

/** `released` once per request; `used` for each read from a lease; `ended` when a lease ends; the others end a request without a release. */
export type Outcome = 'released' | 'denied' | 'expired' | 'withdrawn' | 'failed' | 'used' | 'ended' | 'stored';
export interface LeaseGrant {
  readonly id: LeaseId;
  readonly terms: LeaseTerms;
  readonly until: number;
}
export interface Receipt {
  readonly org: OrgId;
  readonly machine: MachineId;
  /** Counts this machine's receipts from 0. */
  readonly n: number;
  /** Hash of the receipt before; zeros for the first. */
  readonly prev: Hash;
  readonly ts: number;
  readonly head: Head;
  readonly outcome: Outcome;
  readonly requestId: RequestId;
  readonly rh: Hash;
  /** The signed request, with the first receipt about it. */
  readonly request?: Uint8Array;
  readonly evidence: readonly Evidence[];
  readonly lease?: LeaseGrant;
  /** Why, as a code (`E_EXE_HASH`, `time`, `uses`, `process-exit`, `ended-by-device`), or who used it. */
  readonly note: string;
}
interface Versioned {
  readonly v: number;
  readonly suite: number;
}
const leaseCodec: Codec<LeaseGrant> = record<LeaseGrant>({ id: [1, leaseIdCodec], terms: [2, leaseTermsCodec], until: [3, time] });
const receiptCodec: Codec<Receipt & Versioned> = record<Receipt & Versioned>({
  v: [1, count],
  suite: [2, count],
  org: [3, orgIdCodec],
  machine: [4, machineIdCodec],
  n: [5, count],
  prev: [6, hashCodec],
  ts: [7, time],
  head: [8, headCodec],
  outcome: [9, oneOf<Outcome>(['released', 'denied', 'expired', 'withdrawn', 'failed', 'used', 'ended', 'stored'])],
  requestId: [10, requestIdCodec],
  rh: [11, hashCodec],
  request: [12, bytesUpTo(limits.requestBytes), 'optional'],
  evidence: [13, array(evidenceCodec, limits.quorumN)],
  lease: [14, leaseCodec, 'optional'],
  note: [15, text(512)],
});

export interface SignedReceipt {
  readonly bytes: Uint8Array;
  readonly hash: Hash;
}

export async function signReceipt(receipt: Receipt, machine: Signer): Promise<SignedReceipt> {
  const payload = encode(receiptCodec, { v: protocolVersion, suite: protocolSuite, ...receipt });
  return { bytes: await signEnvelope('receipt', payload, [{ signer: machine }]), hash: payloadHash('receipt', 'receipt', payload) };
}

declare const verified: unique symbol;
/** Minted by verifyReceipt only. */
export interface VerifiedReceipt {
  readonly [verified]: true;
  readonly receipt: Receipt;
  readonly hash: Hash;
}

/** Signed by the machine it names. A revoked machine's old receipts stay readable. Throws E_SIGNATURE, E_ORG, E_SUITE. */
export async function verifyReceipt(state: OrgState, signed: Uint8Array): Promise<VerifiedReceipt> {
  const envelope = parseEnvelope('receipt', signed, limits.entryBytes);
  const keyId = envelope.signatures[0]?.keyId;
  const holder = keyId && state.keys.get(keyId);
  const machine = holder?.kind === 'machine' && envelope.signatures.length === 1 ? state.machines.get(holder.id as MachineId) : undefined; // a machine holder's id
  check(machine !== undefined && machine.keyIds.sig === keyId, 'E_SIGNATURE', 'not signed by a machine of this organisation');
  await verifyEnvelopeSignature(envelope, 0, machine.sigKey);
  const { v, suite, ...receipt } = decode(receiptCodec, envelope.payload, limits.entryBytes);
  check(v === protocolVersion && suite === protocolSuite, 'E_SUITE', 'another version or suite');
  check(receipt.org === state.org, 'E_ORG', 'a receipt of another organisation');
  check(receipt.machine === machine.machine, 'E_SIGNATURE', 'signed by another machine than it names');
  return { receipt, hash: payloadHash('receipt', 'receipt', envelope.payload) } as unknown as VerifiedReceipt; // the one place where it is minted
}

/** The next link of a machine's chain. Throws E_AUDIT_GAP. */
export function verifyChain(before: { readonly n: number; readonly hash: Hash } | undefined, next: VerifiedReceipt): void {
  const { n, prev } = next.receipt;
  check(
    before === undefined ? n === 0 && /^0+$/.test(prev) : n === before.n + 1 && prev === before.hash,
    'E_AUDIT_GAP',
    'receipts of this machine are missing or were changed',
  );
}
