// Hash of everything a state says, the same in every client and language: what a checkpoint restates (spec/05-org-log.md §checkpoint).
import type { Item } from '../codec.ts';
import { type Hash, hash } from '../hash.ts';
import { deviceAddCodec, memberAddCodec } from './bodies.ts';
import { bodyCodecs, policyCodec } from './body-codecs.ts';
import { authenticatorsCodec, recoveryCodec, recoveryUseCodec } from './org-bodies.ts';
import type { Device, Machine, Member, OrgState, PolicyInForce, Secret, Token } from './state.ts';

/** Linear in what the state holds; what did not change since an earlier state is not hashed again. */
export function stateHash(state: OrgState): Hash {
  const leaves: Hash[] = [];
  const add = <T extends object>(values: Iterable<T>, itemOf: (value: T) => readonly Item[]): void => {
    for (const value of values) leaves.push(leafOf(value, itemOf));
  };
  add(state.members.values(), memberItem);
  add(state.devices.values(), deviceItem);
  add(state.machines.values(), machineItem);
  add(state.tokens.values(), tokenItem);
  add(state.groups.values(), (group) => ['group', bodyCodecs['group.set'].toItem(group)]);
  add(state.policies.values(), policyItem);
  add(state.secrets.values(), secretItem);
  for (const [keyId, { kind, id, use }] of state.keys.entries()) leaves.push(hash('state', ['key', keyId, kind, id, use]));
  const { org, name, head, ts, authority, drafted, tAdmin, origins, rpIds, recovery, recovering, authenticators, frozen, mkEpoch, mkCommitment } = state;
  const top: readonly Item[] = [
    org,
    name,
    head.seq,
    head.eh,
    ts,
    tAdmin,
    origins,
    rpIds,
    recovery ? recoveryCodec.toItem(recovery) : [],
    frozen ? 1 : 0,
    mkEpoch,
    mkCommitment,
    authority,
    drafted ? [drafted.intent, drafted.next] : [],
    authenticatorsCodec.toItem(authenticators),
    recovering ? [recovering.eh, recovering.ts, recovering.delayMs, recoveryUseCodec.toItem(recovering)] : [],
  ];
  return hash('state', ['org', top, leaves.sort()]);
}

// States are immutable and share what did not change: each object is hashed once.
const known = new WeakMap<object, Hash>();

function leafOf<T extends object>(value: T, itemOf: (value: T) => readonly Item[]): Hash {
  const before = known.get(value);
  if (before !== undefined) return before;
  const leaf = hash('state', itemOf(value));
  known.set(value, leaf);
  return leaf;
}

const memberItem = ({ id, name, roles, removed }: Member): readonly Item[] => ['member', memberAddCodec.toItem({ member: id, name, roles }), removed ? 1 : 0];
const deviceItem = (device: Device): readonly Item[] => ['device', deviceAddCodec.toItem(device), device.revoked ? 1 : 0];
const machineItem = (machine: Machine): readonly Item[] => [
  'machine',
  bodyCodecs['machine.enrol'].toItem(machine),
  machine.status,
  machine.groups,
  machine.owner ?? '',
];
const tokenItem = (token: Token): readonly Item[] => ['token', bodyCodecs['token.issue'].toItem(token), token.usedBy ?? ''];
const policyItem = (policy: PolicyInForce): readonly Item[] => ['policy', policyCodec.toItem(policy), policy.eh];
// The entry hash stands for all of the version; shares and wraps may have been added by rewraps.
const secretItem = ({ id, putEh, putTs, shares, wraps, retired }: Secret): readonly Item[] => [
  'secret',
  id,
  putEh,
  putTs,
  shares.map(({ member, x, commitment }) => [member, x, commitment]),
  wraps.map(({ kind, recipient, keyId, wrap }) => [kind, recipient, keyId, wrap]),
  retired ? 1 : 0,
];
