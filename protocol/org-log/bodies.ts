// Bodies of log entries (spec/05-org-log.md §types), and the codecs of those parts that also travel alone.
import { type Codec, array, bytes, bytesUpTo, flag, int, oneOf, record, text } from '../codec.ts';
import {
  type DeviceId,
  type GroupId,
  type Hash,
  type KeyId,
  type MachineId,
  type MemberId,
  type PolicyId,
  type SecretId,
  type TokenId,
  deviceIdCodec,
  hashCodec,
  hexIdOfRecipient,
  keyIdCodec,
  machineIdCodec,
  memberIdCodec,
  secretIdCodec,
} from '../hash.ts';
import { kemPublicKeyCodec, publicKeyCodec } from '../keys.ts';
import { limits } from '../limits.ts';
import type { OrgSet, RecoveryFinish, RecoveryKeys, RecoveryUse } from './org-bodies.ts';

export const nameCodec: Codec<string> = text(limits.nameBytes, 1);

export type Role = 'admin' | 'approver' | 'writer';
const role: Codec<Role> = oneOf(['admin', 'approver', 'writer']);

export interface MemberAdd {
  readonly member: MemberId;
  readonly name: string;
  readonly roles: readonly Role[];
}
export const memberAddCodec: Codec<MemberAdd> = record<MemberAdd>({ member: [1, memberIdCodec], name: [2, nameCodec], roles: [3, array(role, 3)] });

export interface MemberRemove {
  readonly member: MemberId;
  readonly exposed: readonly SecretId[];
}

/** A member's phone or browser. */
export interface DeviceAdd {
  readonly device: DeviceId;
  readonly member: MemberId;
  readonly name: string;
  /** Signs approvals and entries; opened by a user-verified gesture. */
  readonly sigKey: Uint8Array;
  /** Signs denials, head attestations, relay sessions; needs no gesture. */
  readonly presenceKey: Uint8Array;
  /** Opens requests and notices. */
  readonly inboxKey: Uint8Array;
  /** Opens the member's shares; opened by a gesture. */
  readonly custodyKey: Uint8Array;
  readonly passkey: PasskeyFacts;
  /** Where mail for it is left, changing daily. */
  readonly mailboxSeed: Uint8Array;
}
export interface PasskeyFacts {
  readonly credentialId: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly rpId: string;
  readonly aaguid: Uint8Array;
  readonly backupEligible: boolean;
  readonly backedUp: boolean;
  /** SHA-256 of the attestation object; zeros where there was none. */
  readonly attestationDigest: Uint8Array;
}
const passkeyCodec: Codec<PasskeyFacts> = record<PasskeyFacts>({
  credentialId: [1, bytesUpTo(1_024, 1)],
  publicKey: [2, publicKeyCodec],
  rpId: [3, text(253, 1)],
  aaguid: [4, bytes(16)],
  backupEligible: [5, flag],
  backedUp: [6, flag],
  attestationDigest: [7, bytes(32)],
});
export const deviceAddCodec: Codec<DeviceAdd> = record<DeviceAdd>({
  device: [1, deviceIdCodec],
  member: [2, memberIdCodec],
  name: [3, nameCodec],
  sigKey: [4, publicKeyCodec],
  presenceKey: [5, publicKeyCodec],
  inboxKey: [6, kemPublicKeyCodec],
  custodyKey: [7, kemPublicKeyCodec],
  passkey: [8, passkeyCodec],
  mailboxSeed: [9, bytes(32)],
});

export interface DeviceRevoke {
  readonly device: DeviceId;
  readonly exposed: readonly SecretId[];
}
export interface MachineRevoke {
  readonly machine: MachineId;
  readonly exposed: readonly SecretId[];
}

