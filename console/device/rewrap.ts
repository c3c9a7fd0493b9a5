// Shares for devices that policy names and that have none yet (spec/07-custody.md §rewrap).
// Two gestures, for however many secrets: the first opens this device's shares, the second signs the entries, which name the new wraps.
import { openShare, rewrapForDevice } from '../../protocol/custody.ts';
import { wipe } from '../../protocol/bytes.ts';
import { ProtocolError, check } from '../../protocol/errors.ts';
import { type DeviceId, type SecretId, hash } from '../../protocol/hash.ts';
import type { RewrapItem, ShareCommitment, WrapEntry } from '../../protocol/org-log/bodies.ts';
import { waitingFor } from '../../protocol/org-log/holders.ts';
import { type OrgState, type Secret, activeDevice } from '../../protocol/org-log/state.ts';
import { policyFor } from '../../protocol/policy.ts';
import { rewrapBatches, stillWaiting } from '../../protocol/rewrap.ts';
import type { KemKey } from '../../protocol/seal.ts';
import { getKnownBlobs } from '../../relay-client/blobs.ts';
import type { Sharing } from '../app-secrets.ts';
import { ConsoleError } from '../platform/console-error.ts';
import { appendSigned } from './entries.ts';
import { type Session, requireRole } from './session.ts';
import { unlock } from './unlock.ts';

/** Wraps that lie in memory, and go to the relay, at a time. */
const atOnce = 256;

/**
 * Of all that wait, those whom this device can serve; `ids` names some of them, and each must wait then (E_RECIPIENTS). Answers how many secrets it
 * shared. Stopped before the second gesture nothing is done; after it what is in the log is done, and the same again goes on with the rest.
 */
export async function shareSecrets(session: Session, { ids, progress, ready, signal }: Sharing): Promise<number> {
  const { client, log, platform } = session;
  const state = await log.sync();
  requireRole(session, state, 'approver');
  const tasks = ids ? ids.map((id) => taskOf(session, state, id)) : [...state.secrets.values()].flatMap((secret) => possibleTask(session, state, secret) ?? []);
  check(tasks.length > 0, 'E_RECIPIENTS', 'nobody waits whom this device can serve');
  const goOn = (): void => {
    if (signal?.aborted) throw new ConsoleError('E_CANCELLED', 'stopped');
  };

  const items: RewrapItem[] = [];
  let broken: ProtocolError | undefined;
  const challenge = hash('core', ['rewrap', state.head.eh, platform.random(16)]); // stands for nothing: it only opens the keys
  await unlock(session, challenge, async ({ custody }) => {
    for (let at = 0; at < tasks.length; at += atOnce) {
      const some = tasks.slice(at, at + atOnce);
      const wraps = await getKnownBlobs(
        client,
        some.map(({ mine }) => mine.wrap),
      );
      const blobs: Uint8Array[] = [];
      for (const [index, task] of some.entries()) {
        goOn();
        // One that somebody wrapped badly, or that the relay has lost, does not keep the others waiting.
        const made = await wrapFor(session, state, task, custody, wraps[index] ?? new Uint8Array(0)).catch((error: unknown) => {
          if (!(error instanceof ProtocolError)) throw error;
          broken ??= error;
        });
        if (!made) continue;
        items.push(made.item);
        blobs.push(...made.blobs);
        progress?.(items.length, tasks.length);
      }
      await client.putBlobs(blobs);
    }
  });
  if (items.length === 0 && broken) throw broken;
  await ready?.();
  let shared = 0;
  await appendSigned(
    session,
    (newest) =>
      rewrapBatches(items.flatMap((item) => stillWaiting(newest, item) ?? [])).map((batch) => ({ draft: { type: 'secret.rewrap', body: { items: batch } } })),
    ({ draft }) => {
      if (draft.type === 'secret.rewrap') shared += draft.body.items.length;
      progress?.(shared, items.length);
      goOn();
    },
  );
  return shared;
}

interface Task {
  readonly secret: Secret;
  readonly mine: WrapEntry;
  readonly targets: readonly DeviceId[];
}

function taskOf(session: Session, state: OrgState, id: SecretId): Task {
  const secret = state.secrets.get(id);
  check(secret !== undefined && !secret.retired, 'E_UNKNOWN_ID', 'no such secret');
  check(servableBy(state, secret, session.me.device).length > 0, 'E_RECIPIENTS', 'nobody waits whom this device can serve');
  const task = possibleTask(session, state, secret);
  check(task !== undefined, 'E_NOT_ENTITLED', 'this device has no share itself');
  return task;
}

function possibleTask({ me }: Session, state: OrgState, secret: Secret): Task | undefined {
  const mine = secret.wraps.find(({ recipient }) => recipient === me.device);
  const targets = mine ? servableBy(state, secret, me.device) : [];
  return mine && targets.length > 0 ? { secret, mine, targets } : undefined;
}

/** Devices that wait and that the share of this device's member is for. */
export function servableBy(state: OrgState, secret: Secret, device: DeviceId): readonly DeviceId[] {
  const member = activeDevice(state, device)?.member;
  return waitingFor(state, secret)
    .filter(({ kind }) => kind === 'device')
    .map(({ recipient }) => recipient as DeviceId) // kind decides the brand
    .filter((other) => secret.put.k === 1 || activeDevice(state, other)?.member === member);
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
