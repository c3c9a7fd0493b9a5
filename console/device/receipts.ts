// Receipts of machines: chain and evidence checked, then history, leases and the outcome of cards (spec/09-release.md §receipts).
import { type Codec, array, count, decode, encode, record, text, time } from '../../protocol/codec.ts';
import { ProtocolError } from '../../protocol/errors.ts';
import { type Hash, type LeaseId, type MachineId, hashCodec, leaseIdCodec, machineIdCodec } from '../../protocol/hash.ts';
import { limits } from '../../protocol/limits.ts';
import { openRecord, receiptStream } from '../../protocol/org-log/record.ts';
import type { OrgState } from '../../protocol/org-log/state.ts';
import { type Receipt, type VerifiedReceipt, verifyChain, verifyReceipt } from '../../protocol/receipt.ts';
import { type Request, verifyPastRequest } from '../../protocol/request.ts';
import { codeOf } from './failure.ts';
import type { History, PastRow } from './history.ts';
import type { Inbox } from './inbox.ts';
import { outcomeOf, proofOf, rowOf } from './receipt-rows.ts';
import type { DeviceMemory } from './request-memory.ts';
import type { Session } from './session.ts';

/** A lease as the machine's receipts tell of it. */
export interface KnownLease {
  readonly id: LeaseId;
  readonly machine: MachineId;
  readonly paths: readonly string[];
  readonly holder: string;
  readonly until: number;
  readonly uses: number;
  readonly used: number;
  readonly approvedBy: readonly string[];
}
const line = text(2_048);
const leaseCodec: Codec<KnownLease> = record<KnownLease>({
  id: [1, leaseIdCodec],
  machine: [2, machineIdCodec],
  paths: [3, array(line, limits.itemsPerRequest)],
  holder: [4, line],
  until: [5, time],
  uses: [6, count],
  used: [7, count],
  approvedBy: [8, array(line, limits.quorumN)],
});
/** How far a machine's chain was followed; `next` is the position in its stream. */
interface ChainMark {
  readonly n: number;
  readonly hash: Hash;
  readonly next: number;
}
const chainCodec: Codec<ChainMark> = record<ChainMark>({ n: [1, count], hash: [2, hashCodec], next: [3, count] });

export interface Receipts {
  /** A letter's receipt. */
  receive(bytes: Uint8Array): Promise<void>;
  /** Reads what is new in the streams of all machines, or of one. */
  catchUp(machine?: MachineId): Promise<void>;
  /** Running leases. */
  leases(): readonly KnownLease[];
  /** Approvals of this device that no receipt followed: an alert each, once. */
  tick(): Promise<void>;
}

const missingMs = 60_000;
const leaseName = ({ machine, id }: Pick<KnownLease, 'machine' | 'id'>): string => `lease/${machine}/${id}`;

