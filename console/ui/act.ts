// One act of a person that takes time: busy while it runs, its failure kept for the place where it was started.
import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import type { AppFailure } from '../app.ts';
import { failureOf } from './failure.ts';

export interface Act {
  readonly busy: boolean;
  readonly failure: AppFailure | undefined;
  /** A second run while one is under way is ignored. `done` is called only after success. */
  readonly run: <T>(work: () => Promise<T>, done?: (result: T) => void) => void;
  readonly clear: () => void;
}

export function useAct(): Act {
  const busy = useSignal(false);
  const failure = useSignal<AppFailure | undefined>(undefined);
  const running = useRef(false);
  const run = async <T>(work: () => Promise<T>, done?: (result: T) => void): Promise<void> => {
    if (running.current) return;
    running.current = true;
    busy.value = true;
    failure.value = undefined;
    try {
      const result = await work();
      done?.(result);
    } catch (error) {
      failure.value = failureOf(error);
    } finally {
      running.current = false;
      busy.value = false;
    }
  };
  return { busy: busy.value, failure: failure.value, run: (work, done) => void run(work, done), clear: () => (failure.value = undefined) };
}
