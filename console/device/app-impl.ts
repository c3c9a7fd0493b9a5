// The device behind the console as the screens use it (console/app.ts): opens what is stored, does the acts, tells every change.
import { check } from '../../protocol/errors.ts';
import { limits } from '../../protocol/limits.ts';
import { parseEntry } from '../../protocol/org-log/entry.ts';
import { parseEnvelope } from '../../protocol/sign.ts';
import type { App, AppFailure, CreateOrg, InviteSession, OrgView, Phase } from '../app.ts';
import { ConsoleError } from '../platform/console-error.ts';
import type { Platform } from '../platform/platform.ts';
import { auditTrail } from './audit.ts';
import { createOrg } from './enrol.ts';
import { asAppError, explain } from './failure.ts';
import { startInvite } from './invite.ts';
import { startJoin } from './join.ts';
import { createLocalDaemon } from './local-daemon.ts';
import { revokeDevice } from './devices.ts';
import { admitMachine, endLease, freeze, issueToken, revokeMachine } from './machines.ts';
import { type OpenedDevice, openDevice } from './opened.ts';
import { createPeopleActs } from './people-acts.ts';
import { createRuleActs } from './policies.ts';
import { shareSecrets } from './rewrap.ts';
import { putSecret, retireSecret } from './secrets.ts';
import { passOver, stopOf } from './passed.ts';
import { createRecoveryDoor } from '../recovery/door.ts';
import { type Session, completeStart, openSession } from './session.ts';
import { type StoredDevice, decodeDevice, deviceRecord } from './stored-device.ts';

const retryMs = 3_000;
const lookAgainMs = 15_000;
/** What a device sees that more admins must let in: the relay does not know it, or the log has keys that it did not get. */
const notYetCodes: ReadonlySet<string> = new Set(['E_NOT_READY', 'E_RELAY_AUTH', 'E_REVOKED', 'E_MK_EPOCH']);

