// Requests that go on without the process that asked, until one of its tree takes what was approved (spec/17-run.md §held). Nothing is opened before that.
import type { RequestId } from '../../protocol/hash.ts';
import type { ReleaseAsk, ReleaseEvent } from '../../protocol/local-api.ts';
import type { AwaitAsk, Requested } from '../../protocol/local-api/held.ts';
import { newId } from '../../relay-client/org-log.ts';
import { DaemonError, failureOf } from '../errors.ts';
import type { Anchor } from '../intake/ancestry.ts';
import type { Ask } from '../intake/connection.ts';
import type { Observation } from '../intake/observe.ts';
import { processGone } from '../intake/process-identity.ts';
import { type DeskDeps, release } from './desk.ts';
import type { Taker } from './waiting.ts';

export interface Held {
  /** Resolves when people were asked. */
  file(ask: Ask, wanted: ReleaseAsk): Promise<Requested>;
  /** Throws not_found, E_HANDLE. */
  take(ask: Ask, wanted: AwaitAsk): Promise<void>;
  withdraw(ask: Ask, handle: string): Promise<object>;
}

interface HeldRequest extends Disposable {
  readonly requester: Observation;
  readonly anchor: Anchor;
  /** What was told so far; the last may be an `error`. */
  readonly told: ReleaseEvent[];
  readonly leaving: AbortController;
  /** In the order in which they came; the first of them gets it. */
  readonly takers: Set<HeldTaker>;
  chosen: HeldTaker | undefined;
  onCome: () => void;
}
interface HeldTaker {
  readonly ask: Ask;
  readonly label: string;
  readonly done: () => void;
}

/** How long the end of a request can still be read. */
const keptMs = 900_000;
/** More than may wait for people at once. */
const heldMax = 64;
/** How soon a request is withdrawn whose tree has ended. */
const watchMs = 500;

export function createHeld(deps: DeskDeps): Held {
  const requests = new Map<string, HeldRequest>();

  /** Only for the anchor's tree, and only for the program that was shown to people. Throws not_found, E_HANDLE. */
  async function find(ask: Ask, handle: string): Promise<HeldRequest> {
    const { identity, observed } = await ask.observe();
    const held = requests.get(handle);
    if (held === undefined)
      throw new DaemonError('not_found', 'E_NOT_FOUND', 'there is no such request here: it was taken, ended long ago, or the daemon started anew', {
        next: 'stillvault request',
      });
    const { requester, anchor } = held;
    const isInTree = identity !== undefined && observed.uid === requester.observed.uid && deps.observer.isDescendantOf(identity.pid, anchor.identity);
    const isSameProgram = observed.exe?.sha256 === requester.observed.exe?.sha256 && observed.script?.path === requester.observed.script?.path;
    if (!isInTree || !isSameProgram)
      throw new DaemonError('policy_forbids', 'E_HANDLE', 'that request belongs to another program, and only processes under it may take it', {
        next: 'ask for yourself: stillvault request',
      });
    await deps.observer.verifySame(anchor.identity); // or it became another program than people saw
    return held;
  }

  return {
    async file(ask, wanted) {
      if (wanted.leaseOnly === true) throw new DaemonError('usage', 'E_ASK', 'a request asks people');
      if (requests.size >= heldMax) [...requests.values()].find(({ told }) => told.at(-1)?.event === 'error')?.[Symbol.dispose]();
      if (requests.size >= heldMax) throw new DaemonError('error', 'E_RATE_LOCAL', `${heldMax} requests are held already`, { next: 'await or withdraw some' });
      const requester = await ask.observe();
      const anchor = await deps.observer.anchorOf(requester);
      if (anchor === undefined)
        throw new DaemonError('policy_forbids', 'E_HANDLE', 'the program that asks cannot be known again here', { next: 'stillvault get' });
      const handle = newId<RequestId>(deps.random);
      const held = createRequest(requester, anchor, () => requests.delete(handle));
      requests.set(handle, held);
      const asked = Promise.withResolvers<Extract<ReleaseEvent, { event: 'waiting' }>>();
      const inner = innerAsk(deps, ask, held, (event) => (event.event === 'waiting' ? asked.resolve(event) : undefined));
      const onLeave = (): void => held.leaving.abort(); // before it knew the handle, nobody else could
      ask.signal.addEventListener('abort', onLeave);
      void release(deps, inner, wanted, takerOf(held))
        .catch((error: unknown) => {
          tell(held, { event: 'error', ...failureOf(error) });
          asked.reject(error);
        })
        .finally(() => {
          for (const taker of held.takers) taker.done();
          setTimeout(() => held[Symbol.dispose](), held.chosen === undefined ? keptMs : 0).unref();
        });
      try {
        const { code, paths, approvers, needed, expires_at } = await asked.promise;
        return { handle, code, paths, approvers, needed, expires_at, holder: anchor.label };
      } catch (error) {
        held[Symbol.dispose]();
        throw error;
      } finally {
        ask.signal.removeEventListener('abort', onLeave);
      }
    },
    async take(ask, { handle, timeoutS, one }) {
      const held = await find(ask, handle);
      if (one === true && held.told.some((event) => event.event === 'waiting' && event.paths.length > 1))
        throw new DaemonError('usage', 'E_ASK', 'that request is for several secrets', { next: `stillvault await ${handle} --json` });
      for (const event of held.told) ask.reply.event(event);
      if (held.told.at(-1)?.event === 'error') return ask.reply.end();
      const { promise: done, resolve } = Promise.withResolvers<void>();
      const { observed } = await ask.observe();
      const taker: HeldTaker = { ask, label: `${observed.name ?? 'unknown'} (pid ${observed.pid})`, done: resolve };
      held.takers.add(taker);
      ask.signal.addEventListener('abort', resolve as () => void); // cast: an event is given to it, and not looked at
      const timer = timeoutS === undefined ? undefined : setTimeout(() => (held.chosen === taker ? undefined : resolve()), timeoutS * 1_000);
      held.onCome();
      await done;
      clearTimeout(timer);
      held.takers.delete(taker);
      if (held.chosen !== taker && held.told.at(-1)?.event !== 'error') ask.reply.event({ event: 'pending' });
      ask.reply.end();
    },
    async withdraw(ask, handle) {
      (await find(ask, handle)).leaving.abort();
      return {};
    },
  };
}