/** Single use because the log says so. */
export interface TokenIssue {
  readonly token: TokenId;
  readonly tokenKey: Uint8Array;
  readonly expiresAt: number;
  readonly autoAdmit: boolean;
  readonly groups: readonly GroupId[];
}
export interface MachineEnrol {
  readonly machine: MachineId;
  readonly token: TokenId;
  readonly name: string;
  readonly sigKey: Uint8Array;
  readonly kemKey: Uint8Array;
  readonly mailboxSeed: Uint8Array;
}
export interface MachineAdmit {
  readonly machine: MachineId;
  readonly groups: readonly GroupId[];
  /** Whose machine it is, for separation of duties. */ readonly owner?: MemberId;
}
export interface GroupSet {
  readonly group: GroupId;
  readonly name: string;
  readonly members: readonly MemberId[];
}

export type Tier = 'low' | 'normal' | 'high';
export type LeaseScope = 'process' | 'exe' | 'machine';
export const leaseScopeCodec: Codec<LeaseScope> = oneOf(['process', 'exe', 'machine']);

/** `k` distinct members out of members and groups. Several clauses must all hold, each with members of its own. */
export interface Clause {
  readonly k: number;
  readonly members: readonly MemberId[];
  readonly groups: readonly GroupId[];
}
export interface MachineRule {
  readonly any: boolean;
  readonly machines: readonly MachineId[];
  readonly groups: readonly GroupId[];
}
/** Minutes of the day in UTC, days 0 (Sunday) to 6; from > to passes midnight. */
export interface Hours {
  readonly days: readonly number[];
  readonly fromMinute: number;
  readonly toMinute: number;
}
export interface Policy {
  readonly policy: PolicyId;
  /** Path with `*` for one segment and `**` as the last segment for all below. */
  readonly pattern: string;
  readonly clauses: readonly Clause[];
  readonly machines: MachineRule;
  readonly maxTtlS: number;
  readonly maxUses: number;
  readonly scopes: readonly LeaseScope[];
  readonly tier: Tier;
  readonly reasonRequired: boolean;
  readonly matchRequired: boolean;
  readonly separationOfDuties: boolean;
  readonly revealAllowed: boolean;
  readonly maxStalenessMs: number;
  /** SHA-256 of binaries that may ask; empty = any. */
  readonly exePins: readonly Hash[];
  readonly hosts: readonly string[];
  readonly hours?: Hours;
  /** Ends this policy: paths fall to the next best pattern, or to "default deny". */
  readonly retired: boolean;
}
/** Which share a member has, and the commitment to it. x is 0 where k = 1 (the share is A itself). */
export interface ShareCommitment {
  readonly member: MemberId;
  readonly x: number;
  readonly commitment: Hash;
}
export type RecipientKind = 'device' | 'machine' | 'recovery';
export interface WrapEntry {
  readonly kind: RecipientKind;
  readonly recipient: string;
  readonly keyId: KeyId;
  /** Address of the wrap at the relay. */ readonly wrap: Hash;
}
export interface SecretPut {
  readonly secret: SecretId;
  readonly path: string;
  readonly ver: number;
  /** Hash of the entry that put the version before; zeros for version 1. */
  readonly prevVerEh: Hash;
  readonly policyEh: Hash;
  readonly salt: Uint8Array;
  readonly keyCommitment: Hash;
  /** Address of the body at the relay. */
  readonly body: Hash;
  readonly k: number;
  readonly shares: readonly ShareCommitment[];
  readonly wraps: readonly WrapEntry[];
  readonly fields: readonly string[];
  readonly description: string;
  /** The machine whose proposal a writer countersigned. */
  readonly proposedBy?: MachineId;
}
export const shareCodec: Codec<ShareCommitment> = record<ShareCommitment>({ member: [1, memberIdCodec], x: [2, int(0, 255)], commitment: [3, hashCodec] });
export const wrapCodec: Codec<WrapEntry> = record<WrapEntry>({
  kind: [1, oneOf<RecipientKind>(['device', 'machine', 'recovery'])],
  recipient: [2, hexIdOfRecipient],
  keyId: [3, keyIdCodec],
  wrap: [4, hashCodec],
});
export const secretPutCodec: Codec<SecretPut> = record<SecretPut>({
  secret: [1, secretIdCodec],
  path: [2, text(limits.pathBytes, 1)],
  ver: [3, int(1, 1_000_000)],
  prevVerEh: [4, hashCodec],
  policyEh: [5, hashCodec],
  salt: [6, bytes(32)],
  keyCommitment: [7, hashCodec],
  body: [8, hashCodec],
  k: [9, int(1, limits.quorumN)],
  shares: [10, array(shareCodec, limits.quorumN, 1)],
  wraps: [11, array(wrapCodec, limits.devices + limits.machines + 1, 1)],
  fields: [12, array(text(64, 1), limits.fields)],
  description: [13, text(limits.descriptionBytes)],
  proposedBy: [14, machineIdCodec, 'optional'],
});

