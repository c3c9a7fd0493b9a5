// Which text may be shown to a person (spec/01-encoding.md §text): refused at the source and again at the display.
import { check } from './errors.ts';
import { limits } from './limits.ts';

// Code points that show nothing, break lines or turn the direction of text. Written out, not taken from the runtime's Unicode tables:
// every client must judge an entry of the log alike, whatever version of Unicode it has.
const invisible =
  /[\0-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ue000-\uf8ff\ufe00-\ufe0e\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\u{13430}-\u{1345f}\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{10ffff}]/u;
// U+FE0F asks for the coloured form of the symbol before it, and means nothing elsewhere.
const strayVariation = /(?<![\xa9\xae\u203c-\u3299\u{1f000}-\u{1faff}])\ufe0f/u;
const outerSpace = /^[ \xa0\u1680\u2000-\u200a\u202f\u205f\u3000]|[ \xa0\u1680\u2000-\u200a\u202f\u205f\u3000]$/u;
// What this runtime knows beyond that.
const unknown = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Cn}\p{Zl}\p{Zp}]/u;
// Marks stacked so high that they cover other lines.
const stacked = /\p{Mn}{5,}/u;
const scripts = ['Latin', 'Greek', 'Cyrillic', 'Armenian', 'Hebrew', 'Arabic', 'Han', 'Hiragana', 'Katakana', 'Hangul', 'Thai', 'Devanagari', 'Cherokee', 'Georgian'] as const;
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
  check(!invisible.test(text) && !strayVariation.test(text), 'E_TEXT', 'control, direction or invisible characters');
  check(!outerSpace.test(text), 'E_TEXT', 'starts or ends with a space');
  return text;
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
  check(path.length >= 1 && path.length <= limits.pathBytes && path.split('/').every((part) => segment.test(part)), 'E_TEXT', 'not a secret path (letters, digits, . _ - in segments joined by /)');
  return path;
}

/** Field name of a secret. Throws E_TEXT. */
export function verifyFieldName(name: string): string {
  check(/^[A-Za-z_][A-Za-z0-9_-]{0,63}$/.test(name), 'E_TEXT', 'not a field name (letters, digits, _ -)');
  return name;
}
