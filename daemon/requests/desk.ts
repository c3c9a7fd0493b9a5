// One ask from start to end: lease or people, release, receipt (spec/09-release.md). The only place that hands out values.
import type { Evidence } from '../../protocol/approval.ts';
import type { LeaseId } from '../../protocol/hash.ts';
import type { ReleaseAsk, ReleasedValue } from '../../protocol/local-api.ts';
import { matchCode } from '../../protocol/request.ts';
import { ProtocolError } from '../../protocol/errors.ts';
import type { Random } from '../../protocol/random.ts';
import type { Device, OrgState } from '../../protocol/org-log/state.ts';
import { RelayClientError } from '../../relay-client/client.ts';
import { newId } from '../../relay-client/org-log.ts';
import { DaemonError } from '../errors.ts';
import type { Anchor } from '../intake/ancestry.ts';
import type { Ask } from '../intake/connection.ts';
import type { Observer } from '../intake/observer.ts';
import type { LeasedItem, Leases } from '../leases/leases.ts';
import type { OrgLink } from '../org/link.ts';
import { disposeItems, fetchParts, openItems } from '../release/open.ts';
import type { Receipts } from '../release/receipts.ts';
import type { MachineIdentity } from '../vault/machine-key.ts';
import type { DaemonStore } from '../vault/store.ts';
import { type Answers, type Attestations, createAnswers } from './answers.ts';
import { signedObserved } from './observed.ts';
import { type Resolved, lifeOf, requireActive, resolve, resolveItems } from './resolve.ts';
import { type SentRequest, newRequestId, sendRequest } from './send.ts';
import { type Waiting, waitForPeople } from './waiting.ts';

export interface DeskDeps {
  readonly machine: MachineIdentity;
  readonly store: DaemonStore;
  readonly link: OrgLink;
  readonly leases: Leases;
  readonly receipts: Receipts;
  readonly observer: Observer;
  readonly attestations: Attestations;
  readonly now: () => number;
  readonly monotonicMs: () => number;
  readonly random: Random;
  readonly bootId: Uint8Array;
  /** Requests that wait for people now. */
  readonly pending: () => number;
  readonly countPending: (change: 1 | -1) => void;
  readonly onProblem: (error: unknown) => void;
}

/** POST /v1/release */
export async function release(deps: DeskDeps, ask: Ask, wanted: ReleaseAsk): Promise<void> {
  const { state, self } = requireActive(deps.link.log.state, deps.machine);
  if (deps.link.log.halted) throw haltedBy(deps.link.log.halted);
  const items = resolveItems(state, self, wanted);
  const observation = await ask.observe();
  const leased = await deps.leases.find(
    items.map(({ item }) => item),
    observation,
  );
  if (leased.found) {
    const lease = deps.leases.use(leased.leases);
    const [first] = leased.leases;
    // One line in one write: this is the path that scripts walk a thousand times.
    return ask.reply.json({ event: 'released', from: 'lease', values: valuesOf(leased.found), approved_by: first?.approvedBy ?? [], ...(lease ? { lease } : {}) });
  }
  if (wanted.leaseOnly) {
    throw leased.scope
      ? new DaemonError('policy_forbids', 'E_LEASE_SCOPE', 'a lease exists, but it belongs to another program', { next: 'ask without --lease-only, so that a person can decide' })
      : new DaemonError('expired', 'E_EXPIRED', 'no lease covers this now', { next: 'ask without --lease-only, so that a person can decide' });
  }
  const resolved = resolve(state, self, items, wanted, deps.now());
  await ask.countAsk();
  const anchor = await deps.observer.anchorOf(observation);
  let handedOver = false;
  try {
    handedOver = await askPeople(deps, ask, wanted, state, resolved, signedObserved(observation, anchor?.level ?? 0, deps.now()), anchor);
  } finally {
    if (!handedOver) anchor?.[Symbol.dispose]();
  }
}

