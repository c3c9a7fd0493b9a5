// Requests that go on without their asker, as the local API tells them (spec/17-run.md §held). Types and constants only.
import type { ReleaseEvent } from '../local-api.ts';

/**
 * POST /v1/requests takes a ReleaseAsk without `leaseOnly` and answers Requested as soon as people were asked; it waits on without its asker.
 * POST /v1/requests/await answers ReleaseEvents; the last is `released` or `error`, or `pending` where the time is over. Closing it withdraws nothing.
 * POST /v1/requests/withdraw answers {}.
 */
export interface Requested {
  readonly handle: string;
  readonly code: string;
  readonly paths: readonly string[];
  readonly approvers: readonly string[];
  readonly needed: number;
  readonly expires_at: string;
  /** Whose descendants may take it, e.g. `claude (pid 4121)`. */
  readonly holder: string;
}
export interface AwaitAsk {
  readonly handle: string;
  /** At most 900; absent = as long as the request lives. */
  readonly timeoutS?: number;
  /** Refused where the request has several secrets: the asker could not tell their values apart. */
  readonly one?: boolean;
}
export type AwaitEvent = ReleaseEvent | { readonly event: 'pending' };

export const heldPaths = {
  file: '/v1/requests',
  await: '/v1/requests/await',
  withdraw: '/v1/requests/withdraw',
} as const;
