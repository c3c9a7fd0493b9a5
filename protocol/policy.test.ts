// Which policy governs, who makes a quorum, what widens (spec/06-policy.md).
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { codeOf } from '../testing/code-of.ts';
import { World, found } from '../testing/world.ts';
import { idFrom } from '../testing/world-people.ts';
import type { GroupId, Hash, MachineId, MemberId, PolicyId } from './hash.ts';
import { limits } from './limits.ts';
import type { LeaseScope, Policy } from './org-log/bodies.ts';
import { type OrgState, activeMachine } from './org-log/state.ts';
import { type Quorum, entitledMachines, matches, policyFor, quorumOf, satisfies, verifyPattern, widens, withinHours } from './policy.ts';

const world = new World('policy');
await world.genesis({ policies: [] });
for (const name of ['ben', 'eve', 'zoe']) await world.addMember(name);
await world.addMember('wil', ['writer']);
const ids = ['ada', 'ben', 'eve', 'zoe'].map((name) => world.member(name).id);
const [ada, ben, eve, zoe] = ids as [MemberId, MemberId, MemberId, MemberId]; // four names in, four ids out

describe('patterns', () => {
  const table: readonly (readonly [pattern: string, path: string, matches: boolean])[] = [
    ['prod/db', 'prod/db', true],
    ['prod/db', 'prod/db2', false],
    ['prod/db', 'prod', false],
    ['prod/db', 'prod/db/x', false],
    ['prod/*', 'prod/db', true],
    ['prod/*', 'prod/db/x', false],
    ['prod/*', 'prod', false],
    ['*/db', 'prod/db', true],
    ['*', 'prod', true],
    ['*', 'prod/db', false],
    ['prod/**', 'prod/db', true],
    ['prod/**', 'prod/db/x', true],
    ['prod/**', 'prod', false],
    ['**', 'prod', true],
    ['**', 'prod/db/x', true],
    ['prod/*/**', 'prod/a', false],
    ['prod/*/**', 'prod/a/b', true],
  ];
  test.each(table)('%s on %s: %p', (pattern, path, expected) => expect(matches(pattern, path)).toBe(expected));
  const written: readonly (readonly [pattern: string, code: string])[] = [
    ['prod/**', 'accepted'],
    ['**', 'accepted'],
    ['*', 'accepted'],
    ['a/*/b', 'accepted'],
    [Array.from({ length: 16 }, () => 'a').join('/'), 'accepted'],
    [Array.from({ length: 17 }, () => 'a').join('/'), 'E_POLICY'],
    ['', 'E_POLICY'],
    ['/', 'E_POLICY'],
    ['prod/', 'E_POLICY'],
    ['**/db', 'E_POLICY'],
    ['prod*', 'E_POLICY'],
    ['prod/**/x', 'E_POLICY'],
    ['pröd', 'E_POLICY'],
    ['prod/\n', 'E_POLICY'],
    ['prod/..', 'E_POLICY'],
  ];
  test.each(written)('%p: %s', async (pattern, code) => expect(await codeOf(() => verifyPattern(pattern))).toBe(code));
});

describe('INV-POLICY-DENY default deny, and the most specific policy governs', () => {
  const withPolicies = (...patterns: readonly string[]): OrgState => ({
    ...world.state,
    policies: patterns.reduce((map, pattern) => {
      const policy = world.policy({ pattern });
      return map.set(policy.policy, { ...policy, eh: '00'.repeat(32) as Hash });
    }, world.state.policies),
  }); // no entry set them
  const governs: readonly (readonly [path: string, pattern: string | undefined])[] = [
    ['prod/db', 'prod/db'],
    ['prod/api', 'prod/*'],
    ['prod/a/b', 'prod/**'],
    ['test/db', '*/db'],
    ['test/api', undefined],
    ['prod', undefined],
  ];
  test.each(governs)('%s: %p, whatever the order', (path, pattern) => {
    const all = ['prod/**', 'prod/*', '*/db', 'prod/db'];
    for (const order of [all, all.toReversed()]) expect(policyFor(withPolicies(...order), path)?.pattern).toBe(pattern);
  });
  test('a retired policy governs nothing', () => {
    const state = withPolicies('prod/db');
    const policy = found([...state.policies.values()][0], 'policy');
    expect(policyFor({ ...state, policies: state.policies.set(policy.policy, { ...policy, retired: true }) }, 'prod/db')).toBeUndefined();
  });
});

