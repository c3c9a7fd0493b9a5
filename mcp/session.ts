// What all tools of a session share, and the wait for people (spec/13-mcp.md §waiting).
import type { SecretInfo } from '../protocol/local-api.ts';
import type { Client, Value } from '../sdk/client.ts';
import { StillvaultError } from '../sdk/errors.ts';
import { type Answer, pending, waitingWords } from './answer.ts';
import { bounds } from './bounds.ts';
import type { Call } from './call.ts';
import { claimOf } from './claim.ts';
import { type Desk, type Item, createDesk } from './desk.ts';
import type { Ticket } from './ticket.ts';

export interface SessionDeps {
  readonly client: Client;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Monotonic. */
  readonly nowMs: () => number;
  readonly waitMs?: number;
  readonly progressMs?: number;
  readonly holdMs?: number;
}
export interface Session extends SessionDeps {
  readonly desk: Desk;
  /** Ends with the session: programs, files. Returns how to forget it earlier. */
  onEnd(act: () => void): () => void;
  end(): void;
}
/** Not the tool's own answer: what is still to be done before there is one. */
export type Detour = Answer | NonNullable<Awaited<ReturnType<Call['sendLink']>>>;

export function createSession(deps: SessionDeps): Session {
  const desk = createDesk({ ...deps, holdMs: deps.holdMs ?? bounds.holdMs });
  const acts = new Set<() => void>();
  return {
    ...deps,
    desk,
    onEnd(act) {
      acts.add(act);
      return () => void acts.delete(act);
    },
    end() {
      for (const act of acts) act();
      desk.close();
    },
  };
}

export interface Act {
  readonly items: readonly Item[];
  readonly reason: string;
  /** What the approver reads about the act, and all of it as the request is bound to it. */
  readonly shown: string;
  readonly exact: readonly unknown[];
  readonly requestId: string | undefined;
  readonly waitS: number | undefined;
}

/** Asks for what an act needs, waits, and hands out the values for this one act; otherwise says what to answer instead. */
export async function valuesFor(session: Session, call: Call, act: Act): Promise<{ readonly values: readonly Value[] } | { readonly detour: Detour }> {
  if (act.items.length === 0) return { values: [] };
  const ticket = session.desk.file({
    items: act.items,
    act: JSON.stringify(act.exact),
    requestId: call.requestId ?? act.requestId,
    reason: claimOf(act.reason, act.shown),
    agent: call.agent,
  });
  const detour = await awaitPeople(session, call, ticket, act.waitS);
  return detour === undefined ? { values: ticket.take() } : { detour };
}

/** Undefined when it is decided, or with `announced`, when people were asked. A cancelled call withdraws its request. */
export async function awaitPeople(
  session: Session,
  call: Call,
  ticket: Ticket,
  waitS: number | undefined,
  until: 'announced' | 'settled' = 'settled',
): Promise<Detour | undefined> {
  const { waitMs = bounds.waitMs } = session;
  const left = AbortSignal.timeout(Math.min(waitMs, waitS === undefined ? waitMs : waitS * 1_000));
  const wait = async (): Promise<Detour | undefined> => {
    await raceWith(call, left, ticket, ticket.announced);
    const link = await call.sendLink(ticket);
    if (link !== undefined || until === 'announced') return link;
    await raceWith(call, left, ticket, ticket.settled);
    return ticket.state.kind === 'asking' || ticket.state.kind === 'waiting' ? pending(ticket) : undefined;
  };
  return withProgress(session, call, () => waitingWords(ticket), wait);
}

async function raceWith(call: Call, left: AbortSignal, ticket: Ticket, event: Promise<void>): Promise<void> {
  const over = AbortSignal.any([call.signal, left]);
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = (): void => resolve();
  over.addEventListener('abort', stop, { once: true });
  if (over.aborted) stop();
  await Promise.race([promise, event]);
  over.removeEventListener('abort', stop);
  if (!call.signal.aborted) return;
  ticket.withdraw();
  throw new StillvaultError('withdrawn', 'the call was cancelled, and its request withdrawn');
}

/** Something to show every few seconds, where the client wants it. */
export async function withProgress<T>(session: Session, call: Call, words: () => string, work: () => Promise<T>): Promise<T> {
  const { progress } = call;
  if (progress === undefined) return work();
  const timer = setInterval(() => progress(words()), session.progressMs ?? bounds.progressMs);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}

/** What is known of each secret, before anybody is asked. Throws not_found, policy_forbids. */
export async function infoOf(session: Session, items: readonly Item[]): Promise<readonly SecretInfo[]> {
  return Promise.all([...new Set(items.map(({ path }) => path))].map((path) => session.client.info(path)));
}
