// Rules as a form: sensible at first, and never a quorum that cannot be met.
import { expect, test } from 'bun:test';
import { orgView } from '../../testing/fake-states.ts';
import { checkRule, draftRule } from './model.ts';

const rule = draftRule('prod/**', orgView().members);

test('a new rule asks one of all who may approve, for short leases', () => {
  expect(rule).toMatchObject({ pattern: 'prod/**', k: '1', maxTtlS: 900, tier: 'normal' });
  expect(rule.approvers.length).toBe(3);
  expect(checkRule(rule)).toEqual({});
});

test('a quorum lies between one and the number of people', () => {
  for (const k of ['', '0', '4', '1.5', '-1', 'two']) expect(checkRule({ ...rule, k }).k).toBeDefined();
  expect(checkRule({ ...rule, k: '3' })).toEqual({});
  expect(checkRule({ ...rule, approvers: [] }).k).toBeDefined();
});

test('a rule without leases needs no number of uses', () => {
  expect(checkRule({ ...rule, maxUses: '' }).maxUses).toBeDefined();
  expect(checkRule({ ...rule, maxUses: '', maxTtlS: 0 })).toEqual({});
  expect(checkRule({ ...rule, pattern: '' }).pattern).toBeDefined();
});
