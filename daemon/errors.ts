// Coded errors of the daemon (spec/10-local-api.md §errors): what a caller of the local API is told, and the daemon's own detail codes.
import { ProtocolError, type ProtocolCode } from '../protocol/errors.ts';
import type { Failure, FailureCode } from '../protocol/local-api.ts';

/** Codes that only the daemon ends with; those of protocol/errors.ts travel unchanged. */
export const daemonCodes = [
  // who asks
  'E_PEER_UID',
  'E_PEER_PIDFD',
  'E_PEER_NS',
  'E_EXE_HASH',
  'E_RATE_LOCAL',
  'E_HANDLE',
  // how it asks
  'E_ASK',
  'E_ASK_SIZE',
  'E_ORIGIN',
  'E_HOST',
  'E_LOOPBACK_TOKEN',
  'E_PATH',
  // the daemon itself
  'E_STATE_PATH',
  'E_STATE_CORRUPT',
  'E_PERSIST',
  'E_DAEMON_RUNNING',
  'E_INSPECTOR',
  'E_INTERNAL',
  // what it needs from others
  'E_RELAY_UNREACHABLE',
  'E_NOT_ENROLLED',
  'E_NOT_FOUND',
  'E_WITHDRAWN',
  'E_DENIED',
] as const;
export type DaemonCode = (typeof daemonCodes)[number];

/** What the caller is told: `code` gives the exit code, `detail` the exact reason. The message is one line and holds no secret. */
export class DaemonError extends Error {
  override readonly name = 'DaemonError';
  readonly code: FailureCode;
  readonly detail: DaemonCode | ProtocolCode;
  /** The next command or act to try. */
  readonly next: string | undefined;

  constructor(code: FailureCode, detail: DaemonCode | ProtocolCode, message: string, options?: { readonly next?: string; readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
    this.detail = detail;
    this.next = options?.next;
  }
}

/** The error body of the local API. What is not a coded error stays in the daemon's log: its text may hold anything. */
export function failureOf(error: unknown): Failure {
  if (error instanceof DaemonError)
    return { error: { code: error.code, message: error.message, ...(error.next === undefined ? {} : { next: error.next }), detail: error.detail } };
  if (error instanceof ProtocolError) return { error: { code: 'error', message: error.message, detail: error.code } };
  return { error: { code: 'error', message: 'the daemon failed while answering; its log has the reason', next: 'stillvault doctor', detail: 'E_INTERNAL' } };
}

const statusOfCode: Readonly<Record<FailureCode, number>> = {
  error: 500,
  usage: 400,
  denied: 403,
  expired: 410,
  unreachable: 503,
  daemon_not_running: 503,
  not_found: 404,
  policy_forbids: 403,
  not_enrolled: 409,
  withdrawn: 409,
};

/** HTTP status of a failure, for `curl --fail`; programs read the code. */
export function statusOf(failure: Failure): number {
  const { code, detail } = failure.error;
  if (detail === 'E_RATE_LOCAL') return 429;
  if (detail === 'E_LOOPBACK_TOKEN') return 401;
  if (detail === 'E_ASK_SIZE') return 413;
  return statusOfCode[code];
}
