// Bodies about the organisation itself: its terms, and its recovery (spec/05-org-log.md §types, spec/18-recovery.md).
import { type Codec, array, bytes, flag, int, record, text, time } from '../codec.ts';
import { type Hash, hashCodec } from '../hash.ts';
import { kemPublicKeyCodec, publicKeyCodec } from '../keys.ts';
import { limits } from '../limits.ts';
import { type DeviceAdd, type MemberAdd, deviceAddCodec, memberAddCodec } from './bodies.ts';

/** Which passkeys a new device may have. */
export interface Authenticators {
  /** None that a cloud account could copy: not backup-eligible. */
  readonly deviceBoundOnly: boolean;
  /** Models by AAGUID; empty = any. */
  readonly aaguids: readonly Uint8Array[];
  /** With an attestation, which the admitting admin's device verifies; the log holds its digest. */
  readonly attested: boolean;
}
export const anyAuthenticator: Authenticators = { deviceBoundOnly: false, aaguids: [], attested: false };
export const authenticatorsCodec: Codec<Authenticators> = record<Authenticators>({
  deviceBoundOnly: [1, flag],
  aaguids: [2, array(bytes(16), 64)],
  attested: [3, flag],
});

export interface OrgSet {
  /** Absent = as before. */
  readonly name?: string;
  readonly tAdmin: number;
  readonly origins: readonly string[];
  readonly rpIds: readonly string[];
  readonly authenticators: Authenticators;
}
export const originsCodec: Codec<readonly string[]> = array(text(253, 8), 16, 1);
export const rpIdsCodec: Codec<readonly string[]> = array(text(253, 1), 16, 1);

export interface RecoveryKeys {
  readonly sigKey: Uint8Array;
  readonly kemKey: Uint8Array;
  /** Between using the kit and its taking effect. */
  readonly delayMs: number;
  /** So many of so many printed shares make the kit. */
  readonly t: number;
  readonly m: number;
}
export const recoveryCodec: Codec<RecoveryKeys> = record<RecoveryKeys>({
  sigKey: [1, publicKeyCodec],
  kemKey: [2, kemPublicKeyCodec],
  delayMs: [3, time],
  t: [4, int(1, limits.kitShares)],
  m: [5, int(1, limits.kitShares)],
});

/** Announces what recovery.finish will do once the delay is over. */
export interface RecoveryUse {
  readonly reason: string;
  /** A new admin, or a member who gets a new device and is admin then. */
  readonly member: MemberAdd;
  readonly device: DeviceAdd;
}
export const recoveryUseCodec: Codec<RecoveryUse> = record<RecoveryUse>({
  reason: [1, text(limits.descriptionBytes)],
  member: [2, memberAddCodec],
  device: [3, deviceAddCodec],
});

export interface RecoveryFinish {
  /** Hash of the recovery.use that this ends. */
  readonly use: Hash;
}
export const recoveryFinishCodec: Codec<RecoveryFinish> = record<RecoveryFinish>({ use: [1, hashCodec] });
