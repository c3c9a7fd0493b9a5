// The codec of each entry type's body, and the numbers of the types on the wire (spec/05-org-log.md §types).
import { type Codec, array, bytes, count, flag, int, oneOf, record, text, time } from '../codec.ts';
import { groupIdCodec, hashCodec, machineIdCodec, memberIdCodec, policyIdCodec, secretIdCodec, tokenIdCodec, deviceIdCodec } from '../hash.ts';
import { kemPublicKeyCodec, publicKeyCodec } from '../keys.ts';
import { limits } from '../limits.ts';
import {
  type Bodies,
  type Checkpoint,
  type Clause,
  type DeviceRevoke,
  type EntryType,
  type Genesis,
  type GroupSet,
  type Hours,
  type MachineAdmit,
  type MachineEnrol,
  type MachineRevoke,
  type MachineRule,
  type MemberRemove,
  type MetaRotate,
  type OrgFreeze,
  type OrgUnfreeze,
  type Policy,
  type RewrapItem,
  type SecretRetire,
  type SecretRewrap,
  type Tier,
  type TokenIssue,
  deviceAddCodec,
  leaseScopeCodec,
  memberAddCodec,
  nameCodec,
  secretPutCodec,
  shareCodec,
  wrapCodec,
} from './bodies.ts';
import { type OrgSet, authenticatorsCodec, originsCodec, recoveryCodec, recoveryFinishCodec, recoveryUseCodec, rpIdsCodec } from './org-bodies.ts';

const clauseCodec: Codec<Clause> = record<Clause>({
  k: [1, int(1, limits.quorumN)],
  members: [2, array(memberIdCodec, limits.quorumN)],
  groups: [3, array(groupIdCodec, limits.quorumN)],
});
const machineRuleCodec: Codec<MachineRule> = record<MachineRule>({
  any: [1, flag],
  machines: [2, array(machineIdCodec, limits.machines)],
  groups: [3, array(groupIdCodec, 64)],
});
const hoursCodec: Codec<Hours> = record<Hours>({ days: [1, array(int(0, 6), 7, 1)], fromMinute: [2, int(0, 1_439)], toMinute: [3, int(0, 1_439)] });
export const policyCodec: Codec<Policy> = record<Policy>({
  policy: [1, policyIdCodec],
  pattern: [2, text(limits.pathBytes, 1)],
  clauses: [3, array(clauseCodec, 8, 1)],
  machines: [4, machineRuleCodec],
  maxTtlS: [5, int(0, limits.leaseMaxS)],
  maxUses: [6, int(1, limits.usesMax)],
  scopes: [7, array(leaseScopeCodec, 3, 1)],
  tier: [8, oneOf<Tier>(['low', 'normal', 'high'])],
  reasonRequired: [9, flag],
  matchRequired: [10, flag],
  separationOfDuties: [11, flag],
  revealAllowed: [12, flag],
  maxStalenessMs: [13, int(1, 31 * 86_400_000)],
  exePins: [14, array(hashCodec, 32)],
  hosts: [15, array(text(253, 1), 64)],
  hours: [16, hoursCodec, 'optional'],
  retired: [17, flag],
});

export const rewrapItemCodec: Codec<RewrapItem> = record<RewrapItem>({
  secret: [1, secretIdCodec],
  putEh: [2, hashCodec],
  policyEh: [3, hashCodec],
  shares: [4, array(shareCodec, limits.quorumN)],
  wraps: [5, array(wrapCodec, limits.devices + limits.machines + 1, 1)],
});
const exposed = array(secretIdCodec, 1_024);
const groups = array(groupIdCodec, 64);
const machineAdmitCodec: Codec<MachineAdmit> = record<MachineAdmit>({
  machine: [1, machineIdCodec],
  groups: [2, groups],
  owner: [3, memberIdCodec, 'optional'],
});

export const bodyCodecs: { readonly [T in EntryType]: Codec<Bodies[T]> } = {
  genesis: record<Genesis>({
    name: [1, nameCodec],
    founder: [2, memberAddCodec],
    device: [3, deviceAddCodec],
    tAdmin: [4, int(1, limits.admins)],
    origins: [5, originsCodec],
    rpIds: [6, rpIdsCodec],
    recovery: [7, recoveryCodec, 'optional'],
    policies: [8, array(policyCodec, 16)],
    mkCommitment: [9, hashCodec],
    salt: [10, bytes(32)],
  }),
  'member.add': memberAddCodec,
  'member.remove': record<MemberRemove>({ member: [1, memberIdCodec], exposed: [2, exposed] }),
  'device.add': deviceAddCodec,
  'device.revoke': record<DeviceRevoke>({ device: [1, deviceIdCodec], exposed: [2, exposed] }),
  'token.issue': record<TokenIssue>({
    token: [1, tokenIdCodec],
    tokenKey: [2, publicKeyCodec],
    expiresAt: [3, time],
    autoAdmit: [4, flag],
    groups: [5, groups],
  }),
  'machine.enrol': record<MachineEnrol>({
    machine: [1, machineIdCodec],
    token: [2, tokenIdCodec],
    name: [3, nameCodec],
    sigKey: [4, publicKeyCodec],
    kemKey: [5, kemPublicKeyCodec],
    mailboxSeed: [6, bytes(32)],
  }),
  'machine.admit': machineAdmitCodec,
  'machine.revoke': record<MachineRevoke>({ machine: [1, machineIdCodec], exposed: [2, exposed] }),
  'group.set': record<GroupSet>({ group: [1, groupIdCodec], name: [2, nameCodec], members: [3, array(memberIdCodec, 256)] }),
  'policy.set': policyCodec,
  'secret.put': secretPutCodec,
  'secret.rewrap': record<SecretRewrap>({ items: [1, array(rewrapItemCodec, limits.rewrapItems, 1)] }),
  'secret.retire': record<SecretRetire>({ secret: [1, secretIdCodec] }),
  'meta.rotate': record<MetaRotate>({ epoch: [1, count], commitment: [2, hashCodec], wraps: [3, hashCodec] }),
  'org.freeze': record<OrgFreeze>({ reason: [1, text(512)] }),
  'org.unfreeze': record<OrgUnfreeze>({ reason: [1, text(512)] }),
  'recovery.set': recoveryCodec,
  'recovery.use': recoveryUseCodec,
  checkpoint: record<Checkpoint>({ stateHash: [1, hashCodec], snapshot: [2, hashCodec, 'optional'] }),
  'member.set': memberAddCodec,
  'machine.set': machineAdmitCodec,
  'org.set': record<OrgSet>({
    name: [1, nameCodec, 'optional'],
    tAdmin: [2, int(1, limits.admins)],
    origins: [3, originsCodec],
    rpIds: [4, rpIdsCodec],
    authenticators: [5, authenticatorsCodec],
  }),
  'recovery.finish': recoveryFinishCodec,
};

/** In the order of their numbers on the wire (index + 1); new types are only ever appended. */
export const entryTypes: readonly EntryType[] = [
  'genesis',
  'member.add',
  'member.remove',
  'device.add',
  'device.revoke',
  'token.issue',
  'machine.enrol',
  'machine.admit',
  'machine.revoke',
  'group.set',
  'policy.set',
  'secret.put',
  'secret.rewrap',
  'secret.retire',
  'meta.rotate',
  'org.freeze',
  'org.unfreeze',
  'recovery.set',
  'recovery.use',
  'checkpoint',
  'member.set',
  'machine.set',
  'org.set',
  'recovery.finish',
];
