// What a local program asks for, against the verified log: found, allowed, and by whom it must be approved (spec/09-release.md §ask).
import type { ReleaseAsk } from '../../protocol/local-api.ts';
import { limits } from '../../protocol/limits.ts';
import type { MemberId } from '../../protocol/hash.ts';
import type { OrgState } from '../../protocol/org-log/state.ts';
import { type Device, type Machine, activeMachine, devicesOf, hasRole, secretAt } from '../../protocol/org-log/state.ts';
import { type Quorum, machineEntitled, policyFor, quorumOf, satisfies, withinHours } from '../../protocol/policy.ts';
import { type LeaseTerms, type VerifiedItem, once, verifyLease } from '../../protocol/request.ts';
import { ProtocolError } from '../../protocol/errors.ts';
import { DaemonError } from '../errors.ts';
import type { MachineIdentity } from '../vault/machine-key.ts';

export interface Resolved {
  readonly items: readonly VerifiedItem[];
  readonly quorums: readonly Quorum[];
  /** People who may approve all of it. */
  readonly approvers: readonly MemberId[];
  readonly targets: readonly Device[];
  readonly needed: number;
  readonly lease: LeaseTerms;
}

/** Throws not_enrolled while this machine cannot ask. */
export function requireActive(state: OrgState | undefined, machine: MachineIdentity): { readonly state: OrgState; readonly self: Machine } {
  const self = state && activeMachine(state, machine.machine);
  if (!state || !self) {
    const status = state?.machines.get(machine.machine)?.status;
    if (status === 'revoked') throw new DaemonError('not_enrolled', 'E_MACHINE_REVOKED', 'an admin revoked this machine', { next: 'ask an admin for a new token, then: stillvault join' });
    throw new DaemonError('not_enrolled', 'E_NOT_ENROLLED', 'this machine has not been admitted yet', { next: 'compare the words of `stillvault status` in the console, under Machines' });
  }
  if (state.frozen) throw new DaemonError('policy_forbids', 'E_FROZEN', 'the organisation is frozen: nothing is released anywhere', { next: 'ask an admin; `stillvault log show` says who froze it' });
  return { state, self };
}

/** The secrets by name. Throws not_found, policy_forbids, with the reason and the next step. */
export function resolveItems(state: OrgState, self: Machine, ask: ReleaseAsk): readonly VerifiedItem[] {
  return ask.items.map(({ path, field }) => resolveItem(state, self, path, field));
}

/** Who must approve them, and whether policy allows this ask at all. Throws policy_forbids. */
export function resolve(state: OrgState, self: Machine, items: readonly VerifiedItem[], ask: ReleaseAsk, now: number): Resolved {
  const lease: LeaseTerms = ask.lease ? { ttlS: ask.lease.ttlS, uses: ask.lease.uses ?? Math.min(1_000, ...items.map(({ policy }) => policy.maxUses)), scope: ask.lease.scope ?? 'process' } : once;
  const quorums = items.map(({ policy }) => inWords(() => quorumOf(state, policy), `too few people can approve ${policy.pattern} now`));
  const approvers = quorums.map(({ members }) => members).reduce((all, members) => all.filter((member) => members.includes(member))).filter((member) => items.every(({ policy }) => !policy.separationOfDuties || self.owner !== member));
  for (const [index, item] of items.entries()) {
    const quorum = quorums[index];
    if (!quorum || !satisfies(quorum, approvers) || approvers.length < item.secret.put.k) {
      throw new DaemonError('policy_forbids', 'E_QUORUM', `nobody could approve all of this at once (${item.secret.path})`, { next: `ask separately, or see: stillvault info ${item.secret.path}` });
    }
    verifyAllowed(item, ask, lease, now);
  }
  const needed = Math.max(...items.map(({ secret }, index) => Math.max(secret.put.k, quorums[index]?.k ?? 1)));
  return { items, quorums, approvers, targets: approvers.flatMap((member) => devicesOf(state, member)), needed, lease };
}

function resolveItem(state: OrgState, self: Machine, path: string, field: string | undefined): VerifiedItem {
  const secret = secretAt(state, path);
  if (!secret) throw new DaemonError('not_found', 'E_NOT_FOUND', `there is no secret ${path}`, { next: `stillvault ls, or store it: stillvault put ${path}` });
  if (field !== undefined && !secret.put.fields.includes(field)) throw new DaemonError('not_found', 'E_NOT_FOUND', `${path} has no field ${field}`, { next: `stillvault info ${path}` });
  const policy = policyFor(state, path);
  if (!policy) throw new DaemonError('policy_forbids', 'E_POLICY', `no policy covers ${path}, so nobody may have it`, { next: 'an admin sets a policy in the console' });
  if (!machineEntitled(state, policy, self.machine)) throw new DaemonError('policy_forbids', 'E_NOT_ENTITLED', `the policy ${policy.pattern} does not let this machine ask for ${path}`, { next: `stillvault info ${path}` });
  if (!secret.wraps.some((wrap) => wrap.recipient === self.machine)) {
    throw new DaemonError('policy_forbids', 'E_NOT_ENTITLED', `this machine has no key part for ${path} yet`, { next: 'another machine that has it must be online once, or store a new version' });
  }
  return { item: { secret: secret.id, ver: secret.put.ver, putEh: secret.putEh, policyEh: policy.eh, ...(field === undefined ? {} : { field }) }, secret, policy };
}

function verifyAllowed({ policy, secret }: VerifiedItem, ask: ReleaseAsk, lease: LeaseTerms, now: number): void {
  if (policy.reasonRequired && !ask.reason) throw new DaemonError('policy_forbids', 'E_POLICY', `the policy for ${secret.path} wants a reason`, { next: 'add --reason "why"' });
  if (!withinHours(policy, now)) throw new DaemonError('policy_forbids', 'E_POLICY', `${secret.path} is not released at this hour`, { next: `stillvault info ${secret.path}` });
  inWords(() => verifyLease(lease, policy), `the policy for ${secret.path} allows leases of at most ${policy.maxTtlS} s, ${policy.maxUses} uses, scope ${policy.scopes.join(' or ')}`);
}

function inWords<T>(act: () => T, what: string): T {
  try {
    return act();
  } catch (cause) {
    throw cause instanceof ProtocolError ? new DaemonError('policy_forbids', cause.code, what, { cause }) : cause;
  }
}

/** How long to wait for people. */
export function lifeOf(timeoutS: number | undefined): number {
  return Math.min((timeoutS ?? limits.requestLifeDefaultMs / 1_000) * 1_000, limits.requestLifeMs);
}

/** Writers' devices: they countersign a machine's proposal. */
export function writerDevices(state: OrgState): readonly Device[] {
  return [...state.members.values()].filter((member) => hasRole(state, member.id, 'writer')).flatMap((member) => devicesOf(state, member.id));
}
