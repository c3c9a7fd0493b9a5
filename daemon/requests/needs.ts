// Secrets that do not exist yet and that a program of this machine needs: asked once, open for days, filled or declined by a writer (spec/09-release.md §needs).
import type { Evidence, PendingRequest } from '../../protocol/approval.ts';
import { toHex } from '../../protocol/bytes.ts';
import { ProtocolError, check } from '../../protocol/errors.ts';
import type { RequestId } from '../../protocol/hash.ts';
import { limits } from '../../protocol/limits.ts';
import type { NeedAsk, NeedSummary } from '../../protocol/local-api.ts';
import { verifyNeed } from '../../protocol/need.ts';
import { type Device, type Machine, type OrgState, activeMachine, hasRole, secretAt } from '../../protocol/org-log/state.ts';
import { machineEntitled, policyFor } from '../../protocol/policy.ts';
import { type Request, once, verifyPastRequest } from '../../protocol/request.ts';
import { kemKeyFrom } from '../../protocol/seal.ts';
import type { MailboxId } from '../../protocol/wire.ts';
import { newId } from '../../relay-client/org-log.ts';
import { DaemonError } from '../errors.ts';
import type { Ask } from '../intake/connection.ts';
import { inSeries } from '../release/serial.ts';
import type { StoredNeed } from '../vault/store.ts';
import { verifyNewest } from './answers.ts';
import type { DeskDeps } from './desk.ts';
import { explain } from './ends.ts';
import { type EndedNeed, needOutcomes, parseEnd, summaryOf } from './need-summary.ts';
import { signedObserved } from './observed.ts';
import { requireActive, writerDevices } from './resolve.ts';
import { post, sign } from './send.ts';

export interface Needs {
  /** POST /v1/needs */
  file(ask: Ask, wanted: NeedAsk): Promise<void>;
  /** GET /v1/needs/await */
  follow(ask: Ask, path: string): Promise<void>;
  list(): Promise<readonly NeedSummary[]>;
  withdraw(path: string): Promise<NeedSummary>;
  /** Judges every open need by the newest log and the time, and posts it again to who was away. */
  review(): Promise<void>;
  stop(): void;
}

/** Each has a mailbox in the subscription that the requests share (64), and a card on every writer's phone. */
export const openNeedsMax = 16;
/** A device reads the mailboxes of yesterday, today and tomorrow. */
const postEveryMs = 86_400_000;
/** A no is an answer for so long. */
const declinedMs = 86_400_000;

interface Open extends Disposable {
  readonly stored: StoredNeed;
  readonly request: Request;
  readonly pending: PendingRequest;
}

