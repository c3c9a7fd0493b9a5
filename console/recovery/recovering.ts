// A use of the kit that is under way, as every client shows it (spec/18-recovery.md §use).
import { type OrgState, isActiveMember } from '../../protocol/org-log/state.ts';
import type { RecoveringView } from './contract.ts';

export function recoveringView(state: OrgState): RecoveringView | undefined {
  if (!state.recovering) return undefined;
  const { member, device, reason, ts, delayMs } = state.recovering;
  return { name: member.name, isNew: !isActiveMember(state, member.member), device: device.name, reason, at: ts, effectiveAt: ts + delayMs };
}
