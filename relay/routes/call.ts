// What a route works with: the parts of the relay and one checked call (spec/08-relay.md §calls).
import type { Grade } from '../../protocol/wire.ts';
import type { RelayConfig } from '../config.ts';
import type { Live } from '../live.ts';
import type { RelaySession, Sessions } from '../sessions.ts';
import type { Store } from '../store/store.ts';

/** Storage, clock and the rest of the relay, as a route sees them. */
export interface RelayParts {
  readonly config: RelayConfig;
  readonly store: Store;
  readonly sessions: Sessions;
  readonly live: Live;
  readonly now: () => number;
  /** Origins under which this relay may be addressed. */
  readonly audiences: () => readonly string[];
}

/** Called with a body of at most `maxBytes`, by a live session of one of `grades`. Answers with the encoded result. */
export interface SessionRoute {
  readonly kind: 'session';
  readonly maxBytes: number;
  readonly grades: readonly Grade[];
  readonly run: (parts: RelayParts, body: Uint8Array, call: SessionCall) => Promise<Uint8Array>;
}
export interface SessionCall {
  readonly session: RelaySession;
  /** Ends when the caller has gone. */
  readonly signal: AbortSignal;
}
/** Called by anybody: the only route that answers without a session. */
export interface OpenRoute {
  readonly kind: 'open';
  readonly maxBytes: number;
  readonly run: (parts: RelayParts, body: Uint8Array, payForSignUp: () => void) => Promise<{ readonly answer: Uint8Array; readonly session: RelaySession }>;
}
export type Route = SessionRoute | OpenRoute;

export const everyGrade: readonly Grade[] = ['device', 'machine', 'join', 'guest'];
/** Answer of a call that has nothing to tell. */
export const nothing: Uint8Array = new Uint8Array(0);
/** Room for the frame around the content of an answer. */
export const frameBytes = 2_048;
