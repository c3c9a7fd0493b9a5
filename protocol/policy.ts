// Which policy governs a path, who may approve, which machines may ask, and what widens (spec/06-policy.md).
import { check } from './errors.ts';
import type { MachineId, MemberId } from './hash.ts';
import { limits } from './limits.ts';
import type { Clause, Hours, Policy } from './org-log/bodies.ts';
import { type OrgState, type PolicyInForce, activeMachine, devicesOf, hasRole } from './org-log/state.ts';

const patternSegment = /^(?:\*|[A-Za-z0-9][A-Za-z0-9._-]*)$/;

/** Throws E_POLICY unless `pattern` is segments of a path, `*` for one segment, `**` only as the last. */
export function verifyPattern(pattern: string): void {
  const segments = pattern.split('/');
  const rest = segments.at(-1) === '**' ? segments.slice(0, -1) : segments;
  check(pattern.length <= limits.pathBytes && segments.length <= 16 && rest.every((segment) => patternSegment.test(segment)), 'E_POLICY', 'not a path pattern');
}

export function matches(pattern: string, path: string): boolean {
  return fits(pattern.split('/'), path.split('/'));
}

function fits(want: readonly string[], have: readonly string[]): boolean {
  for (const [index, segment] of want.entries()) {
    if (segment === '**') return have.length > index || index === 0;
    if (have[index] === undefined || (segment !== '*' && segment !== have[index])) return false;
  }
  return want.length === have.length;
}

