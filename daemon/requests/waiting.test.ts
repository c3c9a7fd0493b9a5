// The wait for people by itself: order, bounds, deadline, and what ends it (spec/09-release.md §wait).
import { expect, test } from 'bun:test';
import { DaemonError } from '../errors.ts';
import { type Waiting, waitForPeople } from './waiting.ts';

function start(lifeMs = 60_000): { waiting: Waiting; leave: () => void; pass: (ms: number) => void } {
  const requester = new AbortController();
  let now = 0;
  const waiting = waitForPeople({ lifeMs, clockMs: () => now, signal: requester.signal });
  return { waiting, leave: () => requester.abort(), pass: (ms) => void (now += ms) };
}
const code = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'done',
    (error: unknown) => (error instanceof DaemonError ? error.detail : 'other'),
  );
const answer = (n: number): Uint8Array => Uint8Array.of(n & 255, n >> 8);

test('answers are taken one after another, in their order, until enough', async () => {
  const { waiting } = start();
  const taken: number[] = [];
  const done = waiting.until(async ([low = 0]) => {
    await Promise.resolve();
    return taken.push(low) === 3;
  });
  for (let n = 0; n < 5; n++) waiting.answer(answer(n));
  await done;
  expect(taken).toEqual([0, 1, 2]);
});

test('a flood is bounded: what does not fit is dropped unread', async () => {
  const { waiting, leave } = start();
  for (let n = 0; n < 1_000; n++) waiting.answer(answer(n));
  let taken = 0;
  const done = waiting.until(() => Promise.resolve(++taken > 1_000));
  while (taken < 256) await new Promise(setImmediate);
  leave();
  expect([await code(done), taken]).toEqual(['E_WITHDRAWN', 256]);
});

test('the deadline: E_NO_APPROVAL where nobody answered, E_EXPIRED where an answer came too late, and why one was refused', async () => {
  const nobody = start();
  nobody.pass(60_000);
  expect(await code(nobody.waiting.until(() => Promise.resolve(true)))).toBe('E_NO_APPROVAL');
  const late = start();
  late.pass(60_000);
  late.waiting.answer(answer(1));
  expect(await code(late.waiting.until(() => Promise.resolve(true)))).toBe('E_EXPIRED');
  const refused = start();
  refused.waiting.refused(new DaemonError('error', 'E_CLOCK', 'x'));
  refused.pass(60_000);
  await expect(refused.waiting.until(() => Promise.resolve(true))).rejects.toMatchObject({
    detail: 'E_NO_APPROVAL',
    message: 'nobody decided in time; an answer was refused (E_CLOCK)',
  });
});

test('one millisecond before the deadline an answer counts', async () => {
  const { waiting, pass } = start();
  pass(59_999);
  waiting.answer(answer(1));
  expect(await code(waiting.until(() => Promise.resolve(true)))).toBe('done');
});

test('a requester that leaves, and a log that ends the request, end it at once; the first reason stays', async () => {
  const left = start();
  const leaving = left.waiting.until(() => Promise.resolve(true));
  left.leave();
  expect(await code(leaving)).toBe('E_WITHDRAWN');
  expect(() => left.waiting.check()).toThrow('went away');
  const failed = start();
  const failing = failed.waiting.until(() => Promise.resolve(true));
  failed.waiting.fail(new DaemonError('policy_forbids', 'E_FROZEN', 'frozen'));
  failed.waiting.fail(new DaemonError('policy_forbids', 'E_VERSION', 'version'));
  expect(await code(failing)).toBe('E_FROZEN');
  expect(() => failed.waiting.check()).toThrow('frozen');
});
