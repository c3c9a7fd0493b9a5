// Whether the log would take a proposal, how many people it takes, and what it does in words (spec/09-release.md §changes). Asks nobody.
import { unreachableWords } from '../../protocol/access.ts';
import { type ChangeLine, changeLines } from '../../protocol/change-lines.ts';
import { type Proposable, roleFor, verifyProposable } from '../../protocol/changes.ts';
import { ProtocolError } from '../../protocol/errors.ts';
import { foresee } from '../../protocol/org-log/apply.ts';
import { adminThreshold } from '../../protocol/org-log/authority.ts';
import type { Entry, SignerRef } from '../../protocol/org-log/entry.ts';
import { type Device, type OrgState, devicesOf, hasRole, liveAdmins } from '../../protocol/org-log/state.ts';
import { DaemonError } from '../errors.ts';

export interface Plan {
  readonly lines: readonly ChangeLine[];
  readonly needed: number;
  readonly targets: readonly Device[];
}

/** Throws DaemonError where the log would refuse it, whoever signed: nobody is asked for what cannot be. */
export function planOf(state: OrgState, items: readonly Proposable[], now: number): Plan {
  verifyProposable(items);
  const role = roleFor(items);
  const people = role === 'admin' ? liveAdmins(state) : [...state.members.keys()].filter((member) => hasRole(state, member, role));
  const devices = people.map((member) => devicesOf(state, member)).filter((all) => all.length > 0);
  const signers = devices.flatMap(([device]) => (device ? [{ kind: 'device', id: device.device } as const] : []));
  const [one] = signers;
  if (!one)
    throw new DaemonError('policy_forbids', 'E_ROLE', `nobody with the role ${role} has a device, so nobody could agree`, { next: 'stillvault member ls' });
  const needed = suffices(state, items, [one], now) ? 1 : adminThreshold(state);
  if (needed > 1 && !suffices(state, items, signers, now)) throw new DaemonError('policy_forbids', 'E_THRESHOLD', 'there are too few admins to agree to this');
  return { lines: changeLines(state, items), needed, targets: devices.flat() };
}

/** False where more admins are needed. What fails otherwise would fail for everybody. */
function suffices(state: OrgState, items: readonly Proposable[], signers: readonly SignerRef[], now: number): boolean {
  let after = state;
  for (const item of items) {
    const entry = { org: state.org, seq: after.head.seq + 1, prev: after.head.eh, ts: Math.max(now, after.ts), signers, ...item } as Entry; // type and body are of one item
    try {
      after = foresee(after, entry);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      if (error.code === 'E_THRESHOLD') return false;
      throw refused(after, item, error);
    }
  }
  return true;
}

function refused(state: OrgState, item: Proposable, cause: ProtocolError): DaemonError {
  const plain = cause.message.replace(/^E_[A-Z_]+: /, '');
  const isRule = item.type === 'policy.set' && cause.code === 'E_QUORUM';
  const message = isRule
    ? (unreachableWords(state, item.body) ?? plain)
    : cause.code === 'E_FROZEN'
      ? 'the organisation is frozen: only taking away and unfreezing go on'
      : plain;
  return new DaemonError(isRule || cause.code === 'E_FROZEN' ? 'policy_forbids' : 'usage', cause.code, message, {
    cause,
    next: isRule ? 'stillvault member ls; only active members with the role approver count' : 'stillvault org show',
  });
}
