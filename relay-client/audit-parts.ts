// The audit trail as a client can read it: its own verified log, and the receipts of every machine from the relay (spec/15-audit.md §trail).
import { ProtocolError, check } from '../protocol/errors.ts';
import type { AuditPart } from '../protocol/audit/export.ts';
import type { Hash, MachineId, OrgId } from '../protocol/hash.ts';
import { limits } from '../protocol/limits.ts';
import { openRecord, receiptStream } from '../protocol/org-log/record.ts';
import { type VerifiedReceipt, verifyReceipt } from '../protocol/receipt.ts';
import { type RelayClient, RelayClientError } from './client.ts';
import type { StoredEntry } from './log-store.ts';
import type { OrgLog } from './org-log.ts';

export interface AuditPartsDeps {
  readonly org: OrgId;
  readonly log: Pick<OrgLog, 'requireState' | 'read' | 'keys'>;
  readonly client: Pick<RelayClient, 'read'>;
  /** This machine's own chain, which no relay can shorten. */
  readonly own?: { readonly machine: MachineId; receipts(): Iterable<{ readonly n: number; readonly bytes: Uint8Array; readonly isSent: boolean }> };
}
interface Placed {
  readonly bytes: Uint8Array;
  /** Head of the log when it was written, never before that of the receipt before. */
  readonly seq: number;
}
interface Cursor {
  readonly machine: MachineId;
  readonly parts: AsyncGenerator<Placed | { readonly code: string }, void, undefined>;
  next: Placed | undefined;
}

/** Records of one page while so many machines are read side by side. */
const heldRecords = 2_000;
const pageEntries = 500;

/** Every entry, and each receipt after the entry that was the head when it was written. Holds one page of each machine. */
export async function* auditParts(deps: AuditPartsDeps): AsyncGenerator<AuditPart, void, undefined> {
  const state = deps.log.requireState();
  const machines = [...state.machines.values()].filter(({ status }) => status !== 'enrolled').map(({ machine }) => machine);
  const pageRecords = Math.max(4, Math.min(200, Math.floor(heldRecords / Math.max(1, machines.length))));
  const cursors: Cursor[] = machines.map((machine) => ({ machine, parts: chainOf(deps, machine, pageRecords), next: undefined }));
  const failed: AuditPart[] = [];

  async function step(cursor: Cursor): Promise<void> {
    cursor.next = undefined;
    for (let read = await cursor.parts.next(); read.done !== true; read = await cursor.parts.next()) {
      if (!('code' in read.value)) return void (cursor.next = read.value);
      failed.push({ kind: 'missing', machine: cursor.machine, code: read.value.code });
    }
  }

  for (const cursor of cursors) await step(cursor);
  for await (const { seq, bytes } of entriesOf(deps, state.head.seq + 1)) {
    yield { kind: 'entry', bytes };
    for (const cursor of cursors) {
      // Those that name a log beyond this one come after its end, where that shows.
      while (cursor.next && (cursor.next.seq <= seq || seq === state.head.seq)) {
        yield { kind: 'receipt', machine: cursor.machine, bytes: cursor.next.bytes };
        await step(cursor);
      }
    }
  }
  yield* failed;
}

async function* entriesOf({ log }: AuditPartsDeps, to: number): AsyncGenerator<StoredEntry, void, undefined> {
  for (let from = 0; from < to; from += pageEntries) yield* await log.read(from, Math.min(to, from + pageEntries));
}

async function* chainOf(deps: AuditPartsDeps, machine: MachineId, pageRecords: number): AsyncGenerator<Placed | { readonly code: string }, void, undefined> {
  let seq = 0;
  const placed = ({ receipt }: VerifiedReceipt, bytes: Uint8Array): Placed => ({ bytes, seq: (seq = Math.max(seq, receipt.head.seq)) });
  // Of this machine: hash of each receipt, until the relay has shown that it has it.
  const own = new Map<number, Hash>();
  const unseen = new Set<Hash>();
  try {
    if (deps.own?.machine === machine) {
      for (const { n, bytes, isSent } of deps.own.receipts()) {
        const verified = await verifyReceipt(deps.log.requireState(), bytes);
        own.set(n, verified.hash);
        if (isSent) unseen.add(verified.hash);
        yield placed(verified, bytes);
      }
    }
    for await (const { verified, bytes } of chainAtRelay(deps, machine, pageRecords)) {
      unseen.delete(verified.hash);
      if (own.get(verified.receipt.n) !== verified.hash) yield placed(verified, bytes);
    }
    if (unseen.size > 0) yield { code: 'E_AUDIT_GAP' }; // the relay has lost or hides them: nobody else can read this chain
  } catch (error) {
    yield { code: codeIn(error) };
  }
}

/** Valid receipts in the order of the stream. What is none is passed over: whoever may write to the relay can leave such, and the chain shows what is missing. */
async function* chainAtRelay(
  { org, log, client }: AuditPartsDeps,
  machine: MachineId,
  pageRecords: number,
): AsyncGenerator<{ readonly verified: VerifiedReceipt; readonly bytes: Uint8Array }, void, undefined> {
  const place = { org, stream: receiptStream(org, machine) };
  for (let from = 0, none = 0; ;) {
    const { head, records } = await client.read(place.stream, from, pageRecords);
    if (records.length === 0 && head.seq >= from) throw new RelayClientError('E_RELAY_ANSWER', 'the relay names records that it does not give');
    for (const { blob } of records) {
      from++;
      try {
        const bytes = await openRecord(place, log.keys, blob);
        const verified = await verifyReceipt(log.requireState(), bytes);
        check(verified.receipt.machine === machine, 'E_SIGNATURE', 'a receipt of another machine');
        yield { verified, bytes };
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        check(++none <= limits.garbageRecords, 'E_RELAY_GARBAGE', 'the relay holds too much that is no receipt');
      }
    }
    if (records.length === 0 || from > head.seq) return;
  }
}

function codeIn(error: unknown): string {
  if (error instanceof ProtocolError || error instanceof RelayClientError) return error.code;
  throw error;
}
