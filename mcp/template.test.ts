// References in text (spec/13-mcp.md §references).
import { describe, expect, test } from 'bun:test';
import { fill, parseTemplate } from './template.ts';

const value = (path: string, text: string | Uint8Array, field?: string) => ({
  path,
  ...(field === undefined ? {} : { field }),
  version: 1,
  bytes: typeof text === 'string' ? new TextEncoder().encode(text) : text,
});

test('a reference alone, or several in a text', () => {
  expect(fill(parseTemplate('stillvault://a/b'), [value('a/b', 'one')])).toBe('one');
  const template = parseTemplate('x={{stillvault://a/b}} y={{ stillvault://a/b#f }} {{ other }}');
  expect(template.items).toEqual([{ path: 'a/b' }, { path: 'a/b', field: 'f' }]);
  expect(fill(template, [value('a/b', 'one'), value('a/b', '{{ stillvault://a/b }}', 'f')])).toBe('x=one y={{ stillvault://a/b }} {{ other }}');
});

describe('is refused', () => {
  test.each(['x stillvault://a/b', 'stillvault://a/b stillvault://c', '{{ stillvault://a b }}'])('a stray reference: %s', (text) => {
    expect(() => parseTemplate(text)).toThrow(expect.objectContaining({ code: 'usage' }) as Error); // cast: a matcher
  });
  test('a text that is too long', () => {
    expect(() => parseTemplate('x'.repeat(262_145))).toThrow('longer than');
  });
  test('a value that is no text, and one that was not released', () => {
    const template = parseTemplate('stillvault://a/b');
    expect(() => fill(template, [value('a/b', Uint8Array.of(0xff))])).toThrow('is no text');
    expect(() => fill(template, [value('a/b', 'one', 'f')])).toThrow('released no value for a/b');
  });
});
