// Which text may be shown to a person (spec/01-encoding.md §text): refused at the source and again at the display.
import { check } from './errors.ts';
import { limits } from './limits.ts';

// Control, format (bidi, zero-width, tags), private use, surrogate, unassigned, line and paragraph separators.
const forbidden = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Cn}\p{Zl}\p{Zp}]/u;
const scripts = ['Latin', 'Greek', 'Cyrillic', 'Armenian', 'Hebrew', 'Arabic', 'Han', 'Hiragana', 'Katakana', 'Hangul', 'Thai', 'Devanagari', 'Cherokee', 'Georgian'] as const;
const scriptPatterns = scripts.map((script) => [script, new RegExp(`\\p{Script=${script}}`, 'u')] as const);
// Combinations that one language really mixes (UTS #39 highly restrictive).
const allowedMixes = [new Set(['Latin', 'Han', 'Hiragana', 'Katakana']), new Set(['Latin', 'Han', 'Hangul'])];

interface SegmenterLike {
  segment(text: string): Iterable<unknown>;
}
let graphemes: SegmenterLike | undefined;

/** One line of at most `maxGraphemes`, NFC, well-formed, nothing invisible. Throws E_TEXT. */
export function verifyText(text: string, maxGraphemes: number = limits.claimGraphemes): string {
  check(text.isWellFormed() && text.normalize('NFC') === text, 'E_TEXT', 'not well-formed NFC text');
  check(!forbidden.test(text), 'E_TEXT', 'control, direction, invisible or unassigned characters');
  check(text.trim() === text, 'E_TEXT', 'starts or ends with a space');
  graphemes ??= new Intl.Segmenter('en', { granularity: 'grapheme' });
  let length = 0;
  for (const _ of graphemes.segment(text)) check(++length <= maxGraphemes, 'E_TEXT', `longer than ${maxGraphemes} characters`);
  return text;
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
