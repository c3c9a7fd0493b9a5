// What the log says about the use that this browser announced (spec/18-recovery.md §use).
import { ProtocolError } from '../../protocol/errors.ts';
import type { OrgState } from '../../protocol/org-log/state.ts';
import { openSession } from '../device/session.ts';
import type { PendingUse, StoredDevice } from '../device/stored-device.ts';
import type { LocalKeys, Platform } from '../platform/platform.ts';
import type { WaitingView } from './contract.ts';

/**
 * The waiting device reads with the metadata key that the kit had when it announced.
 * Once the org has renewed that key, only the kit can read on: `unseen`.
 */
export async function watchUse(platform: Platform, keys: LocalKeys, me: StoredDevice, { eh }: PendingUse): Promise<WaitingView['state']> {
  const { log } = await openSession(platform, keys, me);
  let isThrough = true;
  const state = await log.sync().catch((error: unknown): OrgState => {
    if (!(error instanceof ProtocolError) || !log.state) throw error;
    isThrough = false;
    return log.state;
  });
  if (state.recovering?.eh === eh) return isThrough ? 'waiting' : 'unseen';
  for (let seq = state.head.seq; seq >= 0; seq--) if (log.history(seq) === eh) return 'stopped';
  return 'unseen';
}
