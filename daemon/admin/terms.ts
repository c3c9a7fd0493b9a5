// Policies as people write them: the shape of policy.yaml, and both ways between it and the log's (spec/06-policy.md §file).
import { z } from 'zod';
import type { GroupId, Hash, MachineId, MemberId, PolicyId } from '../../protocol/hash.ts';
import { limits } from '../../protocol/limits.ts';
import type { PolicyFile, PolicyTerms } from '../../protocol/local-api/admin.ts';
import type { Policy } from '../../protocol/org-log/bodies.ts';
import type { OrgState } from '../../protocol/org-log/state.ts';
import { clockWords, groupName, machineName, memberName } from '../../protocol/policy-words.ts';

const dayNames = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'] as const;
const unitS = { s: 1, m: 60, h: 3_600, d: 86_400 } as const;
const name = z.string().min(1).max(limits.nameBytes);
const pattern = z.string().min(1).max(limits.pathBytes).describe('a path; * stands for one segment, ** as the last for all below');
const duration = z
  .string()
  .regex(/^\d{1,7}(?:s|m|h|d)$/, 'write a time such as 15m')
  .describe('such as 90s, 15m, 8h, 7d');
const clock = z
  .string()
  .regex(/^(?:[01]\d|2[0-3]):[0-5]\d$/, 'write a time such as "08:00"')
  .describe('HH:MM, UTC');

const someone = z
  .strictObject({
    k: z.int().min(1).max(limits.quorumN).describe('how many of them must approve; there is no default'),
    members: z.array(name).max(limits.quorumN).exactOptional(),
    groups: z.array(name).max(limits.quorumN).exactOptional(),
  })
  .refine(({ members = [], groups = [] }) => members.length + groups.length > 0, 'names nobody: give members, groups or both');

export const policyTerms: z.ZodType<PolicyTerms> = z.strictObject({
  pattern,
  approve: z.array(someone).min(1).max(8).describe('all of these must be met, each with people of its own'),
  machines: z.union([
    z.literal('any'),
    z.strictObject({ machines: z.array(name).max(limits.machines).exactOptional(), groups: z.array(name).max(64).exactOptional() }),
  ]),
  lease: z
    .strictObject({
      max: duration,
      uses: z.int().min(1).max(limits.usesMax),
      scopes: z
        .array(z.enum(['process', 'exe', 'machine']))
        .min(1)
        .max(3),
    })
    .exactOptional()
    .describe('absent: once only'),
  tier: z.enum(['low', 'normal', 'high']).exactOptional().describe('absent: normal'),
  reason_required: z.boolean().exactOptional(),
  match_required: z.boolean().exactOptional(),
  separation_of_duties: z.boolean().exactOptional(),
  reveal_allowed: z.boolean().exactOptional(),
  max_staleness: duration.exactOptional().describe('absent: 24h'),
  exe_pins: z
    .array(z.string().regex(/^[0-9a-f]{64}$/, 'a SHA-256 in lower-case hex'))
    .max(32)
    .exactOptional()
    .describe('SHA-256 of the programs that may ask; absent: any'),
  hosts: z.array(z.string().min(1).max(253)).max(64).exactOptional(),
  hours: z.strictObject({ days: z.array(z.enum(dayNames)).min(1).max(7), from: clock, to: clock }).exactOptional(),
});

export const policyFile: z.ZodType<PolicyFile> = z.strictObject({
  version: z.literal(1),
  groups: z.record(name, z.array(name).max(256)).exactOptional().describe('people of each group; a group that is not named stays as it is'),
  policies: z.array(policyTerms).max(limits.draftItems),
});

/** JSON Schema of the file, for editors. */
export function policySchema(): object {
  return { ...z.toJSONSchema(policyFile, { target: 'draft-2020-12' }), title: 'Stillvault policies' };
}

/** Looks names up; throws where one means nobody, or several. */
export interface Lookup {
  member(name: string): MemberId;
  group(name: string): GroupId;
  machine(name: string): MachineId;
}

