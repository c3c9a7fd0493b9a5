// The relay's one error (spec/08-relay.md §errors): a code of the wire contract and the HTTP status it travels with.
import { ProtocolError, type RelayCode, type RelayFailure, type StreamHead } from '../protocol/wire.ts';

export const statusOf: Readonly<Record<RelayCode, number>> = {
  E_RELAY_REQUEST: 400,
  E_RELAY_AUTH: 401,
  E_RELAY_FORBIDDEN: 403,
  E_RELAY_CLOSED: 403,
  E_RELAY_NOT_FOUND: 404,
  E_RELAY_CONFLICT: 409,
  E_RELAY_LIMIT: 413,
  E_RELAY_RATE: 429,
  E_RELAY_QUOTA: 429,
  E_RELAY_STORE: 503,
  E_RELAY_DRAINING: 503,
};

interface RelayErrorOptions {
  readonly cause?: unknown;
  readonly retryAfterMs?: number;
  readonly head?: StreamHead;
}

/** Ends a call. The message never holds text of a peer. */
export class RelayError extends Error {
  override readonly name = 'RelayError';
  readonly code: RelayCode;
  readonly retryAfterMs: number | undefined;
  readonly head: StreamHead | undefined;

  constructor(code: RelayCode, what: string, options: RelayErrorOptions = {}) {
    super(what, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
    this.head = options.head;
  }
}

export function isRelayError(error: unknown): error is RelayError {
  return error instanceof RelayError;
}

/** What a caller is told about any error: coded, without a peer's text, without the inner workings. */
export function failureOf(error: unknown): RelayFailure & { readonly status: number } {
  if (error instanceof RelayError) {
    const { code, message, retryAfterMs, head } = error;
    return { status: statusOf[code], code, message, ...(retryAfterMs === undefined ? {} : { retryAfterMs }), ...(head === undefined ? {} : { head }) };
  }
  if (error instanceof ProtocolError) {
    const code = error.code === 'E_LIMIT' ? 'E_RELAY_LIMIT' : 'E_RELAY_REQUEST';
    return { status: statusOf[code], code, message: `the body is not what this call takes (${error.code})` };
  }
  return { status: 503, code: 'E_RELAY_STORE', message: 'the relay failed inside; nothing was acknowledged' };
}
