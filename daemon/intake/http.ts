// HTTP on the local socket: bounded bodies in, one JSON or a line of events out (spec/10-local-api.md §http).
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { z } from 'zod';
import { decodeUtf8 } from '../../protocol/bytes.ts';
import { DaemonError, failureOf, statusOf } from '../errors.ts';
import { bounds } from './bounds.ts';
import { within } from './deadline.ts';

/** Parsed and checked body. Throws usage: E_ASK (no JSON, or not of this shape), E_ASK_SIZE. */
export async function readAsk<T>(request: IncomingMessage, schema: z.ZodType<T>, bodyMs: number = bounds.bodyMs): Promise<T> {
  if (request.headers['content-encoding'] !== undefined) throw badAsk('the body must not be encoded');
  const bytes = await within(bodyMs, readBody(request));
  if (bytes === undefined) throw badAsk('the body did not arrive in time');
  if (bytes === 'too large') throw new DaemonError('usage', 'E_ASK_SIZE', `the body is larger than ${bounds.bodyBytes} bytes`);
  const parsed = schema.safeParse(parseJson(bytes));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw badAsk(
    `${issue?.path.map(String).slice(0, 4).join('.') || 'the body'}: ${issue?.code === 'unrecognized_keys' ? 'unknown field' : (issue?.message ?? 'not of this shape')}`,
  );
}

async function readBody(request: IncomingMessage): Promise<Uint8Array | 'too large'> {
  if (Number(request.headers['content-length'] ?? 0) > bounds.bodyBytes) return 'too large';
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request) {
    if (!(chunk instanceof Uint8Array)) throw badAsk('no bytes');
    size += chunk.length;
    if (size > bounds.bodyBytes) return 'too large';
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decodeUtf8(bytes));
  } catch {
    throw badAsk('the body is no JSON'); // the parser's message would quote the body, which may hold a value
  }
}

function badAsk(message: string): DaemonError {
  return new DaemonError('usage', 'E_ASK', message);
}

/** One answer: either one JSON, or events and an end. */
export interface Reply {
  json(value: object, status?: number): void;
  /** Newline-delimited JSON. Does nothing once the client is gone: that is told by the signal. */
  event(value: object): void;
  end(): void;
  /** Resolves once the client has read what was sent, or is gone: for answers without a known end. */
  drained(): Promise<void>;
}

export function createReply(response: ServerResponse): Reply {
  return {
    json(value, status = 200) {
      const text = JSON.stringify(value);
      response.writeHead(status, { ...common, 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) + 1 }).end(`${text}\n`);
    },
    event(value) {
      if (response.destroyed || response.writableEnded) return;
      if (!response.headersSent) response.writeHead(200, { ...common, 'content-type': 'application/x-ndjson' });
      response.write(`${JSON.stringify(value)}\n`);
      if (response.writableLength > bounds.unreadBytes) response.destroy(); // it does not read
    },
    end() {
      response.end();
    },
    async drained() {
      if (!response.writableNeedDrain || response.destroyed) return;
      await new Promise<void>((resolve) => {
        const done = (): void => {
          response.off('drain', done).off('close', done);
          resolve();
        };
        response.on('drain', done).on('close', done);
      });
    },
  };
}

const common = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };

/** A failure as the whole answer, or as the last event where events have begun. */
export function replyFailure(response: ServerResponse, error: unknown): void {
  if (response.destroyed || response.writableEnded) return;
  const failure = failureOf(error);
  const reply = createReply(response);
  if (response.headersSent) {
    reply.event({ event: 'error', ...failure });
    reply.end();
  } else reply.json(failure, statusOf(failure));
}
