// The search itself finds what is there: a test that finds nothing proves nothing unless this holds.
import { expect, test } from 'bun:test';
import { formsOf, tracesIn } from './traces.ts';

const secret = 'Grüße/+~ "x"';

test('every form of a text is found wherever it stands', () => {
  for (const [form, needle] of formsOf(secret)) {
    const haystack = Buffer.concat([Buffer.from('before'), needle, Buffer.from('after')]);
    expect([form, tracesIn(haystack, { secret }).some((trace) => trace.form === form)]).toEqual([form, true]);
  }
  for (const offset of [0, 1, 2, 3, 4, 5]) {
    const encoded = Buffer.from(Buffer.concat([Buffer.alloc(offset, 'z'), Buffer.from(secret), Buffer.from('tail')]).toString('base64'));
    expect(tracesIn(encoded, { secret }).map(({ form }) => form)).toContain(`base64+${offset % 3}`);
  }
  expect(tracesIn(Buffer.from('nothing of it'), { secret })).toEqual([]);
});