describe('INV-POLICY-SEATS each person fills one seat', () => {
  const quorum = (...clauses: Quorum['clauses']): Quorum => ({ k: 0, members: [], clauses });
  const table: readonly (readonly [what: string, quorum: Quorum, present: readonly MemberId[], expected: boolean])[] = [
    ['one of two', quorum({ k: 1, members: [ada, ben] }), [ben], true],
    ['nobody', quorum({ k: 1, members: [ada, ben] }), [], false],
    ['a stranger', quorum({ k: 1, members: [ada, ben] }), [eve], false],
    ['two of three', quorum({ k: 2, members: [ada, ben, eve] }), [ada, eve], true],
    ['one where two are needed', quorum({ k: 2, members: [ada, ben, eve] }), [ada], false],
    ['row 70: one person twice', quorum({ k: 2, members: [ada, ben, eve] }), [ada, ada], false],
    ['one person who is in both groups', quorum({ k: 1, members: [ada, ben] }, { k: 1, members: [ada, eve] }), [ada], false],
    ['two people, one in both', quorum({ k: 1, members: [ada, ben] }, { k: 1, members: [ada, eve] }), [ada, ben], true],
    ['two people of one group', quorum({ k: 1, members: [ada, ben] }, { k: 1, members: [eve, zoe] }), [ada, ben], false],
    ['a chain of moves', quorum({ k: 1, members: [ada] }, { k: 1, members: [ada, ben] }, { k: 1, members: [ben, eve] }), [ben, ada, eve], true],
    ['no clause', quorum(), [ada], false],
    ['more present than needed', quorum({ k: 1, members: [ada] }), [zoe, eve, ada], true],
  ];
  test.each(table)('%s', (_what, needed, present, expected) => expect(satisfies(needed, present)).toBe(expected));
  test('agrees with trying every way to seat people', () => {
    const clause = fc.record({ k: fc.integer({ min: 1, max: 2 }), members: fc.subarray(ids, { minLength: 1 }) });
    const tryAll = (seats: readonly (readonly MemberId[])[], left: readonly MemberId[]): boolean => {
      const [seat, ...rest] = seats;
      return seat === undefined || left.some((person, index) => seat.includes(person) && tryAll(rest, left.toSpliced(index, 1)));
    };
    fc.assert(
      fc.property(fc.array(clause, { minLength: 1, maxLength: 3 }), fc.subarray(ids), (clauses, present) => {
        expect(satisfies(quorum(...clauses), present)).toBe(
          tryAll(
            clauses.flatMap(({ k, members }) => Array.from({ length: k }, () => members)),
            present,
          ),
        );
      }),
      { numRuns: 500 },
    );
  });
});

