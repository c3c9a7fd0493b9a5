// The recovery kit as the daemon tells of it: loud while somebody comes in by it (spec/18-recovery.md §use).
import { toBase64Url } from '../../protocol/bytes.ts';
import type { RecoveryStatus } from '../../protocol/local-api/recovery.ts';
import type { Entry } from '../../protocol/org-log/entry.ts';
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

/**
 * Lines of the daemon's log: when a use begins, when somebody is in by it, and when it was stopped. From the entries, because a use may be
 * over in the same page in which it came: without a delay, or dated back in a quiet log.
 */
export function recoveryTeller(log: (line: object) => void): (state: OrgState, entries?: readonly Entry[]) => void {
  let told = false;
  return (state, entries = []) => {
    let isIn = false;
    for (const { type, body, ts } of entries) {
      if (type === 'recovery.use')
        log({ event: 'recovery', name: body.member.name, device: body.device.name, reason: body.reason, at: new Date(ts).toISOString() });
      isIn ||= type === 'recovery.finish';
    }
    if (isIn) log({ event: 'recovery-in' });
    const isOn = state.recovering !== undefined;
    if (isOn && !told && entries.length === 0) log({ event: 'recovery', ...recoveryStatus(state).recovering });
    if (!isOn && told && !isIn) log({ event: 'recovery-stopped' });
    told = isOn;
  };
}
