// Checks of a passkey assertion (WebAuthn Level 3 §7.2; spec/03-envelopes.md §user verification).
import { sha256 } from '@noble/hashes/sha2.js';
import { concat, decodeUtf8, encodeUtf8, equalBytes, fromHex, toBase64Url } from './bytes.ts';
import { ProtocolError, check } from './errors.ts';
import type { Hash } from './hash.ts';
import { verifySignature } from './keys.ts';
import type { Assertion } from './sign.ts';

export interface Passkey {
  readonly publicKey: Uint8Array;
  readonly rpId: string;
}

const flagUserPresent = 0x01;
const flagUserVerified = 0x04;

/** User verification by that passkey, on an allowed origin, over exactly `challenge`. Throws E_WEBAUTHN. */
export async function verifyAssertion(assertion: Assertion, challenge: Hash, passkey: Passkey, origins: readonly string[]): Promise<void> {
  const { authenticatorData, clientDataJSON } = assertion;
  try {
    await verifySignature(passkey.publicKey, concat(authenticatorData, sha256(clientDataJSON)), rawSignature(assertion.signature));
  } catch (cause) {
    throw new ProtocolError('E_WEBAUTHN', 'not signed by the passkey of that device', { cause });
  }
  check(equalBytes(authenticatorData.subarray(0, 32), sha256(encodeUtf8(passkey.rpId))), 'E_WEBAUTHN', 'another relying party');
  const flags = authenticatorData[32] ?? 0;
  check((flags & flagUserPresent) !== 0 && (flags & flagUserVerified) !== 0, 'E_WEBAUTHN', 'the user was not verified');
  const client = parseClientData(clientDataJSON, 'E_WEBAUTHN');
  check(client['type'] === 'webauthn.get', 'E_WEBAUTHN', 'not an assertion');
  check(client['challenge'] === toBase64Url(fromHex(challenge)), 'E_WEBAUTHN', 'another challenge');
  check(typeof client['origin'] === 'string' && origins.includes(client['origin']), 'E_WEBAUTHN', 'an origin that the organisation does not list');
  check((client['crossOrigin'] ?? false) === false && client['topOrigin'] === undefined, 'E_WEBAUTHN', 'made inside a frame of another origin');
}

/** The members of clientDataJSON. */
export function parseClientData(bytes: Uint8Array, code: 'E_WEBAUTHN' | 'E_ATTESTATION'): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(decodeUtf8(bytes));
    check(typeof value === 'object' && value !== null && !Array.isArray(value), code, 'client data is not an object');
    return value as Readonly<Record<string, unknown>>; // a JSON object, as just checked
  } catch (cause) {
    throw new ProtocolError(code, 'client data is not JSON', { cause });
  }
}

/** ASN.1 DER `SEQUENCE { r INTEGER, s INTEGER }` to raw r‖s; strict, throws E_WEBAUTHN. */
export function rawSignature(der: Uint8Array): Uint8Array {
  check(der[0] === 0x30 && der[1] === der.length - 2, 'E_WEBAUTHN', 'not a DER signature');
  const raw = new Uint8Array(64);
  let at = 2;
  for (const end of [32, 64]) {
    const length = der[at + 1] ?? 0;
    const integer = der.subarray(at + 2, at + 2 + length);
    check(der[at] === 0x02 && length >= 1 && integer.length === length && ((integer[0] ?? 0) & 0x80) === 0, 'E_WEBAUTHN', 'not a DER integer');
    const digits = integer[0] === 0 ? integer.subarray(1) : integer;
    check(digits.length <= 32 && (integer[0] !== 0 || length === 1 || ((digits[0] ?? 0) & 0x80) !== 0), 'E_WEBAUTHN', 'not a minimal DER integer');
    raw.set(digits, end - digits.length);
    at += 2 + length;
  }
  check(at === der.length, 'E_WEBAUTHN', 'bytes after the DER signature');
  return raw;
}
