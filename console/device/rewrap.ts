// Shares for devices that policy names and that have none yet (spec/07-custody.md §rewrap).
// Two gestures, for however many secrets: the first opens this device's shares, the second signs the entries, which name the new wraps.
import { openShare, rewrapForDevice } from '../../protocol/custody.ts';
import { wipe } from '../../protocol/bytes.ts';
import { check } from '../../protocol/errors.ts';
import { type DeviceId, type SecretId, hash } from '../../protocol/hash.ts';
import { recipientsOf } from '../../protocol/org-log/apply-secret.ts';
import type { RewrapItem, ShareCommitment, WrapEntry } from '../../protocol/org-log/bodies.ts';
import { type OrgState, type Secret, activeDevice } from '../../protocol/org-log/state.ts';
import { policyFor } from '../../protocol/policy.ts';
import { rewrapBatches } from '../../protocol/rewrap.ts';
import type { KemKey } from '../../protocol/seal.ts';
import { appendSigned } from './entries.ts';
import { type Session, requireRole } from './session.ts';
import { unlock } from './unlock.ts';

/** Each must wait for somebody whom this device can serve: E_RECIPIENTS. */
export async function shareSecrets(session: Session, ids: readonly SecretId[]): Promise<void> {
  const { client, log, platform } = session;
  const state = await log.sync();
  requireRole(session, state, 'approver');
  const tasks = ids.map((id) => taskOf(session, state, id));
  const wraps = await client.getBlobs(tasks.map(({ mine }) => mine.wrap));

  const items: RewrapItem[] = [];
  const blobs: Uint8Array[] = [];
  const challenge = hash('core', ['rewrap', state.head.eh, platform.random(16)]); // stands for nothing: it only opens the keys
  await unlock(session, challenge, async ({ custody }) => {
    for (const [index, task] of tasks.entries()) {
      const made = await wrapFor(session, state, task, custody, wraps[index] ?? new Uint8Array(0));
      items.push(made.item);
      blobs.push(...made.blobs);
    }
  });
  await client.putBlobs(blobs);
  await appendSigned(session, (newest) =>
    rewrapBatches(items.flatMap((item) => stillWaiting(newest, item))).map((batch) => ({ draft: { type: 'secret.rewrap', body: { items: batch } } })),
  );
}

interface Task {
  readonly secret: Secret;
  readonly mine: WrapEntry;
  readonly targets: readonly DeviceId[];
}

function taskOf({ me }: Session, state: OrgState, id: SecretId): Task {
  const secret = state.secrets.get(id);
  check(secret !== undefined && !secret.retired, 'E_UNKNOWN_ID', 'no such secret');
  const targets = waitingDevices(state, secret).filter((device) => secret.put.k === 1 || activeDevice(state, device)?.member === me.member);
  check(targets.length > 0, 'E_RECIPIENTS', 'nobody waits whom this device can serve');
  const mine = secret.wraps.find(({ recipient }) => recipient === me.device);
  check(mine !== undefined, 'E_NOT_ENTITLED', 'this device has no share itself');
  return { secret, mine, targets };
}

function waitingDevices(state: OrgState, secret: Secret): readonly DeviceId[] {
  const policy = policyFor(state, secret.path);
  if (!policy) return [];
  return recipientsOf(state, policy)
    .filter(({ kind, recipient }) => kind === 'device' && !secret.wraps.some((wrap) => wrap.recipient === recipient))
    .map(({ recipient }) => recipient as DeviceId); // a device slot's id
}

async function wrapFor(
  { me }: Session,
  state: OrgState,
  { secret, targets }: Task,
  custody: KemKey,
  wrap: Uint8Array,
): Promise<{ readonly item: RewrapItem; readonly blobs: readonly Uint8Array[] }> {
  const policyEh = policyFor(state, secret.path)?.eh;
  check(policyEh !== undefined, 'E_POLICY', 'no policy covers this path');
  const wraps: WrapEntry[] = [];
  const shares = new Map<string, ShareCommitment>();
  const blobs: Uint8Array[] = [];
  const { x, share } = await openShare(me.org, secret, me.member, me.device, custody, wrap);
  for (const device of targets) {
    const made = await rewrapForDevice(state, secret, device, x, share);
    wraps.push(made.entry);
    blobs.push(made.blob);
    if (!secret.shares.some(({ member }) => member === made.share.member)) shares.set(made.share.member, made.share);
  }
  wipe(share);
  return { item: { secret: secret.id, putEh: secret.putEh, policyEh, shares: [...shares.values()], wraps }, blobs };
}

// Under the policy of now; what somebody else has shared or replaced meanwhile is done.
function stillWaiting(newest: OrgState, item: RewrapItem): readonly RewrapItem[] {
  const secret = newest.secrets.get(item.secret);
  const policyEh = secret && policyFor(newest, secret.path)?.eh;
  const isSame = secret?.putEh === item.putEh && !item.wraps.some(({ recipient }) => secret.wraps.some((wrap) => wrap.recipient === recipient));
  return policyEh === undefined || !isSame ? [] : [{ ...item, policyEh }];
}
