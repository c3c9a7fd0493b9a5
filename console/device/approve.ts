// The decision: approve with one gesture, deny and shown without (spec/09-release.md §answer). All answers look alike to the relay.
import { type Answer, type Core, type ResealedShare, cardDigest, coreHash, resealShare, sealAnswer } from '../../protocol/approval.ts';
import { wipe } from '../../protocol/bytes.ts';
import { openShare } from '../../protocol/custody.ts';
import { ProtocolError, check } from '../../protocol/errors.ts';
import type { RequestId } from '../../protocol/hash.ts';
import { type LeaseTerms, type VerifiedRequest, once } from '../../protocol/request.ts';
import { verifyClaim } from '../../protocol/text.ts';
import type { KemKey } from '../../protocol/seal.ts';
import { verifyAssertion } from '../../protocol/webauthn.ts';
import type { ApproveStep, ReviewCard } from '../app.ts';
import { ConsoleError } from '../platform/console-error.ts';
import { signChanges } from './changes.ts';
import type { Drafts } from './drafts.ts';
import type { Heads } from './heads.ts';
import type { Inbox, Pending } from './inbox.ts';
import { fillNeed } from './needs.ts';
import { countersign } from './proposals.ts';
import type { DeviceMemory } from './request-memory.ts';
import type { PutInput } from './secrets.ts';
import { type Session, myDevice } from './session.ts';
import { unlock } from './unlock.ts';

export interface Decisions {
  approve(request: RequestId, terms: LeaseTerms, chosenCode: string | undefined, progress: (step: ApproveStep) => void): Promise<void>;
  deny(request: RequestId, note?: string): Promise<void>;
  shown(request: RequestId): Promise<void>;
  fillNeed(request: RequestId, input: Omit<PutInput, 'path'>): Promise<void>;
}

export function createDecisions(deps: {
  readonly session: Session;
  readonly inbox: Inbox;
  readonly memory: DeviceMemory;
  readonly heads: Heads;
  readonly drafts: Drafts;
}): Decisions {
  const { session, inbox, memory, heads, drafts } = deps;
  const { now } = session.platform;
  const shownBefore = new Set<RequestId>();
  const deciding = new Set<RequestId>();

  // A second tap while the first is under way decides nothing.
  async function onlyOnce(request: RequestId, act: () => Promise<void>): Promise<void> {
    if (deciding.has(request)) throw new ConsoleError('E_DECIDED', 'a decision is under way');
    deciding.add(request);
    await act().finally(() => deciding.delete(request));
  }

  // The log tells the machine what is done; that it waits for others, this device tells.
  async function change(found: Pending, progress: (step: ApproveStep) => void): Promise<void> {
    const { changes, verified } = found;
    check(changes !== undefined, 'E_FIELD', 'not a change');
    const outcome = await signChanges(session, drafts, changes, `proposed on ${verified.machine.name}`);
    if (outcome === 'proposed')
      await send(session, verified, await sealAnswer(verified.request, answerOf(session, found, 'proposed', once, []), session.keys.presence));
    progress('sent');
    const { requestId } = found.card;
    if (!inbox.find(requestId)?.card.outcome)
      inbox.settle(requestId, { kind: outcome === 'done' ? 'stored' : 'approved', by: [memberName(session)], at: now() });
    await memory.update(requestId, { decision: 'approve', decidedAt: now(), settled: true });
  }

  async function decided(found: Pending, kind: 'approved' | 'denied'): Promise<void> {
    const { requestId } = found.card;
    // The machine's receipt may have been faster.
    if (!inbox.find(requestId)?.card.outcome) inbox.settle(requestId, { kind, by: [memberName(session)], at: now() });
    // Countersigned versions are in the log: no receipt has to prove it.
    const settled = found.puts && kind === 'approved' ? { settled: true } : {};
    await memory.update(requestId, { decision: kind === 'approved' ? 'approve' : 'deny', decidedAt: now(), ...settled });
  }

  return {
    approve: (request, terms, chosenCode, progress) =>
      onlyOnce(request, async () => {
        // The newest log decides: what changed since the card was shown is found here, before the gesture.
        await session.log.sync();
        heads.verifyAgreed();
        const found = await inbox.recheck(request);
        verifyChoice(found.card, terms, chosenCode);
        progress('verifying-user');
        if (found.changes) return await change(found, progress);
        if (found.puts) {
          await countersign(session, found.puts);
          progress('sent');
        } else await release(session, found, terms, progress);
        await decided(found, 'approved');
      }),
    deny: (request, note) =>
      onlyOnce(request, async () => {
        const found = inbox.find(request);
        check(found !== undefined, 'E_REQ_STALE', 'no such request waits here');
        if (found.card.outcome) throw new ProtocolError('E_DONE', 'already decided');
        await send(
          session,
          found.verified,
          await sealAnswer(
            found.verified.request,
            { ...answerOf(session, found, 'deny', once, []), ...(note ? { note: verifyClaim(note) } : {}) },
            session.keys.presence,
          ),
        );
        await decided(found, 'denied');
      }),
    fillNeed: (request, input) => onlyOnce(request, () => fillNeed({ session, inbox, memory }, request, input)),
    shown: async (request) => {
      const found = inbox.find(request);
      if (!found || found.card.outcome || shownBefore.has(request)) return;
      shownBefore.add(request);
      await send(session, found.verified, await sealAnswer(found.verified.request, answerOf(session, found, 'shown', once, []), session.keys.presence));
    },
  };
}

