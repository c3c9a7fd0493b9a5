// What the log says at one head: the only source of keys, roles, policies and versions (spec/05-org-log.md §state).
import {
  type DeviceId,
  type GroupId,
  type Hash,
  type KeyId,
  type MachineId,
  type MemberId,
  type OrgId,
  type PolicyId,
  type SecretId,
  type TokenId,
  hash,
} from '../hash.ts';
import type { DeviceAdd, GroupSet, MachineEnrol, Policy, Role, SecretPut, ShareCommitment, TokenIssue, WrapEntry } from './bodies.ts';
import type { SignerRef } from './entry.ts';
import { IdMap } from './id-map.ts';
import type { Authenticators, RecoveryKeys, RecoveryUse } from './org-bodies.ts';

export interface Head {
  readonly seq: number;
  readonly eh: Hash;
}
export interface Member {
  readonly id: MemberId;
  readonly name: string;
  readonly roles: readonly Role[];
  readonly removed: boolean;
}
export interface Device extends DeviceAdd {
  readonly keyIds: { readonly sig: KeyId; readonly presence: KeyId; readonly inbox: KeyId; readonly custody: KeyId };
  readonly revoked: boolean;
}
export interface Machine extends MachineEnrol {
  readonly keyIds: { readonly sig: KeyId; readonly kem: KeyId };
  readonly status: 'enrolled' | 'active' | 'revoked';
  readonly enrolledAt: number;
  readonly groups: readonly GroupId[];
  readonly owner?: MemberId;
}
export interface Token extends TokenIssue {
  readonly usedBy?: MachineId;
}
/** A policy with the hash of the entry that set it. */
export interface PolicyInForce extends Policy {
  readonly eh: Hash;
}
export interface Secret {
  readonly id: SecretId;
  readonly path: string;
  /** The newest version. */
  readonly put: SecretPut;
  readonly putEh: Hash;
  readonly putTs: number;
  /** Whose device signed it. */
  readonly putBy: MemberId;
  /** Shares and wraps of the newest version, rewraps included. */
  readonly shares: readonly ShareCommitment[];
  readonly wraps: readonly WrapEntry[];
  readonly retired: boolean;
}

/** A use of the kit whose delay runs: changes nothing yet, and freezing ends it. */
export interface Recovering extends RecoveryUse {
  readonly eh: Hash;
  readonly ts: number;
  readonly delayMs: number;
}

/** What a key may do: sign entries and approvals, sign the rest, verify a person, open what is sealed. */
export type KeyUse = 'sig' | 'presence' | 'passkey' | 'kem';

export interface OrgState {
  readonly org: OrgId;
  readonly name: string;
  readonly head: Head;
  readonly ts: number;
  /** Hash of the last entry that changed authority: what drafts stand on. */
  readonly authority: Hash;
  /** A draft of several entries of which the first are in. */
  readonly drafted?: { readonly intent: Hash; readonly next: number } | undefined;
  readonly tAdmin: number;
  readonly origins: readonly string[];
  readonly rpIds: readonly string[];
  readonly recovery?: RecoveryKeys;
  readonly recovering?: Recovering | undefined;
  readonly authenticators: Authenticators;
  readonly frozen: boolean;
  readonly mkEpoch: number;
  readonly mkCommitment: Hash;
  /** Seq of the newest checkpoint with a snapshot; 0 where there is none. */
  readonly checkpoint: number;
  readonly members: IdMap<MemberId, Member>;
  readonly devices: IdMap<DeviceId, Device>;
  readonly machines: IdMap<MachineId, Machine>;
  readonly tokens: IdMap<TokenId, Token>;
  readonly groups: IdMap<GroupId, GroupSet>;
  readonly policies: IdMap<PolicyId, PolicyInForce>;
  readonly secrets: IdMap<SecretId, Secret>;
  /** Active path → secret, keyed by hash of the path so that the map's keys are hex. */
  readonly byPath: IdMap<Hash, SecretId | undefined>;
  /** Every key that ever appeared → who holds it; a key never appears twice. */
  readonly keys: IdMap<KeyId, SignerRef & { readonly use: KeyUse }>;
}

export function pathKey(path: string): Hash {
  return hash('stream', ['path', path]);
}

/** The active secret at `path`. */
export function secretAt(state: OrgState, path: string): Secret | undefined {
  const id = state.byPath.get(pathKey(path));
  return id === undefined ? undefined : state.secrets.get(id);
}

export function isActiveMember(state: OrgState, member: MemberId): boolean {
  return state.members.get(member)?.removed === false;
}

/** Not revoked, and its member is still a member. */
export function activeDevice(state: OrgState, id: DeviceId): Device | undefined {
  const device = state.devices.get(id);
  return device && !device.revoked && isActiveMember(state, device.member) ? device : undefined;
}

export function devicesOf(state: OrgState, member: MemberId): readonly Device[] {
  return isActiveMember(state, member) ? (liveDevices(state.devices).get(member) ?? []) : [];
}

// Sorted by member once for each map of devices, which never changes: the rules ask for every entry.
const liveKnown = new WeakMap<OrgState['devices'], ReadonlyMap<MemberId, readonly Device[]>>();
function liveDevices(devices: OrgState['devices']): ReadonlyMap<MemberId, readonly Device[]> {
  const before = liveKnown.get(devices);
  if (before) return before;
  const byMember = new Map<MemberId, Device[]>();
  for (const device of devices.values()) {
    if (device.revoked) continue;
    const others = byMember.get(device.member);
    if (others) others.push(device);
    else byMember.set(device.member, [device]);
  }
  liveKnown.set(devices, byMember);
  return byMember;
}

export function activeMachine(state: OrgState, id: MachineId): Machine | undefined {
  const machine = state.machines.get(id);
  return machine?.status === 'active' ? machine : undefined;
}

export function hasRole(state: OrgState, member: MemberId, role: Role): boolean {
  const found = state.members.get(member);
  return found !== undefined && !found.removed && found.roles.includes(role);
}

/** Admins who can act: active, with a live device. */
export function liveAdmins(state: OrgState): readonly MemberId[] {
  return [...state.members.values()]
    .filter((member) => hasRole(state, member.id, 'admin') && devicesOf(state, member.id).length > 0)
    .map((member) => member.id);
}

export function emptyMaps(): Pick<OrgState, 'members' | 'devices' | 'machines' | 'tokens' | 'groups' | 'policies' | 'secrets' | 'byPath' | 'keys'> {
  const empty = IdMap.empty;
  return {
    members: empty(),
    devices: empty(),
    machines: empty(),
    tokens: empty(),
    groups: empty(),
    policies: empty(),
    secrets: empty(),
    byPath: empty(),
    keys: empty(),
  };
}
