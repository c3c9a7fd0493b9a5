// A rule as a form: sensible at first, the same both ways, and never a quorum that cannot be met.
import { expect, test } from 'bun:test';
import { orgView } from '../../testing/fake-states.ts';
import { checkRule, draftOf, hasMore, newRule, officeHours, ruleOf } from './model.ts';

const org = orgView();
const rule = { ...newRule(org.members), pattern: 'prod/**' };
const [first] = rule.clauses;
const withK = (k: string, members = first?.members ?? []) => ({ ...rule, clauses: [{ k, members, groups: [] }] });

test('a new rule asks one of all who may approve, for short leases', () => {
  expect(rule).toMatchObject({ maxTtlS: 900, tier: 'normal', clauses: [{ k: '1', groups: [] }] });
  expect(first?.members).toHaveLength(org.members.filter(({ roles }) => roles.includes('approver')).length);
  expect(checkRule(rule)).toEqual({});
  expect(hasMore(rule)).toBe(false);
});

test('a quorum lies between one and the number of people; zero and nothing are refused', () => {
  for (const k of ['', '0', '9', '1.5', '-1', 'two']) expect(checkRule(withK(k)).k?.[0]).toBeDefined();
  expect(checkRule(withK('2'))).toEqual({});
  expect(checkRule(withK('1', [])).k?.[0]).toBe('Nobody is chosen');
  expect(ruleOf(withK('0'))).toBeUndefined();
});

test('a rule without leases needs no number of uses', () => {
  expect(checkRule({ ...rule, maxUses: '' }).maxUses).toBeDefined();
  expect(checkRule({ ...rule, maxUses: '', maxTtlS: 0 })).toEqual({});
  expect(checkRule({ ...rule, pattern: '' }).pattern).toBeDefined();
});

test('what is in force is the same after a look at it', () => {
  for (const { policy } of org.policies) {
    const { retired: _, ...body } = policy;
    expect(ruleOf(draftOf(policy))).toEqual(body);
  }
  expect(hasMore(draftOf(org.policies[1]?.policy ?? (org.policies[0]?.policy as never)))).toBe(true); // there are two
});

test('hours, programs, hosts and machines as a person types them', () => {
  const typed = { ...rule, hours: officeHours, exePins: `${'ab'.repeat(32)}, ${'ab'.repeat(32)}`, hosts: 'a.example\nb.example:8443' };
  expect(ruleOf(typed)).toMatchObject({
    hours: { days: [1, 2, 3, 4, 5], fromMinute: 480, toMinute: 1_080 },
    exePins: ['ab'.repeat(32)],
    hosts: ['a.example', 'b.example:8443'],
  });
  expect(checkRule({ ...rule, hours: { ...officeHours, to: '24:00' } }).hours).toBeDefined();
  expect(checkRule({ ...rule, hours: { ...officeHours, days: [] } }).hours).toBeDefined();
  expect(checkRule({ ...rule, exePins: 'abc' }).exePins).toBeDefined();
  expect(checkRule({ ...rule, hosts: 'https://a.example/x' }).hosts).toBeDefined();
  expect(checkRule({ ...rule, machines: { any: false, machines: [], groups: [] } }).machines).toBeDefined();
  expect(checkRule({ ...rule, scopes: [] }).scopes).toBeDefined();
});
