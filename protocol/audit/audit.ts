// The audit: entries and receipts in, rows and findings out, in one pass and with bounded memory per line (spec/15-audit.md §audit).
// Receipts are judged at the head that they name, so they come after that entry and before the next.
import { encode } from '../codec.ts';
import { check } from '../errors.ts';
import type { Hash, MachineId, OrgId } from '../hash.ts';
import { limits } from '../limits.ts';
import { advance } from '../org-log/apply.ts';
import { secretPutCodec } from '../org-log/bodies.ts';
import { type Entry, parseEntry } from '../org-log/entry.ts';
import type { Head, OrgState } from '../org-log/state.ts';
import { type LeaseGrant, type Receipt, type VerifiedReceipt, verifyReceipt } from '../receipt.ts';
import { proposalDigest } from '../proposal.ts';
import type { Request } from '../request.ts';
import { parseEnvelope } from '../sign.ts';
import { type Fault, faultOf, judgeReceipt } from './judge.ts';
import { type AuditRow, type Told, rowOfEntry, rowOfReceipt } from './rows.ts';

/** What somebody must look at. */
export interface Finding extends Fault {
  readonly at?: number;
  /** Number of an entry, or of a machine's receipt. */
  readonly n?: number;
  readonly machine?: { readonly id: string; readonly name: string };
}
/** How far everything goes: kept by whoever verifies, it makes a later cut visible. */
export interface AuditHeads {
  readonly log?: Head;
  readonly machines: Readonly<Record<string, { readonly n: number; readonly hash: Hash }>>;
}
export interface AuditDeps {
  readonly org: OrgId;
  /** What an earlier audit saw. */
  readonly anchor?: AuditHeads;
  readonly onRow: (row: AuditRow) => void;
  readonly onFinding: (finding: Finding) => void;
}
export interface Audit {
  readonly state: OrgState | undefined;
  entry(bytes: Uint8Array): Promise<void>;
  receipt(machine: MachineId, bytes: Uint8Array): Promise<void>;
  /** That machine's chain could not be read, or not to its end. */
  missing(machine: MachineId, code: string): void;
  /** What only shows at the end. `now`: when the trail was read. */
  finish(now: number): AuditHeads;
  finding(finding: Finding): void;
}

interface Chain {
  readonly hashes: Map<number, Hash>;
  last: { readonly n: number; readonly hash: Hash };
  head: number;
}
interface OpenLease {
  readonly grant: LeaseGrant;
  readonly receipt: Pick<Receipt, 'requestId' | 'rh'>;
  readonly told: Told;
  used: number;
  isOver: boolean;
}
interface Proposed {
  readonly seq: number;
  readonly at: number;
  readonly path: string;
  readonly machine: MachineId;
}

/** A machine tells of a stored version at once: later than this it is missing. */
const graceMs = 60_000;
const forever = Number.MAX_SAFE_INTEGER;
const keyOf = (machine: MachineId, id: string): string => `${machine} ${id}`;

