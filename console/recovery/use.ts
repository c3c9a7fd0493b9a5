// The kit on a browser that has nothing: reads the log, makes a device, announces it, and finishes when the delay is over (spec/18-recovery.md §use).
import { fromHex, wipe } from '../../protocol/bytes.ts';
import { check } from '../../protocol/errors.ts';
import { gestureOver } from '../../protocol/gesture.ts';
import { type Hash, type MemberId, type OrgId } from '../../protocol/hash.ts';
import { limits } from '../../protocol/limits.ts';
import { foresee } from '../../protocol/org-log/apply.ts';
import { recoveryRecipient } from '../../protocol/org-log/apply-secret.ts';
import { type Entry, type Proposed, encodeEntry, entryHash } from '../../protocol/org-log/entry.ts';
import type { RecoveryUse } from '../../protocol/org-log/org-bodies.ts';
import { type OrgState, devicesOf, isActiveMember } from '../../protocol/org-log/state.ts';
import { type KitKeys, type KitShare, combineKit, kitKeys } from '../../protocol/recovery.ts';
import { signEnvelope } from '../../protocol/sign.ts';
import { verifyText } from '../../protocol/text.ts';
import { type RelayClient, RelayClientError, createRelayClient } from '../../relay-client/client.ts';
import { openLogWithKit } from '../../relay-client/kit-log.ts';
import { createMemoryStore } from '../../relay-client/log-store.ts';
import { type OrgLog, newId } from '../../relay-client/org-log.ts';
import { type MadeDevice, makeDevice } from '../device/enrol.ts';
import { verifyHere } from '../device/join.ts';
import { type Session, completeStart, openSession } from '../device/session.ts';
import { type StoredDevice, deviceRecord, encodeDevice } from '../device/stored-device.ts';
import { unlock } from '../device/unlock.ts';
import type { LocalKeys, Platform } from '../platform/platform.ts';
import type { OpenedKit, UseStep } from './contract.ts';
import { verifyKnown } from './kit.ts';
import { recoveringView } from './recovering.ts';

const attempts = 3;

export interface UseInput {
  readonly org: string;
  readonly relay: string;
  readonly shares: readonly KitShare[];
}
export interface UseHooks {
  /** This browser's device where it announced a use before. */
  readonly mine: () => { readonly me: StoredDevice; readonly keys: LocalKeys } | undefined;
  /** A use was announced and waits. */
  readonly onWaiting: (me: StoredDevice, keys: LocalKeys) => void;
  /** The device is in. The kit stays at hand for what comes next. */
  readonly onIn: (session: Session, kit: KitKeys) => Promise<void>;
}

interface Reader {
  readonly platform: Platform;
  readonly org: OrgId;
  readonly kit: KitKeys;
  readonly client: RelayClient;
  readonly log: OrgLog;
}

/** Reads and verifies the whole log; signs nothing. Throws E_RELAY_AUTH where the relay does not know this org with this kit. */
export async function openKit(platform: Platform, { org: typed, relay, shares }: UseInput, hooks: UseHooks): Promise<OpenedKit> {
  const org = parseOrgId(typed);
  const kit = await kitFrom(shares);
  const deps = { org, fetch: platform.fetch, now: platform.now, random: platform.random };
  const client = createRelayClient({ ...deps, url: parseRelay(relay), signer: kit.signer });
  await verifyKnown(client);
  const log = await openLogWithKit({ org, client, newStore: createMemoryStore, now: platform.now, random: platform.random }, kit);
  const reader: Reader = { platform, org, kit, client, log };
  const state = log.requireState();
  verifyHere(platform, state);
  const view = recoveringView(state);
  const me = hooks.mine()?.me;
  const mine = me?.org === org && me.device === state.recovering?.device.device;
  return {
    org: { id: org, name: state.name },
    delayMs: state.recovery?.delayMs ?? 0,
    frozen: state.frozen,
    members: [...state.members.values()]
      .filter(({ id }) => isActiveMember(state, id))
      .map(({ id, name, roles }) => ({ id, name, roles, devices: devicesOf(state, id).length })),
    ...(view ? { recovering: { ...view, mine } } : {}),
    announce: (input, progress) => announce(reader, hooks, input, progress),
    finish: () => finish(reader, hooks),
  };
}

