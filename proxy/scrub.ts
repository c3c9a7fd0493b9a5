// Takes values out of what hosts answer: headers, bodies whatever their coding, and what follows an upgrade (spec/16-proxy.md §scrubbing).
import { Readable, type Transform, pipeline } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
import type { Mask } from '../sdk/mask.ts';
import type { Chunks } from './body.ts';
import { bounds } from './bounds.ts';
import { type AnswerHead, type Header, valuesOf } from './head.ts';
import { ProxyError } from './proxy-error.ts';

export function scrubbedHeaders(headers: readonly Header[], mask: Mask): readonly Header[] {
  return headers.map(([name, value]) => [name, scrubbedText(value, mask)]);
}

/** A header's characters stand for bytes. */
export function scrubbedText(text: string, mask: Mask): string {
  return Buffer.from(mask.bytes(Buffer.from(text, 'latin1'))).toString('latin1');
}

export async function* scrubbed(chunks: Chunks, mask: Mask): Chunks {
  const stream = mask.stream();
  for await (const chunk of chunks) yield stream.push(chunk);
  yield stream.end();
}

/** The same for a conversation: what is held back goes on when nothing follows for a while. */
export async function* scrubbedLive(chunks: Chunks, mask: Mask): Chunks {
  const source = chunks[Symbol.asyncIterator]();
  let stream = mask.stream();
  let next = source.next();
  for (let isHolding = false; ;) {
    const got = isHolding ? await Promise.race([next, quiet()]) : await next;
    if (got === 'quiet') {
      yield stream.end();
      stream = mask.stream();
      isHolding = false;
      continue;
    }
    if (got.done === true) break;
    yield stream.push(got.value);
    isHolding = true;
    next = source.next();
  }
  yield stream.end();
}

function quiet(): Promise<'quiet'> {
  return new Promise((resolve) => setTimeout(() => resolve('quiet'), bounds.maskHoldMs).unref());
}

type Coding = 'gzip' | 'x-gzip' | 'deflate' | 'br' | 'zstd';
const decoders: Readonly<Record<Coding, () => Transform>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
};
const isKnown = (coding: string): coding is Coding => Object.hasOwn(decoders, coding);

/** The coding of a host that does not heed `identity`. Throws E_PROXY_ANSWER where what is in it cannot be read. */
export function codingOf({ headers, status }: AnswerHead): Coding | undefined {
  const codings = valuesOf(headers, 'content-encoding').flatMap((value) =>
    value
      .toLowerCase()
      .split(',')
      .map((coding) => coding.trim()),
  );
  const [coding, ...more] = codings.filter((name) => name !== 'identity' && name !== '');
  if (coding === undefined) return undefined;
  if (more.length > 0 || !isKnown(coding) || status === 206) throw new ProxyError('E_PROXY_ANSWER', 'the host answered in a coding that cannot be scrubbed');
  return coding;
}

export async function* decoded(chunks: Chunks, coding: Coding): Chunks {
  const decoder = decoders[coding]();
  pipeline(Readable.from(chunks), decoder, () => undefined); // a failure comes out of the decoder as well
  try {
    for await (const chunk of decoder) yield chunk as Uint8Array; // cast: a decoder without an encoding gives bytes
  } catch (cause) {
    if (cause instanceof ProxyError) throw cause;
    throw new ProxyError('E_PROXY_ANSWER', 'the coding of the answer is broken', { cause });
  }
}
