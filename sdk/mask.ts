// Keeps values out of what a program prints, as it streams (spec/13-mcp.md §masking). A protection against accidents, not a wall: a program can
// write a value in ways that no list has. `stillvault run` and the MCP server share it. No dependencies.
import { type Form, formsOf } from './mask-forms.ts';

export interface MaskStream {
  /** What of the text so far is surely no part of a value; the rest is held back until more has come. May be a view of the chunk. */
  push(chunk: Uint8Array): Uint8Array;
  /** Whether something is held back. */
  readonly isHolding: boolean;
  /** Nothing more came for a while: the few held bytes that tell next to nothing of a value, so that an echo or a prompt does not seem to hang. */
  idle(): Uint8Array;
  /** The rest. */
  end(): Uint8Array;
}
export interface Mask {
  /** Nothing is looked for. */
  readonly isEmpty: boolean;
  stream(): MaskStream;
  bytes(text: Uint8Array): Uint8Array;
  text(text: string): string;
}

export const maskText = '[masked]';

/**
 * Every occurrence of a value, raw or encoded, becomes `[masked]`; occurrences that overlap become one. The result does not depend on where a
 * text was split. Copies what it needs of the values.
 *
 * Looks at every n-th byte only, where n is the shortest form's length, less one (Wu and Manber, 1994): long values cost next to nothing.
 */
export function createMask(values: Iterable<Uint8Array>): Mask {
  const search = createSearch(formsOf(values));
  const stream = (): MaskStream => createStream(search);
  const bytes = (text: Uint8Array): Uint8Array => {
    const masking = stream();
    return concat([masking.push(text), masking.end()]);
  };
  return { isEmpty: search === undefined, stream, bytes, text: (text) => decoder.decode(bytes(encoder.encode(text))) };
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const replacement = encoder.encode(maskText);
const nothing = new Uint8Array(0);

interface Span {
  readonly start: number;
  readonly end: number;
}
interface Search {
  /** Occurrences in any order, and from where on the end of the text may be the beginning of one. */
  find(text: Uint8Array, isEnd: boolean): { readonly found: Span[]; readonly holdFrom: number };
  /** So many bytes of the beginning of a form may be shown: a quarter of the shortest, 3 at most. */
  readonly idleBytes: number;
}
const maxIdleBytes = 3;

function createStream(search: Search | undefined): MaskStream {
  let held: Uint8Array = nothing;
  let covered = 0; // so many of the held bytes are part of an occurrence that is masked already
  let written = 0; // so many of the held bytes are written already, masked or by idle()
  const step = (chunk: Uint8Array, isEnd: boolean): Uint8Array => {
    if (search === undefined) return chunk;
    const text = held.length === 0 ? chunk : concat([held, chunk]);
    const { found, holdFrom } = search.find(text, isEnd);
    const out: Uint8Array[] = [];
    for (const { start, end } of found.sort((a, b) => a.start - b.start || b.end - a.end)) {
      if (start >= holdFrom) break; // comes again with the held bytes
      if (start >= covered) out.push(text.subarray(Math.min(written, start), start), replacement);
      covered = Math.max(covered, end);
      written = Math.max(written, end);
    }
    if (written < holdFrom) out.push(text.subarray(written, holdFrom));
    covered = Math.max(0, covered - holdFrom);
    written = Math.max(0, written - holdFrom);
    held = text.slice(holdFrom);
    return out.length === 1 && out[0] !== undefined ? out[0] : concat(out);
  };
  const idle = (): Uint8Array => {
    if (search === undefined || held.length > search.idleBytes) return nothing;
    const shown = held.subarray(written);
    written = Math.max(written, held.length);
    return shown;
  };
  return {
    push: (chunk) => step(chunk, false),
    get isHolding() {
      return held.length > written;
    },
    idle,
    end: () => step(nothing, true),
  };
}

/** A piece of a form that stands in the text without a line break. */
interface Anchor {
  readonly form: Form;
  readonly at: number;
}

/** Encoders break lines after 60 characters or more: of two neighbouring pieces of this length one is whole. */
const maxAnchorBytes = 24;

function createSearch(forms: readonly Form[]): Search | undefined {
  if (forms.length === 0) return undefined;
  const length = Math.min(maxAnchorBytes, ...forms.map(({ bytes, wraps }) => (wraps ? Math.max(4, bytes.length >> 1) : bytes.length)));
  const anchors: Anchor[] = forms.flatMap((form) => [{ form, at: 0 }, ...(form.wraps && form.bytes.length >= 2 * length ? [{ form, at: length }] : [])]);
  const shifts = new Uint8Array(65_536).fill(length - 1);
  const atPair = new Map<number, Anchor[]>();
  const byFirst: Form[][] = Array.from({ length: 256 }, () => []);
  for (const form of forms) byFirst[form.bytes[0] ?? 0]?.push(form);
  for (const anchor of anchors) {
    for (let at = 1; at < length; at++) {
      const pair = pairAt(anchor.form.bytes, anchor.at + at);
      shifts[pair] = Math.min(shifts[pair] ?? 0, length - 1 - at);
      if (at === length - 1) atPair.set(pair, [...(atPair.get(pair) ?? []), anchor]);
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
      for (let at = length - 1; at < text.length;) {
        const pair = ((text[at - 1] ?? 0) << 8) | (text[at] ?? 0);
        const shift = shifts[pair] ?? 0;
        if (shift > 0) {
          at += shift;
          continue;
        }
        for (const anchor of atPair.get(pair) ?? []) {
          const start = startOf(anchor, text, at - length + 1);
          if (start !== undefined) take(anchor.form, start, matchEnd(anchor.form, text, start));
        }
        at++;
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

const pairAt = (bytes: Uint8Array, at: number): number => ((bytes[at - 1] ?? 0) << 8) | (bytes[at] ?? 0);
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

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
