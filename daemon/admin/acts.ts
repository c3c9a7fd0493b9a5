// What a person at a terminal wants changed, as the entries that an admin would sign (spec/10-local-api.md §administration). Signs nothing itself.
import type { GroupId, PolicyId } from '../../protocol/hash.ts';
import type { Act, PolicyFile, PolicyTerms } from '../../protocol/local-api/admin.ts';
import type { GroupSet, Policy } from '../../protocol/org-log/bodies.ts';
import type { Proposable } from '../../protocol/changes.ts';
import { type OrgState, secretAt } from '../../protocol/org-log/state.ts';
import { policyDiff } from '../../protocol/policy-diff.ts';
import type { Random } from '../../protocol/random.ts';
import { newId } from '../../relay-client/org-log.ts';
import { DaemonError } from '../errors.ts';
import { type Names, createNames } from './names.ts';
import { policyOf } from './terms.ts';

export type Nearest = Parameters<typeof createNames>[1];

/** Only what differs from the log; empty where nothing would change. Throws DaemonError with what is unknown. */
export function proposalOf(state: OrgState, act: Act, nearest: Nearest, random: Random): readonly Proposable[] {
  const find = createNames(state, nearest);
  switch (act.act) {
    case 'member.set': {
      const { id: member, name, roles } = found(state.members.get(find.member(act.member)));
      const body = { member, name: act.name ?? name, roles: act.roles ? [...new Set(act.roles)] : roles };
      return body.name === name && sameSet(body.roles, roles) ? [] : [{ type: 'member.set', body }];
    }
    case 'member.remove':
      return [{ type: 'member.remove', body: { member: find.member(act.member), exposed: [] } }];
    case 'device.revoke':
      return [{ type: 'device.revoke', body: { device: find.device(act.device), exposed: [] } }];
    case 'machine.revoke':
      return [{ type: 'machine.revoke', body: { machine: find.machine(act.machine), exposed: [] } }];
    case 'machine.set':
      return machineSet(state, act, find);
    case 'group.add':
    case 'group.set':
      return groupSet(state, act, find, random);
    case 'policy.set':
      return policySet(state, act.policy, find, random);
    case 'policy.retire':
      return [retired(inForce(state, act.pattern) ?? unknownPattern(state, act.pattern, nearest))];
    case 'policy.file':
      return fileSet(state, act.file, act.prune, nearest, random);
    case 'secret.retire': {
      const secret = secretAt(state, act.path);
      if (!secret) throw new DaemonError('not_found', 'E_NOT_FOUND', `there is no secret ${act.path}`, { next: 'stillvault ls' });
      return [{ type: 'secret.retire', body: { secret: secret.id } }];
    }
    case 'org.freeze':
    case 'org.unfreeze':
      return state.frozen === (act.act === 'org.freeze') ? [] : [{ type: act.act, body: { reason: act.reason } }];
  }
}

function machineSet(state: OrgState, act: Extract<Act, { readonly act: 'machine.set' }>, find: Names): readonly Proposable[] {
  const before = found(state.machines.get(find.machine(act.machine)));
  const groups = act.groups ? [...new Set(act.groups.map(find.group))] : before.groups;
  const owner = act.owner === undefined ? before.owner : act.owner === null ? undefined : find.member(act.owner);
  if (sameSet(groups, before.groups) && owner === before.owner) return [];
  return [{ type: 'machine.set', body: { machine: before.machine, groups, ...(owner === undefined ? {} : { owner }) } }];
}

