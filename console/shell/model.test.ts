// Around the pages: badges, the title, and what is read out once and not again.
import { expect, test } from 'bun:test';
import { card, noon, orgView } from '../../testing/fake-states.ts';
import { badgeOf, documentTitle, newsOf, nothingHeard, waitingCards } from './model.ts';

test('badges count what waits for the person', () => {
  const org = orgView({ inbox: [card(1), card(2, { outcome: { kind: 'denied', by: [], at: noon } }), card(3, { expiresAt: noon })] });
  expect(badgeOf('inbox', org, noon)).toBe(1);
  expect(badgeOf('machines', org, noon)).toBe(1);
  expect(badgeOf('leases', org, noon)).toBe(2);
  expect(badgeOf('history', org, noon)).toBeUndefined();
  expect(badgeOf('inbox', orgView(), noon)).toBeUndefined();
});

test('the title carries the number of waiting requests', () => {
  expect(documentTitle({ page: 'inbox' }, 2)).toBe('(2) Inbox · Stillvault');
  expect(documentTitle({ page: 'history' }, 0)).toBe('History · Stillvault');
});

test('a request is read out when it comes and once more when it is about to end', () => {
  const org = orgView({ inbox: [card(1)] });
  const first = newsOf(nothingHeard, waitingCards(org, noon), noon);
  expect(first.arrived).toBe('New request: claude asks for prod/db-primary.');
  expect(first.ending).toBe('');
  const again = newsOf(first.heard, waitingCards(org, noon), noon + 1_000);
  expect(again).toEqual({ heard: first.heard, arrived: '', ending: '' });
  expect(again.heard.arrived).toBe(first.heard.arrived);
  const late = card(1).expiresAt - 29_000;
  const ending = newsOf(again.heard, waitingCards(org, late), late);
  expect(ending.ending).toContain('ends in 30 seconds');
  expect(newsOf(ending.heard, waitingCards(org, late), late).ending).toBe('');
});
