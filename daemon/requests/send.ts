// Builds, signs and sends one request, and listens for its answers (spec/09-release.md §request).
import type { RequestId } from '../../protocol/hash.ts';
import { sealLetter } from '../../protocol/notice.ts';
import { mailboxOn } from '../../protocol/org-log/record.ts';
import type { Device } from '../../protocol/org-log/state.ts';
import { type LeaseTerms, type Observed, type Proposal, type Request, type RequestItem, type SignedRequest, signRequest } from '../../protocol/request.ts';
import { type KemKey, kemKeyFrom } from '../../protocol/seal.ts';
import { wipe, toHex } from '../../protocol/bytes.ts';
import type { MailboxId } from '../../protocol/wire.ts';
import { newId } from '../../relay-client/org-log.ts';
import type { DeskDeps } from './desk.ts';

export interface SentRequest extends Disposable {
  readonly request: Request;
  readonly signed: SignedRequest;
  /** Fresh key of this request; the answers are sealed to it. */
  readonly epk: KemKey;
}
export interface Wanted {
  readonly items: readonly RequestItem[];
  readonly proposal?: Proposal;
  readonly requestId: RequestId;
  readonly lease: LeaseTerms;
  readonly observed: Observed;
  readonly claimed: { readonly agent: string; readonly reason: string };
  readonly lifeMs: number;
  readonly targets: readonly Device[];
}

/** Resolves when the relay has the request for every target. `onAnswer` gets each sealed answer. */
export async function sendRequest(deps: DeskDeps, wanted: Wanted, onAnswer: (sealed: Uint8Array) => void): Promise<SentRequest> {
  const { machine, link, now, random } = deps;
  const seed = random(32);
  const epk = await kemKeyFrom(seed);
  wipe(seed);
  const issuedAt = now();
  const reply = toHex(random(32)) as MailboxId; // a fresh mailbox, known to the targets only
  const { items, proposal, requestId, lease, observed, claimed } = wanted;
  const request: Request = {
    org: machine.org, head: link.log.requireState().head, requestId, machine: machine.machine, keyId: machine.sig.keyId, bootId: deps.bootId, ctr: deps.store.nextCounter(), items, epk: epk.publicKey, reply, lease, observed,
    claimed, issuedAt, expiresAt: issuedAt + wanted.lifeMs, ...(proposal ? { proposal } : {}),
  };
  const signed = await signRequest(request, machine.sig);
  const listening = link.listen(reply, onAnswer);
  try {
    const ttlS = Math.ceil(wanted.lifeMs / 1_000);
    const mails = await Promise.all(
      wanted.targets.map(async (device) => ({ mailbox: mailboxOn(device.mailboxSeed, issuedAt), body: await sealLetter(machine.org, { id: device.device, key: device.inboxKey }, { kind: 'request', bytes: signed.bytes }), ttlS })),
    );
    await link.client.post(mails);
  } catch (error) {
    listening[Symbol.dispose]();
    throw error;
  }
  deps.countPending(1);
  return {
    request,
    signed,
    epk,
    [Symbol.dispose]: () => {
      deps.countPending(-1);
      listening[Symbol.dispose]();
    },
  };
}

export function newRequestId(deps: Pick<DeskDeps, 'random'>): RequestId {
  return newId<RequestId>(deps.random);
}
