// What a change of a policy does, line by line, and that the lines agree with the rule that decides how many admins it takes (spec/06-policy.md §widening).
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { World } from '../testing/world.ts';
import { idFrom } from '../testing/world-people.ts';
import type { GroupId, Hash, MachineId, MemberId, PolicyId } from './hash.ts';
import type { LeaseScope, Policy } from './org-log/bodies.ts';
import { widens } from './policy.ts';
import { policyDiff } from './policy-diff.ts';
import { policyTerms, quorumWords } from './policy-words.ts';

const world = new World('policy-diff');
await world.genesis();
await world.addMember('ben');
const [ada, ben] = [world.member('ada').id, world.member('ben').id];
const group = idFrom<GroupId>(world.random);
const security = idFrom<GroupId>(world.random);
await world.append('group.set', { group, name: 'on-call', members: [ada] });
await world.append('group.set', { group: security, name: 'security', members: [ben] });
const { state } = world;
const base: Policy = world.policy({ clauses: [{ k: 1, members: [ada, ben], groups: [] }], maxTtlS: 900, revealAllowed: false });
const linesOf = (before: Policy | undefined, next: Policy): readonly string[] =>
  policyDiff(state, before, next).map(({ effect, words }) => `${effect}: ${words}`);

describe('[INV-POLICY-DIFF] the lines agree with what counts as widening', () => {
  const [m1, m2] = ['m1', 'm2'] as MachineId[];
  const members: readonly MemberId[] = [ada, ben];
  const clause = fc.record({ k: fc.integer({ min: 1, max: 3 }), members: fc.subarray([...members]), groups: fc.subarray([group, security]) });
  const hours = fc.record({ days: fc.subarray([0, 1, 2], { minLength: 1 }), fromMinute: fc.nat(2), toMinute: fc.nat(2) });
  const arbitrary = fc
    .record({
      pattern: fc.constantFrom('prod/**', 'prod/*'),
      clauses: fc.array(clause, { minLength: 1, maxLength: 3 }),
      machines: fc.record({ any: fc.boolean(), machines: fc.subarray([m1 ?? ('' as MachineId), m2 ?? ('' as MachineId)]), groups: fc.subarray([group]) }), // made above
      maxTtlS: fc.nat(3),
      maxUses: fc.integer({ min: 1, max: 3 }),
      scopes: fc.subarray<LeaseScope>(['process', 'exe', 'machine'], { minLength: 1 }),
      tier: fc.constantFrom('low' as const, 'normal' as const, 'high' as const),
      reasonRequired: fc.boolean(),
      matchRequired: fc.boolean(),
      separationOfDuties: fc.boolean(),
      revealAllowed: fc.boolean(),
      maxStalenessMs: fc.integer({ min: 1, max: 3 }),
      exePins: fc.subarray(['aa', 'bb'] as Hash[]),
      hosts: fc.subarray(['one.example', 'two.example']),
      retired: fc.boolean(),
    })
    .chain((rest) => fc.option(hours, { nil: undefined }).map((found): Policy => ({ ...rest, policy: 'p' as PolicyId, ...(found ? { hours: found } : {}) }))); // an id that only this test compares
  // Mostly the policy before, so that many of the pairs narrow.
  const pair = fc.tuple(arbitrary, arbitrary, fc.array(fc.nat(5), { minLength: 17, maxLength: 17 })).map(([before, other, dice]): readonly [Policy, Policy] => {
    const names = Object.keys(other).filter((_name, index) => dice[index] === 0);
    return [before, { ...before, ...Object.fromEntries(names.map((name) => [name, Reflect.get(other, name)])) }];
  });
  test('a line widens if and only if the change does', () => {
    let narrowing = 0;
    fc.assert(
      fc.property(pair, ([before, next]) => {
        const isWider = policyDiff(state, before, next).some(({ effect }) => effect === 'widens');
        if (!isWider) narrowing++;
        expect(isWider).toBe(widens(before, next));
      }),
      { numRuns: 3_000 },
    );
    expect(narrowing).toBeGreaterThan(100);
    expect(policyDiff(state, undefined, base).some(({ effect }) => effect === 'widens')).toBe(true);
  });
  test('nothing changed is no line', () => expect(policyDiff(state, base, { ...base })).toEqual([]));
});

describe('in words', () => {
  const table: readonly (readonly [what: string, next: Partial<Policy>, lines: readonly string[]])[] = [
    ['a longer lease', { maxTtlS: 3_600 }, ['widens: longest lease: 1 h instead of 15 min']],
    ['no lease', { maxTtlS: 0 }, ['narrows: longest lease: once only instead of 15 min']],
    ['one person less', { clauses: [{ k: 1, members: [ada], groups: [] }] }, ['narrows: approver ben is taken out']],
    ['a group more', { clauses: [{ k: 1, members: [ada, ben], groups: [group] }] }, ['widens: approvers of group on-call is added']],
    ['two of them', { clauses: [{ k: 2, members: [ada, ben], groups: [] }] }, ['narrows: 2 instead of 1 must approve']],
    ['more care', { tier: 'high' }, ['narrows: care: high instead of normal']],
    ['shown on a terminal', { revealAllowed: true }, ['widens: the value may be shown on a terminal']],
    ['a first host', { hosts: ['api.example'] }, ['widens: host that the value may be sent to: api.example is added']],
    ['retired', { retired: true }, ['widens: the rule ends: its paths fall to the next rule that matches, or to nobody']],
  ];
  test.each(table)('%s', (_what, next, lines) => expect(linesOf(base, { ...base, ...next })).toEqual([...lines]));

  test('a quorum of several groups says that it takes different people', () => {
    const one = (id: GroupId) => ({ k: 1, members: [], groups: [id] });
    expect(quorumWords(state, [one(group), one(security)])).toBe('one of group on-call and one of group security, each a different person');
    expect(quorumWords(state, [{ k: 2, members: [ada, ben], groups: [] }])).toBe('2 of ada, ben');
    expect(quorumWords(state, [{ k: 1, members: [ada], groups: [] }])).toBe('ada');
  });
  test('every term is a sentence', () => {
    const hours = { days: [1, 2], fromMinute: 480, toMinute: 1_080 };
    const words = policyTerms(state, { ...base, hours, tier: 'high', hosts: ['api.example'] }).map((term) => term.words);
    expect(words).toContain('Monday, Tuesday from 08:00 to 18:00 UTC');
    expect(words).toContain('once, or a lease of up to 15 min and 100 uses, for one process and what it starts');
    expect(words.every((line) => line.length > 0)).toBe(true);
  });
});