export async function openReceipts(deps: {
  readonly session: Session;
  readonly memory: DeviceMemory;
  readonly history: History;
  readonly inbox: Inbox;
  readonly onChange: () => void;
}): Promise<Receipts> {
  const { session, memory, history, inbox, onChange } = deps;
  const { storage, now } = session.platform;
  const chains = new Map<MachineId, ChainMark>();
  // Under machine and id: another machine could name the same one.
  const leases = new Map<string, KnownLease>();
  const shortened = new Set<MachineId>();
  for (const [name, bytes] of await storage.read('chain/')) chains.set(name.slice('chain/'.length) as MachineId, decode(chainCodec, bytes, 256)); // written under that id below
  const over: string[] = [];
  for (const [name, bytes] of await storage.read('lease/')) {
    const lease = decode(leaseCodec, bytes, 65_536);
    if (lease.until > now()) leases.set(leaseName(lease), lease);
    else over.push(name);
  }
  if (over.length > 0) await storage.write(new Map(), over);

  // One at a time: each receipt stands on the one before.
  let turn: Promise<unknown> = Promise.resolve();
  function inOrder<T>(act: () => Promise<T>): Promise<T> {
    const mine = turn.then(act, act);
    turn = mine.catch(() => undefined);
    return mine;
  }

  async function alert(what: string, machine: MachineId | undefined): Promise<void> {
    const name = machine && session.log.requireState().machines.get(machine)?.name;
    const row: PastRow = {
      at: now(),
      kind: 'alert',
      what,
      who: [],
      isVerified: false,
      secrets: [],
      ...(machine === undefined ? {} : { machine }),
      ...(name === undefined ? {} : { machineName: name }),
    };
    await storage.write(new Map([history.add(row)]));
    onChange();
  }

  async function take(verified: VerifiedReceipt, next?: number): Promise<void> {
    const { machine, n } = verified.receipt;
    const before = chains.get(machine);
    if (before && n <= before.n) {
      if (n === before.n && verified.hash !== before.hash) await alert('E_AUDIT_GAP: two receipts with one number', machine);
      if (next !== undefined && next > before.next) chains.set(machine, { ...before, next });
      return;
    }
    try {
      verifyChain(before, verified);
    } catch {
      await alert(`E_AUDIT_GAP: receipts before number ${n} are missing or were changed`, machine);
    }
    const mark: ChainMark = { n, hash: verified.hash, next: next ?? before?.next ?? 0 };
    await apply(verified.receipt, [`chain/${machine}`, encode(chainCodec, mark)]);
    chains.set(machine, mark);
    onChange();
  }

  async function apply(receipt: Receipt, chain: readonly [string, Uint8Array]): Promise<void> {
    // A machine that has seen more than this device is right: look first, then judge.
    if (receipt.head.seq > session.log.requireState().head.seq) await session.log.sync().catch(() => undefined);
    const state = session.log.requireState();
    const before = history.releaseOf(receipt.requestId);
    const past = before?.machine === receipt.machine ? before : undefined;
    const request = await requestOf(state, receipt);
    const proof = await proofOf(state, session.log.history, receipt);
    const records: (readonly [string, Uint8Array])[] = [chain];
    const row = rowOf(state, receipt, request, past, proof);
    if (row) records.push(history.add(row));
    const lease = leaseAfter(receipt, row, past);
    if (lease) {
      const name = leaseName(lease);
      records.push([name, encode(leaseCodec, lease)]);
      if (lease.until > now() && lease.used < lease.uses && receipt.outcome !== 'ended') leases.set(name, lease);
      else leases.delete(name);
    }
    // What a machine says of another one's request decides nothing about it.
    const isOwn = (memory.find(receipt.requestId)?.machine ?? receipt.machine) === receipt.machine;
    if (isOwn) await memory.update(receipt.requestId, { settled: true }, records);
    else await storage.write(new Map(records));
    if (proof.codes.length > 0) await alert(`${proof.codes.join(' ')}: receipt ${receipt.n} is not proved by what it carries`, receipt.machine);
    const outcome = outcomeOf(receipt, proof.members.includes(session.me.member), proof.names);
    if (outcome && isOwn) inbox.settle(receipt.requestId, outcome);
  }

  // The signed request comes with the first receipt about it; this device may have seen it too.
  async function requestOf(state: OrgState, receipt: Receipt): Promise<Request | undefined> {
    const bytes = receipt.request ?? memory.find(receipt.requestId)?.bytes;
    if (!bytes) return undefined;
    const opened = await verifyPastRequest(state, bytes).catch(() => undefined);
    return opened?.rh === receipt.rh && opened.request.requestId === receipt.requestId ? opened.request : undefined;
  }

  function leaseAfter({ lease, machine, outcome, note, ts }: Receipt, row: PastRow | undefined, past: PastRow | undefined): KnownLease | undefined {
    if (!lease) return undefined;
    const known = leases.get(leaseName({ id: lease.id, machine }));
    const from = row?.kind === 'release' ? row : past;
    const made: KnownLease = known ?? {
      id: lease.id,
      machine,
      paths: from ? from.what.split(', ') : [],
      holder: from?.program ?? 'unknown',
      until: lease.until,
      uses: lease.terms.uses,
      used: 1,
      approvedBy: from?.who ?? [],
    };
    const counted = Number(/; (\d+) in all$/.exec(note)?.[1] ?? (outcome === 'used' ? made.used + 1 : made.used));
    return { ...made, used: counted, until: outcome === 'ended' ? Math.min(ts, made.until) : made.until };
  }

  async function readStream(machine: MachineId): Promise<void> {
    const place = { org: session.me.org, stream: receiptStream(session.me.org, machine) };
    // Where the last receipt was: what lies behind it and was none is looked at again.
    let from = chains.get(machine)?.next ?? 0;
    let mayLack = true;
    for (let none = 0; none <= limits.garbageRecords;) {
      const { head, records } = await session.client.read(place.stream, from);
      if (head.seq < from - 1) {
        if (!shortened.has(machine)) await alert('E_AUDIT_GAP: the relay shows fewer receipts than before', machine);
        shortened.add(machine);
        return;
      }
      for (const { blob } of records) {
        from++;
        try {
          const bytes = await openRecord(place, session.log.keys, blob).catch(async (error: unknown) => {
            if (codeOf(error) !== 'E_MK_EPOCH' || !mayLack) throw error;
            mayLack = false;
            await session.log.sync(); // a key that is new: it is in the log, or nowhere
            return openRecord(place, session.log.keys, blob);
          });
          const verified = await verifyReceipt(session.log.requireState(), bytes);
          if (verified.receipt.machine === machine) await take(verified, from);
        } catch (error) {
          // No receipt: whoever may write to the relay can leave such. The chain shows what is missing.
          if (!(error instanceof ProtocolError)) throw error;
          none++;
        }
      }
      if (records.length === 0 || from > head.seq) return;
    }
  }

  return {
    receive: (bytes) =>
      inOrder(async () => {
        const verified = await verifyReceipt(session.log.requireState(), bytes).catch(async (error: unknown) => {
          if (codeOf(error) !== 'E_SIGNATURE') throw error;
          return verifyReceipt(await session.log.sync(), bytes); // a machine that was admitted meanwhile
        });
        const { machine, n } = verified.receipt;
        if (n > (chains.get(machine)?.n ?? -1) + 1) await readStream(machine);
        await take(verified);
      }),
    catchUp: (machine) =>
      inOrder(async () => {
        const machines = machine
          ? [machine]
          : [...session.log.requireState().machines.values()].filter(({ status }) => status !== 'enrolled').map((known) => known.machine);
        for (const one of machines) await readStream(one);
      }),
    leases: () => [...leases.values()].filter(({ until }) => until > now()),
    tick: async () => {
      for (const { requestId, decision, expiresAt, settled, machine } of memory.known()) {
        if (decision !== 'approve' || settled || now() < expiresAt + missingMs) continue;
        await memory.update(requestId, { settled: true });
        await alert('you approved a request and the machine sent no receipt for it', machine);
      }
      await memory.prune(now());
    },
  };
}