export async function createNeeds(deps: DeskDeps): Promise<Needs> {
  const { machine, store, link, receipts, now, onProblem } = deps;
  const open = new Map<string, Open>();
  const inOrder = inSeries();
  const waiters = new Set<() => void>();
  const requireState = (): OrgState => link.log.requireState();
  const changed = (): void => {
    for (const wake of waiters) wake();
  };

  async function opened(stored: StoredNeed): Promise<Open> {
    const { request, rh } = await verifyPastRequest(requireState(), stored.request);
    const epk = await kemKeyFrom(stored.seed.slice());
    const pending: PendingRequest = { request, rh, epk, items: [], consumed: store.isConsumed };
    const listening = link.listen(request.reply, (sealed) => void inOrder(() => take(stored.path, sealed)).catch(onProblem), true);
    return { stored, request, pending, [Symbol.dispose]: () => listening[Symbol.dispose]() };
  }

  async function end(need: Open, ended: Omit<EndedNeed, 'at'>, evidence: readonly Evidence[] = []): Promise<void> {
    const { request, rh } = need.pending;
    const note = ended.state === 'filled' ? need.stored.path : ended.state === 'failed' ? (ended.note ?? '') : '';
    const about = { requestId: request.requestId, rh, request: need.stored.request, note, evidence, tell: writerDevices(requireState()) };
    await receipts.write({ ...about, outcome: needOutcomes[ended.state], consumes: true });
    store.putNeed({ ...need.stored, seed: new Uint8Array(0), end: JSON.stringify({ ...ended, at: now() }) });
    open.delete(need.stored.path);
    need[Symbol.dispose]();
    changed();
    void receipts.send();
  }

  // A writer's word. Nothing that comes here can store anything: only the log says that a need is filled.
  async function take(path: string, sealed: Uint8Array): Promise<void> {
    const need = open.get(path);
    if (!need) return;
    const { answer, evidence } = await verifyNewest(need.pending, link, sealed, now);
    const state = requireState();
    check(hasRole(state, answer.member, 'writer'), 'E_NOT_ELIGIBLE', 'this member does not write secrets');
    if (answer.decision !== 'deny') return;
    const by = state.members.get(answer.member)?.name ?? 'a writer';
    await end(need, { state: 'declined', by, ...(answer.note === undefined ? {} : { note: answer.note }) }, [evidence]);
  }

  async function reviewOne(need: Open): Promise<void> {
    const state = requireState();
    const { path } = need.stored;
    if (secretAt(state, path)) return end(need, { state: 'filled', by: writerOf(deps, path) });
    if (now() >= need.request.expiresAt) return end(need, { state: 'expired' });
    const failure = obstacle(state, activeMachine(state, machine.machine), need.request);
    if (failure) return end(need, { state: 'failed', note: failure.code });
    if (now() - need.stored.postedAt < postEveryMs) return;
    await post(deps, writerDevices(state), need.stored.request, need.request.expiresAt - now());
    const stored = { ...need.stored, postedAt: now() };
    store.putNeed(stored);
    open.set(path, { ...need, stored });
  }

  async function add(ask: Ask, wanted: NeedAsk, targets: readonly Device[]): Promise<void> {
    if (open.size >= openNeedsMax)
      throw new DaemonError('error', 'E_RATE_LOCAL', `${openNeedsMax} needs of this machine are open already; this one was not sent`, {
        next: 'stillvault need ls; withdraw what nobody needs any more',
      });
    const observation = await ask.observe();
    await ask.countAsk();
    using anchor = await deps.observer.anchorOf(observation);
    const seed = deps.random(32);
    const epk = await kemKeyFrom(seed.slice());
    const reply = toHex(deps.random(32)) as MailboxId; // a fresh mailbox, known to the targets only
    const about = {
      items: [],
      need: { path: wanted.path, where: wanted.where ?? '', fields: wanted.fields ?? [] },
      requestId: newId<RequestId>(deps.random),
      lease: once,
      observed: signedObserved(observation, anchor?.level ?? 0),
      claimed: { agent: wanted.agent ?? '', reason: wanted.reason },
      lifeMs: limits.needLifeMs,
      targets,
    };
    await deps.inOrder(async () => {
      const { signed } = await sign(deps, about, epk.publicKey, reply);
      // Durable before it leaves: an answer to a need that is forgotten would be lost.
      const stored: StoredNeed = { path: wanted.path, request: signed.bytes, seed, postedAt: now(), end: '' };
      store.putNeed(stored);
      const need = await opened(stored);
      open.set(wanted.path, need);
      await post(deps, targets, signed.bytes, limits.needLifeMs).catch((error: unknown) => {
        need[Symbol.dispose]();
        open.delete(wanted.path);
        store.dropNeed(wanted.path);
        throw error;
      });
    });
  }

  const find = (path: string): StoredNeed | undefined => store.needs().find((stored) => stored.path === path);
  const standing = (path: string): Promise<NeedSummary | undefined> => summaryOf(requireState(), path, find(path));

  if (link.log.state) for (const stored of store.needs()) if (stored.end === '') open.set(stored.path, await opened(stored));

  return {
    file: (ask, wanted) =>
      inOrder(async () => {
        const { state, self } = requireActive(link.log, machine, now());
        const before = find(wanted.path);
        const stands = open.has(wanted.path) || (before && parseEnd(before)?.state === 'declined' && now() - (parseEnd(before)?.at ?? 0) < declinedMs);
        if (!secretAt(state, wanted.path) && !stands) {
          const targets = verifyAskable(state, self, wanted);
          await add(ask, wanted, targets).catch((error: unknown) => {
            throw explain(error);
          });
          changed();
        }
        ask.reply.json((await standing(wanted.path)) ?? {});
      }),
    follow: async (ask, path) => {
      for (let told = ''; !ask.signal.aborted;) {
        const change = nextChange(waiters, ask.signal);
        const stand = await standing(path);
        if (!stand) throw noNeed(path);
        if (told !== JSON.stringify(stand)) ask.reply.event(stand);
        told = JSON.stringify(stand);
        if (stand.state !== 'open') return ask.reply.end();
        await change;
      }
    },
    list: async () => {
      const all = await Promise.all(store.needs().map((stored) => summaryOf(requireState(), stored.path, stored)));
      return all.filter((need) => need !== undefined);
    },
    withdraw: (path) =>
      inOrder(async () => {
        const need = open.get(path);
        if (!need) throw noNeed(path);
        await end(need, { state: 'withdrawn' });
        const stand = await standing(path);
        if (!stand) throw noNeed(path);
        return stand;
      }),
    review: () =>
      inOrder(async () => {
        for (const need of [...open.values()]) await reviewOne(need).catch(onProblem);
        for (const stored of store.needs()) if (now() - (parseEnd(stored)?.at ?? now()) > limits.needLifeMs) store.dropNeed(stored.path);
      }),
    stop: () => {
      for (const need of open.values()) need[Symbol.dispose]();
      changed();
    },
  };
}

