// One ask from start to end: lease or people, release, receipt (spec/09-release.md). The only place that hands out values.
import type { PendingRequest } from '../../protocol/approval.ts';
import { ProtocolError, check } from '../../protocol/errors.ts';
import type { LeaseId, RequestId } from '../../protocol/hash.ts';
import type { ReleaseAsk } from '../../protocol/local-api.ts';
import type { OrgState } from '../../protocol/org-log/state.ts';
import type { Random } from '../../protocol/random.ts';
import type { LeaseGrant } from '../../protocol/receipt.ts';
import { matchCode } from '../../protocol/request.ts';
import { RelayClientError } from '../../relay-client/client.ts';
import { newId } from '../../relay-client/org-log.ts';
import { DaemonError } from '../errors.ts';
import type { Anchor } from '../intake/ancestry.ts';
import type { Ask } from '../intake/connection.ts';
import type { Observation } from '../intake/observe.ts';
import type { Observer } from '../intake/observer.ts';
import type { Grant, Leases } from '../leases/leases.ts';
import type { Heads } from '../org/heads.ts';
import type { OrgLink } from '../org/link.ts';
import { fetchParts, openHalves, openItems } from '../release/open.ts';
import type { Receipts } from '../release/receipts.ts';
import type { inSeries } from '../release/serial.ts';
import { type OpenedItem, disposeItems, pathOf, releasedValues } from '../release/values.ts';
import type { MachineIdentity } from '../vault/machine-key.ts';
import type { DaemonStore } from '../vault/store.ts';
import { type Answers, createAnswers } from './answers.ts';
import { explain, recordEnd } from './ends.ts';
import { signedObserved } from './observed.ts';
import type { Hold } from './hold.ts';
import type { Pending } from './pending.ts';
import { type Resolved, lifeOf, requireActive, resolve, resolveItems, verifyRequester } from './resolve.ts';
import type { RequestKeys } from './request-keys.ts';
import { type SentRequest, sendRequest } from './send.ts';
import { type Taker, type Waiting, waitForPeople } from './waiting.ts';

export interface DeskDeps {
  readonly machine: MachineIdentity;
  readonly store: DaemonStore;
  readonly link: OrgLink;
  readonly heads: Heads;
  readonly leases: Leases;
  readonly receipts: Receipts;
  readonly pending: Pending;
  readonly hold: Hold;
  /** Requests leave in the order of their counters. */
  readonly inOrder: ReturnType<typeof inSeries>;
  readonly observer: Observer;
  readonly now: () => number;
  /** Never goes back, runs on while the machine sleeps. */
  readonly bootMs: () => number;
  readonly random: Random;
  readonly requestKeys: RequestKeys;
  readonly bootId: Uint8Array;
  readonly onProblem: (error: unknown) => void;
}

/** POST /v1/release; with a taker, people are asked whatever leases there are, and nothing is opened before somebody came. */
export async function release(deps: DeskDeps, ask: Ask, wanted: ReleaseAsk, taker?: Taker): Promise<void> {
  const { state, self } = requireActive(deps.link.log, deps.machine, deps.now());
  const items = resolveItems(state, self, wanted);
  const observation = await ask.observe();
  verifyRequester(items, observation);
  const names = items.map(({ item }) => item);
  deps.hold.verify();
  const leased = taker ? ({ kind: 'none' } as const) : await deps.leases.read(names, observation);
  if (leased.kind === 'hit') {
    // One line in one write: this is the path that scripts walk a thousand times.
    return ask.reply.json({ event: 'released', from: 'lease', values: leased.values, approved_by: leased.approvedBy, lease: leased.lease });
  }
  if (wanted.leaseOnly) {
    const next = 'ask again without --no-wait or --lease-only, so that a person can decide';
    if (leased.kind === 'scope') throw new DaemonError('policy_forbids', 'E_LEASE_SCOPE', 'a lease exists, but it belongs to another program', { next });
    throw new DaemonError('expired', 'E_EXPIRED', 'no lease covers this now', { next });
  }
  const resolved = resolve(state, self, items, wanted, deps.now());
  await ask.countAsk();
  await askPeople(deps, ask, wanted, { state, resolved, observation, taker });
}

