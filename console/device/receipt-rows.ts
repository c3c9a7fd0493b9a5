// What a verified receipt says in rows and outcomes, and whether the people's own signatures prove it (spec/09-release.md §receipts).
import { type LogHistory, judgeReceipt } from '../../protocol/audit/judge.ts';
import { pathsIn, programIn } from '../../protocol/audit/rows.ts';
import type { MemberId } from '../../protocol/hash.ts';
import type { OrgState } from '../../protocol/org-log/state.ts';
import type { Outcome, Receipt } from '../../protocol/receipt.ts';
import type { Request } from '../../protocol/request.ts';
import type { ReviewCard } from '../app.ts';
import type { PastRow } from './history.ts';

export interface Proof {
  readonly codes: readonly string[];
  readonly members: readonly MemberId[];
  readonly names: readonly string[];
}

/** With the log as it is now: judged in full where that is where the receipt was written. */
export async function proofOf(state: OrgState, history: LogHistory, receipt: Receipt): Promise<Proof> {
  const { faults, members } = await judgeReceipt(state, history, receipt, receipt.head.seq !== state.head.seq);
  const names = members.map((member) => state.members.get(member)?.name ?? 'somebody');
  return { codes: [...new Set(faults.map(({ code }) => code))], members, names };
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
  const paths = request ? pathsIn(state, request).join(', ') : past?.what;
  const told = note !== '' && (kind === 'failed' || kind === 'use' || kind === 'ended') ? ` (${note})` : '';
  const program = (request && programIn(request)) ?? past?.program;
  const machineName = state.machines.get(machine)?.name;
  return {
    at: ts,
    kind,
    what: `${paths ?? 'a request'}${told}`,
    who: proof.names.length > 0 ? proof.names : (past?.who ?? []),
    isVerified: proof.codes.length === 0,
    codes: proof.codes,
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

export function outcomeOf({ outcome, ts, lease, note }: Receipt, isMine: boolean, by: readonly string[]): NonNullable<ReviewCard['outcome']> | undefined {
  if (outcome === 'used' || outcome === 'ended') return undefined;
  const kind = outcome === 'released' && !isMine ? 'done-by-other' : outcome;
  return { kind, by, at: ts, ...(lease ? { until: lease.until } : {}), ...(note === '' ? {} : { note }) };
}
