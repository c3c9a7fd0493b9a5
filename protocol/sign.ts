// Signed envelopes: DSSE pre-authentication encoding around deterministic CBOR (spec/03-envelopes.md).
import { concat, encodeUtf8 } from './bytes.ts';
import { type Codec, array, bytesUpTo, decode, encode, record, text } from './codec.ts';
import { ProtocolError, check } from './errors.ts';
import { type TreeStep, treePathCodec } from './gesture.ts';
import { type Hash, type KeyId, hash, keyIdCodec } from './hash.ts';
import { type Signer, signatureCodec, verifySignature } from './keys.ts';
import { limits } from './limits.ts';

export type PayloadType = 'entry' | 'request' | 'approval' | 'receipt' | 'attestation' | 'proposal' | 'notice' | 'intent' | 'draft';

/** A passkey's answer: user verification over `challenge`. */
export interface Assertion {
  readonly authenticatorData: Uint8Array;
  readonly clientDataJSON: Uint8Array;
  /** ASN.1 DER, as WebAuthn returns it. */
  readonly signature: Uint8Array;
}
export const assertionCodec: Codec<Assertion> = record<Assertion>({
  authenticatorData: [1, bytesUpTo(1_024, 37)],
  clientDataJSON: [2, bytesUpTo(2_048, 2)],
  signature: [3, bytesUpTo(80, 8)],
});

export interface EnvelopeSignature {
  readonly keyId: KeyId;
  readonly signature: Uint8Array;
  /** With every human signature on a log entry. */
  readonly assertion?: Assertion;
  /** Where one gesture stood for several entries: the way from this one to the challenge. */
  readonly path?: readonly TreeStep[];
}
export interface Envelope {
  readonly payloadType: string;
  readonly payload: Uint8Array;
  readonly signatures: readonly EnvelopeSignature[];
  /** Of an entry: signatures of those who agreed to its draft before (spec/05-org-log.md §drafts). */
  readonly endorsements?: readonly EnvelopeSignature[];
}
export const envelopeSignatureCodec: Codec<EnvelopeSignature> = record<EnvelopeSignature>({
  keyId: [1, keyIdCodec],
  signature: [2, signatureCodec],
  assertion: [3, assertionCodec, 'optional'],
  path: [4, treePathCodec, 'optional'],
});
const envelopeCodec: Codec<Envelope> = record<Envelope>({
  payloadType: [1, text(96, 1)],
  payload: [2, bytesUpTo(limits.entryBytes, 1)],
  signatures: [3, array(envelopeSignatureCodec, 2 * limits.admins, 1)],
  endorsements: [4, array(envelopeSignatureCodec, limits.admins, 1), 'optional'],
});

export function payloadTypeOf(type: PayloadType): string {
  return `application/vnd.stillvault.${type}.v1+cbor`;
}

/** DSSE PAE: the bytes that are signed. */
export function preAuthEncode(payloadType: string, payload: Uint8Array): Uint8Array {
  const type = encodeUtf8(payloadType);
  return concat(encodeUtf8(`DSSEv1 ${type.length} `), type, encodeUtf8(` ${payload.length} `), payload);
}

/** Hash of the signed bytes; signatures are never hashed (they are malleable). */
export function payloadHash(use: 'entry' | 'req' | 'apr' | 'receipt' | 'head' | 'intent', type: PayloadType, payload: Uint8Array): Hash {
  return hash(use, [preAuthEncode(payloadTypeOf(type), payload)]);
}

export function encodeEnvelope(envelope: Envelope): Uint8Array {
  return encode(envelopeCodec, envelope);
}

export interface Signing {
  readonly signer: Signer;
  readonly assertion?: Assertion;
  readonly path?: readonly TreeStep[];
}

/** Signs `payload` with each signer in order. */
export async function signEnvelope(
  type: PayloadType,
  payload: Uint8Array,
  signers: readonly Signing[],
  endorsements: readonly EnvelopeSignature[] = [],
): Promise<Uint8Array> {
  const signatures: EnvelopeSignature[] = [];
  for (const signing of signers) signatures.push(await signPayload(type, payload, signing));
  return encodeEnvelope({ payloadType: payloadTypeOf(type), payload, signatures, ...(endorsements.length > 0 ? { endorsements } : {}) });
}

/** One signature for an envelope. */
export async function signPayload(type: PayloadType, payload: Uint8Array, { signer, assertion, path }: Signing): Promise<EnvelopeSignature> {
  const signature = await signer.sign(preAuthEncode(payloadTypeOf(type), payload));
  return { keyId: signer.keyId, signature, ...(assertion ? { assertion } : {}), ...(path && path.length > 0 ? { path } : {}) };
}

/** Reads the frame only: nothing in it is trusted yet. */
export function parseEnvelope(type: PayloadType, bytes: Uint8Array, maxBytes: number): Envelope {
  let envelope: Envelope;
  try {
    envelope = decode(envelopeCodec, bytes, maxBytes);
  } catch (cause) {
    if (cause instanceof ProtocolError && cause.code === 'E_FIELD') throw new ProtocolError('E_ENVELOPE', 'not an envelope', { cause });
    throw cause;
  }
  check(envelope.payloadType === payloadTypeOf(type), 'E_ENVELOPE', 'another type of message');
  const entries = type === 'entry';
  check(
    entries || (!envelope.endorsements && envelope.signatures.every(({ path }) => path === undefined)),
    'E_ENVELOPE',
    'only entries are endorsed or signed in a batch',
  );
  return envelope;
}

/** Throws E_SIGNATURE unless signature `index` of the envelope is by `publicKey`. */
export async function verifyEnvelopeSignature(envelope: Envelope, index: number, publicKey: Uint8Array): Promise<void> {
  const signature = envelope.signatures[index];
  check(signature !== undefined, 'E_SIGNERS', 'a signature is missing');
  await verifySignature(publicKey, preAuthEncode(envelope.payloadType, envelope.payload), signature.signature);
}
