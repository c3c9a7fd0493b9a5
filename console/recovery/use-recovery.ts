// The kit's engine for a page, once it is loaded.
import { type ReadonlySignal, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { useStore } from '../shell/store.ts';
import type { RecoveryApp } from './contract.ts';

export function useRecovery(): ReadonlySignal<RecoveryApp | undefined> {
  const { app } = useStore();
  const recovery = useSignal<RecoveryApp | undefined>(undefined);
  useEffect(() => void app.recovery().then((loaded) => (recovery.value = loaded)), []);
  return recovery;
}
