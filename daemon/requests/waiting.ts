// The wait for people: answers one after another until enough, a deadline on the daemon's own clock, or the requester leaves (spec/09-release.md §wait).
import { DaemonError } from '../errors.ts';
import { codeOf } from '../org/link.ts';

export interface Waiting {
  /** One sealed answer has come. */
  readonly answer: (sealed: Uint8Array) => void;
  /** Ends the wait: the request cannot be granted any more. */
  readonly fail: (error: unknown) => void;
  /** An answer that does not count; named where nothing better comes. */
  readonly refused: (error: unknown) => void;
  /** Throws withdrawn, or what `fail` was given. */
  check(): void;
  /** Until `take` has said true, and somebody is there to get it. Throws expired, withdrawn, what `fail` was given, or what `take` throws. */
  until(take: (sealed: Uint8Array) => Promise<boolean>, taker?: Taker): Promise<void>;
}
/** Who comes later for what was asked. */
export interface Taker {
  readonly isThere: boolean;
  /** For the receipt. */
  readonly label: string;
  onCome(tell: () => void): void;
}

/** Answers that wait at once: more are a flood. */
const queueMax = 256;

/** `clockMs` never goes back and runs on while the machine sleeps. */
export function waitForPeople({ lifeMs, clockMs, signal }: { readonly lifeMs: number; readonly clockMs: () => number; readonly signal: AbortSignal }): Waiting {
  const deadlineMs = clockMs() + lifeMs;
  const queue: Uint8Array[] = [];
  let failure: { readonly error: unknown } | undefined;
  let refusal: string | undefined;
  let wake = (): void => undefined;

  function check(): void {
    if (signal.aborted) throw new DaemonError('withdrawn', 'E_WITHDRAWN', 'the program that asked went away');
    if (failure) throw failure.error;
  }

  function expired(isEnough: boolean): DaemonError {
    if (isEnough) return new DaemonError('expired', 'E_EXPIRED', 'it was approved, and nobody came for it in time', { next: 'ask again, and await it sooner' });
    const why = refusal === undefined ? 'nobody decided in time' : `nobody decided in time; an answer was refused (${refusal})`;
    const next = refusal === 'E_CLOCK' ? 'compare the clocks of this machine and of the devices' : 'ask again when somebody can look';
    return new DaemonError('expired', queue.length > 0 ? 'E_EXPIRED' : 'E_NO_APPROVAL', why, { next: `${next}; a late approval of this one does nothing` });
  }

  /** Undefined once it is approved and somebody is there. */
  async function next(isEnough: boolean, taker: Taker | undefined): Promise<Uint8Array | undefined> {
    for (;;) {
      check();
      const leftMs = deadlineMs - clockMs();
      if (leftMs <= 0) throw expired(isEnough);
      const first = queue.shift();
      if (first) return first;
      if (isEnough && taker?.isThere !== false) return undefined;
      await pause(leftMs);
    }
  }

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(done, ms);
      function done(): void {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        wake = () => undefined;
        resolve();
      }
      signal.addEventListener('abort', done);
      wake = done;
    });
  }

  return {
    answer: (sealed) => {
      if (queue.length < queueMax) queue.push(sealed);
      wake();
    },
    fail: (error) => {
      failure ??= { error };
      wake();
    },
    refused: (error) => void (refusal = codeOf(error)),
    check,
    until: async (take, taker) => {
      taker?.onCome(() => wake());
      let isEnough = false;
      for (;;) {
        if (isEnough && taker === undefined) return;
        const sealed = await next(isEnough, taker);
        if (sealed === undefined) return;
        isEnough = (await take(sealed)) || isEnough;
      }
    },
  };
}