export async function kitFrom(shares: readonly KitShare[]): Promise<KitKeys> {
  const secret = await combineKit(shares);
  return kitKeys(secret).finally(() => wipe(secret));
}

function parseOrgId(typed: string): OrgId {
  const hex = typed.toLowerCase().replace(/[^0-9a-z]/g, '');
  check(/^[0-9a-f]{64}$/.test(hex), 'E_ORG', 'an organisation’s id has 64 digits and letters a to f');
  return hex as OrgId; // typed by the person who looks for it; what the relay gives is checked against it
}

function parseRelay(typed: string): string {
  const text = typed.trim();
  check(URL.canParse(text) && /^https?:$/.test(new URL(text).protocol), 'E_FIELD', 'not the address of a relay');
  return new URL(text).origin;
}

async function announce(
  reader: Reader,
  hooks: UseHooks,
  input: Parameters<OpenedKit['announce']>[0],
  progress: (step: UseStep) => void,
): Promise<'waiting' | 'in'> {
  const { platform, org, kit, client, log } = reader;
  const { who, deviceName, reason } = input;
  for (const text of [deviceName, reason]) verifyText(text, limits.nameBytes);
  check(deviceName !== '' && reason !== '', 'E_TEXT', 'a name, and a reason that the others will read');
  const before = log.requireState();
  check(!before.frozen, 'E_FROZEN', 'a frozen organisation takes nobody in');
  await platform.authenticator.checkSupport();
  progress('registering');
  const member = whoComes(platform, before, who);
  const wish = { member: member.member, deviceName, rpName: 'Stillvault', userName: `${member.name} · ${before.name}`, rpId: platform.location.hostname };
  const made = await makeDevice(platform, wish, () => progress('passkey-created'));
  progress('passkey-verified');
  try {
    await client.registerKey(made.facts.presenceKey, 'device');
    for (let attempt = 1; ; attempt++) {
      try {
        const me = await announceOnce(reader, made, { reason, member, device: made.facts });
        if (me.status === 'recovering') {
          progress('announced');
          hooks.onWaiting(me, made.keys);
          return 'waiting';
        }
        await hooks.onIn(await completeStart(await openSession(platform, made.keys, me)), kit);
        progress('in');
        return 'in';
      } catch (error) {
        // Somebody was faster: a signature is for one place only, so each attempt is a gesture.
        if (!(error instanceof RelayClientError) || error.code !== 'E_RELAY_CONFLICT' || attempt >= attempts) throw error;
        await log.sync();
      }
    }
  } finally {
    made.discard();
  }

  async function announceOnce({ log: newest }: Reader, device: MadeDevice, body: RecoveryUse): Promise<StoredDevice> {
    const state = await newest.sync();
    const use = framed(reader, state, { type: 'recovery.use', body }, body.device.device);
    const delayMs = state.recovery?.delayMs ?? 0;
    // Without a delay both entries are one gesture: there is nothing to wait for in between.
    const entries = delayMs > 0 ? [use] : [use, framed(reader, use.after, { type: 'recovery.finish', body: { use: use.eh } }, body.device.device)];
    const { challenge, paths } = gestureOver(entries.map(({ eh }) => eh));
    const { assertion, sealedKeys } = await device.confirm(org, fromHex(challenge));
    const { ts } = use.entry;
    const pending = {
      eh: use.eh,
      at: ts,
      effectiveAt: ts + delayMs,
      orgName: state.name,
      name: member.name,
      isNew: typeof who !== 'string',
      device: deviceName,
      reason,
    };
    const me: StoredDevice = { ...device.stored, status: 'recovering', org, relay: client.url, sealedKeys, start: newestKey(log), use: pending };
    // Before the entry leaves: once the log has this device, this browser must be it.
    await platform.storage.begin(device.keys, new Map([[deviceRecord, encodeDevice(me)]]));
    for (const [index, { payload }] of entries.entries())
      await log.append(await signEnvelope('entry', payload, [{ signer: kit.signer }, { signer: device.sig, assertion, path: paths[index] ?? [] }]));
    if (delayMs > 0) return me;
    return joining(platform, me, log);
  }
}

