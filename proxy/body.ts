// Bodies of HTTP/1.1 messages as they stream: by length, in chunks, or to the end of the connection (spec/16-proxy.md §messages).
import { bounds } from './bounds.ts';
import type { Framing } from './head.ts';
import { ProxyError } from './proxy-error.ts';
import type { Stream } from './stream.ts';

export type Chunks = AsyncIterable<Uint8Array>;

/** Throws E_PROXY_MESSAGE where it is malformed or ends early. Trailers are read and dropped: nothing may depend on them. */
export function readBody(stream: Stream, framing: Framing): Chunks {
  switch (framing.kind) {
    case 'none':
      return nothing();
    case 'length':
      return readLength(stream, framing.bytes);
    case 'chunked':
      return readChunked(stream);
    case 'until-close':
      return readToEnd(stream);
  }
}

export async function writeBody(stream: Stream, chunks: Chunks, framing: Framing): Promise<void> {
  for await (const chunk of chunks) {
    if (chunk.length === 0) continue;
    if (framing.kind === 'chunked') await stream.write(Buffer.concat([Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, crlf]));
    else await stream.write(chunk);
  }
  if (framing.kind === 'chunked') await stream.write(lastChunk);
}

/** All of it. Throws E_PROXY_SIZE. */
export async function wholeBody(chunks: Chunks, maxBytes: number): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size > maxBytes) throw new ProxyError('E_PROXY_SIZE', `a body of more than ${maxBytes} bytes cannot be held whole`);
    all.push(chunk);
  }
  return Buffer.concat(all);
}

export async function* once(bytes: Uint8Array): Chunks {
  yield bytes;
}

const crlf = Buffer.from('\r\n');
const lastChunk = Buffer.from('0\r\n\r\n');

async function* nothing(): Chunks {}

async function* readLength(stream: Stream, bytes: number): Chunks {
  for (let left = bytes; left > 0;) {
    const chunk = await next(stream);
    if (chunk.length > left) stream.unread(chunk.subarray(left));
    const taken = chunk.subarray(0, left);
    left -= taken.length;
    yield taken;
  }
}

async function* readChunked(stream: Stream): Chunks {
  for (;;) {
    const line = await readLine(stream, bounds.chunkLineBytes);
    const [, size] = /^([0-9A-Fa-f]{1,8})(?:[ \t]*;[\t\x20-\x7e]*)?$/.exec(line) ?? [];
    if (size === undefined) throw new ProxyError('E_PROXY_MESSAGE', 'a chunk has no size');
    const bytes = Number.parseInt(size, 16);
    if (bytes === 0) break;
    yield* readLength(stream, bytes);
    if ((await readLine(stream, 0)) !== '') throw new ProxyError('E_PROXY_MESSAGE', 'a chunk is longer than its size');
  }
  for (let left: number = bounds.headers; (await readLine(stream, bounds.headBytes)) !== ''; left--)
    if (left === 0) throw new ProxyError('E_PROXY_SIZE', 'too many trailers');
}

async function* readToEnd(stream: Stream): Chunks {
  for (let chunk = await stream.read(); chunk !== undefined; chunk = await stream.read()) yield chunk;
}

async function readLine(stream: Stream, maxBytes: number): Promise<string> {
  let line: Buffer = Buffer.alloc(0);
  for (;;) {
    line = Buffer.concat([line, await next(stream)]);
    const end = line.indexOf(10);
    if ((end < 0 ? line.length : end) > maxBytes + 1) throw new ProxyError('E_PROXY_MESSAGE', 'a line of a chunked body is too long');
    if (end < 0) continue;
    if (line[end - 1] !== 13) throw new ProxyError('E_PROXY_MESSAGE', 'a line of a chunked body ends without CR');
    stream.unread(line.subarray(end + 1));
    return line.toString('latin1', 0, end - 1);
  }
}

async function next(stream: Stream): Promise<Uint8Array> {
  const chunk = await stream.read();
  if (chunk === undefined) throw new ProxyError('E_PROXY_MESSAGE', 'a body ended early');
  return chunk;
}
