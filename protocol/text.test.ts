// Text that could deceive a person is refused at the source and again at the display (spec/01-encoding.md §text; attacks rows 84, 85).
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { codeOf } from '../testing/code-of.ts';
import { limits } from './limits.ts';
import { mixesScripts, verifyClaim, verifyFieldName, verifyName, verifyPath, verifyText } from './text.ts';

const deceiving: readonly (readonly [what: string, text: string])[] = [
  ['a line break', 'one\ntwo'],
  ['a carriage return', 'one\rtwo'],
  ['a tab', 'one\ttwo'],
  ['the escape character', 'red \u001b[31m'],
  ['a C1 control', 'a\u0085b'],
  ['right-to-left override', 'invoice\u202egpj.exe'],
  ['left-to-right isolate', 'a\u2066b'],
  ['an Arabic letter mark', 'a\u061cb'],
  ['zero-width space', 'ad\u200bmin'],
  ['zero-width joiner', 'ad\u200dmin'],
  ['a byte order mark', '\ufeffadmin'],
  ['a soft hyphen', 'ad\u00admin'],
  ['a combining grapheme joiner', 'a\u034fb'],
  ['a Hangul filler', 'a\u3164b'],
  ['a half-width Hangul filler', 'a\uffa0b'],
  ['a Braille blank', 'a\u2800b'],
  ['a word joiner', 'a\u2060b'],
  ['an invisible tag', 'a\u{e0041}b'],
  ['a variation selector of the supplement', 'a\u{e0100}'],
  ['a variation selector after a letter', 'a\ufe0f'],
  ['two variation selectors', '❤\ufe0f\ufe0f'],
  ['a text variation selector', '❤\ufe0e'],
  ['private use', 'a\ue000'],
  ['private use of plane 16', 'a\u{10fffd}'],
  ['a noncharacter', 'a\uffff'],
  ['a line separator', 'a\u2028b'],
  ['a lone high surrogate', 'a\ud800'],
  ['a lone low surrogate', '\udc00a'],
  ['a decomposed letter', 'u\u0308ber'],
  ['a space in front', ' admin'],
  ['a space behind', 'admin '],
  ['a no-break space behind', 'admin\u00a0'],
  ['an ideographic space in front', '\u3000admin'],
];
const honest: readonly string[] = [
  '',
  'nightly report',
  'Zoë’s phone',
  '夜間レポート',
  'תזכורת',
  '❤️ deploy',
  '日本語 and English',
  'a  b',
  'naïve café',
  'क्षत्रिय',
  '100 % — done…',
];

describe('INV-TEXT-PLAIN row 85', () => {
  test.each(deceiving)('%s is refused in names and in what is shown', async (_what, text) => {
    expect(await codeOf(() => verifyName(text))).toBe('E_TEXT');
    expect(await codeOf(() => verifyText(text))).toBe('E_TEXT');
  });
  test.each(honest.map((text) => [text]))('“%s” is accepted', (text) => {
    expect(verifyName(text)).toBe(text);
    expect(verifyText(text)).toBe(text);
  });
  test('a code point that this runtime does not know may stand in a name, where all clients must agree, but is not shown', async () => {
    expect(await codeOf(() => verifyName('a\u0378b'))).toBe('accepted');
    expect(await codeOf(() => verifyText('a\u0378b'))).toBe('E_TEXT');
  });
  test('what is shown holds nothing that is hidden, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 20 }), (text) => {
        try {
          verifyText(text);
        } catch {
          return;
        }
        expect(text).not.toMatch(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Cn}\p{Zl}\p{Zp}]/u);
        expect(text.replace(/\ufe0f/g, '')).not.toMatch(/\p{Default_Ignorable_Code_Point}/u);
      }),
      { numRuns: 3_000 },
    );
  });
});

describe('row 84: length and height', () => {
  test('120 characters as a person counts them, and not one more', async () => {
    expect(await codeOf(() => verifyText('👍🏽'.repeat(limits.claimGraphemes)))).toBe('accepted');
    expect(await codeOf(() => verifyText('👍🏽'.repeat(limits.claimGraphemes + 1)))).toBe('E_TEXT');
  });
  test('marks that pile up over other lines are refused in claims', async () => {
    expect(await codeOf(() => verifyClaim(`a${'\u0323'.repeat(4)}`.normalize('NFC')))).toBe('accepted');
    expect(await codeOf(() => verifyClaim(`x${'\u0335'.repeat(5)}`))).toBe('E_TEXT');
  });
});

describe('scripts that no language mixes are flagged', () => {
  const texts: readonly (readonly [text: string, mixed: boolean])[] = [
    ['paypal', false],
    ['pаypаl', true],
    ['Ελλάδα', false],
    ['αdmin', true],
    ['日本語とEnglish', false],
    ['한국어 and English', false],
    ['日本語とカタカナ한국어', true],
    ['аdmіn', true],
    ['12:30 — ok', false],
  ];
  test.each(texts)('%s: %p', (text, mixed) => expect(mixesScripts(text)).toBe(mixed));
});

describe('paths and field names are ASCII, so that no two look alike', () => {
  const paths: readonly (readonly [path: string, code: string])[] = [
    ['prod/db-primary', 'accepted'],
    ['a', 'accepted'],
    ['a.b/c_d-e/0', 'accepted'],
    ['a'.repeat(limits.pathBytes), 'accepted'],
    ['a'.repeat(limits.pathBytes + 1), 'E_TEXT'],
    ['', 'E_TEXT'],
    ['/prod', 'E_TEXT'],
    ['prod/', 'E_TEXT'],
    ['prod//db', 'E_TEXT'],
    ['prod/../db', 'E_TEXT'],
    ['.env', 'E_TEXT'],
    ['prod/db.', 'E_TEXT'],
    ['prod/d b', 'E_TEXT'],
    ['prod/*', 'E_TEXT'],
    ['prod/db#x', 'E_TEXT'],
    ['prod/dв', 'E_TEXT'],
    ['prod/db\n', 'E_TEXT'],
  ];
  test.each(paths)('path %p: %s', async (path, code) => expect(await codeOf(() => verifyPath(path))).toBe(code));
  const fields: readonly (readonly [name: string, code: string])[] = [
    ['password', 'accepted'],
    ['_x-1', 'accepted'],
    ['a'.repeat(64), 'accepted'],
    ['a'.repeat(65), 'E_TEXT'],
    ['', 'E_TEXT'],
    ['1a', 'E_TEXT'],
    ['a.b', 'E_TEXT'],
    ['a\n', 'E_TEXT'],
    ['ä', 'E_TEXT'],
  ];
  test.each(fields)('field %p: %s', async (name, code) => expect(await codeOf(() => verifyFieldName(name))).toBe(code));
});