/** Everything that a person needs to go on with the walk, and to approve; whoever wants less takes it back. */
function whoComes({ random }: Platform, state: OrgState, who: MemberId | { readonly name: string }): RecoveryUse['member'] {
  const roles = ['admin', 'approver', 'writer'] as const;
  if (typeof who !== 'string') {
    verifyText(who.name, limits.nameBytes);
    check(who.name !== '', 'E_TEXT', 'a name is empty');
    return { member: newId<MemberId>(random), name: who.name, roles };
  }
  const found = state.members.get(who);
  check(found !== undefined && isActiveMember(state, who), 'E_UNKNOWN_ID', 'no such member');
  return { member: who, name: found.name, roles };
}

interface Framed {
  readonly entry: Entry;
  readonly payload: Uint8Array;
  readonly eh: Hash;
  readonly after: OrgState;
}
/** The entry in its place; throws what would be refused, before anybody is asked for a gesture. */
function framed({ platform }: Reader, state: OrgState, proposed: Proposed, device: string): Framed {
  const signers = [
    { kind: 'recovery' as const, id: recoveryRecipient },
    { kind: 'device' as const, id: device },
  ];
  const entry: Entry = { org: state.org, seq: state.head.seq + 1, prev: state.head.eh, ts: platform.now(), signers, ...proposed };
  const payload = encodeEntry(entry);
  return { entry, payload, eh: entryHash(payload), after: foresee(state, entry) };
}

function newestKey(log: OrgLog): { readonly epoch: number; readonly mk: Uint8Array } {
  const epoch = log.requireState().mkEpoch;
  const mk = log.keys.get(epoch);
  check(mk !== undefined, 'E_MK_EPOCH', 'the metadata key is not held here');
  return { epoch, mk };
}

async function joining(platform: Platform, { use: _done, ...me }: StoredDevice, log: OrgLog): Promise<StoredDevice> {
  const next: StoredDevice = { ...me, status: 'joining', start: newestKey(log) };
  await platform.storage.write(new Map([[deviceRecord, encodeDevice(next)]]));
  return next;
}

async function finish(reader: Reader, hooks: UseHooks): Promise<void> {
  const { platform, log, kit } = reader;
  const mine = hooks.mine();
  check(mine !== undefined && mine.me.status === 'recovering' && mine.me.org === reader.org, 'E_RECOVERY', 'this browser announced nothing');
  const { me, keys } = mine;
  for (let attempt = 1; ; attempt++) {
    const state = await log.sync();
    if (!state.devices.has(me.device)) {
      check(state.recovering?.device.device === me.device, 'E_RECOVERY', 'the use that this browser announced is not under way');
      const { payload, eh } = framed(reader, state, { type: 'recovery.finish', body: { use: state.recovering.eh } }, me.device);
      const envelope = await unlock({ platform, keys, me }, eh, ({ sig, assertion }) =>
        signEnvelope('entry', payload, [{ signer: kit.signer }, { signer: sig, assertion }]),
      );
      try {
        await log.append(envelope);
      } catch (error) {
        if (error instanceof RelayClientError && error.code === 'E_RELAY_CONFLICT' && attempt < attempts) continue;
        throw error;
      }
    }
    return hooks.onIn(await completeStart(await openSession(platform, keys, await joining(platform, me, log))), kit);
  }
}