describe('INV-POLICY-REACH a policy that nobody could meet is refused when it is made', () => {
  const group = idFrom<GroupId>(world.random);
  const set = async (clauses: Policy['clauses'], changes: Partial<Policy> = {}): Promise<string> =>
    codeOf(world.judge(await world.draft('policy.set', world.policy({ clauses, ...changes }))));
  test('clauses', async () => {
    await world.append('group.set', { group, name: 'on call', members: [ada, ben] });
    const wil = world.member('wil').id;
    const table: readonly (readonly [what: string, clauses: Policy['clauses'], code: string])[] = [
      ['one of one', [{ k: 1, members: [ada], groups: [] }], 'accepted'],
      ['all of a group', [{ k: 2, members: [], groups: [group] }], 'accepted'],
      ['lessons 4: more than there are', [{ k: 2, members: [ada], groups: [] }], 'E_QUORUM'],
      ['more than the group has', [{ k: 3, members: [], groups: [group] }], 'E_QUORUM'],
      ['people who may not approve', [{ k: 1, members: [wil], groups: [] }], 'E_QUORUM'],
      [
        'one person for two clauses',
        [
          { k: 1, members: [ada], groups: [] },
          { k: 1, members: [ada], groups: [] },
        ],
        'E_QUORUM',
      ],
      ['nobody', [{ k: 1, members: [], groups: [] }], 'E_QUORUM'],
      ['an unknown member', [{ k: 1, members: [idFrom<MemberId>(world.random)], groups: [] }], 'E_UNKNOWN_ID'],
      ['an unknown group', [{ k: 1, members: [ada], groups: [idFrom<GroupId>(world.random)] }], 'E_UNKNOWN_ID'],
    ];
    for (const [what, clauses, code] of table) expect([what, await set(clauses)]).toEqual([what, code]);
  });
  test('lessons 4: a threshold of zero, or none at all, cannot be written', async () => {
    expect(await codeOf(set([{ k: 0, members: [ada], groups: [] }]))).toBe('E_FIELD');
    expect(await codeOf(set([]))).toBe('E_FIELD');
    expect(await codeOf(set([{ k: limits.quorumN + 1, members: [ada], groups: [] }]))).toBe('E_FIELD');
  });
  test('two policies for one pattern are refused', async () => {
    await world.append('policy.set', world.policy({ pattern: 'only/one' }));
    expect(await set([{ k: 1, members: [ada], groups: [] }], { pattern: 'only/one' })).toBe('E_POLICY');
    expect(await set([{ k: 1, members: [ada], groups: [] }], { pattern: 'only/one', retired: true })).toBe('accepted');
  });
  test('a quorum that lost its people throws, and counts only who can approve now', async () => {
    const at = new World('policy');
    await at.genesis();
    await at.addMember('ben');
    const policy = await at.approvers('prod/x', 2, ['ada', 'ben']);
    expect(quorumOf(at.state, policy).members.length).toBe(2);
    await at.append('device.revoke', { device: at.device('ben').id, exposed: [] });
    expect(await codeOf(() => quorumOf(at.state, policy))).toBe('E_QUORUM');
  });
});

