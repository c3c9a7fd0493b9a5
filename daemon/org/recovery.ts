// The recovery kit as the daemon tells of it: loud while somebody comes in by it (spec/18-recovery.md §use).
import { toBase64Url } from '../../protocol/bytes.ts';
import type { Hash } from '../../protocol/hash.ts';
import type { RecoveryStatus } from '../../protocol/local-api/recovery.ts';
import { type OrgState, isActiveMember } from '../../protocol/org-log/state.ts';
import { kitId } from '../../protocol/recovery.ts';

export function recoveryStatus({ recovery, recovering, ...state }: OrgState): RecoveryStatus {
  const kit = recovery && { id: kitId(recovery.sigKey), t: recovery.t, m: recovery.m, delayMs: recovery.delayMs, sigKey: toBase64Url(recovery.sigKey) };
  const use = recovering && {
    name: recovering.member.name,
    isNew: !isActiveMember(state, recovering.member.member),
    device: recovering.device.name,
    reason: recovering.reason,
    at: new Date(recovering.ts).toISOString(),
    effectiveAt: new Date(recovering.ts + recovering.delayMs).toISOString(),
  };
  return { ...(kit ? { kit } : {}), ...(use ? { recovering: use } : {}) };
}

/** One line in the daemon's log when a use begins, and one when it is over, in whatever way. */
export function recoveryTeller(log: (line: object) => void): (state: OrgState) => void {
  let told: Hash | undefined;
  return (state) => {
    const now = state.recovering?.eh;
    if (now === told) return;
    told = now;
    log(now === undefined ? { event: 'recovery-over' } : { event: 'recovery', ...recoveryStatus(state).recovering });
  };
}
