// Requests that wait for people now: bounded in number, ended together when the daemon stops or its log does (spec/09-release.md §wait).
import { DaemonError } from '../errors.ts';
import type { Waiting } from './waiting.ts';

export interface Pending {
  readonly size: number;
  /** Until disposed, when its receipt is written. Throws E_RATE_LOCAL where too many wait. */
  add(waiting: Waiting): Disposable;
  failAll(error: unknown): void;
  /** Resolves when none is left. */
  idle(): Promise<void>;
}

/** Each has a mailbox in one subscription of 64; nobody looks at more cards than this. */
export const pendingMax = 32;

export function createPending(): Pending {
  const waits = new Set<Waiting>();
  let onIdle: (() => void)[] = [];
  return {
    get size() {
      return waits.size;
    },
    add: (waiting) => {
      if (waits.size >= pendingMax)
        throw new DaemonError('error', 'E_RATE_LOCAL', `${pendingMax} requests of this machine wait for people already; this one was not sent`, {
          next: 'wait until some are decided',
        });
      waits.add(waiting);
      return {
        [Symbol.dispose]: () => {
          waits.delete(waiting);
          if (waits.size > 0) return;
          for (const tell of onIdle) tell();
          onIdle = [];
        },
      };
    },
    failAll: (error) => {
      for (const waiting of waits) waiting.fail(error);
    },
    idle: () => (waits.size === 0 ? Promise.resolve() : new Promise((resolve) => onIdle.push(resolve))),
  };
}
