// Builds, signs and sends one request, and listens for its answers (spec/09-release.md §request).
import { toHex } from '../../protocol/bytes.ts';
import type { RequestId } from '../../protocol/hash.ts';
import { sealLetter } from '../../protocol/notice.ts';
import { mailboxOn } from '../../protocol/org-log/record.ts';
import type { Device } from '../../protocol/org-log/state.ts';
import type { Changes } from '../../protocol/changes.ts';
import type { Need } from '../../protocol/need.ts';
import type { Proposal } from '../../protocol/proposal.ts';
import { type LeaseTerms, type Observed, type Request, type RequestItem, type SignedRequest, signRequest } from '../../protocol/request.ts';
import type { KemKey } from '../../protocol/seal.ts';
import type { MailboxId } from '../../protocol/wire.ts';
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
  readonly need?: Need;
  readonly changes?: Changes;
  readonly requestId: RequestId;
  readonly lease: LeaseTerms;
  readonly observed: Observed;
  readonly claimed: { readonly agent: string; readonly reason: string };
  readonly lifeMs: number;
  readonly targets: readonly Device[];
}

/** Resolves when the relay has the request for every target. `onAnswer` gets each sealed answer. Throws E_LIMIT, RelayClientError. */
export async function sendRequest(deps: DeskDeps, wanted: Wanted, onAnswer: (sealed: Uint8Array) => void): Promise<SentRequest> {
  const { link, random } = deps;
  const epk = await deps.requestKeys();
  const reply = toHex(random(32)) as MailboxId; // a fresh mailbox, known to the targets only
  const listening = link.listen(reply, onAnswer);
  try {
    // One after another: a device takes a counter that is lower than the one before for a copied machine.
    const sent = await deps.inOrder(async () => {
      const signed = await sign(deps, wanted, epk.publicKey, reply);
      await post(deps, wanted.targets, signed.signed.bytes, wanted.lifeMs);
      return signed;
    });
    return { ...sent, epk, [Symbol.dispose]: () => listening[Symbol.dispose]() };
  } catch (error) {
    listening[Symbol.dispose]();
    throw error;
  }
}

/** Counts it, so that what is signed must be posted before anything that is signed later (`inOrder`). Throws E_LIMIT. */
export async function sign(
  { machine, link, store, now, bootId }: Pick<DeskDeps, 'machine' | 'link' | 'store' | 'now' | 'bootId'>,
  { targets: _, lifeMs, ...wanted }: Wanted,
  epk: Uint8Array,
  reply: MailboxId,
): Promise<{ readonly request: Request; readonly signed: SignedRequest }> {
  const issuedAt = now();
  const request: Request = {
    ...wanted,
    org: machine.org,
    head: link.log.requireState().head,
    machine: machine.machine,
    keyId: machine.sig.keyId,
    bootId,
    ctr: store.nextCounter(),
    epk,
    reply,
    issuedAt,
    expiresAt: issuedAt + lifeMs,
  };
  return { request, signed: await signRequest(request, machine.sig) };
}

/** A letter to each target, kept by the relay for as long as the request lives. Throws RelayClientError. */
export async function post(
  { machine, link, now }: Pick<DeskDeps, 'machine' | 'link' | 'now'>,
  targets: readonly Device[],
  bytes: Uint8Array,
  lifeMs: number,
): Promise<void> {
  const letter = { kind: 'request', bytes } as const;
  const mails = targets.map(async ({ device, inboxKey, mailboxSeed }) => ({
    mailbox: mailboxOn(mailboxSeed, now()),
    body: await sealLetter(machine.org, { id: device, key: inboxKey }, letter),
    ttlS: Math.ceil(lifeMs / 1_000),
  }));
  await link.client.post(await Promise.all(mails));
}