interface Asked {
  /** As it was when the ask came: names for people. */
  readonly state: OrgState;
  readonly resolved: Resolved;
  readonly observation: Observation;
  readonly taker: Taker | undefined;
}

async function askPeople(deps: DeskDeps, ask: Ask, wanted: ReleaseAsk, asked: Asked): Promise<void> {
  const { resolved, observation } = asked;
  const isSelf = wanted.lease?.self === true;
  using anchor = borrow(await deps.observer.anchorOf(observation, isSelf));
  const lifeMs = lifeOf(wanted.timeoutS);
  const waiting = waitForPeople({ lifeMs, clockMs: deps.bootMs, signal: ask.signal });
  using _counted = deps.pending.add(waiting);
  const parts = await fetchParts(deps, resolved.items).catch((error: unknown) => {
    throw explain(error);
  });
  const request = {
    items: resolved.items.map(({ item }) => item),
    requestId: newId<RequestId>(deps.random),
    lease: resolved.lease,
    observed: signedObserved(observation, anchor.held?.level ?? 0),
    claimed: { agent: wanted.agent ?? '', reason: wanted.reason ?? '' },
    lifeMs,
    targets: resolved.targets,
  };
  using sent = await sendRequest(deps, request, waiting.answer).catch((error: unknown) => {
    throw explain(error);
  });
  const pending: PendingRequest = { request: sent.request, rh: sent.signed.rh, epk: sent.epk, items: resolved.items, consumed: deps.store.isConsumed };
  using answers = createAnswers(pending, resolved.approvers, deps.link, deps.heads, deps.now);
  using _watching = watch(deps, answers, waiting);
  let items: readonly OpenedItem[] = [];
  try {
    ask.reply.event(waitingEvent(asked, sent));
    using prepared = await openHalves(deps.machine, resolved.items, parts); // now: people look at the card, nobody waits for this
    await waiting.until((sealed) => takeAnswer(deps, ask, asked, answers, waiting, sealed), asked.taker);
    items = await openItems({ machine: deps.machine, os: deps.observer.os }, resolved.items, prepared, answers.approvals);
    await ask.observe(); // the requester is still who it was
    const stillHolds = (): void => verifyStillHolds(deps, answers, waiting); // the log may have changed while the values were opened
    stillHolds();
    const lease = leaseFrom(deps, answers, anchor.held);
    await writeRelease(deps, sent, answers, asked, anchor.held, lease, stillHolds); // from here on the request is consumed, whatever happens
    handOver(deps, ask, asked, sent, answers, items, anchor, lease && { ...lease, isSelf });
  } catch (error) {
    disposeItems(items);
    if (!deps.store.isConsumed(sent.request.requestId)) await recordEnd(deps.receipts, sent, answers.evidence, resolved.targets, error).catch(deps.onProblem);
    throw explain(error);
  }
}

/** People are counted anew: one whose approval was counted may have been removed, though others could still approve. */
function verifyStillHolds({ link, hold }: DeskDeps, answers: Answers, waiting: Waiting): void {
  hold.verify();
  waiting.check();
  check(answers.complete(link.log.requireState()), 'E_QUORUM', 'somebody who approved may not any more');
}

/** The anchor is disposed of unless a lease takes it. */
function borrow(anchor: Anchor | undefined): Disposable & { held: Anchor | undefined } {
  return {
    held: anchor,
    [Symbol.dispose]() {
      this.held?.[Symbol.dispose]();
    },
  };
}

/** Every new entry can end the wait. */
function watch({ link }: DeskDeps, answers: Answers, waiting: Waiting): Disposable {
  const stop = link.log.onChange((state) => {
    try {
      answers.complete(state);
      if (answers.hopeless(state)) throw new ProtocolError('E_QUORUM', 'those who are left cannot approve this any more');
    } catch (error) {
      waiting.fail(error);
    }
  });
  return { [Symbol.dispose]: stop };
}

function waitingEvent({ state, resolved }: Asked, { request, signed }: SentRequest): object {
  return {
    event: 'waiting',
    request_id: request.requestId,
    code: matchCode(signed.rh),
    paths: resolved.items.map(({ secret, item }) => pathOf({ path: secret.path, field: item.field })),
    approvers: resolved.approvers.map((member) => nameOf(state, member)),
    needed: resolved.needed,
    expires_at: new Date(request.expiresAt).toISOString(),
  };
}

