// The machine's receipt chain: written before delivery, sent when the relay is there (spec/09-release.md §receipts).
import type { Evidence } from '../../protocol/approval.ts';
import { inSeries } from './serial.ts';
import type { Hash, RequestId } from '../../protocol/hash.ts';
import { sealLetter } from '../../protocol/notice.ts';
import { zeroHash } from '../../protocol/org-log/entry.ts';
import { mailboxOn, receiptStream, sealRecord } from '../../protocol/org-log/record.ts';
import type { Device } from '../../protocol/org-log/state.ts';
import type { Random } from '../../protocol/random.ts';
import { type LeaseGrant, type Outcome, signReceipt } from '../../protocol/receipt.ts';
import { RelayClientError } from '../../relay-client/client.ts';
import type { OrgLink } from '../org/link.ts';
import type { MachineIdentity } from '../vault/machine-key.ts';
import type { DaemonStore } from '../vault/store.ts';

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
}
export interface Receipts {
  /** Durable when it resolves. Throws E_PERSIST: then nothing may be delivered. */
  write(input: ReceiptInput): Promise<void>;
  /** Sends what is unsent; failures are tried again at the next call. */
  send(): Promise<void>;
}

export function createReceipts(deps: { readonly machine: MachineIdentity; readonly store: DaemonStore; readonly link: OrgLink; readonly now: () => number; readonly random: Random; readonly onProblem: (error: unknown) => void }): Receipts {
  const { machine, store, link } = deps;
  const inOrder = inSeries();
  const letters = new Map<number, readonly Device[]>();
  let sending: Promise<void> | undefined;

  async function sendOne(n: number, prev: Hash, hash: Hash, bytes: Uint8Array): Promise<void> {
    const state = link.log.requireState();
    const mk = link.log.keys.get(state.mkEpoch);
    if (!mk) return;
    const stream = receiptStream(machine.org, machine.machine);
    const blob = await sealRecord({ org: machine.org, stream }, state.mkEpoch, mk, bytes, deps.random);
    try {
      await link.client.append({ stream, seq: n, prev, eh: hash, blob });
    } catch (error) {
      // The acknowledgement was lost, or it was sent under another salt: the chain says whether it is there.
      if (!(error instanceof RelayClientError) || error.code !== 'E_RELAY_CONFLICT' || error.head === undefined || error.head.seq < n) throw error;
    }
    const mails = [];
    for (const device of letters.get(n) ?? []) {
      mails.push({ mailbox: mailboxOn(device.mailboxSeed, deps.now()), body: await sealLetter(machine.org, { id: device.device, key: device.inboxKey }, { kind: 'receipt', bytes }), ttlS: 604_800 });
    }
    if (mails.length > 0) await link.client.post(mails);
    letters.delete(n);
    store.markSent(n);
  }

  async function sendAll(): Promise<void> {
    let prev: Hash | undefined;
    for (let unsent = store.unsentReceipts(); unsent.length > 0; unsent = store.unsentReceipts()) {
      for (const { n, hash, bytes } of unsent) {
        await sendOne(n, prev ?? store.receiptHash(n - 1) ?? zeroHash, hash, bytes);
        prev = hash;
      }
    }
  }

  const send = (): Promise<void> => (sending ??= sendAll().catch(deps.onProblem).finally(() => (sending = undefined)));
  return {
    write: ({ tell, consumes, evidence = [], ...input }) =>
      inOrder(async () => {
        const last = store.lastReceipt();
        const n = (last?.n ?? -1) + 1;
        const { bytes, hash } = await signReceipt({ org: machine.org, machine: machine.machine, n, prev: last?.hash ?? zeroHash, ts: deps.now(), head: link.log.requireState().head, evidence, ...input }, machine.sig);
        letters.set(n, tell);
        store.addReceipt({ n, hash, bytes }, consumes ? input.requestId : undefined);
      }),
    send: async () => {
      await send(); // a sending that began before may have missed the newest
      return send();
    },
  };
}