describe('INV-POLICY-WIDENS what is not known to narrow counts as widening', () => {
  const base: Policy = world.policy({
    clauses: [
      { k: 1, members: [ada, ben], groups: [] },
      { k: 1, members: [eve, zoe], groups: [] },
    ],
    machines: { any: false, machines: ['m1' as MachineId, 'm2' as MachineId], groups: ['g1' as GroupId] },
    scopes: ['process', 'exe'],
    reasonRequired: true, // ids that only this test compares
    matchRequired: true,
    separationOfDuties: true,
    exePins: ['aa' as Hash, 'bb' as Hash],
    hosts: ['db.example'],
    hours: { days: [1, 2], fromMinute: 60, toMinute: 120 },
  });
  const { hours: _, ...always } = base;
  const [first, second] = base.clauses as readonly [Policy['clauses'][0], Policy['clauses'][0]]; // two clauses, as just written
  const narrower: readonly (readonly [what: string, next: Policy])[] = [
    ['the same', base],
    ['more people needed', { ...base, clauses: [{ ...first, k: 2 }, second] }],
    ['fewer people to choose from', { ...base, clauses: [{ ...first, members: [ada] }, second] }],
    ['a clause more with people of the others', { ...base, clauses: [first, second, { k: 1, members: [ada, eve], groups: [] }] }],
    ['fewer machines', { ...base, machines: { any: false, machines: ['m1' as MachineId], groups: [] } }],
    ['shorter leases', { ...base, maxTtlS: 1 }],
    ['fewer uses', { ...base, maxUses: 1 }],
    ['fewer scopes', { ...base, scopes: ['process'] }],
    ['a higher tier', { ...base, tier: 'high' }],
    ['fresher heads', { ...base, maxStalenessMs: 1 }],
    ['fewer programs', { ...base, exePins: ['aa' as Hash] }],
    ['no host any more', { ...base, hosts: [] }],
  ];
  test.each(narrower)('narrows: %s', (_what, next) => expect(widens(base, next)).toBe(false));
  const wider: readonly (readonly [what: string, before: Policy | undefined, next: Policy])[] = [
    ['a new policy', undefined, base],
    ['retired', base, { ...base, retired: true }],
    ['in force again', { ...base, retired: true }, base],
    ['another pattern', base, { ...base, pattern: 'prod/*' }],
    ['fewer people needed', { ...base, clauses: [{ ...first, k: 2 }, second] }, base],
    ['one person more', base, { ...base, clauses: [{ ...first, members: [ada, ben, eve] }, second] }],
    ['a group more', base, { ...base, clauses: [{ ...first, groups: ['g' as GroupId] }, second] }],
    ['a clause less', base, { ...base, clauses: [first] }],
    ['clauses exchanged', base, { ...base, clauses: [second, first] }],
    ['a clause more with new people', { ...base, clauses: [first] }, base],
    ['any machine', base, { ...base, machines: { any: true, machines: [], groups: [] } }],
    ['a machine more', base, { ...base, machines: { ...base.machines, machines: [...base.machines.machines, 'm3' as MachineId] } }],
    ['a machine group more', base, { ...base, machines: { ...base.machines, groups: ['g1', 'g2'] as GroupId[] } }],
    ['longer leases', base, { ...base, maxTtlS: base.maxTtlS + 1 }],
    ['more uses', base, { ...base, maxUses: base.maxUses + 1 }],
    ['a wider scope', base, { ...base, scopes: ['process', 'exe', 'machine'] }],
    ['a lower tier', base, { ...base, tier: 'low' }],
    ['no reason needed', base, { ...base, reasonRequired: false }],
    ['no match needed', base, { ...base, matchRequired: false }],
    ['no separation of duties', base, { ...base, separationOfDuties: false }],
    ['revealing allowed', base, { ...base, revealAllowed: true }],
    ['older heads', base, { ...base, maxStalenessMs: base.maxStalenessMs + 1 }],
    ['another program', base, { ...base, exePins: ['cc' as Hash] }],
    ['any program', base, { ...base, exePins: [] }],
    ['another host', base, { ...base, hosts: ['x.example'] }],
    ['a first host: brokers sent it nowhere before', { ...base, hosts: [] }, base],
    ['any hour', base, always],
    ['other hours', base, { ...base, hours: { days: [1], fromMinute: 0, toMinute: 120 } }],
  ];
  test.each(wider)('row 75 widens: %s', (_what, before, next) => expect(widens(before, next)).toBe(true));
  test('hours on a policy without any narrow', () => expect(widens(always, base)).toBe(false));

  // What a policy allows, as sets: a change that counts as narrowing adds to none of them.
  const machines = ['m1', 'm2', 'm3'] as MachineId[];
  const groups = ['g1', 'g2'] as GroupId[];
  const arbitrary = fc
    .record({
      clauses: fc.array(fc.record({ k: fc.integer({ min: 1, max: 3 }), members: fc.subarray(ids, { minLength: 1 }), groups: fc.constant([] as GroupId[]) }), {
        minLength: 1,
        maxLength: 3,
      }),
      machines: fc.record({ any: fc.boolean(), machines: fc.subarray(machines), groups: fc.subarray(groups) }),
      maxTtlS: fc.nat(2),
      maxUses: fc.integer({ min: 1, max: 3 }),
      scopes: fc.subarray<LeaseScope>(['process', 'exe', 'machine'], { minLength: 1 }),
      tier: fc.constantFrom('low' as const, 'normal' as const, 'high' as const),
      reasonRequired: fc.boolean(),
      separationOfDuties: fc.boolean(),
      revealAllowed: fc.boolean(),
      exePins: fc.subarray(['aa', 'bb'] as Hash[]),
      hours: fc.option(fc.constantFrom({ days: [1], fromMinute: 0, toMinute: 60 }, { days: [1, 2], fromMinute: 0, toMinute: 60 }), { nil: undefined }),
      retired: fc.boolean(),
    })
    .map(({ hours, ...rest }): Policy => ({ ...always, policy: 'p' as PolicyId, ...rest, ...(hours ? { hours } : {}) })); // an id that only this test compares
  // Mostly the policy before, so that many of the pairs narrow.
  const pair = fc.tuple(arbitrary, arbitrary, fc.array(fc.nat(4), { minLength: 12, maxLength: 12 })).map(([before, other, dice]): readonly [Policy, Policy] => {
    const names = Object.keys(other).filter((name) => name !== 'hours' || other.hours !== undefined);
    return [
      before,
      { ...before, ...Object.fromEntries(names.filter((_name, index) => dice[index % 12] === 0).map((name) => [name, Reflect.get(other, name)])) },
    ];
  });
  test('narrowing never adds a person, a set of people that suffices, a machine, a lease, a program or an hour', () => {
    fc.assert(
      fc.property(pair, fc.subarray(ids), fc.integer({ min: 0, max: 3 }), fc.integer({ min: 1, max: 4 }), ([before, next], present, ttlS, uses) => {
        fc.pre(!widens(before, next));
        const people = (policy: Policy): readonly MemberId[] => policy.clauses.flatMap(({ members }) => members);
        const enough = (policy: Policy): boolean => satisfies({ k: 0, members: [], clauses: policy.clauses }, present);
        const asks = (policy: Policy, machine: MachineId): boolean => policy.machines.any || policy.machines.machines.includes(machine);
        const lease = (policy: Policy): boolean => ttlS <= policy.maxTtlS && uses <= policy.maxUses;
        const runs = (policy: Policy, exe: Hash): boolean => policy.exePins.length === 0 || policy.exePins.includes(exe);
        for (const person of people(next)) expect(people(before)).toContain(person);
        if (enough(next)) expect(enough(before)).toBe(true);
        for (const machine of machines) if (asks(next, machine)) expect(asks(before, machine)).toBe(true);
        if (lease(next)) expect(lease(before)).toBe(true);
        for (const scope of next.scopes) expect(before.scopes).toContain(scope);
        for (const exe of ['aa', 'bb', 'cc'] as Hash[]) if (runs(next, exe)) expect(runs(before, exe)).toBe(true);
        for (const day of [0, 1, 2])
          if (withinHours(next, Date.UTC(2026, 0, 4 + day, 0, 30))) expect(withinHours(before, Date.UTC(2026, 0, 4 + day, 0, 30))).toBe(true);
        if (!next.reasonRequired) expect(before.reasonRequired).toBe(false);
        if (!next.separationOfDuties) expect(before.separationOfDuties).toBe(false);
        if (next.revealAllowed) expect(before.revealAllowed).toBe(true);
      }),
      { numRuns: 1_000, maxSkipsPerRun: 100 },
    );
  });
});