/** A word of somebody who is really of this org: the log is not what it seems, and no other answer mends that. */
const endingCodes: ReadonlySet<string> = new Set(['E_FORK', 'E_HEAD_AHEAD', 'E_LOG_ROLLBACK']);

// True once the quorum stands at the newest log. A wrong answer is a problem of its sender: it is logged and the request goes on.
async function takeAnswer(deps: DeskDeps, ask: Ask, { state, resolved }: Asked, answers: Answers, waiting: Waiting, sealed: Uint8Array): Promise<boolean> {
  const { link } = deps;
  // The newest log is fetched while the answer is opened: what counts is judged against it.
  const newest = link.sync().catch((error: unknown) => {
    if (!(error instanceof RelayClientError)) waiting.fail(error);
  });
  let taken;
  try {
    taken = await answers.take(sealed);
  } catch (error) {
    if (error instanceof ProtocolError && endingCodes.has(error.code)) throw error;
    waiting.refused(error);
    deps.onProblem(error);
    return false;
  }
  const { decision, member: id, device, ts } = taken.answer;
  const member = nameOf(state, id);
  if (decision === 'shown') {
    ask.reply.event({ event: 'shown', member, device: link.log.requireState().devices.get(device)?.name ?? 'a device', at: new Date(ts).toISOString() });
    return false;
  }
  if (decision === 'deny') {
    const final = answers.hopeless(link.log.requireState());
    ask.reply.event({ event: 'denied', member, final });
    if (final) throw new DaemonError('denied', 'E_DENIED', `${member} said no`, { next: 'do not look for another way to this secret; talk to them' });
    return false;
  }
  ask.reply.event({ event: 'approved', member, have: answers.approvals.length, needed: resolved.needed });
  await newest;
  waiting.check();
  deps.heads.verifyAgreed();
  return answers.complete(link.log.requireState());
}

/** A lease is granted where people gave one and there is a process to bind it to. */
function leaseFrom({ random, now }: DeskDeps, answers: Answers, anchor: Anchor | undefined): LeaseGrant | undefined {
  const terms = answers.lease();
  return terms.ttlS > 0 && terms.uses > 1 && anchor ? { id: newId<LeaseId>(random), terms, until: now() + terms.ttlS * 1_000 } : undefined;
}

async function writeRelease(
  deps: DeskDeps,
  { request, signed }: SentRequest,
  answers: Answers,
  { resolved: { targets }, taker }: Asked,
  anchor: Anchor | undefined,
  lease: LeaseGrant | undefined,
  stillHolds: () => void,
): Promise<void> {
  await deps.receipts.write({
    stillHolds,
    outcome: 'released',
    requestId: request.requestId,
    rh: signed.rh,
    request: signed.bytes,
    evidence: answers.evidence,
    note: [anchor?.label ?? '', ...(taker ? [`taken by ${taker.label}`] : [])].join(', '),
    tell: targets,
    consumes: true,
    ...(lease ? { lease } : {}),
  });
}

/** Nothing here waits or fails: the values leave, and stay only where a lease holds them. */
function handOver(
  deps: DeskDeps,
  ask: Ask,
  asked: Asked,
  sent: SentRequest,
  answers: Answers,
  items: readonly OpenedItem[],
  anchor: { held: Anchor | undefined },
  lease: (LeaseGrant & Pick<Grant, 'isSelf'>) | undefined,
): void {
  const approvedBy = answers.approvals.map(({ answer }) => nameOf(asked.state, answer.member));
  const values = releasedValues(items);
  const { observed } = asked.observation;
  const { requestId } = sent.request;
  let granted;
  if (lease && anchor.held) {
    granted = deps.leases.add({
      ...lease,
      requestId,
      rh: sent.signed.rh,
      items,
      anchor: anchor.held,
      uid: observed.uid,
      approvedBy,
      tell: asked.resolved.targets,
    });
    anchor.held = undefined;
  } else disposeItems(items);
  ask.reply.event({ event: 'released', from: 'approval', values, approved_by: approvedBy, ...(granted ? { lease: granted } : {}) });
  ask.reply.end();
  void deps.receipts.send();
}

function nameOf(state: OrgState, member: Parameters<OrgState['members']['get']>[0]): string {
  return state.members.get(member)?.name ?? 'somebody';
}
