// History: newest first, alerts apart, filters and days.
import { expect, test } from 'bun:test';
import { noon, orgView } from '../../testing/fake-states.ts';
import { createCalendar } from '../ui/time.ts';
import { type HistoryWish, alertsOf, countFilters, filterHistory, groupByDay, namesIn, wholeHistory } from './model.ts';

const { history } = orgView();
const filtered = (wish: Partial<HistoryWish>): ReturnType<typeof filterHistory> => filterHistory(history, { ...wholeHistory, ...wish }, noon);

test('alerts stand apart from what happened', () => {
  expect(alertsOf(history).map(({ kind }) => kind)).toEqual(['alert']);
  expect(filtered({}).length).toBe(history.length - 1);
});

test('filters show what they say, newest first', () => {
  expect(filtered({ kind: 'refused' }).map(({ kind }) => kind)).toEqual(['deny', 'expired', 'withdrawn', 'failed']);
  expect(filtered({ kind: 'changes' }).map(({ kind }) => kind)).toEqual(['stored', 'log']);
  expect(filtered({ kind: 'released', query: 'ben terraform' }).length).toBe(1);
  const times = filterHistory(history.toReversed(), wholeHistory, noon).map(({ at }) => at);
  expect(times).toEqual(times.toSorted((a, b) => b - a));
});

test('by person, machine and time, together and counted', () => {
  expect(filtered({ person: 'ben' }).every(({ who }) => who.includes('ben'))).toBe(true);
  expect(filtered({ machine: 'ana-laptop' }).map(({ program }) => program)).toEqual(['terraform']);
  expect(filtered({ time: 'day' }).every(({ at }) => at > noon - 86_400_000)).toBe(true);
  expect(filtered({ time: 'week' }).length).toBeGreaterThan(filtered({ time: 'day' }).length);
  expect(filtered({ person: 'ben', machine: 'ana-laptop', time: 'month' }).length).toBe(1);
  expect(countFilters({ ...wholeHistory, person: 'ben', time: 'week' })).toBe(2);
});

test('names to choose from are those of people and machines that occur, each once', () => {
  const at = { at: noon, kind: 'log', what: '', proof: 'verified' } as const;
  expect(namesIn([...history, { ...at, who: ['ben (phone)', 'build-7'] }])).toEqual({
    people: ['ana', 'ben'],
    machines: ['ana-laptop', 'build-7', 'edge-runner-3', 'old-ci'],
  });
});

test('rows stand under their day', () => {
  const { date } = createCalendar('UTC');
  const days = groupByDay(filtered({}), date);
  expect(days[0]?.day).toBe(date(noon));
  expect(days.reduce((sum, { rows }) => sum + rows.length, 0)).toBe(history.length - 1);
});
