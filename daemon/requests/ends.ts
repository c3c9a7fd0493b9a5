// How a request ends without a release: what the caller is told, and the receipt that everybody who was asked gets (spec/09-release.md §end).
import type { Evidence } from '../../protocol/approval.ts';
import { ProtocolError } from '../../protocol/errors.ts';
import type { Outcome } from '../../protocol/receipt.ts';
import type { Device } from '../../protocol/org-log/state.ts';
import { RelayClientError } from '../../relay-client/client.ts';
import { DaemonError } from '../errors.ts';
import type { Receipts } from '../release/receipts.ts';
import type { SentRequest } from './send.ts';

/** What policy or the organisation's state forbids, and no bug or attack. */
const policyCodes: ReadonlySet<string> = new Set([
  'E_POLICY',
  'E_POLICY_CHANGED',
  'E_FROZEN',
  'E_NOT_ENTITLED',
  'E_QUORUM',
  'E_LEASE_BOUNDS',
  'E_LOG_STALE',
  'E_MACHINE_REVOKED',
  'E_VERSION',
  'E_NO_MACHINE',
]);

/** What a dishonest holder wrapped for this machine shows as: nobody can mend a wrap, and the next version does (spec/07-custody.md §rewrap). */
const brokenHalf: ReadonlySet<string> = new Set(['E_OPEN', 'E_KEY_COMMIT']);

/** Any error as the caller of the local API is told it. */
export function explain(error: unknown): unknown {
  if (error instanceof RelayClientError) {
    const next = 'stillvault doctor';
    return new DaemonError('unreachable', 'E_RELAY_UNREACHABLE', 'the relay cannot be reached, so nobody can be asked', { cause: error, next });
  }
  if (!(error instanceof ProtocolError)) return error;
  const message = error.message.replace(/^E_[A-Z_]+: /, '');
  const code = policyCodes.has(error.code) ? 'policy_forbids' : error.code === 'E_LIMIT' ? 'usage' : 'error';
  return new DaemonError(code, error.code, message, {
    cause: error,
    next: brokenHalf.has(error.code)
      ? 'somebody gave this machine something else than its half: stillvault rotate on another machine renews it'
      : 'ask again; if it stays: stillvault doctor',
  });
}

/** The log stopped: somebody shows this machine a history that cannot be. */
export function haltedBy({ code, message }: ProtocolError): DaemonError {
  const next = 'nothing is released here until somebody has looked: stillvault log resume shows at what';
  return new DaemonError('error', code, `this machine stopped: ${message.replace(/^E_[A-Z_]+: /, '')}`, { next });
}

/** Everybody who was asked learns how it ended; the request is consumed with it. */
export async function recordEnd(
  receipts: Receipts,
  { request, signed }: SentRequest,
  evidence: readonly Evidence[],
  tell: readonly Device[],
  error: unknown,
): Promise<void> {
  const note = error instanceof DaemonError ? error.detail : error instanceof ProtocolError ? error.code : 'E_INTERNAL';
  await receipts.write({ outcome: outcomeOf(error), requestId: request.requestId, rh: signed.rh, request: signed.bytes, evidence, note, tell, consumes: true });
  void receipts.send();
}

function outcomeOf(error: unknown): Outcome {
  if (!(error instanceof DaemonError)) return 'failed';
  return error.code === 'denied' || error.code === 'expired' || error.code === 'withdrawn' ? error.code : 'failed';
}