/** Wraps added for recipients that policy gives but that had none: never a change of value, share or key. */
export interface RewrapItem {
  readonly secret: SecretId;
  readonly putEh: Hash;
  readonly policyEh: Hash;
  readonly shares: readonly ShareCommitment[];
  readonly wraps: readonly WrapEntry[];
}
/** All of them or none: one entry serves many secrets when a machine or a device joins. */
export interface SecretRewrap {
  readonly items: readonly RewrapItem[];
}
export interface SecretRetire {
  readonly secret: SecretId;
}
/** New epoch of the metadata key MK. The wraps lie in one blob; the key before it is sealed under the new one in the record. */
export interface MetaRotate {
  readonly epoch: number;
  readonly commitment: Hash;
  readonly wraps: Hash;
}
export interface OrgFreeze {
  readonly reason: string;
}
export type OrgUnfreeze = OrgFreeze;
export interface Checkpoint {
  readonly stateHash: Hash;
  /** Address of the blob that names the pieces of that state, for those who come (spec/05-org-log.md §checkpoint). */
  readonly snapshot?: Hash;
}

/** The first entry; its hash is the org id. */
export interface Genesis {
  readonly name: string;
  readonly founder: MemberAdd;
  readonly device: DeviceAdd;
  /** Members who must sign what increases authority. */
  readonly tAdmin: number;
  readonly origins: readonly string[];
  readonly rpIds: readonly string[];
  readonly recovery?: RecoveryKeys;
  /** Policies that stand from the start. */
  readonly policies: readonly Policy[];
  readonly mkCommitment: Hash;
  readonly salt: Uint8Array;
}
/** Entry type word → its body. A type that is not here does not exist. */
export interface Bodies {
  readonly genesis: Genesis;
  readonly 'member.add': MemberAdd;
  readonly 'member.remove': MemberRemove;
  readonly 'device.add': DeviceAdd;
  readonly 'device.revoke': DeviceRevoke;
  readonly 'token.issue': TokenIssue;
  readonly 'machine.enrol': MachineEnrol;
  readonly 'machine.admit': MachineAdmit;
  readonly 'machine.revoke': MachineRevoke;
  readonly 'group.set': GroupSet;
  readonly 'policy.set': Policy;
  readonly 'secret.put': SecretPut;
  readonly 'secret.rewrap': SecretRewrap;
  readonly 'secret.retire': SecretRetire;
  readonly 'meta.rotate': MetaRotate;
  readonly 'org.freeze': OrgFreeze;
  readonly 'org.unfreeze': OrgUnfreeze;
  readonly 'recovery.set': RecoveryKeys;
  readonly 'recovery.use': RecoveryUse;
  readonly checkpoint: Checkpoint;
  readonly 'member.set': MemberAdd;
  readonly 'machine.set': MachineAdmit;
  readonly 'org.set': OrgSet;
  readonly 'recovery.finish': RecoveryFinish;
}
export type EntryType = keyof Bodies;
