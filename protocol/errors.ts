// Coded errors of the protocol (spec/12-errors.md). A thrown ProtocolError means "not authentic or not valid".

/** Every code the protocol can end with. Codes are stable: programs and tests match on them. */
export const protocolCodes = [
  // encoding
  'E_LIMIT',
  'E_CBOR',
  'E_CANONICAL',
  'E_FIELD',
  'E_TEXT',
  // envelopes, keys, suites
  'E_ENVELOPE',
  'E_SUITE',
  'E_ORG',
  'E_SIGNATURE',
  'E_SIGNERS',
  'E_KEY_ENCODING',
  'E_KEY_REUSED',
  'E_KEY_NOT_IN_LOG',
  'E_OPEN',
  'E_WEBAUTHN',
  // org log
  'E_TYPE_UNKNOWN',
  'E_CHAIN',
  'E_CHAIN_GAP',
  'E_FORK',
  'E_LOG_ROLLBACK',
  'E_LOG_STALE',
  'E_HEAD_AHEAD',
  'E_CLOCK',
  'E_ROLE',
  'E_THRESHOLD',
  'E_DRAFT',
  'E_MIN_ADMINS',
  'E_QUORUM',
  'E_ID_REUSED',
  'E_UNKNOWN_ID',
  'E_REVOKED',
  'E_FROZEN',
  'E_POLICY',
  'E_POLICY_CHANGED',
  'E_RECIPIENTS',
  'E_TOKEN_USED',
  'E_TOKEN_EXPIRED',
  'E_TOKEN_SCOPE',
  'E_AUTHENTICATOR',
  'E_ATTESTATION',
  'E_RECOVERY',
  'E_RECOVERY_WAIT',
  'E_CHECKPOINT_STATE',
  'E_RELAY_GARBAGE',
  'E_MK_EPOCH',
  // custody
  'E_BODY_HASH',
  'E_WRAP_MIX',
  'E_SHARE_COMMIT',
  'E_KEY_COMMIT',
  'E_VERSION',
  'E_BLOB_MISSING',
  'E_NO_MACHINE',
  'E_PADDING',
  // request, approval, release
  'E_SIG_REQUEST',
  'E_REQ_STALE',
  'E_REQ_SEEN',
  'E_CTR_BACK',
  'E_CLONE',
  'E_REPLAY',
  'E_BIND',
  'E_EXPIRED',
  'E_DONE',
  'E_NO_APPROVAL',
  'E_MACHINE_REVOKED',
  'E_NOT_ENTITLED',
  'E_NOT_ELIGIBLE',
  'E_SOD',
  'E_QUORUM_DUP',
  'E_LEASE_BOUNDS',
  'E_LEASE_SCOPE',
  'E_MATCH',
  // device keys and enrolment
  'E_PRF_KCV',
  'E_PRF_MISSING',
  'E_DEVICE_BIND',
  'E_SAS',
  'E_TOKEN_FORMAT',
  'E_KIT_FORMAT',
  'E_KIT_MIX',
  'E_AUDIT_GAP',
  'E_NO_RECEIPT',
] as const;

export type ProtocolCode = (typeof protocolCodes)[number];

/** Not authentic or not valid. The message never holds a secret, nor text of a peer. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
  readonly code: ProtocolCode;

  constructor(code: ProtocolCode, what: string, options?: { readonly cause?: unknown }) {
    super(`${code}: ${what}`, options);
    this.code = code;
  }
}

/** Throws `code` unless `holds`. */
export function check(holds: boolean, code: ProtocolCode, what: string): asserts holds {
  if (!holds) throw new ProtocolError(code, what);
}
