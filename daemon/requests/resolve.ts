// What a local program asks for, against the verified log: found, allowed, and by whom it must be approved (spec/09-release.md §ask).
import { ProtocolError } from '../../protocol/errors.ts';
import type { Hash, MemberId } from '../../protocol/hash.ts';
import { limits } from '../../protocol/limits.ts';
import type { ReleaseAsk } from '../../protocol/local-api.ts';
import { type Device, type Machine, type OrgState, activeMachine, devicesOf, hasRole, secretAt } from '../../protocol/org-log/state.ts';
import { machineEntitled, policyFor, quorumOf, satisfies, withinHours } from '../../protocol/policy.ts';
import { type LeaseTerms, type VerifiedItem, once, verifyLease } from '../../protocol/request.ts';
import type { OrgLog } from '../../relay-client/org-log.ts';
import { DaemonError } from '../errors.ts';
import type { Observation } from '../intake/observe.ts';
import type { MachineIdentity } from '../vault/machine-key.ts';
import { haltedBy } from './ends.ts';

export interface Resolved {
  readonly items: readonly VerifiedItem[];
  /** People who may approve all of it and hold their parts of it. */
  readonly approvers: readonly MemberId[];
  readonly targets: readonly Device[];
  readonly needed: number;
  readonly lease: LeaseTerms;
}

const defaultUses = 1_000;

/** The newest verified log of a machine that may ask. Throws not_enrolled, policy_forbids, or what stopped the log. */
export function requireActive(
  { state, halted }: Pick<OrgLog, 'state' | 'halted'>,
  { machine }: MachineIdentity,
  now: number,
  /** Frozen, nothing is released, and changes can still be proposed. */
  frozen: 'refused' | 'frozen too' = 'refused',
): { readonly state: OrgState; readonly self: Machine } {
  if (halted) throw haltedBy(halted);
  const self = state && activeMachine(state, machine);
  if (!state || !self) {
    if (state?.machines.get(machine)?.status === 'revoked')
      throw new DaemonError('not_enrolled', 'E_MACHINE_REVOKED', 'an admin revoked this machine', {
        next: 'ask an admin for a new token, then: stillvault join',
      });
    if (!state)
      throw new DaemonError('not_enrolled', 'E_NOT_ENROLLED', 'the organisation’s log is still being read and verified', { next: 'stillvault status' });
    const next = 'compare the words of `stillvault status` in the console, under Machines';
    throw new DaemonError('not_enrolled', 'E_NOT_ENROLLED', 'this machine has not been admitted yet', { next });
  }
  if (state.frozen && frozen === 'refused') {
    const next = 'ask an admin; `stillvault log show` says who froze it';
    throw new DaemonError('policy_forbids', 'E_FROZEN', 'the organisation is frozen: nothing is released anywhere', { next });
  }
  // The log's own time is the latest that this machine knows to have passed.
  if (now < state.ts - limits.clockSkewMs)
    throw new DaemonError('error', 'E_CLOCK', 'this machine’s clock is behind the organisation’s log, so nobody could trust a deadline', {
      next: 'set the clock',
    });
  return { state, self };
}

/** The secrets by name. Throws not_found, policy_forbids, with the reason and the next step. */
export function resolveItems(state: OrgState, self: Machine, ask: ReleaseAsk): readonly VerifiedItem[] {
  return ask.items.map(({ path, field }) => resolveItem(state, self, path, field));
}

function resolveItem(state: OrgState, self: Machine, path: string, field: string | undefined): VerifiedItem {
  const info = `stillvault info ${path}`;
  const secret = secretAt(state, path);
  if (!secret)
    throw new DaemonError('not_found', 'E_NOT_FOUND', `there is no secret ${path}`, {
      next: `stillvault ls; stillvault put ${path}, or ask a person for it: stillvault need ${path} --for "…"`,
    });
  if (field !== undefined && !secret.put.fields.includes(field))
    throw new DaemonError('not_found', 'E_NOT_FOUND', `${path} has no field ${field}`, { next: info });
  const policy = policyFor(state, path);
  if (!policy)
    throw new DaemonError('policy_forbids', 'E_POLICY', `no policy covers ${path}, so nobody may have it`, {
      next: `stillvault policy check ${path}; an admin sets a rule in the console, or with: stillvault policy apply`,
    });
  if (!machineEntitled(state, policy, self.machine))
    throw new DaemonError('policy_forbids', 'E_NOT_ENTITLED', `the policy ${policy.pattern} does not let this machine ask for ${path}`, { next: info });
  if (!secret.wraps.some((wrap) => wrap.recipient === self.machine)) {
    const next = 'another machine that has it must be online once, or store a new version';
    throw new DaemonError('policy_forbids', 'E_NOT_ENTITLED', `this machine has no key part for ${path} yet`, { next });
  }
  return {
    item: { secret: secret.id, ver: secret.put.ver, putEh: secret.putEh, policyEh: policy.eh, ...(field === undefined ? {} : { field }) },
    secret,
    policy,
  };
}

