// Times as a person reads them, at the edges of each form.
import { expect, test } from 'bun:test';
import { countdown, createCalendar, duration, listNames, shortDuration, spokenCountdown } from './time.ts';

test('a countdown shows zero only when it is over', () => {
  expect(countdown(161_000, 0)).toBe('2:41');
  expect(countdown(1, 0)).toBe('0:01');
  expect(countdown(0, 0)).toBe('0:00');
  expect(countdown(0, 5_000)).toBe('0:00');
  expect(countdown(3_600_000, 0)).toBe('1:00:00');
  expect(spokenCountdown(161_000, 0)).toBe('2 minutes 41 seconds');
  expect(spokenCountdown(60_000, 0)).toBe('1 minute');
  expect(spokenCountdown(0, 0)).toBe('0 seconds');
});

test('lengths of time, in full and short', () => {
  expect([1, 60, 900, 3_600, 5_400, 86_400].map(duration)).toEqual(['1 second', '1 minute', '15 minutes', '1 hour', '90 minutes', '1 day']);
  expect([30, 300, 900, 3_600, 28_800, 86_400].map(shortDuration)).toEqual(['30 s', '5 min', '15 min', '1 h', '8 h', '1 day']);
});

test('a moment is as exact as its distance needs', () => {
  const { moment, exact, clock } = createCalendar('UTC');
  const now = Date.UTC(2026, 10, 23, 12, 0);
  expect(moment(Date.UTC(2026, 10, 23, 9, 5), now)).toBe('09:05');
  expect(moment(Date.UTC(2026, 10, 21, 9, 5), now)).toContain('Sat');
  expect(moment(Date.UTC(2026, 9, 1, 9, 5), now)).toContain('1 Oct');
  expect(exact(now)).toContain('UTC');
  expect(clock(now)).toBe('12:00');
});

test('names are listed as one says them', () => {
  expect(listNames(['ana'])).toBe('ana');
  expect(listNames(['ana', 'ben', 'cem'])).toBe('ana, ben and cem');
});
