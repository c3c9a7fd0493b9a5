// The recovery kit behind the console: what can be done in each state of this browser (spec/18-recovery.md). Loaded when it is needed.
import { check } from '../../protocol/errors.ts';
import type { KitKeys } from '../../protocol/recovery.ts';
import type { Drafts } from '../device/drafts.ts';
import type { Session } from '../device/session.ts';
import type { StoredDevice } from '../device/stored-device.ts';
import type { LocalKeys, Platform } from '../platform/platform.ts';
import type { RecoveryApp } from './contract.ts';
import { completeKit, drill, kitStatus, makeSheets } from './kit.ts';
import { brokenRules, reseal, resealRows } from './reseal.ts';
import { kitFrom, openKit } from './use.ts';

/** What the app lends: its open device, or its place where none is. */
export interface RecoveryHost {
  readonly platform: Platform;
  /** Turns what an act throws into an AppFailure. */
  act<T>(run: () => Promise<T>): Promise<T>;
  /** Throws E_NOT_READY without an open device. */
  opened(): { readonly session: Session; readonly drafts: Drafts };
  /** Resolves once it is known what this browser has; throws E_DECIDED where it has a device that is in. */
  vacant(): Promise<void>;
  /** The device that announced a use. */
  waiting(): { readonly me: StoredDevice; readonly keys: LocalKeys } | undefined;
  waits(me: StoredDevice, keys: LocalKeys): void;
  start(session: Session): Promise<void>;
}

export function createRecovery(host: RecoveryHost): RecoveryApp {
  const { platform, act } = host;
  // In memory only, until the walk is over or the page is gone.
  let held: KitKeys | undefined;
  const withSession = <T>(run: (session: Session) => Promise<T>): Promise<T> => act(() => run(host.opened().session));

  return {
    status: () => withSession(kitStatus),
    make: (terms) =>
      act(async () => {
        const { session, drafts } = host.opened();
        const sheets = await makeSheets(session, drafts, terms);
        return { ...sheets, set: () => act(sheets.set) };
      }),
    complete: () => withSession(completeKit),
    drill: (shares) => withSession((session) => drill(session, shares)),
    open: (input) =>
      act(async () => {
        await host.vacant();
        const opened = await openKit(platform, input, {
          mine: host.waiting,
          onWaiting: host.waits,
          onIn: async (session, kit) => {
            held = kit;
            await host.start(session);
          },
        });
        return {
          ...opened,
          announce: (about, progress) => act(() => opened.announce(about, progress)),
          finish: () => act(opened.finish),
        };
      }),
    hold: (shares) => act(async () => void (held = await kitFrom(shares))),
    forget: () => void (held = undefined),
    walk: () => {
      const state = host.opened().session.log.requireState();
      return { reseal: resealRows(state, held), rules: brokenRules(state), isKitHere: held !== undefined };
    },
    reseal: (ids, progress, signal) =>
      withSession((session) => {
        check(held !== undefined, 'E_RECOVERY', 'the kit was not typed in since this page was opened');
        return reseal(session, held, ids, progress, signal);
      }),
  };
}