// True where a lease took over the anchor.
async function askPeople(deps: DeskDeps, ask: Ask, wanted: ReleaseAsk, state: OrgState, resolved: Resolved, observed: ReturnType<typeof signedObserved>, anchor: Anchor | undefined): Promise<boolean> {
  const lifeMs = lifeOf(wanted.timeoutS);
  const waiting = waitForPeople({ lifeMs, monotonicMs: deps.monotonicMs, signal: ask.signal, log: deps.link.log });
  const parts = fetchParts({ ...deps, os: deps.observer.os }, resolved.items);
  parts.catch(() => undefined); // looked at when people have decided
  using sent = await sendOrExplain(deps, { ...resolved, items: resolved.items.map(({ item }) => item), requestId: newRequestId(deps), observed, claimed: { agent: wanted.agent ?? '', reason: wanted.reason ?? '' }, lifeMs }, waiting);
  const pending = { request: sent.request, rh: sent.signed.rh, epk: sent.epk, items: resolved.items, consumed: deps.store.isConsumed };
  using answers = createAnswers(pending, deps.link.log, deps.attestations, deps.now);
  const name = (member: string): string => state.members.get(member as never)?.name ?? 'somebody'; // any text may be looked up
  ask.reply.event({
    event: 'waiting', request_id: sent.request.requestId, code: matchCode(sent.signed.rh), paths: resolved.items.map(({ secret, item }) => (item.field === undefined ? secret.path : `${secret.path}#${item.field}`)),
    approvers: resolved.approvers.map(name), needed: resolved.needed, expires_at: new Date(sent.request.expiresAt).toISOString(),
  });
  const unwatch = deps.link.log.onChange((newest) => {
    try {
      answers.complete(newest);
    } catch (error) {
      waiting.fail(error);
    }
  });
  try {
    await waiting.until(async (sealed) => takeAnswer(deps, ask, answers, sealed, resolved, name));
    await deps.link.log.sync().catch(onlyWhenAway);
    if (!answers.complete(deps.link.log.requireState())) throw new ProtocolError('E_REVOKED', 'an approval does not count any more');
    const items = await openItems({ ...deps, os: deps.observer.os }, resolved.items, await parts, answers.approvals);
    return await deliver(deps, ask, sent, answers, items, resolved.targets, anchor, name);
  } catch (error) {
    await recordEnd(deps, sent, answers.evidence, resolved.targets, error);
    throw explain(error);
  } finally {
    unwatch();
  }
}

// True once the quorum stands. A wrong answer is a problem of its sender: it is logged and the request goes on.
async function takeAnswer(deps: DeskDeps, ask: Ask, answers: Answers, sealed: Uint8Array, resolved: Resolved, name: (member: string) => string): Promise<boolean> {
  let taken;
  try {
    taken = await answers.take(sealed);
  } catch (error) {
    deps.onProblem(error);
    return false;
  }
  const { answer } = taken;
  const state = deps.link.log.requireState();
  const member = name(answer.member);
  if (answer.decision === 'shown') {
    ask.reply.event({ event: 'shown', member, device: state.devices.get(answer.device)?.name ?? 'a device', at: new Date(answer.ts).toISOString() });
    return false;
  }
  if (answer.decision === 'deny') {
    const final = answers.hopeless(state);
    ask.reply.event({ event: 'denied', member, final });
    if (final) throw new DaemonError('denied', 'E_DENIED', `${member} said no`, { next: 'do not look for another way to this secret; talk to them' });
    return false;
  }
  const complete = answers.complete(state);
  ask.reply.event({ event: 'approved', member, have: answers.approvals.length, needed: resolved.needed });
  return complete;
}

