// Which text may be shown to a person (spec/01-encoding.md §text): refused at the source and again at the display.
import { check } from './errors.ts';
import { limits } from './limits.ts';

// Code points that show nothing, break lines or turn the direction of text. Written out, not taken from the runtime's Unicode tables:
// every client must judge an entry of the log alike, whatever version of Unicode it has.
const invisibleRanges: readonly (readonly [first: number, last: number])[] = [
  [0x0, 0x1f],
  [0x7f, 0x9f],
  [0xad, 0xad],
  [0x34f, 0x34f],
  [0x61c, 0x61c],
  [0x115f, 0x1160],
  [0x17b4, 0x17b5],
  [0x180b, 0x180f],
  [0x200b, 0x200f],
  [0x2028, 0x202e],
  [0x2060, 0x206f],
  [0x2800, 0x2800],
  [0x3164, 0x3164],
  [0xe000, 0xf8ff],
  [0xfe00, 0xfe0e],
  [0xfeff, 0xfeff],
  [0xffa0, 0xffa0],
  [0xfff0, 0xfffb],
  [0xfffe, 0xffff],
  [0x13430, 0x1345f],
  [0x1bca0, 0x1bca3],
  [0x1d173, 0x1d17a],
  [0xe0000, 0x10ffff],
];
// U+FE0F asks for the coloured form of the symbol before it, and means nothing elsewhere.
const strayVariation = /(?<![\xa9\xae\u203c-\u3299\u{1f000}-\u{1faff}])\ufe0f/u;
const outerSpace = /^[ \xa0\u1680\u2000-\u200a\u202f\u205f\u3000]|[ \xa0\u1680\u2000-\u200a\u202f\u205f\u3000]$/u;
// What this runtime knows beyond that.
const unknown = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Cn}\p{Zl}\p{Zp}]/u;
// Marks stacked so high that they cover other lines.
const stacked = /\p{Mn}{5,}/u;
const scripts = [
  'Latin',
  'Greek',
  'Cyrillic',
  'Armenian',
  'Hebrew',
  'Arabic',
  'Han',
  'Hiragana',
  'Katakana',
  'Hangul',
  'Thai',
  'Devanagari',
  'Cherokee',
  'Georgian',
] as const;
const scriptPatterns = scripts.map((script) => [script, new RegExp(`\\p{Script=${script}}`, 'u')] as const);
// Combinations that one language really mixes (UTS #39 highly restrictive).
const allowedMixes = [new Set(['Latin', 'Han', 'Hiragana', 'Katakana']), new Set(['Latin', 'Han', 'Hangul'])];

interface SegmenterLike {
  segment(text: string): Iterable<unknown>;
}
let graphemes: SegmenterLike | undefined;

/** A name in the log: one line with nothing invisible; its size is bounded by its codec. Throws E_TEXT. */
export function verifyName(text: string): string {
  check(text.isWellFormed() && text.normalize('NFC') === text, 'E_TEXT', 'not well-formed NFC text');
  check(!hasInvisible(text) && !strayVariation.test(text), 'E_TEXT', 'control, direction or invisible characters');
  check(!outerSpace.test(text), 'E_TEXT', 'starts or ends with a space');
  return text;
}

function hasInvisible(text: string): boolean {
  for (const char of text) {
    const point = char.codePointAt(0) ?? 0;
    if (point !== 0x20 && (point < 0x20 || point > 0x7e) && invisibleRanges.some(([first, last]) => point >= first && point <= last)) return true;
  }
  return false;
}

/** Text that a person is shown: as verifyName, nothing unassigned, at most `maxGraphemes` characters. Throws E_TEXT. */
export function verifyText(text: string, maxGraphemes: number = limits.claimGraphemes): string {
  verifyName(text);
  check(!unknown.test(text), 'E_TEXT', 'unassigned characters');
  graphemes ??= new Intl.Segmenter('en', { granularity: 'grapheme' });
  let length = 0;
  for (const _ of graphemes.segment(text)) check(++length <= maxGraphemes, 'E_TEXT', `longer than ${maxGraphemes} characters`);
  return text;
}

/** What somebody claims of themselves: as verifyText, and no stacked marks. Throws E_TEXT. */
export function verifyClaim(text: string, maxGraphemes: number = limits.claimGraphemes): string {
  check(!stacked.test(text), 'E_TEXT', 'marks that would cover other lines');
  return verifyText(text, maxGraphemes);
}

/** True where letters of scripts that no language mixes stand in one text: shown with a mark, not refused. */
export function mixesScripts(text: string): boolean {
  const found = scriptPatterns.filter(([, pattern]) => pattern.test(text)).map(([script]) => script);
  return found.length > 1 && !allowedMixes.some((mix) => found.every((script) => mix.has(script)));
}

const segment = /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?$/;

/** Secret path: ASCII segments joined by `/`, so that no two paths look alike. Throws E_TEXT. */
export function verifyPath(path: string): string {
  check(
    path.length >= 1 && path.length <= limits.pathBytes && path.split('/').every((part) => segment.test(part)),
    'E_TEXT',
    'not a secret path (letters, digits, . _ - in segments joined by /)',
  );
  return path;
}

/** Field name of a secret. Throws E_TEXT. */
export function verifyFieldName(name: string): string {
  check(/^[A-Za-z_][A-Za-z0-9_-]{0,63}$/.test(name), 'E_TEXT', 'not a field name (letters, digits, _ -)');
  return name;
}
