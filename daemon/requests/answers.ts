// Collects the answers to one request: verified one by one, counted in members, judged against the newest log (spec/09-release.md §daemon).
import { type Evidence, type PendingRequest, type VerifiedAnswer, verifyAnswer } from '../../protocol/approval.ts';
import { ProtocolError, check } from '../../protocol/errors.ts';
import type { MemberId } from '../../protocol/hash.ts';
import { type OrgState, activeDevice, activeMachine, devicesOf, hasRole } from '../../protocol/org-log/state.ts';
import { machineEntitled, policyFor, quorumOf, satisfies } from '../../protocol/policy.ts';
import type { LeaseTerms } from '../../protocol/request.ts';
import { wipe } from '../../protocol/bytes.ts';
import type { OrgLog } from '../../relay-client/org-log.ts';

export interface Answers extends Disposable {
  /** Verifies one sealed answer and counts it. Throws the code of what is wrong with it; the request goes on. */
  take(sealed: Uint8Array): Promise<VerifiedAnswer>;
  readonly approvals: readonly VerifiedAnswer[];
  readonly denials: readonly VerifiedAnswer[];
  readonly evidence: readonly Evidence[];
  /** True where the counted approvals make every quorum at the newest verified head. Throws what ends the request: E_POLICY_CHANGED, E_VERSION, E_FROZEN, E_MACHINE_REVOKED. */
  complete(state: OrgState): boolean;
  /** True where those who are left could not make the quorum any more. */
  hopeless(state: OrgState): boolean;
  /** The narrowest lease of all approvals. */
  lease(): LeaseTerms;
}

export interface Attestations {
  /** When a member's device last said that it saw a head of this log; undefined = never. */
  latest(member: MemberId): number | undefined;
}

export function createAnswers(pending: PendingRequest, log: OrgLog, attestations: Attestations, now: () => number): Answers {
  const approvals = new Map<MemberId, VerifiedAnswer>();
  const denials = new Map<MemberId, VerifiedAnswer>();
  const { items, request } = pending;

  async function verified(sealed: Uint8Array): Promise<VerifiedAnswer> {
    try {
      return await verifyAnswer(log.requireState(), log.history, pending, sealed, now());
    } catch (error) {
      if (!(error instanceof ProtocolError) || error.code !== 'E_HEAD_AHEAD') throw error;
      await log.sync(); // it has seen more than this machine: look first, then judge
      return verifyAnswer(log.requireState(), log.history, pending, sealed, now());
    }
  }

  return {
    take: async (sealed) => {
      const answer = await verified(sealed);
      const { member, decision } = answer.answer;
      if (decision === 'deny') denials.set(member, answer);
      if (decision !== 'approve') return answer;
      if (approvals.has(member)) {
        wipe(...answer.shares.map(({ share }) => share));
        throw new ProtocolError('E_QUORUM_DUP', 'this member has been counted: three devices are still one person');
      }
      approvals.set(member, answer);
      return answer;
    },
    get approvals() {
      return [...approvals.values()];
    },
    get denials() {
      return [...denials.values()];
    },
    get evidence() {
      return [...approvals.values(), ...denials.values()].map(({ evidence }) => evidence);
    },
    complete: (state) => {
      verifyUnchanged(state, pending);
      for (const [member, { answer }] of approvals) if (!stillEligible(state, pending, member) || !activeDevice(state, answer.device)) approvals.delete(member);
      const present = [...approvals.keys()];
      const enough = items.every(({ policy, secret }) => satisfies(quorumOf(state, policy), present) && present.length >= secret.put.k);
      if (enough) for (const { policy } of items) verifyFresh(state, policy.tier, policy.maxStalenessMs, present, attestations, now());
      return enough;
    },
    hopeless: (state) => {
      const left = (members: readonly MemberId[]): readonly MemberId[] => members.filter((member) => !denials.has(member) || approvals.has(member));
      return items.some(({ policy, secret }) => {
        const quorum = quorumOf(state, policy);
        return !satisfies(quorum, left(quorum.members)) || left(quorum.members).length < secret.put.k;
      });
    },
    lease: () => {
      const scopes = ['process', 'exe', 'machine'] as const;
      return [...approvals.values()].map(({ answer }) => answer.lease).reduce((a, b) => ({ ttlS: Math.min(a.ttlS, b.ttlS), uses: Math.min(a.uses, b.uses), scope: scopes[Math.min(scopes.indexOf(a.scope), scopes.indexOf(b.scope))] ?? 'process' }), request.lease);
    },
    [Symbol.dispose]: () => {
      for (const { shares } of approvals.values()) wipe(...shares.map(({ share }) => share));
      approvals.clear();
    },
  };
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

function stillEligible(state: OrgState, { items, request }: PendingRequest, member: MemberId): boolean {
  const owner = state.machines.get(request.machine)?.owner;
  return items.every(({ policy }) => quorumOf(state, policy).members.includes(member) && hasRole(state, member, 'approver') && !(policy.separationOfDuties && owner === member));
}

// A relay can hide a revocation only as long as nobody who saw it speaks: the head that is relied on must be attested lately,
// for the high tier by somebody other than a single approver.
function verifyFresh(state: OrgState, tier: 'low' | 'normal' | 'high', maxStalenessMs: number, present: readonly MemberId[], attestations: Attestations, now: number): void {
  const others = [...state.members.keys()].filter((member) => !present.includes(member) && devicesOf(state, member).length > 0);
  const recent = (member: MemberId): boolean => (attestations.latest(member) ?? 0) >= now - maxStalenessMs;
  if (tier !== 'high' || present.length > 1 || others.length === 0) return;
  check(others.some(recent), 'E_LOG_STALE', 'no other member has confirmed the log lately: somebody else must open the console once');
}
