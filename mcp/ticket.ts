// One request of this session, from the ask to the one use of what was approved (spec/13-mcp.md §requests).
import type { ReleaseAsk } from '../protocol/local-api.ts';
import type { Client, Released, ReleaseProgress, Value } from '../sdk/client.ts';
import { StillvaultError } from '../sdk/errors.ts';

export type WaitingEvent = Extract<ReleaseProgress, { readonly event: 'waiting' }>;
export type TicketState =
  | { readonly kind: 'asking' }
  | { readonly kind: 'waiting'; readonly event: WaitingEvent }
  | { readonly kind: 'approved'; readonly released: Released }
  /** Its values were handed out, or nobody came for them. */
  | { readonly kind: 'over'; readonly why: 'used' | 'lapsed' | 'withdrawn' }
  | { readonly kind: 'failed'; readonly error: StillvaultError; readonly atMs: number };

export interface Ticket {
  readonly id: string;
  /** What it was filed for: only the same call finds it again without its id. */
  readonly key: string;
  /** Digest of the one act it may be used for; undefined where the agent asked before it knew. */
  readonly act: string | undefined;
  readonly paths: readonly string[];
  readonly state: TicketState;
  /** The person at the agent's host was shown the console's address. */
  isLinkSent: boolean;
  /** Resolves when people were asked, or it is decided. */
  readonly announced: Promise<void>;
  /** Resolves when it is decided, withdrawn, or failed. */
  readonly settled: Promise<void>;
  /** The values, once. Throws where there are none. */
  take(): readonly Value[];
  /** Withdraws what waits and wipes what is held. */
  withdraw(): void;
}

export interface TicketDeps {
  readonly client: Pick<Client, 'release'>;
  /** Monotonic. */
  readonly nowMs: () => number;
  readonly holdMs: number;
  /** Before anything else sees the values. */
  readonly onReleased: (released: Released) => void;
}

export function openTicket({ client, nowMs, holdMs, onReleased }: TicketDeps, about: Pick<Ticket, 'id' | 'key' | 'act'>, ask: ReleaseAsk): Ticket {
  const leaving = new AbortController();
  const announced = Promise.withResolvers<void>();
  const settled = Promise.withResolvers<void>();
  let state: TicketState = { kind: 'asking' };
  let lapse: ReturnType<typeof setTimeout> | undefined;

  const end = (why: 'used' | 'lapsed' | 'withdrawn'): void => {
    clearTimeout(lapse);
    if (state.kind === 'approved' && why !== 'used') for (const { bytes } of state.released.values) bytes.fill(0);
    state = { kind: 'over', why };
    settle();
  };
  const settle = (): void => {
    announced.resolve();
    settled.resolve();
  };
  const onProgress = (event: ReleaseProgress): void => {
    if (event.event !== 'waiting' || state.kind !== 'asking') return;
    state = { kind: 'waiting', event };
    announced.resolve();
  };
  const onOutcome = (released: Released): void => {
    onReleased(released);
    if (state.kind === 'over') {
      for (const { bytes } of released.values) bytes.fill(0); // a late approval is harmless
      return;
    }
    state = { kind: 'approved', released };
    lapse = setTimeout(() => end('lapsed'), holdMs);
    lapse.unref();
    settle();
  };
  const onFailure = (cause: unknown): void => {
    if (state.kind === 'over') return;
    const error = cause instanceof StillvaultError ? cause : new StillvaultError('error', 'the request failed', { cause });
    state = { kind: 'failed', error, atMs: nowMs() };
    settle();
  };
  client.release(ask, { signal: leaving.signal, onProgress }).then(onOutcome, onFailure);

  return {
    ...about,
    paths: ask.items.map(({ path, field }) => (field === undefined ? path : `${path}#${field}`)),
    get state() {
      return state;
    },
    isLinkSent: false,
    announced: announced.promise,
    settled: settled.promise,
    take() {
      if (state.kind === 'failed') throw state.error;
      if (state.kind !== 'approved') throw new StillvaultError('usage', 'this request holds nothing: it was used, withdrawn, or waited too long; ask anew');
      const { values } = state.released;
      end('used');
      return values;
    },
    withdraw() {
      if (state.kind === 'failed' || state.kind === 'over') return;
      end('withdrawn');
      leaving.abort(new StillvaultError('withdrawn', 'the request was withdrawn'));
    },
  };
}