// Literal before `*` before `**`, decided at the first segment that differs.
function moreSpecific(a: string, b: string): number {
  const rank = (segment: string | undefined): number => (segment === undefined ? 0 : segment === '**' ? 1 : segment === '*' ? 2 : 3);
  const [left, right] = [a.split('/'), b.split('/')];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = rank(right[i]) - rank(left[i]);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The most specific policy in force for `path`; undefined is "default deny". */
export function policyFor(state: OrgState, path: string): PolicyInForce | undefined {
  const have = path.split('/');
  return inForce(state.policies).find(({ want }) => fits(want, have))?.policy;
}

interface Wanted {
  readonly want: readonly string[];
  readonly policy: PolicyInForce;
}
// Most specific first; sorted once for each map of policies, which never changes.
const sorted = new WeakMap<OrgState['policies'], readonly Wanted[]>();
function inForce(policies: OrgState['policies']): readonly Wanted[] {
  const before = sorted.get(policies);
  if (before) return before;
  const live = [...policies.values()].filter(({ retired }) => !retired).sort((a, b) => moreSpecific(a.pattern, b.pattern));
  const wanted = live.map((policy) => ({ want: policy.pattern.split('/'), policy }));
  sorted.set(policies, wanted);
  return wanted;
}

/**
 * Remembers the last answer about each policy for as long as the parts of the state it was made from are the same objects: states and policies
 * are immutable, and the rules ask the same for every version of a secret.
 */
export function rememberFor<T>(
  partsOf: (state: OrgState) => readonly unknown[],
  make: (state: OrgState, policy: Policy) => T,
): (state: OrgState, policy: Policy) => T {
  const last = new WeakMap<Policy, { readonly parts: readonly unknown[]; readonly answer: T }>();
  return (state, policy) => {
    const parts = partsOf(state);
    const before = last.get(policy);
    if (before?.parts.every((part, index) => part === parts[index])) return before.answer;
    const answer = make(state, policy);
    last.set(policy, { parts, answer });
    return answer;
  };
}

function namedApprovers(state: OrgState, clause: Clause): readonly MemberId[] {
  const named = new Set([...clause.members, ...clause.groups.flatMap((group) => state.groups.get(group)?.members ?? [])]);
  return [...named].filter((member) => hasRole(state, member, 'approver'));
}

/** Members that a clause names and that can approve now: active, approver, with a live device. */
export function clauseMembers(state: OrgState, clause: Clause): readonly MemberId[] {
  return namedApprovers(state, clause)
    .filter((member) => devicesOf(state, member).length > 0)
    .sort();
}

export interface Quorum {
  /** People needed: the sum over the clauses, each person counted in one clause only. */
  readonly k: number;
  /** Everyone who may approve, sorted by id. */
  readonly members: readonly MemberId[];
  readonly clauses: readonly { readonly k: number; readonly members: readonly MemberId[] }[];
}

/** Who can make the quorum of a policy now. Throws E_QUORUM where nobody could. */
export const quorumOf: (state: OrgState, policy: Policy) => Quorum = rememberFor(({ members, devices, groups }) => [members, devices, groups], makeQuorum);

function makeQuorum(state: OrgState, policy: Policy): Quorum {
  const clauses = policy.clauses.map((clause) => ({ k: clause.k, members: clauseMembers(state, clause) }));
  const members = [...new Set(clauses.flatMap((clause) => clause.members))].sort();
  const k = clauses.reduce((sum, clause) => sum + clause.k, 0);
  check(k >= 1 && members.length <= limits.quorumN, 'E_QUORUM', `a quorum needs 1 to ${limits.quorumN} people`);
  check(satisfies({ k, members, clauses }, members), 'E_QUORUM', 'fewer people can approve than the policy needs');
  return { k, members, clauses };
}

/** Throws E_QUORUM unless the people named could make the quorum once all of them have a device. */
export function verifyReachable(state: OrgState, policy: Policy): void {
  const clauses = policy.clauses.map((clause) => ({ k: clause.k, members: namedApprovers(state, clause) }));
  const members = [...new Set(clauses.flatMap((clause) => clause.members))];
  check(
    members.length <= limits.quorumN && satisfies({ k: 0, members, clauses }, members),
    'E_QUORUM',
    'fewer people may approve than the policy needs, or too many',
  );
}

/** True where `present` fill every clause, each person in one clause only (a matching of people to seats). */
export function satisfies(quorum: Quorum, present: readonly MemberId[]): boolean {
  const seats = quorum.clauses.flatMap((clause) => Array.from({ length: clause.k }, () => clause.members));
  const seatOf = new Map<MemberId, number>();
  const place = (seat: number, tried: Set<MemberId>): boolean =>
    present.some((member) => {
      if (!(seats[seat] ?? []).includes(member) || tried.has(member)) return false;
      tried.add(member);
      const taken = seatOf.get(member);
      if (taken !== undefined && !place(taken, tried)) return false;
      seatOf.set(member, seat);
      return true;
    });
  return seats.length > 0 && seats.every((_, seat) => place(seat, new Set()));
}

export function machineEntitled(state: OrgState, policy: Policy, machine: MachineId): boolean {
  const found = activeMachine(state, machine);
  if (!found) return false;
  const { any, machines, groups } = policy.machines;
  return any || machines.includes(machine) || found.groups.some((group) => groups.includes(group));
}

export const entitledMachines: (state: OrgState, policy: Policy) => readonly MachineId[] = rememberFor(({ machines }) => [machines], makeEntitled);

function makeEntitled(state: OrgState, policy: Policy): readonly MachineId[] {
  return [...state.machines.values()]
    .filter((machine) => machineEntitled(state, policy, machine.machine))
    .map((machine) => machine.machine)
    .sort();
}

/** True unless `next` is known to allow no more than `before`: what is not known to narrow counts as widening. */
export function widens(before: Policy | undefined, next: Policy): boolean {
  if (before === undefined) return true; // a new pattern may take paths from a stricter one
  if (next.retired) return true; // the paths may fall to a laxer pattern
  const subset = <T>(a: readonly T[], b: readonly T[]): boolean => a.every((value) => b.includes(value));
  const clauseNarrows = (clause: Clause, index: number): boolean => {
    const old = before.clauses[index];
    return old !== undefined && clause.k >= old.k && subset(clause.members, old.members) && subset(clause.groups, old.groups);
  };
  // A clause more may only name people who could approve before: it hands out shares.
  const sameCircle = (clause: Clause): boolean =>
    subset(
      clause.members,
      before.clauses.flatMap(({ members }) => members),
    ) &&
    subset(
      clause.groups,
      before.clauses.flatMap(({ groups }) => groups),
    );
  const stricter = (old: boolean, now: boolean): boolean => now || !old;
  const tiers = ['low', 'normal', 'high'];
  const narrows =
    !before.retired &&
    next.pattern === before.pattern &&
    next.clauses.length >= before.clauses.length &&
    next.clauses.slice(0, before.clauses.length).every(clauseNarrows) &&
    next.clauses.slice(before.clauses.length).every(sameCircle) &&
    (before.machines.any ||
      (!next.machines.any && subset(next.machines.machines, before.machines.machines) && subset(next.machines.groups, before.machines.groups))) &&
    next.maxTtlS <= before.maxTtlS &&
    next.maxUses <= before.maxUses &&
    subset(next.scopes, before.scopes) &&
    tiers.indexOf(next.tier) >= tiers.indexOf(before.tier) &&
    stricter(before.reasonRequired, next.reasonRequired) &&
    stricter(before.matchRequired, next.matchRequired) &&
    stricter(before.separationOfDuties, next.separationOfDuties) &&
    stricter(!before.revealAllowed, !next.revealAllowed) &&
    next.maxStalenessMs <= before.maxStalenessMs &&
    (before.exePins.length === 0 || (next.exePins.length > 0 && subset(next.exePins, before.exePins))) &&
    subset(next.hosts, before.hosts) && // none named is none, not any
    (before.hours === undefined || (next.hours !== undefined && sameHours(before.hours, next.hours)));
  return !narrows;
}

function sameHours(a: Hours, b: Hours): boolean {
  return a.fromMinute === b.fromMinute && a.toMinute === b.toMinute && a.days.join() === b.days.join();
}

/** False outside the policy's hours (UTC). */
export function withinHours(policy: Policy, now: number): boolean {
  if (!policy.hours) return true;
  const { days, fromMinute, toMinute } = policy.hours;
  const date = new Date(now);
  const minute = date.getUTCHours() * 60 + date.getUTCMinutes();
  const overnight = fromMinute > toMinute;
  const inside = overnight ? minute >= fromMinute || minute < toMinute : minute >= fromMinute && minute < toMinute;
  // After midnight an overnight window still belongs to the day on which it began.
  const day = overnight && minute < toMinute ? (date.getUTCDay() + 6) % 7 : date.getUTCDay();
  return inside && days.includes(day);
}
