// Collects the answers to one request: verified one by one, counted in members, judged against the newest log (spec/09-release.md §daemon).
import { type Evidence, type PendingRequest, type VerifiedAnswer, verifyAnswer } from '../../protocol/approval.ts';
import { wipe } from '../../protocol/bytes.ts';
import { ProtocolError, check } from '../../protocol/errors.ts';
import type { MemberId } from '../../protocol/hash.ts';
import { type OrgState, activeDevice, activeMachine, hasRole } from '../../protocol/org-log/state.ts';
import { machineEntitled, policyFor, quorumOf, satisfies } from '../../protocol/policy.ts';
import type { LeaseTerms } from '../../protocol/request.ts';
import type { OrgLink } from '../org/link.ts';
import type { Heads } from '../org/heads.ts';

export interface Answers extends Disposable {
  /** Verifies one sealed answer and counts it. Throws the code of what is wrong with it. */
  take(sealed: Uint8Array): Promise<VerifiedAnswer>;
  readonly approvals: readonly VerifiedAnswer[];
  /** Proof of every approval and denial that counts. */
  readonly evidence: readonly Evidence[];
  /** True where the counted approvals make every quorum at this state. Throws what ends the request: E_POLICY_CHANGED, E_VERSION, E_FROZEN, E_MACHINE_REVOKED, E_QUORUM, E_LOG_STALE. */
  complete(state: OrgState): boolean;
  /** True where those who are left could not make the quorum any more. */
  hopeless(state: OrgState): boolean;
  /** The narrowest lease of all approvals. */
  lease(): LeaseTerms;
}

/** `approvers`: who may approve all of it. */
export function createAnswers(
  pending: PendingRequest,
  approvers: readonly MemberId[],
  link: Pick<OrgLink, 'log' | 'sync'>,
  heads: Heads,
  now: () => number,
): Answers {
  // The last word of each member.
  const words = new Map<MemberId, VerifiedAnswer>();
  const { items, request } = pending;
  const approvals = (): readonly VerifiedAnswer[] => [...words.values()].filter(({ answer }) => answer.decision === 'approve');

  function drop(member: MemberId): void {
    wipeShares(words.get(member));
    words.delete(member);
  }

  return {
    take: async (sealed) => {
      const verified = await verifyNewest(pending, link, sealed, now);
      const { member, device, decision, head, ts } = verified.answer;
      heads.heard({ member, device, head, ts });
      if (decision === 'shown') return verified;
      if (decision === 'approve' && words.get(member)?.answer.decision === 'approve') {
        wipeShares(verified);
        throw new ProtocolError('E_QUORUM_DUP', 'this member has been counted: three devices are still one person');
      }
      drop(member);
      words.set(member, verified);
      return verified;
    },
    get approvals() {
      return approvals();
    },
    get evidence() {
      return [...words.values()].map(({ evidence }) => evidence);
    },
    complete: (state) => {
      verifyUnchanged(state, pending);
      for (const { answer } of approvals()) if (!stillCounts(state, pending, answer)) drop(answer.member);
      const present = approvals().map(({ answer }) => answer.member);
      const isEnough = items.every(({ policy, secret }) => satisfies(quorumOf(state, policy), present) && present.length >= secret.put.k);
      if (isEnough) for (const { policy } of items) heads.verifyFresh(state, policy, present);
      return isEnough;
    },
    hopeless: (state) => {
      const left = approvers.filter((member) => words.get(member)?.answer.decision !== 'deny');
      return items.some(({ policy, secret }) => !satisfies(quorumOf(state, policy), left) || left.length < secret.put.k);
    },
    lease: () => approvals().reduce((narrowest, { answer }) => narrower(narrowest, answer.lease), request.lease),
    [Symbol.dispose]: () => {
      for (const verified of words.values()) wipeShares(verified);
      words.clear();
    },
  };
}

/** Whoever has seen more than this machine is right: look first, then judge. Throws E_HEAD_AHEAD where the relay does not show it. */
export async function verifyNewest(
  pending: PendingRequest,
  link: Pick<OrgLink, 'log' | 'sync'>,
  sealed: Uint8Array,
  now: () => number,
): Promise<VerifiedAnswer> {
  const { log } = link;
  try {
    return await verifyAnswer(log.requireState(), log.history, pending, sealed, now());
  } catch (error) {
    if (!(error instanceof ProtocolError) || error.code !== 'E_HEAD_AHEAD') throw error;
    await link.sync();
    return verifyAnswer(log.requireState(), log.history, pending, sealed, now());
  }
}

function wipeShares(verified: VerifiedAnswer | undefined): void {
  if (verified) wipe(...verified.shares.map(({ share }) => share));
}

/** What must hold at the newest head for any release of this request. */
function verifyUnchanged(state: OrgState, { items, request }: PendingRequest): void {
  check(!state.frozen, 'E_FROZEN', 'the organisation was frozen meanwhile');
  check(activeMachine(state, request.machine) !== undefined, 'E_MACHINE_REVOKED', 'this machine was revoked meanwhile');
  for (const { secret, policy } of items) {
    const current = state.secrets.get(secret.id);
    check(current !== undefined && !current.retired && current.putEh === secret.putEh, 'E_VERSION', 'the secret has a new version, or is gone');
    check(policyFor(state, secret.path)?.eh === policy.eh, 'E_POLICY_CHANGED', 'the policy changed meanwhile');
    check(machineEntitled(state, policy, request.machine), 'E_POLICY_CHANGED', 'this machine may not ask for it any more');
  }
}

function stillCounts(state: OrgState, { items, request }: PendingRequest, { member, device }: VerifiedAnswer['answer']): boolean {
  const isOwner = state.machines.get(request.machine)?.owner === member;
  if (!activeDevice(state, device) || !hasRole(state, member, 'approver')) return false;
  return items.every(({ policy }) => quorumOf(state, policy).members.includes(member) && !(policy.separationOfDuties && isOwner));
}

function narrower(a: LeaseTerms, b: LeaseTerms): LeaseTerms {
  const scopes = ['process', 'exe', 'machine'] as const;
  const scope = scopes[Math.min(scopes.indexOf(a.scope), scopes.indexOf(b.scope))] ?? 'process';
  return { ttlS: Math.min(a.ttlS, b.ttlS), uses: Math.min(a.uses, b.uses), scope };
}