export function policyOf(terms: PolicyTerms, find: Lookup, id: PolicyId): Policy {
  const { machines, lease, hours } = terms;
  const ids = <T extends string>(names: readonly string[] | undefined, of: (name: string) => T): readonly T[] => [...new Set((names ?? []).map(of))].sort();
  return {
    policy: id,
    pattern: terms.pattern,
    clauses: terms.approve.map(({ k, members, groups }) => ({ k, members: ids(members, find.member), groups: ids(groups, find.group) })),
    machines:
      machines === 'any'
        ? { any: true, machines: [], groups: [] }
        : { any: false, machines: ids(machines.machines, find.machine), groups: ids(machines.groups, find.group) },
    maxTtlS: lease ? secondsOf(lease.max) : 0,
    maxUses: lease?.uses ?? 1,
    scopes: lease?.scopes ?? ['process'],
    tier: terms.tier ?? 'normal',
    reasonRequired: terms.reason_required ?? false,
    matchRequired: terms.match_required ?? false,
    separationOfDuties: terms.separation_of_duties ?? false,
    revealAllowed: terms.reveal_allowed ?? false,
    maxStalenessMs: terms.max_staleness === undefined ? limits.maxStalenessDefaultMs : secondsOf(terms.max_staleness) * 1_000,
    exePins: (terms.exe_pins ?? []) as readonly Hash[], // 64 hex digits, as the shape has it
    hosts: terms.hosts ?? [],
    ...(hours
      ? {
          hours: {
            days: hours.days.map((day) => dayNames.findIndex((known) => known === day)),
            fromMinute: minuteOf(hours.from),
            toMinute: minuteOf(hours.to),
          },
        }
      : {}),
    retired: false,
  };
}

/** Every term written out; a name that is not the only one of its kind as its id. */
export function termsOf(state: OrgState, policy: Policy): PolicyTerms {
  const { any, machines, groups } = policy.machines;
  const members = [...state.members.values()].filter(({ removed }) => !removed).map(({ name: label }) => label);
  const hosts = [...state.machines.values()].filter(({ status }) => status !== 'revoked').map(({ name: label }) => label);
  const teams = [...state.groups.values()].map(({ name: label }) => label);
  const only = (known: readonly string[], label: string, id: string): string => (known.filter((other) => other === label).length === 1 ? label : id);
  const group = (id: GroupId): string => only(teams, groupName(state, id), id);
  return {
    pattern: policy.pattern,
    approve: policy.clauses.map((clause) => ({
      k: clause.k,
      ...(clause.members.length > 0 ? { members: clause.members.map((id) => only(members, memberName(state, id), id)) } : {}),
      ...(clause.groups.length > 0 ? { groups: clause.groups.map(group) } : {}),
    })),
    machines: any ? 'any' : { machines: machines.map((id) => only(hosts, machineName(state, id), id)), groups: groups.map(group) },
    lease: { max: durationText(policy.maxTtlS), uses: policy.maxUses, scopes: policy.scopes },
    tier: policy.tier,
    reason_required: policy.reasonRequired,
    match_required: policy.matchRequired,
    separation_of_duties: policy.separationOfDuties,
    reveal_allowed: policy.revealAllowed,
    max_staleness: durationText(Math.ceil(policy.maxStalenessMs / 1_000)),
    exe_pins: policy.exePins,
    hosts: policy.hosts,
    ...(policy.hours
      ? {
          hours: {
            days: policy.hours.days.map((day) => dayNames[day] ?? ''),
            from: clockWords(policy.hours.fromMinute),
            to: clockWords(policy.hours.toMinute),
          },
        }
      : {}),
  };
}

function secondsOf(text: string): number {
  const [, count = '0', unit = 's'] = /^(\d+)([smhd])$/.exec(text) ?? [];
  return Number(count) * (Object.entries(unitS).find(([known]) => known === unit)?.[1] ?? 1);
}

function durationText(seconds: number): string {
  const [unit, size] = Object.entries(unitS).findLast(([, length]) => seconds > 0 && seconds % length === 0) ?? ['s', 1];
  return `${seconds / size}${unit}`;
}

function minuteOf(text: string): number {
  const [hour = '0', minute = '0'] = text.split(':');
  return Number(hour) * 60 + Number(minute);
}