describe('hours are UTC and may pass midnight', () => {
  const at = (day: number, hour: number, minute = 0): number => Date.UTC(2026, 0, 4 + day, hour, minute); // 4 January 2026 is a Sunday
  const office = world.policy({ hours: { days: [1, 2, 3, 4, 5], fromMinute: 9 * 60, toMinute: 17 * 60 } });
  const night = world.policy({ hours: { days: [5], fromMinute: 22 * 60, toMinute: 6 * 60 } });
  const table: readonly (readonly [what: string, policy: Policy, now: number, expected: boolean])[] = [
    ['no hours', world.policy(), at(0, 3), true],
    ['Monday at nine', office, at(1, 9), true],
    ['a minute before', office, at(1, 8, 59), false],
    ['at five', office, at(1, 17), false],
    ['Sunday', office, at(0, 12), false],
    ['Friday at ten in the evening', night, at(5, 22), true],
    ['Saturday at five, still Friday’s night', night, at(6, 5, 59), true],
    ['Saturday at six', night, at(6, 6), false],
    ['Friday at five in the morning', night, at(5, 5), false],
    ['Saturday at ten in the evening', night, at(6, 22), false],
  ];
  test.each(table)('%s', (_what, policy, now, expected) => expect(withinHours(policy, now)).toBe(expected));
});

test('INV-POLICY-MACHINES only active machines are entitled: named, of a named group, or any', async () => {
  const at = new World('machines');
  await at.genesis();
  const group = idFrom<GroupId>(at.random);
  await at.append('group.set', { group, name: 'servers', members: [] });
  const [one, two, three] = [await at.addMachine('one'), await at.addMachine('two', { groups: [group] }), await at.addMachine('three')];
  await at.enrolMachine('waits');
  await at.append('machine.revoke', { machine: three.id, exposed: [] });
  const rule = (machines: Policy['machines']): readonly MachineId[] => entitledMachines(at.state, at.policy({ machines }));
  expect(rule({ any: true, machines: [], groups: [] })).toEqual([one.id, two.id].sort());
  expect(rule({ any: false, machines: [one.id, three.id], groups: [] })).toEqual([one.id]);
  expect(rule({ any: false, machines: [], groups: [group] })).toEqual([two.id]);
  expect(rule({ any: false, machines: [], groups: [] })).toEqual([]);
  expect(activeMachine(at.state, three.id)).toBeUndefined();
});