function groupSet(state: OrgState, act: Extract<Act, { readonly act: 'group.add' | 'group.set' }>, find: Names, random: Random): readonly Proposable[] {
  const members = act.members && [...new Set(act.members.map(find.member))];
  const isTaken = (name: string): boolean => [...state.groups.values()].some((group) => group.name === name);
  const wanted = act.act === 'group.add' ? act.group : act.name;
  if (wanted !== undefined && isTaken(wanted))
    throw new DaemonError('usage', 'E_ID_REUSED', `there is a group ${wanted} already`, { next: `stillvault group set ${wanted} …` });
  if (act.act === 'group.add') return [{ type: 'group.set', body: { group: newId<GroupId>(random), name: act.group, members: members ?? [] } }];
  const before = found(state.groups.get(find.group(act.group)));
  return changedGroup(before, { ...before, name: act.name ?? before.name, members: members ?? before.members });
}

function changedGroup(before: GroupSet, body: GroupSet): readonly Proposable[] {
  return before.name === body.name && sameSet(before.members, body.members) ? [] : [{ type: 'group.set', body }];
}

function policySet(state: OrgState, terms: PolicyTerms, find: Names, random: Random): readonly Proposable[] {
  const before = inForce(state, terms.pattern);
  const body = policyOf(terms, find, before?.policy ?? newId<PolicyId>(random));
  return before && policyDiff(state, before, body).length === 0 ? [] : [{ type: 'policy.set', body }];
}

/** Groups first, since rules name them. */
function fileSet(state: OrgState, { groups = {}, policies }: PolicyFile, prune: boolean, nearest: Nearest, random: Random): readonly Proposable[] {
  const twice = policies.map(({ pattern }) => pattern).find((pattern, at, all) => all.indexOf(pattern) !== at);
  if (twice !== undefined) throw new DaemonError('usage', 'E_POLICY', `two rules for ${twice} in one file`);
  const known = [...state.groups.values()];
  const people = createNames(state, nearest);
  const sets = Object.entries(groups).map(([name, members]) => {
    const isKnown = known.some((group) => group.name === name || group.group === name);
    const before = isKnown ? state.groups.get(people.group(name)) : undefined; // throws where several have this name
    const body = { group: before?.group ?? newId<GroupId>(random), name: before?.name ?? name, members: [...new Set(members.map(people.member))] };
    return { body, items: before ? changedGroup(before, body) : [{ type: 'group.set' as const, body }] };
  });
  const added = sets.flatMap(({ body: { group, name } }) => (state.groups.has(group) ? [] : [{ id: group, name }]));
  const find = createNames(state, nearest, added);
  const gone = prune ? keptOutside(state, policies) : [];
  return [...sets.flatMap(({ items }) => items), ...policies.flatMap((terms) => policySet(state, terms, find, random)), ...gone.map(retired)];
}

/** Rules in force that a file does not name. */
export function keptOutside(state: OrgState, policies: readonly PolicyTerms[]): readonly Policy[] {
  return [...state.policies.values()].filter((policy) => !policy.retired && !policies.some(({ pattern }) => pattern === policy.pattern));
}

function retired({ eh: _, ...policy }: Policy & { readonly eh?: unknown }): Proposable {
  return { type: 'policy.set', body: { ...policy, retired: true } };
}

function inForce(state: OrgState, pattern: string): Policy | undefined {
  const policy = [...state.policies.values()].find((other) => other.pattern === pattern && !other.retired);
  if (!policy) return undefined;
  const { eh: _, ...body } = policy;
  return body;
}

function unknownPattern(state: OrgState, pattern: string, nearest: Nearest): never {
  const patterns = [...state.policies.values()].filter((policy) => !policy.retired).map((policy) => policy.pattern);
  const near = nearest(pattern, patterns);
  throw new DaemonError('not_found', 'E_NOT_FOUND', `no rule has the pattern ${pattern}${near === undefined ? '' : `: did you mean ${near}?`}`, {
    next: 'stillvault policy ls',
  });
}

const sameSet = (a: readonly string[], b: readonly string[]): boolean => a.length === b.length && a.every((one) => b.includes(one));

function found<T>(one: T | undefined): T {
  if (one === undefined) throw new DaemonError('not_found', 'E_UNKNOWN_ID', 'it is gone meanwhile');
  return one;
}
