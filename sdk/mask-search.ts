// Finds all forms of all values in one pass over a text (spec/13-mcp.md §masking). No dependencies.
import { type Form, minValueBytes } from './mask-forms.ts';

export interface Span {
  readonly start: number;
  readonly end: number;
}
export interface Search {
  /** Occurrences in any order, and from where on the end of the text may be the beginning of one. */
  find(text: Uint8Array, isEnd: boolean): { readonly found: Span[]; readonly holdFrom: number };
  /** So many bytes of the beginning of a form may be shown: a quarter of the shortest, 3 at most. */
  readonly idleBytes: number;
}
const maxIdleBytes = 3;

/** A piece of a form that stands in the text without a line break. */
interface Anchor {
  readonly form: Form;
  readonly at: number;
}

/** Encoders break lines after 60 characters or more: of two neighbouring pieces of this length one is whole. */
const maxAnchorBytes = 24;

/** Looks at every n-th byte only, where n is the shortest form’s length, less two (Wu and Manber, 1994): long values cost next to nothing. */
export function createSearch(forms: readonly Form[]): Search | undefined {
  if (forms.length === 0) return undefined;
  const length = Math.min(maxAnchorBytes, ...forms.map(({ bytes, wraps }) => (wraps ? Math.max(minValueBytes, bytes.length >> 1) : bytes.length)));
  const anchors: Anchor[] = forms.flatMap((form) => [{ form, at: 0 }, ...(form.wraps && form.bytes.length >= 2 * length ? [{ form, at: length }] : [])]);
  const shifts = new Uint8Array(keys).fill(length - 2);
  const atKey = new Map<number, Anchor[]>();
  const byFirst: Form[][] = Array.from({ length: 256 }, () => []);
  for (const form of forms) byFirst[form.bytes[0] ?? 0]?.push(form);
  for (const anchor of anchors) {
    for (let at = 2; at < length; at++) {
      const key = keyAt(anchor.form.bytes, anchor.at + at);
      shifts[key] = Math.min(shifts[key] ?? 0, length - 1 - at);
      if (at === length - 1) atKey.set(key, [...(atKey.get(key) ?? []), anchor]);
    }
  }
  /** Beginnings this close to the end may have no whole anchor yet. */
  const edge = 2 * length + 4;

  return {
    idleBytes: Math.min(maxIdleBytes, ...forms.map(({ bytes }) => bytes.length >> 2)),
    find(text, isEnd) {
      const found: Span[] = [];
      let holdFrom = text.length;
      const take = (form: Form, start: number, end: number | 'partial' | undefined): void => {
        if (end === undefined) return;
        if (end === 'partial' || (form.open && end === text.length)) holdFrom = Math.min(holdFrom, start);
        if (end !== 'partial') found.push({ start, end });
      };
      for (let at = skip(text, length - 1, shifts, length - 2); at < text.length; at = skip(text, at + 1, shifts, length - 2)) {
        for (const anchor of atKey.get(keyAt(text, at)) ?? []) {
          const start = startOf(anchor, text, at - length + 1);
          if (start !== undefined) take(anchor.form, start, matchEnd(anchor.form, text, start));
        }
      }
      for (let start = Math.max(0, text.length - edge); start < text.length; start++) {
        for (const form of byFirst[text[start] ?? 0] ?? []) {
          take(form, start, matchEnd(form, text, start));
        }
      }
      return { found, holdFrom: isEnd ? text.length : holdFrom };
    },
  };
}

const keys = 65_536;

/** Of the three bytes that end here: text differs in the low bits, and the table stays in the nearest cache. */
function keyAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at - 2] ?? 0) ^ ((bytes[at - 1] ?? 0) << 5) ^ ((bytes[at] ?? 0) << 10)) & (keys - 1);
}

/** From here on, the next place where a piece may end. */
function skip(text: Uint8Array, from: number, shifts: Uint8Array, most: number): number {
  for (let at = from; at < text.length;) {
    const shift = shifts[keyAt(text, at)] ?? 0;
    // Apart from the other shifts, so that the processor need not know this one to look at the next place.
    if (shift === most) at += most;
    else if (shift === 0) return at;
    else at += shift;
  }
  return text.length;
}

const isBreak = (byte: number | undefined): boolean => byte === 10 || byte === 13;

/** Where the form begins whose anchor ends in the text here; undefined where it is another text. */
function startOf({ form, at }: Anchor, text: Uint8Array, where: number): number | undefined {
  let start = where;
  for (let left = at; left > 0; left--) {
    do start--;
    while (start > 0 && isBreak(text[start]));
    if (start < 0 || text[start] !== form.bytes[left - 1]) return undefined;
  }
  return start;
}

/** The end of the form that begins here; partial where the text ends before it; undefined where it is another text. */
function matchEnd({ bytes, wraps, open }: Form, text: Uint8Array, start: number): number | 'partial' | undefined {
  let at = start;
  for (let index = 0; index < bytes.length; index++, at++) {
    if (wraps && index > 0) while (at < text.length && isBreak(text[at])) at++;
    if (at >= text.length) return 'partial';
    if (text[at] !== bytes[index]) return undefined;
  }
  return open ? afterOpen(text, at) : at;
}

/** The character with the last bits, and padding. */
function afterOpen(text: Uint8Array, end: number): number {
  let at = end;
  if (isBase64(text[at] ?? 0)) at++;
  for (let padding = 0; padding < 2 && text[at] === 61; padding++) at++;
  return at;
}

function isBase64(byte: number): boolean {
  return (byte >= 65 && byte <= 90) || (byte >= 97 && byte <= 122) || (byte >= 47 && byte <= 57) || byte === 43 || byte === 45 || byte === 95;
}