function createRequest(requester: Observation, anchor: Anchor, forget: () => void): HeldRequest {
  const leaving = new AbortController();
  const watch = setInterval(() => (anchor.identity.pidfd.isAlive() ? undefined : leaving.abort()), watchMs);
  leaving.signal.addEventListener('abort', () => clearInterval(watch));
  return {
    requester,
    anchor,
    told: [],
    leaving,
    takers: new Set(),
    chosen: undefined,
    onCome: () => undefined,
    [Symbol.dispose]() {
      clearInterval(watch);
      forget();
      anchor[Symbol.dispose]();
    },
  };
}

function takerOf(held: HeldRequest): Taker {
  return {
    get isThere() {
      held.chosen = [...held.takers].find(({ ask }) => !ask.signal.aborted);
      return held.chosen !== undefined;
    },
    get label() {
      return held.chosen?.label ?? '';
    },
    onCome: (wake) => void (held.onCome = wake),
  };
}

/** The desk's ask: the requester at first, and at delivery whoever takes it. */
function innerAsk({ observer }: DeskDeps, outer: Ask, held: HeldRequest, onEvent: (event: ReleaseEvent) => void): Ask {
  let isAsked = false;
  return {
    ...outer,
    signal: held.leaving.signal,
    reply: {
      json: () => undefined,
      event: (value) => {
        const event = value as ReleaseEvent; // what the desk says
        onEvent(event);
        if (event.event === 'released') held.chosen?.ask.reply.event(event);
        else tell(held, event);
      },
      end: () => undefined,
      drained: () => Promise.resolve(),
    },
    async observe() {
      if (!isAsked) {
        isAsked = true;
        return held.requester;
      }
      const { chosen } = held;
      if (chosen === undefined || chosen.ask.signal.aborted || !held.anchor.identity.pidfd.isAlive()) throw processGone();
      await observer.verifySame(held.anchor.identity);
      return chosen.ask.observe();
    },
  };
}

function tell(held: HeldRequest, event: ReleaseEvent): void {
  held.told.push(event);
  for (const { ask } of held.takers) ask.reply.event(event);
}
