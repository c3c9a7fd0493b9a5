// Coded errors of the SDK (spec/10-local-api.md §errors): the same codes as `--json` and the exit codes of the command line.
import { failureCodes, type Failure, type FailureCode } from '../protocol/local-api.ts';

/** Why there is no value. The message is one line and holds no secret. */
export class StillvaultError extends Error {
  override readonly name = 'StillvaultError';
  readonly code: FailureCode;
  /** The next command or act to try. */
  readonly next: string | undefined;
  /** Exact reason, e.g. `E_LEASE_SCOPE`. */
  readonly detail: string | undefined;

  constructor(
    code: FailureCode,
    message: string,
    options?: { readonly next?: string | undefined; readonly detail?: string | undefined; readonly cause?: unknown },
  ) {
    super(message, options);
    this.code = code;
    this.next = options?.next;
    this.detail = options?.detail;
  }
}

/** Of an error body or an `error` event. */
export function errorOf({ error }: Failure): StillvaultError {
  return new StillvaultError(error.code, error.message, { next: error.next, detail: error.detail });
}

/** The body's failure, or undefined where it is none: then somebody else answered. */
export function parseFailure(body: unknown): Failure | undefined {
  if (typeof body !== 'object' || body === null || !('error' in body) || typeof body.error !== 'object' || body.error === null) return undefined;
  const { error } = body;
  const valid = 'code' in error && isFailureCode(error.code) && 'message' in error && typeof error.message === 'string';
  return valid ? (body as Failure) : undefined; // cast: code and message were checked, the rest is optional text
}

function isFailureCode(code: unknown): boolean {
  return failureCodes.some((known) => known === code);
}