/** Whether the policies let this program ask, lease or not. Throws E_EXE_HASH, E_PEER_PIDFD. */
export function verifyRequester(items: readonly VerifiedItem[], { observed }: Observation): void {
  for (const { policy, secret } of items) {
    const program = observed.exe?.sha256 as Hash | undefined; // SHA-256 in hex, from the opened executable
    if (policy.exePins.length > 0 && (program === undefined || !policy.exePins.includes(program)))
      throw new DaemonError('policy_forbids', 'E_EXE_HASH', `the policy for ${secret.path} names the programs that may ask, and this is none of them`, {
        next: `stillvault info ${secret.path}`,
      });
    if (policy.tier === 'high' && observed.identity !== 'pidfd')
      throw new DaemonError('policy_forbids', 'E_PEER_PIDFD', `${secret.path} is released only to a program that the kernel can name for certain`, {
        next: 'ask through the daemon’s socket, on Linux 6.5 or later',
      });
  }
}

/** Who must approve them, and whether policy allows this ask at all. Throws policy_forbids. */
export function resolve(state: OrgState, self: Machine, items: readonly VerifiedItem[], ask: ReleaseAsk, now: number): Resolved {
  const lease = leaseOf(items, ask);
  const quorums = items.map(({ policy }) => inWords(() => quorumOf(state, policy), `too few people can approve ${policy.pattern} now`));
  const isOwner = (member: MemberId): boolean => self.owner === member;
  const holds = (member: MemberId): boolean =>
    items.every(({ policy, secret }) => secret.shares.some((share) => share.member === member) && !(policy.separationOfDuties && isOwner(member)));
  const approvers = quorums
    .map(({ members }) => members)
    .reduce((all, members) => all.filter((member) => members.includes(member)))
    .filter(holds);
  for (const [index, item] of items.entries()) {
    const quorum = quorums[index];
    if (!quorum || !satisfies(quorum, approvers) || approvers.length < item.secret.put.k) {
      const next = `ask separately, or see: stillvault info ${item.secret.path}`;
      throw new DaemonError('policy_forbids', 'E_QUORUM', `too few people could approve all of this at once (${item.secret.path})`, { next });
    }
    verifyAllowed(item, ask, lease, now);
  }
  const needed = Math.max(...items.map(({ secret }, index) => Math.max(secret.put.k, quorums[index]?.k ?? 1)));
  return { items, approvers, targets: approvers.flatMap((member) => devicesOf(state, member)), needed, lease };
}

function leaseOf(items: readonly VerifiedItem[], { lease }: ReleaseAsk): LeaseTerms {
  if (!lease) return once;
  return { ttlS: lease.ttlS, uses: lease.uses ?? Math.min(defaultUses, ...items.map(({ policy }) => policy.maxUses)), scope: lease.scope ?? 'process' };
}

function verifyAllowed({ policy, secret }: VerifiedItem, ask: ReleaseAsk, lease: LeaseTerms, now: number): void {
  if (policy.reasonRequired && !ask.reason)
    throw new DaemonError('policy_forbids', 'E_POLICY', `the policy for ${secret.path} wants a reason`, { next: 'add --reason "why"' });
  if (!withinHours(policy, now))
    throw new DaemonError('policy_forbids', 'E_POLICY', `${secret.path} is not released at this hour`, { next: `stillvault info ${secret.path}` });
  const most = `the policy for ${secret.path} allows leases of at most ${policy.maxTtlS} s, ${policy.maxUses} uses, scope ${policy.scopes.join(' or ')}`;
  inWords(() => verifyLease(lease, policy), most);
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
