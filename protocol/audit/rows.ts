// One line of the audit trail: who released what to which program when, and whether it is proved (spec/15-audit.md §rows). Names, never values.
import type { Hash, LeaseId, MachineId, RequestId } from '../hash.ts';
import type { Entry } from '../org-log/entry.ts';
import type { OrgState } from '../org-log/state.ts';
import type { Outcome, Receipt } from '../receipt.ts';
import type { Request } from '../request.ts';
import type { Fault, Judged } from './judge.ts';
import { signerName, subjectOf } from './words.ts';

/** Outcomes of requests and leases as in receipts; `log` for a change of the organisation. */
export type AuditKind = Outcome | 'log';

export interface AuditRow {
  readonly at: number;
  readonly kind: AuditKind;
  /** Secret paths, with `#field` where one was asked for; for an entry, what it changed. */
  readonly what: readonly string[];
  /** People whose signature proves it. */
  readonly who: readonly string[];
  readonly machine?: { readonly id: MachineId; readonly name: string };
  /** The program as the kernel told the machine. */
  readonly program?: string;
  /** The requester's own words. */
  readonly reason?: string;
  readonly note?: string;
  readonly lease?: { readonly id: LeaseId; readonly until: number; readonly uses: number };
  readonly requestId?: RequestId;
  /** Its place: entry number and hash, or number of the machine's receipt and hash. */
  readonly n: number;
  readonly hash: Hash;
  /** For an entry its type. */
  readonly type?: string;
  /** What keeps it from being proved; empty where everything holds. */
  readonly faults: readonly Fault[];
}

export function rowOfEntry(state: OrgState, entry: Entry): AuditRow {
  const who = [...entry.signers, ...(entry.draft?.endorsers ?? [])].filter(({ kind }) => kind !== 'token').map((signer) => signerName(state, signer));
  const what = subjectOf(state, entry);
  return { at: entry.ts, kind: 'log', type: entry.type, what: what === '' ? [] : [what], who, n: entry.seq, hash: state.head.eh, faults: [] };
}

/** What later receipts of a lease need from its release. */
export interface Told {
  readonly what: readonly string[];
  readonly program?: string;
  readonly who: readonly string[];
}

export function rowOfReceipt(state: OrgState, receipt: Receipt, hash: Hash, judged: Judged, release: Told | undefined): AuditRow {
  const { machine, n, ts, outcome, requestId, note, lease } = receipt;
  const { request } = judged;
  const who = judged.members.map((member) => state.members.get(member)?.name ?? 'somebody');
  const program = request ? programIn(request) : release?.program;
  const reason = request?.claimed.reason;
  return {
    at: ts,
    kind: outcome,
    what: request ? pathsIn(state, request) : (release?.what ?? []),
    who: who.length > 0 ? who : (release?.who ?? []),
    machine: { id: machine, name: state.machines.get(machine)?.name ?? 'a machine' },
    ...(program === undefined ? {} : { program }),
    ...(reason === undefined || reason === '' ? {} : { reason }),
    ...(note === '' ? {} : { note }),
    ...(lease ? { lease: { id: lease.id, until: lease.until, uses: lease.terms.uses } } : {}),
    requestId,
    n,
    hash,
    faults: judged.faults,
  };
}

/** Through our own command line, the program is whoever started it. */
export function programIn({ observed }: Request): string | undefined {
  const asker = observed.anchor > 0 ? observed.ancestors[observed.anchor - 1] : observed;
  return asker?.script ?? asker?.exe;
}

export function pathsIn(state: OrgState, { items, proposal, need, changes }: Request): readonly string[] {
  if (proposal) return proposal.puts.map(({ path }) => path);
  if (need) return [need.path];
  if (changes) return ['changes of the organisation'];
  return items.map(({ secret, field }) => `${state.secrets.get(secret)?.path ?? 'a secret'}${field === undefined ? '' : `#${field}`}`);
}
