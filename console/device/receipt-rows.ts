// What a verified receipt says in rows and outcomes, and whether the people's own signatures prove it (spec/09-release.md §receipts).
import { verifyEvidence } from '../../protocol/approval.ts';
import type { MemberId } from '../../protocol/hash.ts';
import type { OrgState } from '../../protocol/org-log/state.ts';
import type { Outcome, Receipt } from '../../protocol/receipt.ts';
import type { Request } from '../../protocol/request.ts';
import type { ReviewCard } from '../app.ts';
import type { PastRow } from './history.ts';

export interface Proof {
  readonly holds: boolean;
  readonly members: readonly MemberId[];
  readonly names: readonly string[];
}

// Approvals and denials are proved by the passkey or presence key of the person; the rest is the machine's own word.
export async function proofOf(state: OrgState, receipt: Receipt, request: Request | undefined): Promise<Proof> {
  const wanted = receipt.outcome === 'denied' ? 'deny' : 'approve';
  const members = new Set<MemberId>();
  let allHold = true;
  for (const evidence of receipt.evidence) {
    const holds = await verifyEvidence(state, receipt.rh, evidence).then(
      () => true,
      () => false,
    );
    allHold &&= holds;
    if (holds && evidence.decision === wanted) members.add(evidence.member);
  }
  const needed = receipt.outcome === 'released' ? quorumThen(state, request) : receipt.outcome === 'denied' ? 1 : 0;
  const names = [...members].map((member) => state.members.get(member)?.name ?? 'somebody');
  return { holds: allHold && members.size >= needed, members: [...members], names };
}

/** How many people the versions wanted, where they are still the newest. */
function quorumThen(state: OrgState, request: Request | undefined): number {
  return Math.max(
    1,
    ...(request?.items ?? []).map(({ secret, putEh }) => (state.secrets.get(secret)?.putEh === putEh ? (state.secrets.get(secret)?.put.k ?? 1) : 1)),
  );
}

const kinds: Readonly<Record<Outcome, PastRow['kind'] | undefined>> = {
  released: 'release',
  used: 'use',
  ended: 'ended',
  denied: 'deny',
  expired: 'expired',
  withdrawn: 'withdrawn',
  failed: 'failed',
  stored: undefined,
};

export function rowOf(state: OrgState, receipt: Receipt, request: Request | undefined, past: PastRow | undefined, proof: Proof): PastRow | undefined {
  const kind = kinds[receipt.outcome];
  if (kind === undefined) return undefined; // the log tells it
  const { machine, n, ts, requestId, note } = receipt;
  const observed = request?.observed;
  const paths = request ? pathsOf(state, request) : past?.what;
  const told = note !== '' && (kind === 'failed' || kind === 'use' || kind === 'ended') ? ` (${note})` : '';
  // Through our own command line, the program is whoever started it.
  const asker = observed && observed.anchor > 0 ? observed.ancestors[observed.anchor - 1] : observed;
  const program = asker?.script ?? asker?.exe ?? past?.program;
  const machineName = state.machines.get(machine)?.name;
  return {
    at: ts,
    kind,
    what: `${paths ?? 'a request'}${told}`,
    who: proof.names.length > 0 ? proof.names : (past?.who ?? []),
    isVerified: proof.holds,
    machine,
    receipt: n,
    requestId,
    secrets: request ? [...new Set(request.items.map(({ secret }) => secret))] : (past?.secrets ?? []),
    ...(program === undefined ? {} : { program }),
    ...(machineName === undefined ? {} : { machineName }),
    ...(observed?.exe === undefined ? {} : { exe: observed.exe }),
    ...(observed?.exeHash === undefined ? {} : { exeHash: observed.exeHash }),
  };
}

function pathsOf(state: OrgState, { items, proposal, need }: Request): string {
  if (proposal ?? need) return (proposal ?? need)?.path ?? '';
  return items.map(({ secret, field }) => `${state.secrets.get(secret)?.path ?? 'a secret'}${field === undefined ? '' : `#${field}`}`).join(', ');
}

export function outcomeOf({ outcome, ts, lease, note }: Receipt, isMine: boolean, by: readonly string[]): NonNullable<ReviewCard['outcome']> | undefined {
  if (outcome === 'used' || outcome === 'ended') return undefined;
  const kind = outcome === 'released' && !isMine ? 'done-by-other' : outcome;
  return { kind, by, at: ts, ...(lease ? { until: lease.until } : {}), ...(note === '' ? {} : { note }) };
}
