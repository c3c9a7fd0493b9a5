// Nothing is released here while somebody at this machine asks for the organisation to be frozen (spec/09-release.md §changes).
import { DaemonError } from '../errors.ts';

export interface Hold {
  /** Until disposed. */
  begin(): Disposable;
  /** Throws policy_forbids while it holds. */
  verify(): void;
}

export function createHold(): Hold {
  let holders = 0;
  return {
    begin: () => {
      holders++;
      return { [Symbol.dispose]: () => void holders-- };
    },
    verify: () => {
      if (holders === 0) return;
      const next = 'wait for the answer; `stillvault org show` says how it stands';
      throw new DaemonError('policy_forbids', 'E_FROZEN', 'a freeze was asked for on this machine: nothing is released here until an admin has answered', {
        next,
      });
    },
  };
}
