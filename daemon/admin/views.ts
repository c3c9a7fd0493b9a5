// What the local API tells an administrator: people, machines, groups, rules by name, and why somebody may have a path (spec/10-local-api.md §administration).
import { explainAccess } from '../../protocol/access.ts';
import type { Hash } from '../../protocol/hash.ts';
import type { AccessSummary, OrgSummary } from '../../protocol/local-api/admin.ts';
import { adminThreshold } from '../../protocol/org-log/authority.ts';
import { type OrgState, activeDevice, devicesOf, isActiveMember } from '../../protocol/org-log/state.ts';
import { policyTerms } from '../../protocol/policy-words.ts';
import { verifyPath } from '../../protocol/text.ts';
import { DaemonError } from '../errors.ts';
import type { MachineIdentity } from '../vault/machine-key.ts';
import { type Nearest } from './acts.ts';
import { createNames } from './names.ts';
import { termsOf } from './terms.ts';

export function orgSummary(state: OrgState, { machine: here }: MachineIdentity): OrgSummary {
  const memberName = (id: string): string => [...state.members.values()].find((member) => member.id === id)?.name ?? 'a former member';
  const groupNames = (ids: readonly string[]): readonly string[] =>
    [...state.groups.values()].filter(({ group }) => ids.includes(group)).map(({ name }) => name);
  const machines = [...state.machines.values()];
  return {
    id: state.org,
    name: state.name,
    frozen: state.frozen,
    admins_needed: adminThreshold(state),
    members: [...state.members.values()]
      .filter(({ removed }) => !removed)
      .map(({ id, name, roles }) => ({ id, name, roles, devices: devicesOf(state, id).length }))
      .sort(byName),
    devices: [...state.devices.values()]
      .filter(({ device }) => activeDevice(state, device))
      .map(({ device, name, member, passkey }) => ({ id: device, name, member: memberName(member), synced: passkey.backupEligible }))
      .sort(byName),
    machines: machines
      .map(({ machine, name, status, groups, owner }) => ({
        id: machine,
        name,
        status,
        groups: groupNames(groups),
        ...(owner === undefined ? {} : { owner: memberName(owner) }),
        here: machine === here,
      }))
      .sort(byName),
    groups: [...state.groups.values()]
      .map(({ group, name, members }) => ({
        id: group,
        name,
        members: members.filter((id) => isActiveMember(state, id)).map(memberName),
        machines: machines.filter(({ status, groups }) => status === 'active' && groups.includes(group)).map((machine) => machine.name),
      }))
      .sort(byName),
    policies: [...state.policies.values()]
      .filter(({ retired }) => !retired)
      .map((policy) => ({ ...termsOf(state, policy), words: policyTerms(state, policy).map(({ words }) => words) }))
      .sort((a, b) => (a.pattern < b.pattern ? -1 : 1)),
  };
}

/** `query` as the call has it. Throws usage, not_found. */
export function accessSummary(state: OrgState, query: URLSearchParams, nearest: Nearest, now: number): AccessSummary {
  const known = ['path', 'machine', 'exe', 'uid', 'at'];
  const stray = [...query.keys()].find((key) => !known.includes(key));
  if (stray !== undefined) throw new DaemonError('usage', 'E_ASK', 'a question that this call does not know');
  const [machine, exe, uid, at] = [query.get('machine'), query.get('exe'), query.get('uid'), query.get('at')];
  const when = at === null ? now : Date.parse(at);
  if (Number.isNaN(when)) throw new DaemonError('usage', 'E_ASK', 'at is no time: write 2026-11-23T12:00Z');
  if (exe !== null && !/^[0-9a-f]{64}$/.test(exe)) throw new DaemonError('usage', 'E_ASK', 'exe is no SHA-256 in lower-case hex');
  if (uid !== null && !/^\d{1,10}$/.test(uid)) throw new DaemonError('usage', 'E_ASK', 'uid is a number');
  const path = query.get('path') ?? '';
  try {
    verifyPath(path);
  } catch (cause) {
    throw new DaemonError('usage', 'E_TEXT', 'no path of a secret: letters, digits, . _ - in parts joined by /', { cause });
  }
  return explainAccess(state, path, {
    now: when,
    ...(machine === null ? {} : { machine: createNames(state, nearest).machine(machine) }),
    ...(exe === null ? {} : { exeHash: exe as Hash }), // 64 hex digits, as was compared
    ...(uid === null ? {} : { uid: Number(uid) }),
  });
}

function byName(a: { readonly name: string; readonly id: string }, b: { readonly name: string; readonly id: string }): number {
  return a.name < b.name || (a.name === b.name && a.id < b.id) ? -1 : 1;
}
