// History: newest first, alerts apart, filters and days.
import { expect, test } from 'bun:test';
import { noon, orgView } from '../../testing/fake-states.ts';
import { createCalendar } from '../ui/time.ts';
import { alertsOf, filterHistory, groupByDay } from './model.ts';

const { history } = orgView();

test('alerts stand apart from what happened', () => {
  expect(alertsOf(history).map(({ kind }) => kind)).toEqual(['alert']);
  expect(filterHistory(history, 'all', '').length).toBe(history.length - 1);
});

test('filters show what they say, newest first', () => {
  expect(filterHistory(history, 'refused', '').map(({ kind }) => kind)).toEqual(['deny', 'expired', 'withdrawn', 'failed']);
  expect(filterHistory(history, 'changes', '').map(({ kind }) => kind)).toEqual(['stored', 'log']);
  expect(filterHistory(history, 'released', 'ben terraform').length).toBe(1);
  const times = filterHistory(history.toReversed(), 'all', '').map(({ at }) => at);
  expect(times).toEqual(times.toSorted((a, b) => b - a));
});

test('rows stand under their day', () => {
  const { date } = createCalendar('UTC');
  const days = groupByDay(filterHistory(history, 'all', ''), date);
  expect(days[0]?.day).toBe(date(noon));
  expect(days.reduce((sum, { rows }) => sum + rows.length, 0)).toBe(history.length - 1);
});
