// The three clocks of the daemon (spec/09-release.md §time): none of them alone can be trusted for everything.
import { libc } from './intake/libc.ts';

export interface Clock {
  /** Wall clock: what people and other machines are told. Somebody can set it. */
  readonly now: () => number;
  /** Never goes back, stands still while the machine sleeps. */
  readonly monotonicMs: () => number;
  /** Never goes back, runs on while the machine sleeps. */
  readonly bootMs: () => number;
}

export const systemClock: Clock = { now: Date.now, monotonicMs: () => performance.now(), bootMs };

// Elsewhere than on Linux a sleep is not noticed; leases there end by their time.
function bootMs(): number {
  return libc()?.bootMs() ?? performance.now();
}

/** Resolves after `ms`, or at once when aborted. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done);
  });
}