/** Who is asked. Throws what a program is told: why nobody may be asked for it. */
function verifyAskable(state: OrgState, self: Machine, { path, where = '', fields = [], reason }: NeedAsk): readonly Device[] {
  const policy = policyFor(state, path);
  const other = 'choose a path that a policy covers, or an admin sets one in the console';
  if (!policy) throw new DaemonError('policy_forbids', 'E_POLICY', `no policy covers ${path}, so nobody could have it`, { next: other });
  if (!machineEntitled(state, policy, self.machine))
    throw new DaemonError('policy_forbids', 'E_NOT_ENTITLED', `the policy ${policy.pattern} would not let this machine have ${path}`, { next: other });
  const targets = writerDevices(state);
  if (targets.length === 0)
    throw new DaemonError('policy_forbids', 'E_ROLE', 'the organisation has no writer with a device, so nobody could type it', {
      next: 'an admin gives somebody the role writer',
    });
  try {
    verifyNeed(state, self, { path, where, fields }, reason);
  } catch (cause) {
    throw cause instanceof ProtocolError ? new DaemonError('usage', cause.code, cause.message.replace(/^E_[A-Z_]+: /, ''), { cause }) : cause;
  }
  return targets;
}

/** Why it could not be filled any more. */
function obstacle(state: OrgState, self: Machine | undefined, { need, claimed }: Request): ProtocolError | undefined {
  if (state.frozen) return new ProtocolError('E_FROZEN', 'the organisation was frozen meanwhile');
  if (!self || !need) return new ProtocolError('E_MACHINE_REVOKED', 'this machine was revoked meanwhile');
  try {
    verifyNeed(state, self, need, claimed.reason);
    return undefined;
  } catch (error) {
    if (error instanceof ProtocolError) return error;
    throw error;
  }
}

/** Whose device signed the newest version. */
function writerOf({ link }: DeskDeps, path: string): string {
  const state = link.log.requireState();
  const member = secretAt(state, path)?.putBy;
  return (member && state.members.get(member)?.name) ?? 'a writer';
}

function noNeed(path: string): DaemonError {
  return new DaemonError('not_found', 'E_NOT_FOUND', `nobody here asks for ${path}`, { next: 'stillvault need ls' });
}

/** Resolves when a need changes, or the asker leaves. */
function nextChange(waiters: Set<() => void>, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const wake = (): void => {
    waiters.delete(wake);
    signal.removeEventListener('abort', wake);
    resolve();
  };
  waiters.add(wake);
  signal.addEventListener('abort', wake);
  return promise;
}
