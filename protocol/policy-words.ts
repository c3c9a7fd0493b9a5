// A policy in words: who approves, who may ask, under which terms (spec/06-policy.md §words). Shared by console and command line. Pure.
import type { GroupId, MachineId, MemberId } from './hash.ts';
import type { Clause, Hours, Policy, Tier } from './org-log/bodies.ts';
import type { OrgState } from './org-log/state.ts';

/** Names come from here: this client's own log, with what a list of changes adds to it. */
export type Names = Pick<OrgState, 'members' | 'groups' | 'machines'>;

export interface Term {
  readonly term: 'people' | 'machines' | 'programs' | 'hours' | 'lease' | 'care' | 'asker' | 'approver' | 'reveal' | 'hosts' | 'freshness';
  readonly words: string;
}

/** Every term of a policy, each as one sentence. */
export function policyTerms(names: Names, policy: Policy): readonly Term[] {
  const { reasonRequired, matchRequired, separationOfDuties, revealAllowed, maxStalenessMs, exePins, hosts, tier } = policy;
  return [
    { term: 'people', words: quorumWords(names, policy.clauses) },
    { term: 'machines', words: machineWords(names, policy.machines) },
    {
      term: 'programs',
      words: exePins.length === 0 ? 'any program' : `only programs with these SHA-256: ${exePins.map((pin) => pin.slice(0, 16)).join(', ')}`,
    },
    { term: 'hours', words: policy.hours ? hoursWords(policy.hours) : 'at any hour' },
    { term: 'lease', words: leaseLimitWords(policy) },
    { term: 'care', words: tierWords[tier] },
    { term: 'asker', words: reasonRequired ? 'must give a reason' : 'may leave out the reason' },
    {
      term: 'approver',
      words: [
        matchRequired || tier === 'high' ? 'picks the code that the terminal shows' : 'need not pick a code',
        ...(separationOfDuties ? ['the machine’s owner does not count'] : []),
      ].join('; '),
    },
    { term: 'reveal', words: revealAllowed ? 'the value may be shown on a terminal' : 'the value is never shown on a terminal' },
    { term: 'hosts', words: hosts.length === 0 ? 'no host is named' : `only to ${hosts.join(', ')}` },
    { term: 'freshness', words: `with one approver and care high, another member’s word of at most ${durationWords(maxStalenessMs / 1_000)} ago` },
  ];
}

/** E.g. `one of on-call and one of security, each a different person`. */
export function quorumWords(names: Names, clauses: readonly Clause[]): string {
  const words = clauses.map((clause) => clauseWords(names, clause));
  return clauses.length > 1 ? `${words.join(' and ')}, each a different person` : (words[0] ?? 'nobody');
}

function clauseWords(names: Names, { k, members, groups }: Clause): string {
  const who = [...members.map((id) => memberName(names, id)), ...groups.map((id) => `group ${groupName(names, id)}`)];
  if (k === 1) return who.length === 1 && members.length === 1 ? (who[0] ?? '') : `${who.length === 1 ? 'one' : 'any'} of ${who.join(', ')}`;
  return `${k} of ${who.join(', ')}`;
}

export function machineWords(names: Names, { any, machines, groups }: Policy['machines']): string {
  if (any) return 'any admitted machine';
  return [...machines.map((id) => machineName(names, id)), ...groups.map((id) => `machines of group ${groupName(names, id)}`)].join(', ') || 'no machine';
}

export const tierWords: Readonly<Record<Tier, string>> = {
  low: 'low: one approver is enough, whatever the machine knows of the program',
  normal: 'normal: the program is shown as the kernel reports it',
  high: 'high: the program is known for certain, the code is picked, and a single approver needs another member’s fresh word',
};

const scopeWords = { process: 'one process and what it starts', exe: 'every process of one program', machine: 'every process of one user' } as const;

export function leaseLimitWords({ maxTtlS, maxUses, scopes }: Pick<Policy, 'maxTtlS' | 'maxUses' | 'scopes'>): string {
  if (maxTtlS === 0) return 'once only';
  return `once, or a lease of up to ${durationWords(maxTtlS)} and ${maxUses} ${maxUses === 1 ? 'use' : 'uses'}, for ${scopes.map((scope) => scopeWords[scope]).join(' or ')}`;
}

const dayNames = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'] as const;

/** E.g. `Monday, Friday from 08:00 to 18:00 UTC`. */
export function hoursWords({ days, fromMinute, toMinute }: Hours): string {
  const which = new Set(days).size === 7 ? 'every day' : days.map((day) => dayNames[day] ?? '').join(', ');
  return `${which} from ${clockWords(fromMinute)} to ${clockWords(toMinute)} UTC${fromMinute > toMinute ? ' of the next day' : ''}`;
}

export function clockWords(minute: number): string {
  return `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`;
}

export function durationWords(seconds: number): string {
  if (seconds % 86_400 === 0 && seconds > 86_400) return `${seconds / 86_400} days`;
  if (seconds % 3_600 === 0 && seconds > 0) return `${seconds / 3_600} h`;
  return seconds % 60 === 0 && seconds > 0 ? `${seconds / 60} min` : `${seconds} s`;
}

export const memberName = ({ members }: Names, id: MemberId): string => members.get(id)?.name ?? 'somebody unknown';
export const groupName = ({ groups }: Names, id: GroupId): string => groups.get(id)?.name ?? 'unknown';
export const machineName = ({ machines }: Names, id: MachineId): string => machines.get(id)?.name ?? 'an unknown machine';
