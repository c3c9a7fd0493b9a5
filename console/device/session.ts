// One opened device: its keys that need no gesture, its relay, its verified log. Everything the device does starts from here.
import type { Hash } from '../../protocol/hash.ts';
import { ConsoleError } from '../platform/console-error.ts';
import type { Device, OrgState } from '../../protocol/org-log/state.ts';
import { activeDevice, hasRole } from '../../protocol/org-log/state.ts';
import { ProtocolError, check } from '../../protocol/errors.ts';
import type { Role } from '../../protocol/org-log/bodies.ts';
import { openMkWrap } from '../../protocol/org-log/record.ts';
import { type KemKey, kemKeyFrom } from '../../protocol/seal.ts';
import { type RelayClient, RelayClientError, createRelayClient } from '../../relay-client/client.ts';
import { passingOver } from '../../relay-client/pass-over.ts';
import { type OrgLog, openOrgLog } from '../../relay-client/org-log.ts';
import type { Progress } from '../../relay-client/restore.ts';
import type { LocalKeys, Platform } from '../platform/platform.ts';
import { learnLateKeys } from './late-keys.ts';
import { decisions } from './passed.ts';
import { createLogStore, createSnapshots } from './log-store.ts';
import { type StoredDevice, deviceRecord, encodeDevice } from './stored-device.ts';

export interface Session {
  readonly platform: Platform;
  readonly me: StoredDevice;
  readonly keys: LocalKeys;
  /** Opens letters; needs no gesture. */
  readonly inboxKey: KemKey;
  readonly client: RelayClient;
  readonly log: OrgLog;
}

/** Loads the stored log and verifies what this device has not; asks nobody. */
export async function openSession(platform: Platform, keys: LocalKeys, me: StoredDevice, progress?: Progress): Promise<Session> {
  const relay = createRelayClient({ url: me.relay, org: me.org, signer: keys.presence, fetch: platform.fetch, now: platform.now, random: platform.random });
  const client = passingOver(relay, await decisions(platform.storage));
  const inboxKey = await kemKeyFrom(me.inboxSeed.slice());
  const log = await openOrgLog({
    org: me.org,
    client,
    store: createLogStore(platform.storage),
    snapshots: createSnapshots(platform),
    pin: me.pin,
    now: platform.now,
    random: platform.random,
    openMkWrap: (epoch, wraps) => openMkWrap(me.org, epoch, me.device, inboxKey, wraps),
    isHolder: (state) => activeDevice(state, me.device) !== undefined,
    ...(progress ? { progress } : {}),
  });
  if (me.start && !log.keys.has(me.start.epoch)) log.addKey(me.start.epoch, me.start.mk);
  return { platform, me, keys, inboxKey, client, log };
}

/**
 * Ends what an interruption left: signs the org up and offers its first entry, or waits for device.add to be in the log.
 * Can be repeated. Throws E_NOT_READY where the org has not added this device yet.
 */
export async function completeStart(session: Session): Promise<Session> {
  const { me, client, log, platform } = session;
  if (me.status === 'ready') return session;
  const genesis = me.start?.genesis;
  if (genesis) {
    await client.signUp();
    await log.sync().catch(async (error: unknown) => {
      if (log.state || !(error instanceof RelayClientError) || error.code !== 'E_RELAY_NOT_FOUND') throw error;
      await log.append(genesis);
    });
  } else
    await log.sync().catch(async (error: unknown) => {
      if (!(error instanceof ProtocolError) || !['E_REVOKED', 'E_MK_EPOCH'].includes(error.code)) throw error;
      await learnLateKeys(session);
      await log.sync();
    });
  if (!activeDevice(log.requireState(), me.device)) throw new ConsoleError('E_NOT_READY', 'the organisation has not added this device yet');
  const { start: _done, ...rest } = me;
  const ready: StoredDevice = { ...rest, status: 'ready' };
  await platform.storage.write(new Map([[deviceRecord, encodeDevice(ready)]]));
  return { ...session, me: ready };
}

/** This device as the log has it. Throws E_REVOKED. */
export function myDevice(session: Session, state: OrgState = session.log.requireState()): Device {
  const device = activeDevice(state, session.me.device);
  check(device !== undefined, 'E_REVOKED', 'this device is no longer part of the organisation');
  return device;
}

/** Said before the gesture instead of after it. Throws E_NO_ROLE. */
export function requireRole(session: Session, state: OrgState, role: Role): void {
  myDevice(session, state);
  if (!hasRole(state, session.me.member, role)) throw new ConsoleError('E_NO_ROLE', `this needs the role ${role}`);
}

export function historyOf(session: Session): (seq: number) => Hash | undefined {
  return (seq) => session.log.history(seq);
}
