// The kit from a device: made, set with one gesture, completed, drilled (spec/18-recovery.md §metadata).
import { type Codec, decode, encode, record, text, time } from '../../protocol/codec.ts';
import { equalBytes, wipe } from '../../protocol/bytes.ts';
import { check } from '../../protocol/errors.ts';
import type { Hash } from '../../protocol/hash.ts';
import { keyIdOf } from '../../protocol/keys.ts';
import { limits } from '../../protocol/limits.ts';
import { adminThreshold } from '../../protocol/org-log/authority.ts';
import type { RecoveryKeys } from '../../protocol/org-log/org-bodies.ts';
import { parseEntry } from '../../protocol/org-log/entry.ts';
import { type OrgState, isActiveMember } from '../../protocol/org-log/state.ts';
import { type KitShare, combineKit, createKit, drillKit, kitId, kitKeys } from '../../protocol/recovery.ts';
import { parseEnvelope } from '../../protocol/sign.ts';
import { type RelayClient, RelayClientError, createRelayClient } from '../../relay-client/client.ts';
import type { OrgLog } from '../../relay-client/org-log.ts';
import type { Outcome } from '../app.ts';
import type { Drafts } from '../device/drafts.ts';
import { appendSigned } from '../device/entries.ts';
import { newMeta } from '../device/machines.ts';
import { type Session, requireRole } from '../device/session.ts';
import { ConsoleError } from '../platform/console-error.ts';
import type { KitStatus, KitTerms, NewSheets } from './contract.ts';
import { isInKit } from './reseal.ts';

const drillName = 'recovery-drill';
const drillCodec: Codec<{ readonly kit: string; readonly at: number }> = record<{ readonly kit: string; readonly at: number }>({
  kit: [1, text(8, 8)],
  at: [2, time],
});
const scanAtOnce = 256;

export async function makeSheets(session: Session, drafts: Drafts, { t, m, delayMs }: KitTerms): Promise<NewSheets> {
  verifyDelay(session.log.requireState(), delayMs);
  const { facts, shares } = await createKit(session.platform.random, t, m);
  return { t, m, delayMs, kit: kitId(facts.sigKey), shares, set: () => setKit(session, drafts, { ...facts, delayMs }) };
}

// With a delay of nothing, whoever finds t sheets is admin at once and nobody could have said no. Where there is nobody else, nobody would.
function verifyDelay(state: OrgState, delayMs: number): void {
  const isAlone = [...state.members.keys()].filter((id) => isActiveMember(state, id)).length <= 1;
  if (delayMs === 0 && !isAlone) throw new ConsoleError('E_KIT_DELAY', 'a kit without delay is for an org of one person');
}

async function setKit(session: Session, drafts: Drafts, body: RecoveryKeys): Promise<Outcome> {
  const { client, log } = session;
  const before = await log.sync();
  requireRole(session, before, 'admin');
  verifyDelay(before, body.delayMs);
  // First: a kit in the log that the relay does not know would look good and help nobody.
  await client.registerKey(body.sigKey, 'device');
  const isSet = (state: OrgState): boolean => state.recovery !== undefined && equalBytes(state.recovery.sigKey, body.sigKey);
  if (adminThreshold(before) > 1) return drafts.change((state) => (isSet(state) ? [] : [{ type: 'recovery.set', body }]), '');
  await appendSigned(session, (state) => [...(isSet(state) ? [] : [{ draft: { type: 'recovery.set' as const, body } }]), newMeta(session)]);
  if (before.recovery) await shutOut(session, before.recovery.sigKey);
  return 'done';
}

// The relay lets a key be shut out only by one that it came from; what counts is the log.
async function shutOut({ client }: Session, sigKey: Uint8Array): Promise<void> {
  await client.revokeKey(keyIdOf('ES256', sigKey)).catch((error: unknown) => {
    if (!(error instanceof RelayClientError) || !['E_RELAY_NOT_FOUND', 'E_RELAY_FORBIDDEN'].includes(error.code)) throw error;
  });
}

/** After other admins agreed to the kit: it gets the metadata key, and the relay knows it. */
export async function completeKit(session: Session): Promise<void> {
  const { recovery } = await session.log.sync();
  check(recovery !== undefined, 'E_RECOVERY', 'the organisation has no recovery kit');
  await session.client.registerKey(recovery.sigKey, 'device');
  await appendSigned(session, (state) => {
    requireRole(session, state, 'admin');
    return [newMeta(session)];
  });
}

export async function kitStatus(session: Session): Promise<KitStatus | undefined> {
  const { log, platform } = session;
  const state = log.requireState();
  const { recovery } = state;
  if (!recovery) return undefined;
  const { setAt, wraps } = await lastOf(log);
  const kit = kitId(recovery.sigKey);
  const stored = (await platform.storage.read(drillName)).get(drillName);
  const drilled = stored && decode(drillCodec, stored, 64);
  return {
    kit,
    t: recovery.t,
    m: recovery.m,
    delayMs: recovery.delayMs,
    setAt,
    isComplete: wraps !== undefined,
    missing: [...state.secrets.values()].filter((secret) => !secret.retired && !isInKit(secret, recovery.kemKey)).map(({ path }) => path),
    ...(drilled?.kit === kit ? { lastDrill: drilled.at } : {}),
  };
}

/** When the kit was set, and the wraps of the newest metadata key where that is younger. */
async function lastOf(log: OrgLog): Promise<{ readonly setAt: number; readonly wraps?: Hash }> {
  let wraps: Hash | undefined;
  for (let to = log.requireState().head.seq + 1; to > 0; to -= scanAtOnce) {
    for (const { bytes } of (await log.read(Math.max(0, to - scanAtOnce), to)).toReversed()) {
      const { type, body, ts } = parseEntry(parseEnvelope('entry', bytes, limits.entryBytes).payload);
      if (type === 'meta.rotate') wraps ??= body.wraps;
      if (type === 'recovery.set' || type === 'genesis') return { setAt: ts, ...(wraps === undefined ? {} : { wraps }) };
    }
  }
  return { setAt: 0 };
}

export async function drill(session: Session, shares: readonly KitShare[]): Promise<void> {
  const { client, log, me, platform } = session;
  const state = await log.sync();
  const secret = await combineKit(shares);
  const { signer } = await kitKeys(secret).finally(() => wipe(secret));
  const { wraps } = await lastOf(log);
  check(wraps !== undefined, 'E_MK_EPOCH', 'the metadata key was not renewed since the kit was set');
  const [sealed] = await client.getBlobs([wraps]);
  await drillKit(state, shares, sealed ?? new Uint8Array(0));
  // A kit that the relay does not let in could read nothing on the day that it is needed.
  await verifyKnown(createRelayClient({ url: client.url, org: me.org, signer, fetch: platform.fetch, now: platform.now, random: platform.random }));
  await platform.storage.write(new Map([[drillName, encode(drillCodec, { kit: kitId(signer.publicKey), at: platform.now() })]]));
}

/** Opens a session as the kit. Throws E_KIT_UNKNOWN. */
export async function verifyKnown(client: RelayClient): Promise<void> {
  await client.session().catch((error: unknown) => {
    throw error instanceof RelayClientError && error.code === 'E_RELAY_AUTH'
      ? new ConsoleError('E_KIT_UNKNOWN', 'the relay knows no such kit', { cause: error })
      : error;
  });
}