export function createAudit({ org, anchor, onRow, onFinding }: AuditDeps): Audit {
  let state: OrgState | undefined;
  let isBroken = false;
  const history: Hash[] = [];
  const chains = new Map<MachineId, Chain>();
  // Of each machine its own: another one could name the same ids, to have this one accused or excused.
  const leases = new Map<string, OpenLease>();
  const released = new Set<string>();
  const proposed = new Map<Hash, Proposed>();
  const stored = new Set<string>();
  // Who signed the newest version of each path.
  const writers = new Map<string, readonly string[]>();
  const unread = new Set<string>();

  const named = (machine: MachineId): { readonly id: string; readonly name: string } => ({
    id: machine,
    name: state?.machines.get(machine)?.name ?? 'an unknown machine',
  });

  function remember({ type, body, seq, ts }: Entry, { who }: AuditRow): void {
    if (type !== 'secret.put') return;
    writers.set(body.path, who);
    if (body.proposedBy === undefined) return;
    proposed.set(proposalDigest(encode(secretPutCodec, body)), { seq, at: ts, path: body.path, machine: body.proposedBy });
  }

  function link({ receipt, hash }: VerifiedReceipt, at: number): readonly Fault[] {
    const { machine, n, prev, head } = receipt;
    const chain = chains.get(machine);
    const known = chain?.hashes.get(n);
    if (chain && known !== undefined && known !== hash)
      return [{ code: 'E_CLONE', why: `two receipts with number ${n}: the machine’s key is used twice, or its state was put back` }];
    if (chain && n <= chain.last.n) return [{ code: 'E_AUDIT_GAP', why: `receipt ${n} stands after number ${chain.last.n}: repeated, or out of its order` }];
    const faults: Fault[] = [];
    const follows = chain ? n === chain.last.n + 1 : n === 0;
    if (!follows) faults.push({ code: 'E_AUDIT_GAP', why: `receipts before number ${n} are missing` });
    else if (prev !== (chain?.last.hash ?? '0'.repeat(64)))
      faults.push({ code: 'E_AUDIT_GAP', why: `receipt ${n} does not follow the one before it: that was exchanged` });
    if (chain && head.seq < chain.head) faults.push({ code: 'E_LOG_ROLLBACK', why: `receipt ${n} names an older log than the one before it` });
    else if (head.seq < at) faults.push({ code: 'E_AUDIT_GAP', why: `receipt ${n} does not stand where the log was when it was written` });
    const next: Chain = chain ?? { hashes: new Map(), last: { n, hash }, head: head.seq };
    next.hashes.set(n, hash);
    next.last = { n, hash };
    next.head = Math.max(next.head, head.seq);
    chains.set(machine, next);
    return faults;
  }

  function verifyOutcome(receipt: Receipt, request: Request | undefined, told: Told): readonly Fault[] {
    const { outcome, lease, requestId, rh, machine } = receipt;
    for (const { digest } of request?.proposal?.puts ?? []) stored.add(keyOf(machine, digest));
    // Of changes that a machine proposed the entries themselves tell.
    if (outcome === 'stored' && request && !request.changes) {
      const isThere = request.proposal
        ? request.proposal.puts.every(({ digest }) => proposed.get(digest)?.machine === machine)
        : writers.has(request.need?.path ?? '');
      if (!isThere) return [{ code: 'E_NO_APPROVAL', why: 'told as stored, and the log has no such version' }];
    }
    if (outcome === 'released') {
      if (released.has(keyOf(machine, requestId))) return [{ code: 'E_REPLAY', why: 'one request was released twice' }];
      released.add(keyOf(machine, requestId));
      if (lease) leases.set(keyOf(machine, lease.id), { grant: lease, receipt: { requestId, rh }, told, used: 1, isOver: false });
    }
    return outcome === 'used' || outcome === 'ended' ? verifyUse(receipt) : [];
  }

  function verifyUse({ outcome, lease, requestId, rh, machine, ts, note }: Receipt): readonly Fault[] {
    const open = lease && leases.get(keyOf(machine, lease.id));
    if (!lease || !open || open.receipt.requestId !== requestId || open.receipt.rh !== rh)
      return [{ code: 'E_NO_APPROVAL', why: 'the use of a lease that nobody granted' }];
    const { terms, until } = open.grant;
    const total = Number(/; (\d+) in all$/.exec(note)?.[1] ?? Number.NaN);
    const told = outcome === 'used' ? Number(/^(\d+) uses; /.exec(note)?.[1] ?? Number.NaN) : 0;
    const isSame = lease.until === until && lease.terms.ttlS === terms.ttlS && lease.terms.uses === terms.uses && lease.terms.scope === terms.scope;
    const isOver = open.isOver;
    const before = open.used;
    open.used = Number.isNaN(total) ? before : Math.max(before, total);
    open.isOver ||= outcome === 'ended';
    if (!isSame || isOver) return [{ code: 'E_LEASE_BOUNDS', why: isOver ? 'a lease was used after its end' : 'the lease is another than was granted' }];
    if (open.used > terms.uses) return [{ code: 'E_LEASE_BOUNDS', why: `${open.used} uses of a lease for ${terms.uses}` }];
    if (outcome === 'used' && ts > until + limits.clockSkewMs) return [{ code: 'E_LEASE_BOUNDS', why: 'a lease was used after its time' }];
    const adds = outcome === 'used' ? total === before + told && told > 0 : total >= before;
    return adds ? [] : [{ code: 'E_AUDIT_GAP', why: 'the uses of a lease do not add up' }];
  }

  // A use is told by its release, a stored version by the entry that a writer signed.
  function toldBefore({ lease, outcome, machine }: Receipt, request: Request | undefined): Told | undefined {
    if (lease) return leases.get(keyOf(machine, lease.id))?.told;
    const who = outcome === 'stored' && writers.get((request?.proposal?.puts[0] ?? request?.need)?.path ?? '');
    return who ? { what: [], who } : undefined;
  }

  function tell(faults: readonly Fault[], row: AuditRow): void {
    onRow({ ...row, faults });
    const { at, n, machine } = row;
    for (const fault of faults) onFinding({ ...fault, at, n, ...(machine ? { machine } : {}) });
  }

  function anchored(name: string, seen: Hash | undefined, wanted: Hash, machine?: MachineId): void {
    if (seen === wanted) return;
    const where = machine === undefined ? {} : { machine: named(machine) };
    onFinding({
      code: 'E_AUDIT_GAP',
      why: seen === undefined ? `${name} ends before what was seen earlier` : `${name} is another than was seen earlier`,
      ...where,
    });
  }

  return {
    get state() {
      return state;
    },
    finding: onFinding,
    entry: async (bytes) => {
      if (isBroken) return; // what comes after a break cannot be judged: it was told once
      try {
        const next = await advance(state, bytes, forever);
        check(next.org === org, 'E_ORG', 'the log of another organisation');
        state = next;
      } catch (error) {
        isBroken = true;
        onFinding({ ...faultOf(error), n: history.length });
        return;
      }
      const entry = parseEntry(parseEnvelope('entry', bytes, limits.entryBytes).payload);
      history.push(state.head.eh);
      const row = rowOfEntry(state, entry);
      remember(entry, row);
      onRow(row);
    },
    receipt: async (machine, bytes) => {
      try {
        check(state !== undefined, 'E_LOG_STALE', 'a receipt before the first entry of the log');
        const verified = await verifyReceipt(state, bytes);
        const { receipt, hash } = verified;
        check(receipt.machine === machine, 'E_SIGNATURE', 'a receipt of another machine');
        const linked = link(verified, state.head.seq);
        // Judged where it stands: with a log that is cut off or out of place, the rest would only repeat that.
        const isLater = receipt.head.seq !== state.head.seq;
        const judged = await judgeReceipt(state, (seq) => history[seq], receipt, isLater);
        const row = rowOfReceipt(state, receipt, hash, judged, toldBefore(receipt, judged.request));
        const isRepeated = linked.some(({ code }) => code === 'E_CLONE') || chains.get(machine)?.last.hash !== hash;
        const faults = isRepeated ? [] : verifyOutcome(receipt, judged.request, row);
        tell([...linked, ...judged.faults, ...faults], row);
      } catch (error) {
        onFinding({ ...faultOf(error), machine: named(machine) });
      }
    },
    missing: (machine, code) => {
      unread.add(machine);
      onFinding({
        code: 'E_AUDIT_GAP',
        why: `the receipts of this machine could not be read (${/^E_[A-Z_]{1,40}$/.test(code) ? code : 'unknown'})`,
        machine: named(machine),
      });
    },
    finish: (now) => {
      for (const [digest, { path, machine, at, seq }] of proposed) {
        if (stored.has(keyOf(machine, digest)) || unread.has(machine) || at > now - graceMs) continue;
        onFinding({
          code: 'E_NO_RECEIPT',
          why: `a version of ${path} was approved for this machine, which tells nothing about it`,
          at,
          n: seq,
          machine: named(machine),
        });
      }
      if (anchor?.log) anchored('the log', history[anchor.log.seq], anchor.log.eh);
      for (const [id, { n, hash }] of Object.entries(anchor?.machines ?? {}))
        anchored('the chain of this machine', chains.get(id as MachineId)?.hashes.get(n), hash, id as MachineId); // an id that is looked up
      return { ...(state ? { log: state.head } : {}), machines: Object.fromEntries([...chains].map(([id, { last }]) => [id, last])) };
    },
  };
}
