// Validations and properties of spec/10-local-api.md §text: whatever the kernel hands over becomes one line that can be shown.
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { encodeUtf8 } from '../../protocol/bytes.ts';
import { verifyText } from '../../protocol/text.ts';
import { toVisible, type Alterations } from './visible.ts';

const show = (raw: Uint8Array | string, maxBytes = 512): { text: string; escaped: boolean; cut: boolean } => {
  const altered: Alterations = { escaped: new Set(), cut: new Set() };
  const text = toVisible(typeof raw === 'string' ? encodeUtf8(raw) : raw, 'argv', altered, maxBytes);
  return { text, escaped: altered.escaped.has('argv'), cut: altered.cut.has('argv') };
};

describe('text that hides something is shown with what it hides (attack 85)', () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ['right-to-left override', 'txt.\u202eexe', 'txt.\\u{202e}exe'],
    ['zero-width space', 'clau\u200bde', 'clau\\u{200b}de'],
    ['a line break', 'a\nb', 'a\\u{a}b'],
    ['an escape sequence of a terminal', '\u001b[2Jx', '\\u{1b}[2Jx'],
    ['a tag character', 'a\u{e0041}', 'a\\u{e0041}'],
    ['a private-use character', '\ue000', '\\u{e000}'],
    ['an unassigned character', '\u{50000}', '\\u{50000}'],
    ['a filler that draws nothing', 'a\u3164b', 'a\\u{3164}b'],
    ['a variation selector', 'a\ufe0f', 'a\\u{fe0f}'],
    ['a no-break space', 'a\u00a0b', 'a\\u{a0}b'],
    ['a space at the end', 'a ', 'a\\u{20}'],
    ['our own escape, typed by hand', '\\u{202e}', '\\u{5c}u{202e}'],
    ['text that is not NFC', 'e\u0301', 'e\\x{cc}\\x{81}'],
  ];
  test.each(cases)('%s', (_, raw, shown) => {
    expect(show(raw)).toEqual({ text: shown, escaped: true, cut: false });
  });

  test('bytes that are no UTF-8', () => {
    expect(show(Uint8Array.of(0x61, 0xff, 0x62))).toEqual({ text: 'a\\x{ff}b', escaped: true, cut: false });
  });

  test('ordinary text of any language stays', () => {
    for (const text of ['', 'a b', 'größe', '日本語', '/usr/bin/node', 'naïve \\ path']) expect(show(text)).toEqual({ text, escaped: false, cut: false });
  });
});

test('at the bound a text is whole, one past it is cut in the middle and says so', () => {
  expect(show('x'.repeat(512))).toEqual({ text: 'x'.repeat(512), escaped: false, cut: false });
  const long = show(`/${'a'.repeat(600)}/claude`);
  expect(long.cut).toBe(true);
  expect(encodeUtf8(long.text).length).toBeLessThanOrEqual(512);
  expect(long.text.endsWith('/claude')).toBe(true);
});

const anyBytes = fc.oneof(
  fc.uint8Array({ maxLength: 700 }),
  fc.string({ unit: 'binary', maxLength: 300 }).map(encodeUtf8),
  fc.string({ unit: 'grapheme', maxLength: 300 }).map(encodeUtf8),
);

test('INV-LOCAL-TEXT any bytes become text that the approver’s device accepts, within the bound', () => {
  fc.assert(
    fc.property(anyBytes, fc.integer({ min: 16, max: 512 }), (raw, maxBytes) => {
      const { text } = show(raw, maxBytes);
      expect(encodeUtf8(text).length).toBeLessThanOrEqual(maxBytes);
      expect(verifyText(text, Number.POSITIVE_INFINITY)).toBe(text);
    }),
    { numRuns: 2_000 },
  );
});

test('two different texts are never shown alike, unless they were cut', () => {
  const small = fc.oneof(fc.uint8Array({ maxLength: 6 }), fc.constantFrom('\\u{41}', 'A', '\\x{ff}', '\\', 'é', 'e\u0301', ' ', '\u00a0').map(encodeUtf8));
  fc.assert(
    fc.property(small, small, (a, b) => {
      expect(show(a).text === show(b).text).toBe(Buffer.compare(a, b) === 0);
    }),
    { numRuns: 5_000 },
  );
});
