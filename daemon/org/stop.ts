// What the log of this machine stopped at, for a person to look at, and their decision about it (spec/05-org-log.md §sync, INV-LOG-RESUME).
import type { ProtocolError } from '../../protocol/errors.ts';
import type { LogLine } from '../../protocol/local-api.ts';
import type { LogStop } from '../../protocol/local-api/admin.ts';
import type { OrgState } from '../../protocol/org-log/state.ts';
import { ForkError } from '../../relay-client/judge.ts';
import { type Decision, decisionFor } from '../../relay-client/pass-over.ts';
import { DaemonError } from '../errors.ts';
import type { Service } from '../service.ts';
import { logLines } from '../views.ts';

const update = 'install the newest version and restart the daemon: it reads that record again, and goes on once it can';
const mend =
  'the relay lost or withholds something: mend it and restart the daemon, which looks again; or revoke this machine, move its state folder away and join anew';
const ways: Readonly<Record<string, string>> = { E_SUITE: update, E_TYPE_UNKNOWN: update, E_LOG_ROLLBACK: mend, E_CHAIN_GAP: mend };
const compare = 'compare `stillvault log show` with the other admins over another channel; where this log is the right one: stillvault log resume';

/** Throws E_NOT_FOUND where the log has not stopped. `evidence`: where the proof of a fork lies. */
export function stopOf({ halted, link: { log } }: Pick<Service, 'halted' | 'link'>, evidence: string): LogStop {
  const stop = log.halted;
  if (!stop) throw notStopped(halted());
  const { code } = stop;
  const record = decisionFor(stop)?.record;
  const both = stop instanceof ForkError ? { ...named('ours', log.state, stop.ours), ...named('theirs', log.state, stop.theirs), evidence } : {};
  return { code, what: stop.message.replace(/^E_[A-Z_]+: /, ''), ...(record === undefined ? {} : { record }), ...both, next: ways[code] ?? compare };
}

/** The decision about the very record that the person was shown. Throws where it is another one, or none is to be made. */
export function decisionAbout(service: Pick<Service, 'halted' | 'link'>, record: string): Decision {
  const stop = service.link.log.halted;
  if (!stop) throw notStopped(service.halted());
  const decision = decisionFor(stop);
  if (!decision) throw new DaemonError('error', stop.code, 'there is nothing to decide about this', { next: ways[stop.code] ?? mend });
  if (decision.record !== record)
    throw new DaemonError('not_found', 'E_NOT_FOUND', 'the log did not stop at this record', { next: 'stillvault log resume shows at which it did' });
  return decision;
}

function notStopped(claimed: ProtocolError | undefined): DaemonError {
  return claimed
    ? new DaemonError('not_found', 'E_NOT_FOUND', 'no record stopped the log: a device says that it saw another history', {
        next: 'look at that device with whoever has it; an admin who revokes it ends its word',
      })
    : new DaemonError('not_found', 'E_NOT_FOUND', 'the log has not stopped', { next: 'stillvault status' });
}

// One of them may be no more than the hash that an invitation named.
function named(key: 'ours' | 'theirs', state: OrgState | undefined, bytes: Uint8Array): { readonly [entry in typeof key]?: LogLine } {
  try {
    const line = state && logLines(state, [{ seq: 0, eh: state.head.eh, bytes }])[0];
    return line ? { [key]: line } : {};
  } catch {
    return {};
  }
}
