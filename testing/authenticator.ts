// A software authenticator: makes the assertion that a passkey would make, right or deliberately wrong. Never shipped.
import { sha256 } from '@noble/hashes/sha2.js';
import { concat, encodeUtf8, toBase64Url } from '../protocol/bytes.ts';
import type { Signer } from '../protocol/keys.ts';
import type { Assertion } from '../protocol/sign.ts';

export interface AssertionFacts {
  readonly rpId: string;
  readonly origin: string;
  readonly challenge: Uint8Array;
  /** Bits of WebAuthn §6.1; UP | UV | BE | BS unless given. */
  readonly flags?: number;
  readonly signCount?: number;
  /** Members that replace those of clientDataJSON; undefined removes one. */
  readonly client?: Readonly<Record<string, unknown>>;
}

export const flagsVerified = 0x1d;

/** What navigator.credentials.get() would answer for that passkey. */
export async function assertWith(passkey: Signer, facts: AssertionFacts): Promise<Assertion> {
  const { rpId, origin, challenge, flags = flagsVerified, signCount = 0, client } = facts;
  const clientDataJSON = encodeUtf8(JSON.stringify({ type: 'webauthn.get', challenge: toBase64Url(challenge), origin, crossOrigin: false, ...client }));
  const authenticatorData = concat(
    sha256(encodeUtf8(rpId)),
    Uint8Array.of(flags),
    Uint8Array.of(signCount >>> 24, signCount >>> 16, signCount >>> 8, signCount),
  );
  const raw = await passkey.sign(concat(authenticatorData, sha256(clientDataJSON)));
  return { authenticatorData, clientDataJSON, signature: derSignature(raw) };
}

/** Raw r‖s to ASN.1 DER, as authenticators sign. */
export function derSignature(raw: Uint8Array): Uint8Array {
  const body = concat(derInteger(raw.subarray(0, 32)), derInteger(raw.subarray(32, 64)));
  return concat(Uint8Array.of(0x30, body.length), body);
}

function derInteger(bytes: Uint8Array): Uint8Array {
  const first = bytes.findIndex((byte) => byte !== 0);
  const digits = first < 0 ? Uint8Array.of(0) : bytes.subarray(first);
  const content = (digits[0] ?? 0) >= 0x80 ? concat(Uint8Array.of(0), digits) : digits;
  return concat(Uint8Array.of(0x02, content.length), content);
}
