// The heads of HTTP/1.1 messages, read strictly: what two readers could read differently is refused (spec/16-proxy.md §messages).
import { bounds } from './bounds.ts';
import { ProxyError } from './proxy-error.ts';
import type { Stream } from './stream.ts';

export type Header = readonly [name: string, value: string];
export interface RequestHead {
  readonly method: string;
  readonly target: string;
  readonly version: '1.0' | '1.1';
  readonly headers: readonly Header[];
}
export interface AnswerHead {
  readonly status: number;
  readonly reason: string;
  readonly version: '1.0' | '1.1';
  readonly headers: readonly Header[];
}
/** How long the body is. */
export type Framing = { readonly kind: 'none' } | { readonly kind: 'length'; readonly bytes: number } | { readonly kind: 'chunked' | 'until-close' };

const requestLine = /^([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) ([\x21-\x7e]+) HTTP\/(1\.[01])$/;
const statusLine = /^HTTP\/(1\.[01]) ([1-9]\d\d)(?: ([\t\x20-\x7e\x80-\xff]*))?$/;
const headerLine = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)$/;

/** Of the next request; undefined where the connection ended before one. Throws E_PROXY_MESSAGE, E_PROXY_SIZE. */
export async function readRequestHead(stream: Stream): Promise<RequestHead | undefined> {
  const lines = await readLines(stream, 'request');
  if (lines === undefined) return undefined;
  const [, method, target, version] = requestLine.exec(lines[0] ?? '') ?? [];
  if (method === undefined || target === undefined) throw bad('its first line is no request of HTTP/1.1');
  return { method, target, version: version === '1.0' ? '1.0' : '1.1', headers: parseHeaders(lines.slice(1)) };
}

/** Throws E_PROXY_ANSWER. */
export async function readAnswerHead(stream: Stream): Promise<AnswerHead> {
  try {
    const lines = await readLines(stream, 'answer');
    if (lines === undefined) throw bad('the connection ended before it');
    const [, version, status, reason = ''] = statusLine.exec(lines[0] ?? '') ?? [];
    if (status === undefined) throw bad('its first line is no answer of HTTP/1.1');
    return { status: Number(status), reason, version: version === '1.0' ? '1.0' : '1.1', headers: parseHeaders(lines.slice(1)) };
  } catch (error) {
    if (!(error instanceof ProxyError) || error.code === 'E_PROXY_TIMEOUT') throw error;
    throw new ProxyError('E_PROXY_ANSWER', `the host's answer cannot be read: ${error.message}`, { cause: error });
  }
}

async function readLines(stream: Stream, what: string): Promise<readonly string[] | undefined> {
  let head: Buffer = Buffer.alloc(0);
  for (;;) {
    const chunk = await stream.read();
    if (chunk === undefined) {
      if (head.length === 0) return undefined;
      throw bad(`the ${what} ended within its head`);
    }
    const from = Math.max(0, head.length - 3);
    head = head.length === 0 ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length) : Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n', from);
    if ((end < 0 ? head.length : end) > bounds.headBytes)
      throw new ProxyError('E_PROXY_SIZE', `the head of the ${what} is longer than ${bounds.headBytes} bytes`);
    if (end < 0) continue;
    stream.unread(head.subarray(end + 4));
    return head.toString('latin1', 0, end).split('\r\n');
  }
}

function parseHeaders(lines: readonly string[]): readonly Header[] {
  if (lines.length > bounds.headers) throw new ProxyError('E_PROXY_SIZE', `more than ${bounds.headers} headers`);
  return lines.map((line): Header => {
    // A folded line, a space before the colon, a lone CR or LF: each is read differently by somebody.
    const [, name, value] = headerLine.exec(line) ?? [];
    if (name === undefined || value === undefined) throw bad('a header is malformed');
    return [name, value.replace(/[ \t]+$/, '')];
  });
}

/** Of each header of this name. */
export function valuesOf(headers: readonly Header[], name: string): readonly string[] {
  return headers.filter(([given]) => given.toLowerCase() === name).map(([, value]) => value);
}

/** Throws E_PROXY_MESSAGE where two readers could see two bodies. */
export function requestFraming({ headers, version }: RequestHead): Framing {
  const framing = statedFraming(headers, version);
  return framing ?? { kind: 'none' };
}

/** Throws E_PROXY_ANSWER. */
export function answerFraming({ headers, version, status }: AnswerHead, method: string): Framing {
  let stated: Framing | undefined;
  try {
    stated = statedFraming(headers, version);
  } catch (cause) {
    throw new ProxyError('E_PROXY_ANSWER', "the length of the host's answer is ambiguous", { cause });
  }
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return { kind: 'none' };
  return stated ?? { kind: 'until-close' };
}

function statedFraming(headers: readonly Header[], version: string): Framing | undefined {
  const codings = valuesOf(headers, 'transfer-encoding');
  const lengths = valuesOf(headers, 'content-length');
  if (codings.length > 0) {
    if (lengths.length > 0) throw bad('both content-length and transfer-encoding');
    if (version === '1.0' || codings.length > 1 || codings[0]?.toLowerCase() !== 'chunked') throw bad('a transfer-encoding other than chunked');
    return { kind: 'chunked' };
  }
  const [length] = lengths;
  if (length === undefined) return undefined;
  if (lengths.length > 1 || !/^\d{1,15}$/.test(length)) throw bad('a content-length that is no single number');
  return { kind: 'length', bytes: Number(length) };
}

const hopByHop = /^(?:connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|content-length|upgrade|http2-settings)$/i;

/** Without what belongs to one connection only, and what `connection` says does. */
export function endToEnd(headers: readonly Header[]): readonly Header[] {
  const named = new Set(connectionOptions(headers));
  return headers.filter(([name]) => !hopByHop.test(name) && !named.has(name.toLowerCase()));
}

export function connectionOptions(headers: readonly Header[]): readonly string[] {
  return valuesOf(headers, 'connection').flatMap((value) =>
    value
      .toLowerCase()
      .split(',')
      .map((option) => option.trim()),
  );
}

export const writtenRequest = ({ method, target, headers }: RequestHead): Uint8Array => written(`${method} ${target} HTTP/1.1`, headers);
export const writtenAnswer = ({ status, reason, headers }: AnswerHead): Uint8Array => written(`HTTP/1.1 ${status} ${reason}`, headers);

/** The last look at what goes out: a line break that came in with a value would make a message of its own. */
function written(first: string, headers: readonly Header[]): Uint8Array {
  const lines = [first, ...headers.map(([name, value]) => `${name}: ${value}`)];
  if (lines.some((line) => /[\r\n\0]/.test(line))) throw new ProxyError('E_PROXY_VALUE', 'a header would hold a line break');
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}

function bad(why: string): ProxyError {
  return new ProxyError('E_PROXY_MESSAGE', why);
}
