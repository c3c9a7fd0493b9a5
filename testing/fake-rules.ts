// Rules of the fake App: real words and real differences over made-up people, so that the screens show what they will show. Never shipped.
import type { PolicyRow, RulesApp } from '../console/app-rules.ts';
import type { OrgView } from '../console/app.ts';
import { toHex } from '../protocol/bytes.ts';
import type { Access } from '../protocol/access.ts';
import type { Hash, PolicyId } from '../protocol/hash.ts';
import type { Policy } from '../protocol/org-log/bodies.ts';
import { emptyMaps } from '../protocol/org-log/state.ts';
import { matches } from '../protocol/policy.ts';
import { policyDiff } from '../protocol/policy-diff.ts';
import { type Names, durationWords, machineWords, policyTerms, quorumWords } from '../protocol/policy-words.ts';

type People = Pick<OrgView, 'members' | 'groups' | 'machines'>;

function namesOf({ members, groups, machines }: People): Names {
  const empty = emptyMaps();
  return {
    members: members.reduce((map, { id, name }) => map.set(id, { id, name, roles: [], removed: false }), empty.members),
    groups: groups.reduce((map, { id, name, members: people }) => map.set(id, { group: id, name, members: people }), empty.groups),
    // Only the name of a machine is ever read here.
    machines: machines.reduce((map, { id, name }) => map.set(id, { machine: id, name } as never), empty.machines),
  };
}

export function fakeRule(people: People, part: Pick<Policy, 'pattern' | 'clauses'> & Partial<Policy>): PolicyRow {
  const policy: Policy = {
    policy: toHex(new TextEncoder().encode(part.pattern.padEnd(16).slice(0, 16))) as PolicyId, // 16 bytes
    machines: { any: true, machines: [], groups: [] },
    maxTtlS: 3_600,
    maxUses: 1_000,
    scopes: ['process'],
    tier: 'normal',
    reasonRequired: false,
    matchRequired: false,
    separationOfDuties: false,
    revealAllowed: true,
    maxStalenessMs: 86_400_000,
    exePins: [],
    hosts: [],
    retired: false,
    ...part,
  };
  const names = namesOf(people);
  const lease = policy.maxTtlS === 0 ? 'once only' : `leases up to ${durationWords(policy.maxTtlS)}, ${policy.maxUses} uses`;
  const words = [quorumWords(names, policy.clauses), machineWords(names, policy.machines), lease, policy.tier].join(' · ');
  return { pattern: policy.pattern, words, policy, terms: policyTerms(names, policy) };
}

export function createFakeRules(view: () => OrgView | undefined, act: (name: string) => Promise<void>, access: Access | undefined): RulesApp {
  return {
    previewRule: (rule) => {
      const org = view();
      if (!org) return { differences: [], needed: 1, covers: [] };
      const body: Policy = { ...rule, policy: rule.policy ?? ('00'.repeat(16) as PolicyId), retired: false }; // of no rule
      const before = org.policies.find(({ policy }) => policy.policy === rule.policy)?.policy;
      const differences = policyDiff(namesOf(org), before, body);
      const covers = org.secrets.map(({ path }) => path).filter((path) => matches(rule.pattern, path));
      const short = rule.clauses.find(({ k, members, groups }) => groups.length === 0 && k > members.length);
      const needed = differences.some(({ effect }) => effect === 'widens') ? org.terms.needed : 1;
      return {
        differences,
        needed,
        covers,
        ...(short ? { problem: `nobody could release ${rule.pattern}: it takes ${quorumWords(namesOf(org), rule.clauses)}` } : {}),
      };
    },
    setPolicy: async ({ pattern }) => act(`setPolicy ${pattern}`).then(() => 'done'),
    retirePolicy: async (pattern) => act(`retirePolicy ${pattern}`).then(() => 'done'),
    explain: (path) => access ?? { path, verdict: 'yes', pattern: '**', others: [], reasons },
    seenPrograms: () => [
      { exe: '/usr/bin/psql', sha256: 'ab'.repeat(32) as Hash }, // as history keeps it
      { exe: '/usr/local/bin/claude', sha256: 'cd'.repeat(32) as Hash }, // as above
    ],
  };
}

const reasons: Access['reasons'] = [
  { about: 'rule', verdict: 'yes', words: 'prod/** is more specific than **, which matches too' },
  { about: 'secret', verdict: 'yes', words: 'version 4 is stored' },
  { about: 'machine', verdict: 'depends', words: 'machines of group production may ask' },
  { about: 'program', verdict: 'yes', words: 'any program may ask' },
  { about: 'user', verdict: 'yes', words: 'any user of the machine: rules name machines and programs' },
  { about: 'hours', verdict: 'no', words: 'Monday, Tuesday, Wednesday, Thursday, Friday from 08:00 to 18:00 UTC; asked for 2026-11-22 12:00 UTC' },
  { about: 'people', verdict: 'yes', words: '2 people approve: one of group on-call and one of group security, each a different person (today ana, ben, cem)' },
  { about: 'lease', verdict: 'yes', words: 'once, or a lease of up to 15 min and 20 uses, for one process and what it starts' },
  { about: 'care', verdict: 'yes', words: 'normal: the program is shown as the kernel reports it' },
  { about: 'asker', verdict: 'yes', words: 'a reason must be given' },
  { about: 'reveal', verdict: 'yes', words: 'the value is never shown on a terminal' },
];
