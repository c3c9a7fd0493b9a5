// What other devices say of the log and this one cannot confirm (spec/09-release.md §freshness): durable, told with names, in the way of
// approvals only. A presence key signs without a gesture, so a bare claim stops nobody from freezing, revoking or denying.
import { type Codec, array, decode, encode, record, time } from '../../protocol/codec.ts';
import { ProtocolError } from '../../protocol/errors.ts';
import { type DeviceId, deviceIdCodec } from '../../protocol/hash.ts';
import { limits } from '../../protocol/limits.ts';
import { type Device, type Head, activeDevice } from '../../protocol/org-log/state.ts';
import { compareHead } from '../../protocol/org-log/verify.ts';
import { headCodec } from '../../protocol/request.ts';
import type { AppFailure } from '../app.ts';
import { AppError } from './failure.ts';
import { type Session, historyOf } from './session.ts';

/** How long a device's word about the log counts. */
export const attestMaxAgeMs: number = 2 * 86_400_000;

interface Claim {
  readonly device: DeviceId;
  readonly ts: number;
  readonly head: Head;
}
const claimsName = 'head-claims';
const claimsCodec: Codec<readonly Claim[]> = array(record<Claim>({ device: [1, deviceIdCodec], ts: [2, time], head: [3, headCodec] }), limits.devices);
const storedMax = 128 * limits.devices;

export interface Heads {
  /** Takes a verified word; what the relay does not show yet is fetched first. Durable when it resolves. */
  heard(claim: Claim): Promise<void>;
  /** When a device last spoke of its head, since this page was opened. */
  readonly seen: ReadonlyMap<DeviceId, number>;
  /** The gravest claim that stands, as people read it: E_FORK before E_HEAD_AHEAD. */
  problem(): AppFailure | undefined;
  /** Before an approval. Throws what `problem` tells. */
  verifyAgreed(): void;
}

export async function openHeads(session: Session): Promise<Heads> {
  const { platform, log } = session;
  const stored = (await platform.storage.read(claimsName)).get(claimsName);
  // At most one for each device, and only such as this log did not confirm.
  const claims = new Map((stored ? decode(claimsCodec, stored, storedMax) : []).map((claim) => [claim.device, claim]));

  function judge({ head }: Claim): 'agrees' | 'fork' | 'ahead' {
    try {
      return compareHead(historyOf(session), log.requireState().head, head) === 'ahead' ? 'ahead' : 'agrees';
    } catch (error) {
      if (error instanceof ProtocolError && error.code === 'E_FORK') return 'fork';
      throw error;
    }
  }
  // It ends by age, by the log, or with its device: who lies is revoked.
  const standing = (claim: Claim): Device | undefined =>
    claim.ts >= platform.now() - attestMaxAgeMs && judge(claim) !== 'agrees' ? activeDevice(log.requireState(), claim.device) : undefined;

  const seen = new Map<DeviceId, number>();
  return {
    seen,
    heard: async (claim) => {
      seen.set(claim.device, Math.max(claim.ts, seen.get(claim.device) ?? 0));
      // A relay that is away is told by the poll; here it only means that nothing newer is shown.
      if (judge(claim) === 'ahead') await log.sync().catch(() => undefined);
      if (!standing(claim)) return;
      const held = claims.get(claim.device);
      // A later word does not take back that another history was seen.
      if (held && standing(held) && (held.ts > claim.ts || (judge(held) === 'fork' && judge(claim) !== 'fork'))) return;
      claims.set(claim.device, claim);
      for (const old of [...claims.values()]) if (!standing(old)) claims.delete(old.device);
      await platform.storage.write(new Map([[claimsName, encode(claimsCodec, [...claims.values()])]]));
    },
    problem,
    verifyAgreed: () => {
      const failure = problem();
      if (failure) throw new AppError(failure);
    },
  };

  function problem(): AppFailure | undefined {
    const found = [...claims.values()].flatMap((claim) => {
      const device = standing(claim);
      return device ? [{ device, isFork: judge(claim) === 'fork' }] : [];
    });
    const worst = found.find(({ isFork }) => isFork) ?? found[0];
    if (!worst) return undefined;
    const who = `${worst.device.name} of ${log.requireState().members.get(worst.device.member)?.name ?? 'somebody'}`;
    return worst.isFork
      ? {
          code: 'E_FORK',
          what: `${who} says that it has seen another history of this organisation. Nothing can be approved here meanwhile.`,
          next: 'Speak with them and compare `stillvault log show` on two machines. If that device lies or is lost, an admin revokes it under People; freezing works as always.',
        }
      : {
          code: 'E_HEAD_AHEAD',
          what: `The relay does not show what ${who} has seen. Nothing can be approved here meanwhile.`,
          next: 'Wait a moment. If it stays, speak with them: either the relay holds something back, or that device lies and an admin revokes it under People.',
        };
  }
}
