// The inbox: nothing moves under a finger, and an empty one says what to do next.
import { expect, test } from 'bun:test';
import { card, fakeStates, noon, orgView } from '../../testing/fake-states.ts';
import { firstSteps, moveFocus, needsSecondDevice, nextWaiting, placeCards } from './model.ts';

const [a, b, c] = [card(1, { issuedAt: noon - 3 }), card(2, { issuedAt: noon - 2 }), card(3, { issuedAt: noon - 1 })];
const over = card(4, { outcome: { kind: 'denied', by: ['ana'], at: noon - 9 } });
const ids = (cards: readonly { readonly requestId: string }[]): string[] => cards.map(({ requestId }) => requestId);

test('at first the oldest that waits is on top and what is decided is below', () => {
  expect(placeCards(undefined, [over, b, a], noon)).toEqual([a, b, over]);
});

test('a new request comes at the end, whatever its age, and what is decided meanwhile keeps its place', () => {
  const before = ids(placeCards(undefined, [b, over], noon));
  const decided = { ...b, outcome: { kind: 'released' as const, by: ['ana'], at: noon } };
  expect(placeCards(before, [a, decided, over], noon)).toEqual([decided, over, a]);
});

test('after a decision the next request that waits is offered, round the end', () => {
  expect(nextWaiting([a, over, b, c], a.requestId, noon)).toBe(b);
  expect(nextWaiting([a, over, b, c], c.requestId, noon)).toBe(a);
  expect(nextWaiting([a, over], a.requestId, noon)).toBeUndefined();
  expect(nextWaiting([a, b], 'gone', noon)).toBe(a);
});

test('a new organisation is led step by step, and the steps end with the first release', () => {
  const fresh = fakeStates['first-steps'].org ?? orgView();
  const states = (part: Partial<typeof fresh>): readonly string[] | undefined => firstSteps({ ...fresh, ...part })?.map(({ state }) => state);
  expect(states({})).toEqual(['now', 'later', 'later', 'later']);
  const { machines, secrets, history } = orgView();
  expect(states({ machines: machines.filter(({ status }) => status === 'enrolled') })).toEqual(['done', 'now', 'later', 'later']);
  expect(states({ machines: machines.filter(({ status }) => status === 'active') })).toEqual(['done', 'done', 'now', 'later']);
  expect(states({ machines, secrets })).toEqual(['done', 'done', 'done', 'now']);
  expect(states({ machines, secrets, history })).toBeUndefined();
  expect(needsSecondDevice(fresh)).toBe(true);
  expect(needsSecondDevice(orgView())).toBe(false);
});

test('j, k and the arrows move within the list and stop at its ends', () => {
  expect(moveFocus(3, -1, 'j')).toBe(0);
  expect(moveFocus(3, 2, 'ArrowDown')).toBe(2);
  expect(moveFocus(3, 0, 'k')).toBe(0);
  expect(moveFocus(3, 1, 'Enter')).toBeUndefined();
  expect(moveFocus(0, -1, 'j')).toBeUndefined();
});
