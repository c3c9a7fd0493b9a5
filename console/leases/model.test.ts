// Live leases and machines: what can be used, what needs a person first.
import { expect, test } from 'bun:test';
import { noon, orgView } from '../../testing/fake-states.ts';
import { sortMachines } from '../machines/model.ts';
import { liveLeases } from './model.ts';

test('the lease that ends first is on top; one that is over or used up is not shown', () => {
  const { leases } = orgView();
  const [first, second] = leases;
  if (!first || !second) throw new Error('the fixture is gone');
  expect(liveLeases([second, first], noon)).toEqual([first, second]);
  expect(liveLeases([first, { ...second, usesLeft: 0 }], noon)).toEqual([first]);
  expect(liveLeases(leases, first.until)).toEqual([second]);
});

test('a machine that waits for its words to be compared comes first, a revoked one last', () => {
  expect(sortMachines(orgView().machines).map(({ status }) => status)).toEqual(['enrolled', 'active', 'active', 'revoked']);
});