function verifyChoice(card: ReviewCard, terms: LeaseTerms, chosenCode: string | undefined): void {
  check(chosenCode === undefined ? !card.matchRequired : chosenCode === card.matchCode, 'E_MATCH', 'not the code that the terminal shows');
  const offered = card.leaseChoices.some(({ terms: { ttlS, uses, scope } }) => ttlS === terms.ttlS && uses === terms.uses && scope === terms.scope);
  check(offered, 'E_LEASE_BOUNDS', 'a lease that the card does not offer');
}

async function release(session: Session, found: Pending, terms: LeaseTerms, progress: (step: ApproveStep) => void): Promise<void> {
  const { verified } = found;
  const wraps = await fetchWraps(session, verified);
  const answer = answerOf(session, found, 'approve', terms, []);
  const challenge = coreHash(answer);
  const sealed = await unlock(session, challenge, async ({ sig, custody, assertion }) => {
    progress('sealing');
    // What the machine would refuse later is told to the person now.
    await verifyAssertion(assertion, challenge, myDevice(session).passkey, session.log.requireState().origins);
    const items = await resealAll(session, verified, custody, wraps);
    return sealAnswer(verified.request, { ...answer, ts: session.platform.now(), items }, sig, assertion);
  });
  await send(session, verified, sealed);
  progress('sent');
}

// Before the gesture: a relay that has lost a wrap costs nobody a fingerprint.
function fetchWraps(session: Session, { items }: VerifiedRequest): Promise<readonly Uint8Array[]> {
  const hashes = items.map(({ secret }) => {
    const wrap = secret.wraps.find(({ recipient }) => recipient === session.me.device);
    check(wrap !== undefined, 'E_NOT_ENTITLED', 'this device has no wrap of this secret yet');
    return wrap.wrap;
  });
  return session.client.getBlobs(hashes);
}

async function resealAll(
  session: Session,
  { request, rh, items }: VerifiedRequest,
  custody: KemKey,
  wraps: readonly Uint8Array[],
): Promise<readonly ResealedShare[]> {
  const { org, member, device } = session.me;
  const resealed: ResealedShare[] = [];
  for (const [index, { item, secret }] of items.entries()) {
    const { x, share } = await openShare(org, secret, member, device, custody, wraps[index] ?? new Uint8Array(0));
    resealed.push({ putEh: item.putEh, x, sealed: await resealShare(request, rh, { member, device }, item.putEh, x, share) });
    wipe(share);
  }
  return resealed;
}

function answerOf(session: Session, { card, verified }: Pending, decision: Core['decision'], lease: LeaseTerms, items: readonly ResealedShare[]): Answer {
  const { me, platform, log } = session;
  return {
    org: me.org,
    requestId: card.requestId,
    rh: verified.rh,
    decision,
    lease,
    device: me.device,
    member: me.member,
    head: log.requireState().head,
    ts: platform.now(),
    nonce: platform.random(16),
    card: cardDigest(card.lines),
    items,
  };
}

async function send(session: Session, { request }: VerifiedRequest, sealed: Uint8Array): Promise<void> {
  const leftMs = request.expiresAt - session.platform.now();
  check(leftMs > 0, 'E_REQ_STALE', 'expired');
  await session.client.post([{ mailbox: request.reply, body: sealed, ttlS: Math.ceil(leftMs / 1_000) }]);
}

function memberName(session: Session): string {
  const state = session.log.requireState();
  return state.members.get(myDevice(session, state).member)?.name ?? '';
}
