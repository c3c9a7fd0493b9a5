// Keeps values out of what a program prints, as it streams (spec/13-mcp.md §masking). A protection against accidents, not a wall: a program can
// write a value in ways that no list has. `stillvault run` and the MCP server share it. No dependencies.
import { formsOf } from './mask-forms.ts';
import { createSearch, type Search } from './mask-search.ts';

export interface MaskStream {
  /** What of the text so far is surely no part of a value; the rest is held back until more has come. May be a view of the chunk. */
  push(chunk: Uint8Array): Uint8Array;
  /** The same in pieces, so that nothing long is copied. */
  pieces(chunk: Uint8Array): readonly Uint8Array[];
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

const maskText = '[masked]';

/**
 * Every occurrence of a value, raw or encoded, becomes `[masked]`; occurrences that overlap become one. The result does not depend on where a
 * text was split. Copies what it needs of the values.
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

/** Longer than most that is held. */
const seamBytes = 1_024;
/** Many short ones cost more than their copy. */
const maxPieces = 8;

function createStream(search: Search | undefined): MaskStream {
  let held: Uint8Array = nothing;
  let covered = 0; // so many of the held bytes are part of an occurrence that is masked already
  let written = 0; // so many of the held bytes are written already, masked or by idle()
  const step = (chunk: Uint8Array, isEnd = false): readonly Uint8Array[] => {
    if (search === undefined) return [chunk];
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
    return out.length > maxPieces ? [concat(out)] : out;
  };
  // Not the whole chunk is copied to stand behind the held bytes: after its beginning, what is held lies in the chunk as a rule.
  const pieces = (chunk: Uint8Array): readonly Uint8Array[] => {
    if (held.length === 0 || chunk.length <= seamBytes) return step(chunk);
    const first = step(chunk.subarray(0, seamBytes));
    const isInside = held.length <= seamBytes;
    const rest = chunk.subarray(isInside ? seamBytes - held.length : seamBytes);
    if (isInside) held = nothing;
    return [...first, ...step(rest)];
  };
  const idle = (): Uint8Array => {
    if (search === undefined || held.length > search.idleBytes) return nothing;
    const shown = held.subarray(written);
    written = Math.max(written, held.length);
    return shown;
  };
  return {
    push: (chunk) => concat(pieces(chunk)),
    pieces,
    get isHolding() {
      return held.length > written;
    },
    idle,
    end: () => concat(step(nothing, true)),
  };
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1 && parts[0] !== undefined) return parts[0];
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
