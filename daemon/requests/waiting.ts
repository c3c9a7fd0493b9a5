// The wait for people: answers one after another until enough, a deadline on the daemon's own clock, or the requester leaves (spec/09-release.md §wait).
import type { OrgLog } from '../../relay-client/org-log.ts';
import { DaemonError } from '../errors.ts';

export interface Waiting {
  /** One sealed answer has come. */
  readonly answer: (sealed: Uint8Array) => void;
  /** Ends the wait: the log says that this request cannot be released any more. */
  readonly fail: (error: unknown) => void;
  /** Until `take` says true. Throws expired, withdrawn, or what `take` throws. */
  until(take: (sealed: Uint8Array) => Promise<boolean>): Promise<void>;
}

export function waitForPeople({ lifeMs, monotonicMs, signal, log }: { readonly lifeMs: number; readonly monotonicMs: () => number; readonly signal: AbortSignal; readonly log: OrgLog }): Waiting {
  const deadlineMs = monotonicMs() + lifeMs;
  const queue: Uint8Array[] = [];
  let failure: unknown;
  let wake = (): void => undefined;

  async function next(): Promise<Uint8Array> {
    for (;;) {
      if (signal.aborted) throw new DaemonError('withdrawn', 'E_WITHDRAWN', 'the program that asked went away');
      const leftMs = deadlineMs - monotonicMs();
      if (failure !== undefined) throw failure;
      if (leftMs <= 0) throw new DaemonError('expired', queue.length > 0 ? 'E_EXPIRED' : 'E_NO_APPROVAL', 'nobody decided in time', { next: 'ask again when somebody can look; a late approval of this one does nothing' });
      if (log.halted) throw log.halted;
      const first = queue.shift();
      if (first) return first;
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
      queue.push(sealed);
      wake();
    },
    fail: (error) => {
      failure = error;
      wake();
    },
    until: async (take) => {
      while (!(await take(await next())));
    },
  };
}
