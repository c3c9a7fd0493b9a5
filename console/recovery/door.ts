// Where the app and the recovery kit meet: the engine is loaded when it is needed, and a device that waits for its delay is watched (spec/18-recovery.md).
import type { Phase } from '../app.ts';
import { explain } from '../device/failure.ts';
import { type PendingUse, type StoredDevice, deviceRecord } from '../device/stored-device.ts';
import { ConsoleError } from '../platform/console-error.ts';
import type { LocalKeys } from '../platform/platform.ts';
import type { RecoveryApp, WaitingView } from './contract.ts';
import type { RecoveryHost } from './engine.ts';

const lookAgainMs = 20_000;

interface Waiting {
  readonly me: StoredDevice;
  readonly keys: LocalKeys;
}
export interface RecoveryDoor {
  readonly load: () => Promise<RecoveryApp>;
  /** This browser announced a use: it is watched until it is in, or somebody gives it up. */
  readonly wait: (waiting: Waiting) => void;
  readonly stop: () => Promise<void>;
}

export function createRecoveryDoor(
  app: Pick<RecoveryHost, 'platform' | 'act' | 'opened' | 'start'> & {
    /** The phase, once it is known. */
    readonly place: () => Promise<Phase['kind']>;
    /** Undefined: there is nothing in this browser any more. */
    readonly enter: (waiting: WaitingView | undefined) => void;
    readonly isWaiting: () => boolean;
    readonly closing: AbortSignal;
  },
): RecoveryDoor {
  const { platform, closing } = app;
  let mine: Waiting | undefined;
  let loading: Promise<RecoveryApp> | undefined;

  function wait(waiting: Waiting): void {
    const { use } = waiting.me;
    if (!use) throw new ConsoleError('E_STORAGE', 'a device that recovers from nothing');
    mine = waiting;
    app.enter(viewOf(waiting.me, use, 'waiting'));
    void watch(waiting, use);
  }

  async function watch({ me, keys }: Waiting, use: PendingUse): Promise<void> {
    const isOver = (): boolean => mine?.me !== me || closing.aborted || !app.isWaiting();
    while (!isOver()) {
      // Before the look: who comes back to the page during it wants another.
      const back = Promise.withResolvers<void>();
      const unsubscribe = platform.onReturn(back.resolve);
      try {
        const view = await look(me, keys, use);
        if (!isOver()) app.enter(view);
        await Promise.race([platform.sleep(lookAgainMs, closing).catch(() => undefined), back.promise]);
      } finally {
        unsubscribe();
      }
    }
  }

  async function look(me: StoredDevice, keys: LocalKeys, use: PendingUse): Promise<WaitingView> {
    try {
      const { watchUse } = await import('./watch.ts');
      return viewOf(me, use, await watchUse(platform, keys, me, use));
    } catch (error) {
      return { ...viewOf(me, use, 'waiting'), failure: explain(error) };
    }
  }

  return {
    wait,
    load: () =>
      (loading ??= import('./engine.ts').then(({ createRecovery }) =>
        createRecovery({
          ...app,
          waits: (me, keys) => wait({ me, keys }),
          start: async (session) => {
            mine = undefined;
            await app.start(session);
          },
          vacant: async () => {
            const place = await app.place();
            if (place !== 'welcome' && place !== 'recovering') throw new ConsoleError('E_DECIDED', 'this browser has a device already');
          },
          waiting: () => mine,
        }),
      )),
    stop: async () => {
      if (!app.isWaiting()) throw new ConsoleError('E_NOT_READY', 'nothing is waited for here');
      mine = undefined;
      await platform.storage.write(new Map(), [deviceRecord]);
      app.enter(undefined);
    },
  };
}

function viewOf({ org, relay }: StoredDevice, { eh: _eh, ...use }: PendingUse, state: WaitingView['state']): WaitingView {
  return { ...use, org, relay, state };
}