/** The requester is still who it was; the receipt is on disk; only then the values leave. */
async function deliver(deps: DeskDeps, ask: Ask, sent: SentRequest, answers: Answers, items: readonly LeasedItem[], targets: readonly Device[], anchor: Anchor | undefined, name: (member: string) => string): Promise<boolean> {
  let kept = false;
  try {
    const observation = await ask.observe();
    if (ask.signal.aborted) throw new DaemonError('withdrawn', 'E_WITHDRAWN', 'the program that asked went away');
    const terms = answers.lease();
    const until = deps.now() + terms.ttlS * 1_000;
    const lease = terms.ttlS > 0 && terms.uses > 1 && anchor ? { id: newId<LeaseId>(deps.random), terms, until } : undefined;
    const { requestId } = sent.request;
    await deps.receipts.write({ outcome: 'released', requestId, rh: sent.signed.rh, request: sent.signed.bytes, evidence: answers.evidence, note: anchor?.label ?? '', tell: targets, consumes: true, ...(lease ? { lease } : {}) });
    const approvedBy = answers.approvals.map(({ answer }) => name(answer.member));
    const values = valuesOf(items);
    const granted = lease && anchor ? deps.leases.add({ ...lease, requestId, rh: sent.signed.rh, items, anchor, uid: observation.observed.uid, approvedBy, tell: targets }) : undefined;
    kept = granted !== undefined;
    ask.reply.event({ event: 'released', from: 'approval', values, approved_by: approvedBy, ...(granted ? { lease: granted } : {}) });
    ask.reply.end();
    void deps.receipts.send();
    return kept;
  } finally {
    if (!kept) disposeItems(items);
  }
}

export function valuesOf(items: readonly LeasedItem[]): readonly ReleasedValue[] {
  return items.flatMap(({ path, version, values }) => values.map(({ field, value }) => ({ path, version, value: Buffer.from(value.bytes.buffer, value.bytes.byteOffset, value.bytes.length).toString('base64'), ...(field === undefined ? {} : { field }) })));
}

/** Sends, or says that the relay is away. Ends at once where the requester is gone already. */
export async function sendOrExplain(deps: DeskDeps, wanted: Parameters<typeof sendRequest>[1], waiting: Waiting): Promise<SentRequest> {
  try {
    return await sendRequest(deps, wanted, waiting.answer);
  } catch (error) {
    throw explain(error);
  }
}

/** Everybody who was asked learns how it ended. */
export async function recordEnd(deps: DeskDeps, sent: SentRequest, evidence: readonly Evidence[], targets: readonly Device[], error: unknown): Promise<void> {
  const code = error instanceof DaemonError ? error.code : 'error';
  const outcome = code === 'denied' ? 'denied' : code === 'expired' ? 'expired' : code === 'withdrawn' ? 'withdrawn' : 'failed';
  const note = error instanceof DaemonError ? error.detail : error instanceof ProtocolError ? error.code : 'E_INTERNAL';
  await deps.receipts.write({ outcome, requestId: sent.request.requestId, rh: sent.signed.rh, request: sent.signed.bytes, evidence, note, tell: targets, consumes: true }).catch(deps.onProblem);
  void deps.receipts.send();
}

export function explain(error: unknown): unknown {
  if (error instanceof RelayClientError) return new DaemonError('unreachable', 'E_RELAY_UNREACHABLE', 'the relay cannot be reached, so nobody can be asked', { cause: error, next: 'stillvault doctor' });
  if (!(error instanceof ProtocolError)) return error;
  const policyCodes = ['E_POLICY', 'E_POLICY_CHANGED', 'E_FROZEN', 'E_NOT_ENTITLED', 'E_QUORUM', 'E_LEASE_BOUNDS', 'E_LOG_STALE', 'E_MACHINE_REVOKED'];
  return new DaemonError(policyCodes.includes(error.code) ? 'policy_forbids' : 'error', error.code, error.message.replace(/^E_[A-Z_]+: /, ''), { cause: error, next: 'ask again; if it stays: stillvault doctor' });
}

function haltedBy(error: ProtocolError): DaemonError {
  return new DaemonError('error', error.code, 'this machine stopped: the relay shows a history that cannot be', { cause: error, next: 'call a security engineer; stillvault log verify keeps the evidence' });
}

function onlyWhenAway(error: unknown): void {
  if (!(error instanceof RelayClientError)) throw error;
}
