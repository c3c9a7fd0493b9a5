// What an authenticator says of its own model when it makes a passkey, checked against the facts that go into the log
// (WebAuthn Level 3 §6.5, §8.2; spec/11-enrolment.md §attestation). Who signed it is judged by whoever knows certificates.
import { sha256 } from '@noble/hashes/sha2.js';
import { decode as cborDecode } from 'cborg';
import { concat, encodeUtf8, equalBytes, fromHex, toBase64Url } from './bytes.ts';
import type { DeviceInvite } from './enrolment.ts';
import { ProtocolError, check } from './errors.ts';
import { hashBytes } from './hash.ts';
import type { PasskeyFacts } from './org-log/bodies.ts';
import { parseClientData } from './webauthn.ts';

/** What navigator.credentials.create() gave. */
export interface AttestationProof {
  readonly object: Uint8Array;
  readonly clientDataJSON: Uint8Array;
}
export const attestationMax = { objectBytes: 12_288, clientDataBytes: 2_048, certificates: 6 } as const;

/** Signed by the key of the first certificate, ES256, over `message`: still to be verified, and the certificates up to a root that the reader trusts. */
export interface AttestedModel {
  readonly aaguid: Uint8Array;
  /** DER; the authenticator's own first. */
  readonly certificates: readonly Uint8Array[];
  readonly message: Uint8Array;
  /** ASN.1 DER. */
  readonly signature: Uint8Array;
}

/** Of one invitation: a passkey that was made for another link, or before it, does not fit. */
export function attestationChallenge({ org, joinId, secret }: Pick<DeviceInvite, 'org' | 'joinId' | 'secret'>): Uint8Array {
  return hashBytes('sas', ['attest', org, fromHex(joinId), secret]);
}

const flags = { present: 0x01, verified: 0x04, backupEligible: 0x08, backedUp: 0x10, attested: 0x40 } as const;
const es256 = -7;

/** Throws E_ATTESTATION on anything that is not exactly this passkey, made for this challenge at one of these origins, with a certified statement. */
export function verifyAttestationFacts(proof: AttestationProof, facts: PasskeyFacts, challenge: Uint8Array, origins: readonly string[]): AttestedModel {
  const { object, clientDataJSON } = proof;
  check(object.length <= attestationMax.objectBytes && clientDataJSON.length <= attestationMax.clientDataBytes, 'E_ATTESTATION', 'an attestation too large');
  check(equalBytes(sha256(object), facts.attestationDigest), 'E_ATTESTATION', 'another attestation than the device named');
  verifyClient(clientDataJSON, challenge, origins);
  const { authData, statement, format } = parseObject(object);
  verifyAuthenticatorData(authData, facts);
  check(format === 'packed', 'E_ATTESTATION', format === 'none' ? 'no attestation' : 'an attestation of a kind that is not supported: only packed is');
  const { alg, sig, x5c } = Object.fromEntries(statement);
  check(Array.isArray(x5c) && x5c.length > 0, 'E_ATTESTATION', 'the passkey vouches for itself, nobody for it');
  check(alg === es256 && sig instanceof Uint8Array, 'E_ATTESTATION', 'not signed with ES256');
  check(x5c.length <= attestationMax.certificates && x5c.every((one) => one instanceof Uint8Array), 'E_ATTESTATION', 'not a list of certificates');
  return { aaguid: facts.aaguid, certificates: x5c, message: concat(authData, sha256(clientDataJSON)), signature: sig };
}

function verifyClient(bytes: Uint8Array, challenge: Uint8Array, origins: readonly string[]): void {
  const client = parseClientData(bytes, 'E_ATTESTATION');
  check(client['type'] === 'webauthn.create', 'E_ATTESTATION', 'not made with the passkey');
  check(client['challenge'] === toBase64Url(challenge), 'E_ATTESTATION', 'another challenge: made for something else, or before');
  check(typeof client['origin'] === 'string' && origins.includes(client['origin']), 'E_ATTESTATION', 'made at an origin that the organisation does not list');
  check((client['crossOrigin'] ?? false) === false && client['topOrigin'] === undefined, 'E_ATTESTATION', 'made inside a frame of another origin');
}

interface AttestationObject {
  readonly format: string;
  readonly authData: Uint8Array;
  readonly statement: ReadonlyMap<string, unknown>;
}
function parseObject(bytes: Uint8Array): AttestationObject {
  let value: unknown;
  try {
    value = cborDecode(bytes, { strict: true, useMaps: true, allowIndefinite: false, allowUndefined: false, rejectDuplicateMapKeys: true });
  } catch (cause) {
    throw new ProtocolError('E_ATTESTATION', 'not an attestation object', { cause });
  }
  check(value instanceof Map && value.size === 3, 'E_ATTESTATION', 'not an attestation object');
  const [format, authData, statement]: readonly unknown[] = ['fmt', 'authData', 'attStmt'].map((key): unknown => value.get(key));
  check(typeof format === 'string' && authData instanceof Uint8Array && statement instanceof Map, 'E_ATTESTATION', 'not an attestation object');
  check(
    [...statement.keys()].every((key) => typeof key === 'string'),
    'E_ATTESTATION',
    'not an attestation statement',
  );
  return { format, authData, statement };
}

// Compared as bytes: what the facts say has one encoding, so nothing of it has to be parsed.
function verifyAuthenticatorData(data: Uint8Array, facts: PasskeyFacts): void {
  const has = (flag: number): boolean => ((data[32] ?? 0) & flag) !== 0;
  check(equalBytes(data.subarray(0, 32), sha256(encodeUtf8(facts.rpId))), 'E_ATTESTATION', 'another relying party');
  check(has(flags.present) && has(flags.verified) && has(flags.attested), 'E_ATTESTATION', 'the user was not verified, or no passkey was made');
  check(has(flags.backupEligible) === facts.backupEligible && has(flags.backedUp) === facts.backedUp, 'E_ATTESTATION', 'synced or not: not as the device said');
  check(equalBytes(data.subarray(37, 53), facts.aaguid), 'E_ATTESTATION', 'another model than the device said');
  const { length } = facts.credentialId;
  const credential = concat(Uint8Array.of(length >> 8, length & 0xff), facts.credentialId, coseKey(facts.publicKey));
  check(equalBytes(data.subarray(53, 53 + credential.length), credential), 'E_ATTESTATION', 'another passkey than the device said');
}

/** COSE_Key of an uncompressed P-256 point in CTAP2's canonical CBOR. */
export function coseKey(point: Uint8Array): Uint8Array {
  const head = fromHex('a5010203262001215820');
  return concat(head, point.subarray(1, 33), fromHex('225820'), point.subarray(33, 65));
}
