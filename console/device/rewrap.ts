// Shares for devices that policy names and that have none yet (spec/07-custody.md §rewrap).
// Two gestures: the first opens this device's share, the second signs the entry, which names the new wraps.
import { openShare, rewrapForDevice } from '../../protocol/custody.ts';
import { wipe } from '../../protocol/bytes.ts';
import { check } from '../../protocol/errors.ts';
import { type DeviceId, type SecretId, hash } from '../../protocol/hash.ts';
import { recipientsOf } from '../../protocol/org-log/apply-secret.ts';
import type { ShareCommitment, WrapEntry } from '../../protocol/org-log/bodies.ts';
import { type OrgState, type Secret, activeDevice } from '../../protocol/org-log/state.ts';
import { policyFor } from '../../protocol/policy.ts';
import { appendSigned } from './entries.ts';
import { type Session, requireRole } from './session.ts';
import { unlock } from './unlock.ts';

export async function shareSecret(session: Session, id: SecretId): Promise<void> {
  const { client, log, me, platform } = session;
  const state = await log.sync();
  requireRole(session, state, 'approver');
  const secret = state.secrets.get(id);
  check(secret !== undefined && !secret.retired, 'E_UNKNOWN_ID', 'no such secret');
  const targets = waitingDevices(state, secret).filter((device) => secret.put.k === 1 || activeDevice(state, device)?.member === me.member);
  check(targets.length > 0, 'E_RECIPIENTS', 'nobody waits whom this device can serve');
  const mine = secret.wraps.find(({ recipient }) => recipient === me.device);
  check(mine !== undefined, 'E_NOT_ENTITLED', 'this device has no share itself');
  const [wrap = new Uint8Array(0)] = await client.getBlobs([mine.wrap]);

  const wraps: WrapEntry[] = [];
  const shares = new Map<string, ShareCommitment>();
  const blobs: Uint8Array[] = [];
  const challenge = hash('core', ['rewrap', secret.putEh, platform.random(16)]); // stands for nothing: it only opens the keys
  await unlock(session, challenge, async ({ custody }) => {
    const { x, share } = await openShare(me.org, secret, me.member, me.device, custody, wrap);
    for (const device of targets) {
      const made = await rewrapForDevice(state, secret, device, x, share);
      wraps.push(made.entry);
      blobs.push(made.blob);
      if (!secret.shares.some(({ member }) => member === made.share.member)) shares.set(made.share.member, made.share);
    }
    wipe(share);
  });
  await client.putBlobs(blobs);
  await appendSigned(session, (newest) => {
    const policyEh = policyFor(newest, secret.path)?.eh;
    check(policyEh !== undefined, 'E_POLICY', 'no policy covers this path');
    return { draft: { type: 'secret.rewrap', body: { secret: id, putEh: secret.putEh, policyEh, shares: [...shares.values()], wraps } } };
  });
}

function waitingDevices(state: OrgState, secret: Secret): readonly DeviceId[] {
  const policy = policyFor(state, secret.path);
  if (!policy) return [];
  return recipientsOf(state, policy)
    .filter(({ kind, recipient }) => kind === 'device' && !secret.wraps.some((wrap) => wrap.recipient === recipient))
    .map(({ recipient }) => recipient as DeviceId); // a device slot's id
}
