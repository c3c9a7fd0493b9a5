// Addresses of the console: every page has one, and a foreign one does no harm.
import { expect, test } from 'bun:test';
import { type Route, formatRoute, pages, parseRoute } from './routes.ts';

test('every address that the console writes leads back to its page', () => {
  const routes: Route[] = [
    ...pages.map((page) => ({ page })),
    { page: 'inbox', open: 'a1b2' },
    { page: 'secrets', open: 'ff00' },
    { page: 'secrets', open: 'ff00', form: 'put' },
    { page: 'secrets', form: 'put' },
    { page: 'people', form: 'invite' },
    { page: 'recovery' },
    { page: 'recovery', open: 'walk' },
    { page: 'recovery', open: 'ab'.repeat(32), relay: 'https://relay.example:8443' },
  ];
  for (const route of routes) expect(parseRoute(formatRoute(route))).toEqual(route);
});

test('an unknown, empty or broken address opens the inbox', () => {
  for (const hash of ['', '#', '#/', '#/nowhere', '#/review', '#/%E0%A4%A', '#javascript:alert(1)']) expect(parseRoute(hash).page).toBe('inbox');
});

test('an invitation is recognised and its secret is not part of the route', () => {
  expect(parseRoute('#/join')).toEqual({ page: 'join' });
  expect(parseRoute('#invite=abc.def')).toEqual({ page: 'join' });
});
