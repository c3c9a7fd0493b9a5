// A rule as a form, both ways: every term as a person types it, errors beside their field (spec/06-policy.md). Pure.
import type { GroupId, Hash, MachineId, MemberId } from '../../protocol/hash.ts';
import type { LeaseScope, Policy, Tier } from '../../protocol/org-log/bodies.ts';
import { clockWords } from '../../protocol/policy-words.ts';
import { verifyPath } from '../../protocol/text.ts';
import type { MemberRow } from '../app.ts';
import type { RuleInput } from '../app-rules.ts';
import { pageWords } from '../ui/words-pages.ts';
import { ruleWords } from '../ui/words-rules.ts';

export interface ClauseDraft {
  readonly members: readonly MemberId[];
  readonly groups: readonly GroupId[];
  readonly k: string;
}
export interface RuleDraft extends Omit<Policy, 'policy' | 'retired' | 'clauses' | 'maxUses' | 'hosts' | 'exePins' | 'hours'> {
  readonly policy?: Policy['policy'];
  readonly clauses: readonly ClauseDraft[];
  readonly maxUses: string;
  /** One a line, or separated by commas. */
  readonly hosts: string;
  readonly exePins: string;
  readonly hours: { readonly days: readonly number[]; readonly from: string; readonly to: string } | undefined;
}

export const ttlChoices: readonly number[] = [0, 300, 900, 3_600, 28_800];
export const stalenessChoices: readonly number[] = [3_600_000, 86_400_000, 604_800_000];
export const officeHours: NonNullable<RuleDraft['hours']> = { days: [1, 2, 3, 4, 5], from: '08:00', to: '18:00' };

export const mayApprove = ({ roles }: Pick<MemberRow, 'roles'>): boolean => roles.includes('approver');

/** A new rule asks for one of all approvers, with leases of at most fifteen minutes. */
export function newRule(members: readonly MemberRow[]): RuleDraft {
  return {
    pattern: '',
    clauses: [{ members: members.filter(mayApprove).map(({ id }) => id), groups: [], k: '1' }],
    machines: { any: true, machines: [], groups: [] },
    maxTtlS: 900,
    maxUses: '100',
    scopes: ['process'],
    tier: 'normal',
    reasonRequired: false,
    matchRequired: false,
    separationOfDuties: false,
    revealAllowed: false,
    maxStalenessMs: 86_400_000,
    exePins: '',
    hosts: '',
    hours: undefined,
  };
}

export function draftOf({ retired: _, clauses, maxUses, hosts, exePins, hours, ...rest }: Policy): RuleDraft {
  return {
    ...rest,
    clauses: clauses.map(({ k, members, groups }) => ({ k: String(k), members, groups })),
    maxUses: String(maxUses),
    hosts: hosts.join('\n'),
    exePins: exePins.join('\n'),
    hours: hours && { days: hours.days, from: clockWords(hours.fromMinute), to: clockWords(hours.toMinute) },
  };
}

export interface RuleErrors {
  readonly pattern?: string;
  readonly maxUses?: string;
  readonly machines?: string;
  readonly scopes?: string;
  readonly exePins?: string;
  readonly hosts?: string;
  readonly hours?: string;
  /** By clause. */
  readonly k?: Readonly<Record<number, string>>;
}

export function checkRule({ pattern, clauses, machines, maxTtlS, maxUses, scopes, exePins, hosts, hours }: RuleDraft): RuleErrors {
  const k = Object.fromEntries(
    clauses.flatMap(({ k: count, members, groups }, at) =>
      // How many people a group holds is for the whole rule to say.
      isCount(count, groups.length > 0 ? 16 : members.length)
        ? []
        : [[at, members.length + groups.length === 0 ? ruleWords.nobody : pageWords.people.quorumBad] as const],
    ),
  );
  return {
    ...(/^[A-Za-z0-9._\-/*]+$/.test(pattern) ? {} : { pattern: pageWords.secrets.pathBad }),
    ...(Object.keys(k).length > 0 ? { k } : {}),
    ...(maxTtlS === 0 || isCount(maxUses, 100_000) ? {} : { maxUses: pageWords.people.usesBad }),
    ...(machines.any || machines.machines.length + machines.groups.length > 0 ? {} : { machines: ruleWords.noMachine }),
    ...(scopes.length > 0 ? {} : { scopes: ruleWords.noScope }),
    ...(partsOf(exePins).every((pin) => /^[0-9a-f]{64}$/.test(pin)) && partsOf(exePins).length <= 32 ? {} : { exePins: ruleWords.pinsBad }),
    ...(partsOf(hosts).every((host) => /^[a-z0-9*][a-z0-9.*:-]{0,252}$/.test(host)) && partsOf(hosts).length <= 64 ? {} : { hosts: ruleWords.hostsBad }),
    ...(!hours || (hours.days.length > 0 && isClock(hours.from) && isClock(hours.to)) ? {} : { hours: ruleWords.hoursBad }),
  };
}

/** Undefined where a field has an error. */
export function ruleOf(draft: RuleDraft): RuleInput | undefined {
  if (Object.keys(checkRule(draft)).length > 0) return undefined;
  const { clauses, maxTtlS, maxUses, exePins, hosts, hours, ...rest } = draft;
  return {
    ...rest,
    clauses: clauses.map(({ k, members, groups }) => ({ k: Number(k), members: members.toSorted(), groups: groups.toSorted() })),
    maxTtlS,
    maxUses: maxTtlS === 0 ? 1 : Number(maxUses),
    exePins: partsOf(exePins) as readonly Hash[], // 64 hex digits each, as was checked
    hosts: partsOf(hosts),
    ...(hours ? { hours: { days: hours.days.toSorted((a, b) => a - b), fromMinute: minuteOf(hours.from), toMinute: minuteOf(hours.to) } } : {}),
  };
}

/** In or out, in the order of what there is. */
export function toggled<T extends MemberId | GroupId | MachineId | LeaseScope | number>(list: readonly T[], one: T, isIn: boolean): readonly T[] {
  return isIn ? [...list.filter((other) => other !== one), one] : list.filter((other) => other !== one);
}

/** Whether anything beyond the simple terms differs from a new rule: then they are shown at once. */
export function hasMore(draft: RuleDraft): boolean {
  const { machines, reasonRequired, matchRequired, separationOfDuties, exePins, hosts, hours, clauses } = draft;
  return !machines.any || reasonRequired || matchRequired || separationOfDuties || exePins !== '' || hosts !== '' || hours !== undefined || clauses.length > 1;
}

export const tiers: readonly Tier[] = ['low', 'normal', 'high'];
export const scopes: readonly LeaseScope[] = ['process', 'exe', 'machine'];

export const partsOf = (text: string): readonly string[] => [...new Set(text.split(/[\s,]+/).filter((part) => part !== ''))];
/** A name that a secret could have. */
export function isPath(text: string): boolean {
  try {
    verifyPath(text);
    return true;
  } catch {
    return false;
  }
}
const isCount = (text: string, max: number): boolean => /^[1-9]\d{0,5}$/.test(text) && Number(text) <= max;
const isClock = (text: string): boolean => /^(?:[01]\d|2[0-3]):[0-5]\d$/.test(text);
const minuteOf = (text: string): number => Number(text.slice(0, 2)) * 60 + Number(text.slice(3, 5));
