// The machine's receipt chain: written before delivery, sent when the relay is there (spec/09-release.md §receipts).
import type { Evidence } from '../../protocol/approval.ts';
import { ProtocolError, check } from '../../protocol/errors.ts';
import type { Hash, RequestId } from '../../protocol/hash.ts';
import { sealLetter } from '../../protocol/notice.ts';
import { zeroHash } from '../../protocol/org-log/entry.ts';
import { mailboxOn, openRecord, receiptStream, sealRecord } from '../../protocol/org-log/record.ts';
import type { StreamHead } from '../../protocol/wire.ts';
import type { Device } from '../../protocol/org-log/state.ts';
import type { Random } from '../../protocol/random.ts';
import { type LeaseGrant, type Outcome, signReceipt, verifyReceipt } from '../../protocol/receipt.ts';
import { RelayClientError } from '../../relay-client/client.ts';
import type { OrgLink } from '../org/link.ts';
import type { MachineIdentity } from '../vault/machine-key.ts';
import type { DaemonStore, StoredReceipt } from '../vault/store.ts';
import { inSeries } from './serial.ts';

export interface ReceiptInput {
  readonly outcome: Outcome;
  readonly requestId: RequestId;
  readonly rh: Hash;
  readonly request?: Uint8Array;
  readonly evidence?: readonly Evidence[];
  readonly lease?: LeaseGrant;
  readonly note: string;
  /** Devices that are told by letter, besides the stream. */
  readonly tell: readonly Device[];
  /** Marks the request as done, in the same step. */
  readonly consumes?: boolean;
  /** Called at the very head that the receipt will name: what it throws, the write throws. */
  readonly stillHolds?: () => void;
}
export interface Receipts {
  /** Durable when it resolves. Throws E_PERSIST: then nothing may be delivered. */
  write(input: ReceiptInput): Promise<void>;
  /** Sends what is unsent; failures are tried again at the next call. */
  send(): Promise<void>;
}
export interface ReceiptDeps {
  readonly machine: MachineIdentity;
  readonly store: DaemonStore;
  readonly link: Pick<OrgLink, 'client' | 'log'>;
  readonly now: () => number;
  readonly random: Random;
  readonly onProblem: (error: unknown) => void;
}

const letterTtlS = 604_800;
/** How often others may write to the stream at the same moment. */
const attempts = 5;

export function createReceipts({ machine, store, link, now, random, onProblem }: ReceiptDeps): Receipts {
  const inOrder = inSeries();
  const place = { org: machine.org, stream: receiptStream(machine.org, machine.machine) };
  // Where the relay's stream ends; it can be ahead of the receipts, since others may leave garbage there.
  let tail: { readonly seq: number; readonly eh: Hash } | undefined;
  // Only in memory: after a restart the devices find the receipt in the stream.
  const letters = new Map<number, readonly Device[]>();
  // Receipts that are at the relay, and whose letters may still have to go.
  const there = new Set<Hash>();
  let sending: Promise<void> | undefined;

  async function sendAll(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        for (let unsent = store.unsentReceipts(); unsent.length > 0; unsent = store.unsentReceipts()) for (const receipt of unsent) await sendOne(receipt);
        return;
      } catch (error) {
        if (!(error instanceof RelayClientError) || error.code !== 'E_RELAY_CONFLICT' || error.head === undefined || attempt === attempts) throw error;
        await look(error.head);
      }
    }
  }

  async function sendOne({ n, hash, bytes }: StoredReceipt): Promise<void> {
    if (!there.has(hash)) {
      const { mkEpoch } = link.log.requireState();
      const mk = link.log.keys.get(mkEpoch);
      check(mk !== undefined, 'E_MK_EPOCH', 'the metadata key is not held here');
      tail ??= { seq: n - 1, eh: store.receiptHash(n - 1) ?? zeroHash };
      const blob = await sealRecord(place, mkEpoch, mk, bytes, random);
      await link.client.append({ stream: place.stream, seq: tail.seq + 1, prev: tail.eh, eh: hash, blob });
      tail = { seq: tail.seq + 1, eh: hash };
      there.add(hash);
    }
    await tell(n, bytes);
    store.markSent(n);
    there.delete(hash);
  }

  // The stream is not where it should be: an acknowledgement was lost, the relay lost its data, or somebody else wrote there.
  async function look(head: StreamHead): Promise<void> {
    const first = store.unsentReceipts()[0]?.n ?? 0;
    if (head.seq < first - 1) {
      store.markUnsentAfter(head.seq);
      onProblem(new ProtocolError('E_AUDIT_GAP', 'the relay lost receipts of this machine: they are sent again'));
    }
    there.clear();
    tail = { seq: head.seq, eh: head.eh ?? zeroHash };
    for (let from = Math.max(0, Math.min(first, head.seq + 1)); ;) {
      const { records } = await link.client.read(place.stream, from);
      const last = records.at(-1);
      if (!last) return;
      for (const { eh, blob } of records) {
        there.add(eh);
        if (await isAlien(blob)) onProblem(new ProtocolError('E_CLONE', 'receipts of this machine that it did not write: its key is used twice'));
      }
      tail = { seq: last.seq, eh: last.eh };
      from = last.seq + 1;
    }
  }

  // Signed with this machine's key, and not by this daemon.
  async function isAlien(blob: Uint8Array): Promise<boolean> {
    try {
      const { receipt, hash } = await verifyReceipt(link.log.requireState(), await openRecord(place, link.log.keys, blob));
      return receipt.machine === machine.machine && store.receiptHash(receipt.n) !== hash;
    } catch {
      return false; // whoever may write to the relay can leave garbage there: readers pass over it
    }
  }

  async function tell(n: number, bytes: Uint8Array): Promise<void> {
    const letter = { kind: 'receipt', bytes } as const;
    const mails = (letters.get(n) ?? []).map(async ({ device, inboxKey, mailboxSeed }) => ({
      mailbox: mailboxOn(mailboxSeed, now()),
      body: await sealLetter(machine.org, { id: device, key: inboxKey }, letter),
      ttlS: letterTtlS,
    }));
    await link.client.post(await Promise.all(mails));
    letters.delete(n);
  }

  const send = (): Promise<void> =>
    (sending ??= sendAll()
      .catch(onProblem)
      .finally(() => (sending = undefined)));
  return {
    write: ({ tell: devices, consumes, stillHolds, evidence = [], ...input }) =>
      inOrder(async () => {
        stillHolds?.();
        const last = store.lastReceipt();
        const n = (last?.n ?? -1) + 1;
        const position = { n, prev: last?.hash ?? zeroHash, ts: now(), head: link.log.requireState().head };
        const { bytes, hash } = await signReceipt({ org: machine.org, machine: machine.machine, ...position, evidence, ...input }, machine.sig);
        store.addReceipt({ n, hash, bytes }, consumes ? input.requestId : undefined);
        if (devices.length > 0) letters.set(n, devices);
      }),
    send: async () => {
      await inOrder(() => Promise.resolve()); // what is being written now goes with it
      await sending; // a sending that began before may have missed the newest
      await send();
    },
  };
}
