// The key of a request: made ahead, given out once.
import { expect, test } from 'bun:test';
import { seededRandom } from '../../testing/seeded.ts';
import { createRequestKeys } from './request-keys.ts';

test('the next key is made after the request, and no key is given out twice', async () => {
  const later: (() => void)[] = [];
  let made = 0;
  const random = seededRandom('request-keys');
  const keys = createRequestKeys(
    (length) => {
      made++;
      return random(length);
    },
    (act) => void later.push(act),
  );
  const first = await keys();
  expect(made).toBe(1);
  later.splice(0).forEach((act) => act());
  expect(made).toBe(2); // ready before anybody asks
  const [second, third] = await Promise.all([keys(), keys()]);
  expect(made).toBe(3);
  expect(new Set([first, second, third].map(({ keyId }) => keyId)).size).toBe(3);
});