export function createApp(platform: Platform): App {
  const local = createLocalDaemon(platform);
  const closing = new AbortController();
  const listeners = new Set<() => void>();
  let phase: Phase = { kind: 'loading' };
  let device: OpenedDevice | undefined;
  /** Its log is asked for what stopped it. */
  let opening: Session | undefined;
  let view: OrgView | undefined;
  let localWaits = false;
  /** A start that was overtaken ends. */
  let boots = 0;

  function changed(): void {
    view = undefined;
    for (const listener of [...listeners]) listener();
  }
  function enter(next: Phase): void {
    phase = next;
    changed();
  }
  function halt({ code, what }: AppFailure): void {
    device?.stop();
    const log = opening?.log;
    const stop = stopOf(log?.state, log?.halted);
    enter({ kind: 'halted', code, message: what, ...(stop ? { stop } : {}) });
  }

  async function start(session: Session): Promise<void> {
    if (closing.signal.aborted) return;
    opening = session;
    // Stopped before: what a mended relay or a new version resolves is looked at once, before anything is shown.
    if (session.log.halted) await session.log.sync().catch(() => undefined);
    device = await openDevice(session, { onChange: changed, onHalt: halt });
    device.lookAtLog();
    if (phase.kind !== 'halted') enter({ kind: 'ready' });
    await device.poll();
    await lookLocally();
  }

  async function lookLocally(): Promise<void> {
    const before = localWaits;
    localWaits = await local.canEnrol();
    if (localWaits !== before) changed();
  }

  function verified(done: number, of: number): void {
    if (phase.kind === 'loading' && done < of) enter({ kind: 'loading', verified: { done, of } });
  }

  // What an interrupted creation or join left is completed where the relay is there, and told where not.
  async function boot(): Promise<void> {
    const mine = ++boots;
    for (;;) {
      let isJoining = false;
      try {
        const stored = await storedDevice(platform);
        if (!stored) return enter({ kind: 'welcome' });
        isJoining = stored.me.status === 'joining';
        if (stored.me.status === 'recovering') return recovery.wait(stored);
        opening = await openSession(platform, stored.keys, stored.me, verified);
        return await start(await completeStart(opening));
      } catch (error) {
        const failure = explain(error);
        if (isJoining && notYetCodes.has(failure.code)) {
          enter({ kind: 'waiting' });
          void untilLooking(platform, closing.signal).then(() => {
            if (!closing.signal.aborted && mine === boots) booted = boot();
          });
          return;
        }
        if (['E_NOT_READY', 'E_RELAY_AUTH', 'E_RELAY_CLOSED', 'E_RELAY_QUOTA', 'E_DEVICE_BIND'].includes(failure.code))
          return enter({ kind: 'welcome', failure });
        if (!failure.code.startsWith('E_RELAY_')) return halt(failure);
        enter({ kind: 'loading', failure });
        await platform.sleep(retryMs, closing.signal).catch(() => undefined);
        if (closing.signal.aborted) return;
      }
    }
  }
  const recovery = createRecoveryDoor({
    platform,
    act,
    opened,
    place: async () => {
      await booted;
      return phase.kind;
    },
    enter: (waiting) => enter(waiting ? { kind: 'recovering', waiting } : { kind: 'welcome' }),
    isWaiting: () => phase.kind === 'recovering',
    start: async (session) => {
      boots++;
      await start(session);
    },
    closing: closing.signal,
  });
  let booted = boot();

  /** Runs an act; what it throws becomes an AppFailure. */
  async function act<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      device?.lookAtLog();
      throw asAppError(error);
    } finally {
      changed();
    }
  }
  function opened(): OpenedDevice {
    if (!device || phase.kind !== 'ready') throw new ConsoleError('E_NOT_READY', 'no device is open here');
    return device;
  }
  const withSession = <T>(run: (session: Session) => Promise<T>): Promise<T> => act(() => run(opened().session));

  return {
    phase: () => phase,
    org: () => (phase.kind === 'ready' && device ? (view ??= device.view()) : undefined),
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    audit: (progress) => withSession((session) => auditTrail(session, progress)),
    checkSupport: async () => {
      try {
        await platform.authenticator.checkSupport();
        return { ok: true };
      } catch (error) {
        return { ok: false, failure: explain(error) };
      }
    },
    createOrg: (input, progress) =>
      act(async () => {
        await booted;
        if (phase.kind !== 'welcome') throw new ConsoleError('E_DECIDED', 'this browser has a device already');
        const session = (await resume(platform, input)) ?? (await createOrg(platform, await local.relayUrl(), input, progress));
        await start(session);
      }),
    joinByInvite: (link, deviceName) =>
      act(async () => {
        await booted;
        if (phase.kind !== 'welcome' && phase.kind !== 'waiting') throw new ConsoleError('E_DECIDED', 'this browser has a device already');
        const joining = await startJoin(platform, link, deviceName);
        return wrapped({
          ...joining,
          confirm: async () => {
            const session = await joining.confirm();
            if (!session) {
              booted = boot();
              return 'proposed';
            }
            boots++;
            await start(session);
            return 'done';
          },
        });
      }),
    stopWaiting: () =>
      act(async () => {
        if (phase.kind !== 'waiting') throw new ConsoleError('E_NOT_READY', 'nothing is waited for here');
        boots++;
        await platform.storage.write(new Map(), [deviceRecord]);
        enter({ kind: 'welcome' });
      }),
    enrolMachine: ({ here, ...wish }, onProposed) =>
      withSession(async (session) => {
        const { token, expiresAt } = await issueToken(session, opened().drafts, wish, onProposed);
        const told = here ? { here: await local.join(token) } : {};
        await lookLocally();
        return { token, expiresAt, command: `stillvault join ${token}`, ...told };
      }),
    canEnrolHere: () => localWaits,
    admitMachine: (machine, words, groups) => withSession((session) => admitMachine(session, machine, words, groups)),
    revokeMachine: (machine) => withSession((session) => revokeMachine(session, machine)),
    revokeDevice: (device) => withSession((session) => revokeDevice(session, device)),
    approve: (request, terms, chosenCode, progress) =>
      act(async () => {
        const { decisions, watchRelease } = opened();
        await decisions.approve(request, terms, chosenCode, progress);
        watchRelease(request, progress);
      }),
    deny: (request, mute, note) =>
      act(async () => {
        const { decisions, inbox } = opened();
        const machine = inbox.find(request)?.card.machine.id;
        await decisions.deny(request, note);
        if (!mute || machine === undefined) return;
        await inbox.mute(machine);
        const others = inbox.cards().filter((card) => card.machine.id === machine && !card.outcome);
        for (const { requestId } of others) await decisions.deny(requestId);
      }),
    shown: (request) => {
      if (phase.kind === 'ready') void device?.decisions.shown(request).catch(() => undefined); // a courtesy to the requester
    },
    putSecret: (input) => withSession((session) => putSecret(session, input)),
    fillNeed: (request, input) => act(() => opened().decisions.fillNeed(request, input)),
    retireSecret: (secret) => withSession((session) => retireSecret(session, secret)),
    shareSecrets: (sharing) => withSession((session) => shareSecrets(session, sharing)),
    endLease: (lease) =>
      act(async () => {
        const { session, receipts, markEnding } = opened();
        // Of every machine that names it: one could have taken the id of another's.
        const found = receipts.leases().filter(({ id }) => id === lease);
        if (found.length === 0) throw new ConsoleError('E_GONE', 'this lease has ended');
        for (const { machine } of found) await endLease(session, machine, lease);
        markEnding(lease);
      }),
    freeze: (reason) => act(() => freeze(opened().drafts, 'org.freeze', reason)),
    unfreeze: (reason) => act(() => freeze(opened().drafts, 'org.unfreeze', reason)),
    invite: (input) => withSession(async (session) => wrapped(await startInvite(session, opened().drafts, input))),
    agreeDraft: (id) => act(() => opened().drafts.agree(id)),
    refuseDraft: (id) => act(() => opened().drafts.refuse(id)),
    ...createPeopleActs({ act, opened }),
    ...createRuleActs(act, opened),
    passOver: () =>
      act(async () => {
        if (phase.kind !== 'halted') throw new ConsoleError('E_GONE', 'nothing has stopped');
        await passOver(platform.storage, opening?.log.halted, platform.now());
        device = undefined;
        enter({ kind: 'loading' });
        await (booted = boot());
      }),
    recovery: recovery.load,
    stopRecovering: () => act(recovery.stop),
    close: () => {
      closing.abort();
      device?.stop();
    },
  };

  /** What it rejects with becomes an AppFailure, too. */
  function wrapped(invite: InviteSession): InviteSession {
    const codes = invite.codes.catch((error: unknown) => {
      throw asAppError(error);
    });
    codes.catch(() => undefined); // told by confirm() too
    return { ...invite, codes, confirm: () => act(() => invite.confirm()) };
  }
}

