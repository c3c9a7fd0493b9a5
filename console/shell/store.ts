// What every screen shares: the device behind the app as signals, the clock, the address, and what is said to the person.
import { type ReadonlySignal, computed, signal } from '@preact/signals';
import { type Context, createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { App, OrgView, Phase } from '../app.ts';
import { type Calendar, createCalendar } from '../ui/time.ts';
import { type Route, formatRoute, parseRoute } from './routes.ts';

/** What the screens use of the world around them. */
export interface World {
  readonly now: () => number;
  readonly window: Window;
  readonly timeZone?: string;
}

export interface Toast {
  readonly id: number;
  readonly text: string;
}

export interface Store {
  readonly app: App;
  readonly world: World;
  readonly calendar: Calendar;
  readonly phase: ReadonlySignal<Phase>;
  readonly org: ReadonlySignal<OrgView | undefined>;
  /** Advances every second while the page can be seen. */
  readonly now: ReadonlySignal<number>;
  readonly route: ReadonlySignal<Route>;
  readonly toast: ReadonlySignal<Toast | undefined>;
  /** Read out by a screen reader when it has time; not shown. */
  readonly spoken: ReadonlySignal<string>;
  readonly go: (route: Route) => void;
  readonly tell: (text: string) => void;
  readonly speak: (text: string) => void;
  readonly stop: () => void;
}

const toastMs = 5_000;

export function createStore(app: App, world: World): Store {
  const { window } = world;
  const version = signal(0);
  const now = signal(world.now());
  const route = signal(parseRoute(window.location.hash));
  const toast = signal<Toast | undefined>(undefined);
  const spoken = signal('');
  const changed = (): void => void version.value++;
  const onHash = (): void => {
    route.value = parseRoute(window.location.hash);
    window.scrollTo(0, 0);
  };
  const tick = (): void => void (window.document.visibilityState === 'visible' && (now.value = world.now()));
  const unsubscribe = app.subscribe(changed);
  const timer = window.setInterval(tick, 1_000);
  window.addEventListener('hashchange', onHash);
  window.document.addEventListener('visibilitychange', tick);
  let toasts = 0;
  return {
    app,
    world,
    calendar: createCalendar(world.timeZone),
    phase: computed(() => (version.value, app.phase())),
    org: computed(() => (version.value, app.org())),
    now,
    route,
    toast,
    spoken,
    go: (next) => void (window.location.hash = formatRoute(next)),
    tell: (text) => {
      const id = ++toasts;
      toast.value = { id, text };
      window.setTimeout(() => toast.value?.id === id && (toast.value = undefined), toastMs);
    },
    speak: (text) => void (spoken.value = text),
    stop: () => {
      unsubscribe();
      window.clearInterval(timer);
      window.removeEventListener('hashchange', onHash);
      window.document.removeEventListener('visibilitychange', tick);
    },
  };
}

export const StoreContext: Context<Store | undefined> = createContext<Store | undefined>(undefined);

export function useStore(): Store {
  const store = useContext(StoreContext);
  if (!store) throw new Error('a screen outside of the shell');
  return store;
}

/** The organisation; only for screens below the shell, which exist when there is one. */
export function useOrg(): OrgView {
  const org = useStore().org.value;
  if (!org) throw new Error('a screen without an organisation');
  return org;
}
