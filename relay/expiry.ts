// Housekeeping (spec/08-relay.md §expiry): what has ended is never served; here it is removed.
import type { Live } from './live.ts';
import { type Log, causeOf } from './log.ts';
import type { Buckets } from './quota.ts';
import type { Sessions } from './sessions.ts';
import type { Store } from './store/store.ts';

export interface Housekeeping {
  /** Each second: silent sockets, sockets of ended sessions. */
  tick(): void;
  /** Each half minute: expired mail, nonces and keys, ended sessions, full buckets. */
  sweep(): Promise<void>;
}

/** One transaction of a sweep: short enough that calls do not notice. */
const rowsAtOnce = 500;

export function createHousekeeping(deps: {
  readonly store: Store;
  readonly sessions: Sessions;
  readonly live: Live;
  readonly buckets: readonly Buckets[];
  readonly now: () => number;
  readonly log: Log;
}): Housekeeping {
  return {
    tick: () => deps.live.sweep(),
    sweep: async () => {
      deps.sessions.sweep();
      for (const buckets of deps.buckets) buckets.sweep();
      try {
        let removed = 0;
        for (let gone = rowsAtOnce; gone >= rowsAtOnce; removed += gone) gone = await deps.store.expire(deps.now(), rowsAtOnce);
        if (removed > 0) deps.log.debug('expired', { removed });
      } catch (error) {
        deps.log.error('sweep failed', { code: 'E_RELAY_STORE', cause: causeOf(error) });
      }
    },
  };
}