/** After a while, or when somebody comes back to the page. */
async function untilLooking(platform: Platform, signal: AbortSignal): Promise<void> {
  const looking = Promise.withResolvers<void>();
  const unsubscribe = platform.onReturn(looking.resolve);
  await Promise.race([platform.sleep(lookAgainMs, signal).catch(() => undefined), looking.promise]).finally(unsubscribe);
}

async function storedDevice(platform: Platform): Promise<{ readonly keys: Session['keys']; readonly me: StoredDevice } | undefined> {
  const stored = await platform.storage.load();
  check(stored.kind !== 'lost', 'E_DEVICE_BIND', 'this browser has lost the keys of its device');
  if (stored.kind === 'empty') return undefined;
  const record = (await platform.storage.read(deviceRecord)).get(deviceRecord);
  return record && { keys: stored.keys, me: decodeDevice(record) };
}

/** A creation that was interrupted after everything was signed goes on where the same org is wanted again. */
async function resume(platform: Platform, input: CreateOrg): Promise<Session | undefined> {
  const stored = await storedDevice(platform).catch(() => undefined);
  const genesis = stored?.me.status === 'creating' ? stored.me.start?.genesis : undefined;
  if (!stored || !genesis) return undefined;
  const entry = parseEntry(parseEnvelope('entry', genesis, limits.entryBytes).payload);
  const isSame =
    entry.type === 'genesis' &&
    entry.body.name === input.orgName &&
    entry.body.founder.name === input.memberName &&
    entry.body.device.name === input.deviceName;
  return isSame ? completeStart(await openSession(platform, stored.keys, stored.me)) : undefined;
}
