// What devices say of the log's head (spec/09-release.md §freshness): a relay can hide an entry, or show two histories,
// only as long as nobody who saw the other speaks.
import { check } from '../../protocol/errors.ts';
import type { DeviceId, MemberId } from '../../protocol/hash.ts';
import type { Policy } from '../../protocol/org-log/bodies.ts';
import { type Head, type OrgState, activeDevice, devicesOf } from '../../protocol/org-log/state.ts';
import { compareHead } from '../../protocol/org-log/verify.ts';
import type { OrgLog } from '../../relay-client/org-log.ts';

/** A head that a device has signed. */
export interface HeadClaim {
  readonly device: DeviceId;
  readonly member: MemberId;
  readonly head: Head;
  readonly ts: number;
}
export interface Heads {
  /** Takes the word of an active device; a later one replaces it, unless it was of another history. */
  heard(claim: HeadClaim): void;
  /** Throws E_FORK where an active device has seen another history, E_HEAD_AHEAD where it has seen a newer one. */
  verifyAgreed(): void;
  /** A single approver of the high tier needs another member's word, not older than the policy says. Throws E_LOG_STALE. */
  verifyFresh(state: OrgState, policy: Pick<Policy, 'tier' | 'maxStalenessMs'>, approvers: readonly MemberId[]): void;
}

/** Nobody is believed for longer: a presence key signs without a gesture. */
const believedMs = 2 * 86_400_000;

export function createHeads(log: Pick<OrgLog, 'requireState' | 'history'>, now: () => number): Heads {
  const claims = new Map<DeviceId, HeadClaim>();
  const latest = new Map<MemberId, number>();
  const isOther = ({ head }: HeadClaim): boolean => head.seq <= log.requireState().head.seq && log.history(head.seq) !== head.eh;
  return {
    heard: (claim) => {
      const before = claims.get(claim.device);
      // That it saw another history is not taken back by a later word.
      if (!before || (before.ts <= claim.ts && !isOther(before))) claims.set(claim.device, claim);
      latest.set(claim.member, Math.max(latest.get(claim.member) ?? 0, claim.ts));
    },
    // Revoking a device that lies takes its word away.
    verifyAgreed: () => {
      const state = log.requireState();
      for (const { device, head, ts } of claims.values()) {
        if (!activeDevice(state, device) || ts < now() - believedMs) continue;
        check(compareHead(log.history, state.head, head) !== 'ahead', 'E_HEAD_AHEAD', 'a member has seen a newer log than the relay shows here');
      }
    },
    verifyFresh: (state, { tier, maxStalenessMs }, approvers) => {
      const others = [...state.members.keys()].filter((member) => !approvers.includes(member) && devicesOf(state, member).length > 0);
      if (tier !== 'high' || approvers.length > 1 || others.length === 0) return;
      const isRecent = (member: MemberId): boolean => (latest.get(member) ?? 0) >= now() - maxStalenessMs;
      check(others.some(isRecent), 'E_LOG_STALE', 'no other member has confirmed the log lately: somebody else must open the console once');
    },
  };
}
