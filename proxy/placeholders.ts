// What a program holds instead of a value, and how it is found again in what the program sends (spec/16-proxy.md §placeholders).
import type { Chunks } from './body.ts';

const prefix = 'stillvault-';
const placeholderLength = prefix.length + 32;
const pattern = /stillvault-[0-9a-f]{32}/g;

/** The same length for every value: a length is knowledge too. Letters that no encoding of URLs, JSON or forms touches. */
export function createPlaceholder(random: (length: number) => Uint8Array): string {
  return `${prefix}${Buffer.from(random(16)).toString('hex')}`;
}

export function placeholdersIn(text: string): readonly string[] {
  return text.match(pattern) ?? [];
}

export function fillText(text: string, values: ReadonlyMap<string, string>, encode: (value: string, placeholder: string) => string): string {
  return text.replace(pattern, (placeholder) => {
    const value = values.get(placeholder);
    return value === undefined ? placeholder : encode(value, placeholder);
  });
}

/** The bytes with each placeholder that `valueOf` knows replaced, wherever they were split. */
export async function* fillChunks(chunks: Chunks, valueOf: (placeholder: string) => Promise<Uint8Array | undefined>): Chunks {
  let held = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const text = held.length === 0 ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length) : Buffer.concat([held, chunk]);
    const out: Uint8Array[] = [];
    let written = 0;
    let holdFrom = text.length;
    for (let at = text.indexOf(prefix); at >= 0; at = text.indexOf(prefix, at + 1)) {
      if (at + placeholderLength > text.length) {
        holdFrom = at;
        break;
      }
      const value = await valueOf(text.toString('latin1', at, at + placeholderLength));
      if (value === undefined) continue;
      out.push(text.subarray(written, at), value);
      written = at + placeholderLength;
    }
    if (holdFrom === text.length) holdFrom -= beginningAtEnd(text.subarray(written));
    held = Buffer.from(text.subarray(holdFrom)); // a copy: the rest of the chunk need not stay
    out.push(text.subarray(written, holdFrom));
    yield out.length === 1 && out[0] !== undefined ? out[0] : Buffer.concat(out);
  }
  if (held.length > 0) yield held;
}

/** How many bytes at the end could be the beginning of a placeholder. */
function beginningAtEnd(text: Buffer): number {
  for (let length = Math.min(prefix.length - 1, text.length); length > 0; length--)
    if (text.toString('latin1', text.length - length) === prefix.slice(0, length)) return length;
  return 0;
}
