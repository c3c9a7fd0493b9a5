// The non-blocking pair: ask now, come for the values later, withdraw in between (spec/10-local-api.md §calls).
import type { ReleaseEvent } from '../protocol/local-api.ts';
import type { GetOptions, Reference, Released, ReleaseProgress } from './client.ts';

export type WaitingEvent = Extract<ReleaseEvent, { readonly event: 'waiting' }>;

/** A request that people were asked, or that a lease has answered already. */
export interface PendingRelease extends AsyncDisposable {
  /** Whom people wait for, the match code, until when; undefined where a lease answered. */
  readonly waiting: WaitingEvent | undefined;
  /** Resolves with the values, once. Rejects with StillvaultError. */
  await(): Promise<Released>;
  /** Withdraws the request everywhere, and wipes values that came and that nobody took. So does the end of an `await using` block. */
  withdraw(): Promise<void>;
}

type Release = (
  references: readonly Reference[],
  options: GetOptions & { readonly signal: AbortSignal; readonly onProgress: (event: ReleaseProgress) => void },
) => Promise<Released>;

/** Resolves when people were asked. Throws what came before that. */
export async function requestRelease(release: Release, references: readonly Reference[], options: GetOptions): Promise<PendingRelease> {
  const leaving = new AbortController();
  const signal = options.signal === undefined ? leaving.signal : AbortSignal.any([options.signal, leaving.signal]);
  let waiting: WaitingEvent | undefined;
  let announce = (): void => undefined;
  const announced = new Promise<void>((resolve) => (announce = resolve));
  const released = release(references, {
    ...options,
    signal,
    onProgress: (event) => {
      if (event.event === 'waiting') waiting = event;
      if (event.event === 'waiting') announce();
      options.onProgress?.(event);
    },
  });
  let isTaken = false;
  released.catch(() => undefined); // told to whoever awaits
  await Promise.race([announced, released]);
  const withdraw = async (): Promise<void> => {
    if (isTaken) return;
    leaving.abort(new DOMException('the request was withdrawn', 'AbortError'));
    const late = await released.catch(() => undefined);
    for (const { bytes } of late?.values ?? []) bytes.fill(0);
  };
  return {
    waiting,
    await: async () => {
      const values = await released;
      leaving.signal.throwIfAborted(); // withdrawn meanwhile: they are wiped
      isTaken = true;
      return values;
    },
    withdraw,
    [Symbol.asyncDispose]: withdraw,
  };
}
