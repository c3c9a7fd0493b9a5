// One HTTP call: verified TLS, no proxy, no redirect, no compression; its answer bounded and masked (spec/13-mcp.md §http).
import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { StillvaultError } from '../sdk/errors.ts';
import type { Mask } from '../sdk/mask.ts';
import { bounds } from './bounds.ts';

export interface HttpAsk {
  readonly method: string;
  readonly url: URL;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string | undefined;
  readonly timeoutMs: number;
}
export type HttpAnswer = {
  readonly http_status: number;
  readonly headers: readonly string[];
  readonly cut: boolean;
} & ({ readonly body: string } | { readonly body_base64: string });

/** Throws error: why, without the text of the library, which may quote what was sent. */
export async function sendHttp({ method, url, headers, body, timeoutMs }: HttpAsk, mask: Mask, signal: AbortSignal): Promise<HttpAnswer> {
  const send = url.protocol === 'https:' ? requestHttps : requestHttp;
  const content = body === undefined ? undefined : Buffer.from(body);
  const over = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const options = {
      method,
      signal: over,
      agent: false, // and with it no proxy of the environment, no connection left open
      rejectUnauthorized: true, // whatever the environment says
      headers: { 'accept-encoding': 'identity', ...Object.fromEntries(headers), ...(content === undefined ? {} : { 'content-length': content.length }) },
    };
    send(url, options, resolve).on('error', reject).end(content);
  }).catch((cause: unknown) => {
    throw failure(url, cause, signal, over);
  });
  try {
    const { bytes, cut } = await readMasked(response, mask);
    const { rawHeaders, statusCode = 0 } = response;
    const lines = rawHeaders.flatMap((name, at) => (at % 2 === 0 ? [`${name.toLowerCase()}: ${rawHeaders[at + 1] ?? ''}`] : []));
    return {
      http_status: statusCode,
      headers: lines,
      cut,
      ...(isText(bytes, cut) ? { body: new TextDecoder().decode(bytes) } : { body_base64: Buffer.from(bytes).toString('base64') }),
    };
  } catch (cause) {
    throw cause instanceof StillvaultError ? cause : failure(url, cause, signal, over);
  } finally {
    response.destroy();
  }
}

async function readMasked(response: IncomingMessage, mask: Mask): Promise<{ readonly bytes: Uint8Array; readonly cut: boolean }> {
  const encoding = response.headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity')
    throw new StillvaultError('error', 'the answer is compressed although that was not accepted, and cannot be masked: it is not shown');
  const stream = mask.stream();
  const parts: Uint8Array[] = [];
  let size = 0;
  let cut = false;
  const chunks: AsyncIterable<Buffer> = response; // without an encoding, a response is bytes
  for await (const chunk of chunks) {
    const part = Buffer.from(stream.push(chunk));
    parts.push(part);
    size += part.length;
    cut = size > bounds.responseBytes;
    if (cut) break;
  }
  if (!cut) parts.push(stream.end()); // what is held back at a cut may be the beginning of a value
  return { bytes: Buffer.concat(parts).subarray(0, bounds.responseBytes), cut };
}

function isText(bytes: Uint8Array, cut: boolean): boolean {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: cut });
    return !text.includes('\0');
  } catch {
    return false;
  }
}

function failure({ host }: URL, cause: unknown, cancelled: AbortSignal, over: AbortSignal): StillvaultError {
  if (cancelled.aborted) return new StillvaultError('withdrawn', 'the call was cancelled');
  const code = cause instanceof Error && 'code' in cause && typeof cause.code === 'string' && /^[A-Z0-9_]{2,60}$/.test(cause.code) ? ` (${cause.code})` : '';
  return new StillvaultError('error', over.aborted ? `${host} did not answer in time` : `${host} could not be reached, or broke off${code}`, { cause });
}
