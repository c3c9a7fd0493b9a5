// What changes between two policies, each difference marked: does it allow more, less, or neither (spec/06-policy.md §widening). Pure.
import type { Clause, Policy } from './org-log/bodies.ts';
import { type Names, durationWords, groupName, hoursWords, machineName, machineWords, memberName, quorumWords } from './policy-words.ts';

export type Effect = 'widens' | 'narrows' | 'neutral';
export interface Difference {
  readonly effect: Effect;
  readonly words: string;
}

/** One widens if and only if `widens(before, next)`; none at all: nothing changes. */
export function policyDiff(names: Names, before: Policy | undefined, next: Policy): readonly Difference[] {
  if (before === undefined)
    return [widens(`a new rule: ${quorumWords(names, next.clauses)} may release ${next.pattern} to ${machineWords(names, next.machines)}`)];
  if (next.retired) return [widens(`the rule ends: its paths fall to the next rule that matches, or to nobody`)];
  return [
    ...(before.retired ? [widens('the rule is in force again')] : []),
    ...(next.pattern === before.pattern ? [] : [widens(`covers ${next.pattern} instead of ${before.pattern}`)]),
    ...clauseDiffs(names, before.clauses, next.clauses),
    ...machineDiffs(names, before.machines, next.machines),
    ...atMost('longest lease', before.maxTtlS, next.maxTtlS, (value) => (value === 0 ? 'once only' : durationWords(value))),
    ...atMost('most uses', before.maxUses, next.maxUses, String),
    ...listDiffs('lease scope', before.scopes, next.scopes),
    ...atMost('care', -tiers.indexOf(before.tier), -tiers.indexOf(next.tier), (value) => tiers[-value] ?? ''),
    ...flag(before.reasonRequired, next.reasonRequired, 'a reason is needed', 'no reason is needed'),
    ...flag(before.matchRequired, next.matchRequired, 'the code must be picked', 'the code need not be picked'),
    ...flag(before.separationOfDuties, next.separationOfDuties, 'the machine’s owner does not count', 'the machine’s owner counts'),
    ...flag(!before.revealAllowed, !next.revealAllowed, 'the value is never shown on a terminal', 'the value may be shown on a terminal'),
    ...atMost('oldest other word', before.maxStalenessMs, next.maxStalenessMs, (value) => durationWords(value / 1_000)),
    ...pinDiffs(before.exePins, next.exePins),
    ...listDiffs('host that the value may be sent to:', before.hosts, next.hosts),
    ...hourDiffs(before, next),
  ];
}

const tiers = ['low', 'normal', 'high'] as const;
const widens = (words: string): Difference => ({ effect: 'widens', words });
const narrows = (words: string): Difference => ({ effect: 'narrows', words });

function clauseDiffs(names: Names, before: readonly Clause[], next: readonly Clause[]): readonly Difference[] {
  const known = { members: before.flatMap(({ members }) => members), groups: before.flatMap(({ groups }) => groups) };
  const kept = before.flatMap((clause, index) => {
    const now = next[index];
    return now ? clauseDiff(names, clause, now) : [widens(`no longer needed: ${quorumWords(names, [clause])}`)];
  });
  // A clause more hands out shares: it may only name people who could approve before.
  const added = next.slice(before.length).map((clause) => {
    const isKnown = clause.members.every((id) => known.members.includes(id)) && clause.groups.every((id) => known.groups.includes(id));
    return (isKnown ? narrows : widens)(`needed as well: ${quorumWords(names, [clause])}`);
  });
  return [...kept, ...added];
}

function clauseDiff(names: Names, before: Clause, next: Clause): readonly Difference[] {
  return [
    ...(next.k === before.k ? [] : [(next.k < before.k ? widens : narrows)(`${next.k} instead of ${before.k} must approve`)]),
    ...listDiffs('approver', before.members, next.members, (id) => memberName(names, id)),
    ...listDiffs('approvers of group', before.groups, next.groups, (id) => groupName(names, id)),
  ];
}

function machineDiffs(names: Names, before: Policy['machines'], next: Policy['machines']): readonly Difference[] {
  if (before.any !== next.any) return [(next.any ? widens : narrows)(`asked by ${machineWords(names, next)} instead of ${machineWords(names, before)}`)];
  // Under `any` a list means nothing.
  if (before.any) return [];
  return [
    ...listDiffs('machine', before.machines, next.machines, (id) => machineName(names, id)),
    ...listDiffs('machines of group', before.groups, next.groups, (id) => groupName(names, id)),
  ];
}

function listDiffs<T extends string>(what: string, before: readonly T[], next: readonly T[], nameOf: (one: T) => string = String): readonly Difference[] {
  return [
    ...next.filter((one) => !before.includes(one)).map((one) => widens(`${what} ${nameOf(one)} is added`)),
    ...before.filter((one) => !next.includes(one)).map((one) => narrows(`${what} ${nameOf(one)} is taken out`)),
  ];
}

/** An empty list means any program. */
function pinDiffs(before: readonly string[], next: readonly string[]): readonly Difference[] {
  if (before.length === 0 && next.length > 0) return [narrows(`only program ${next.join(', ')}`)];
  if (before.length > 0 && next.length === 0) return [widens(`any program, instead of ${before.join(', ')}`)];
  return listDiffs('program', before, next);
}

function atMost(what: string, before: number, next: number, words: (value: number) => string): readonly Difference[] {
  if (before === next) return [];
  return [(next > before ? widens : narrows)(`${what}: ${words(next)} instead of ${words(before)}`)];
}

function flag(before: boolean, next: boolean, on: string, off: string): readonly Difference[] {
  if (before === next) return [];
  return [next ? narrows(on) : widens(off)];
}

function hourDiffs({ hours: before }: Policy, { hours: next }: Policy): readonly Difference[] {
  if (!before) return next ? [narrows(`only ${hoursWords(next)}`)] : [];
  if (!next) return [widens(`at any hour, instead of ${hoursWords(before)}`)];
  // Other hours are never known to be fewer.
  const isSame = before.fromMinute === next.fromMinute && before.toMinute === next.toMinute && before.days.join() === next.days.join();
  return isSame ? [] : [widens(`${hoursWords(next)} instead of ${hoursWords(before)}`)];
}
