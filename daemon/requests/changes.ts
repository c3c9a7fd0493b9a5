// Changes of the organisation that a person at this machine wants: proposed here, signed by people on their devices (spec/09-release.md §changes).
// This machine's key makes none of them by itself.
import type { Evidence, PendingRequest } from '../../protocol/approval.ts';
import { type Proposable, changesDigest, changesStream, encodeChanges, roleFor } from '../../protocol/changes.ts';
import { check } from '../../protocol/errors.ts';
import type { RequestId } from '../../protocol/hash.ts';
import type { ChangeAsk, ChangePlan } from '../../protocol/local-api/admin.ts';
import { adminThreshold } from '../../protocol/org-log/authority.ts';
import { itemDigest } from '../../protocol/org-log/draft.ts';
import type { Entry, Proposed } from '../../protocol/org-log/entry.ts';
import { sealRecord } from '../../protocol/org-log/record.ts';
import { type Device, type OrgState, hasRole } from '../../protocol/org-log/state.ts';
import { type Request, matchCode, once } from '../../protocol/request.ts';
import { newId } from '../../relay-client/org-log.ts';
import { type Nearest, keptOutside, proposalOf } from '../admin/acts.ts';
import { type Plan, planOf } from '../admin/plan.ts';
import { DaemonError } from '../errors.ts';
import type { Ask } from '../intake/connection.ts';
import { verifyNewest } from './answers.ts';
import type { DeskDeps } from './desk.ts';
import { explain, recordEnd } from './ends.ts';
import { signedObserved } from './observed.ts';
import { lifeOf, requireActive } from './resolve.ts';
import { type SentRequest, sendRequest } from './send.ts';
import { type Waiting, waitForPeople } from './waiting.ts';

/** POST /v1/changes/plan */
export function planChange(deps: DeskDeps, { act }: ChangeAsk, nearest: Nearest): ChangePlan {
  const { state } = requireActive(deps.link.log, deps.machine, deps.now(), 'frozen too');
  const items = proposalOf(state, act, nearest, deps.random);
  const plan = items.length === 0 ? { lines: [], needed: 0 } : planOf(state, items, deps.now());
  const kept = act.act === 'policy.file' && !act.prune ? keptOutside(state, act.file.policies).map(({ pattern }) => pattern) : [];
  return { changes: plan.lines, needed: plan.needed, kept };
}

/** POST /v1/changes */
export async function proposeChange(deps: DeskDeps, ask: Ask, wanted: ChangeAsk, nearest: Nearest): Promise<void> {
  // Before anything else: whoever pulls this cord does not wait for a relay.
  using _held = wanted.act.act === 'org.freeze' ? stopHere(deps) : undefined;
  const { state } = requireActive(deps.link.log, deps.machine, deps.now(), 'frozen too');
  const items = proposalOf(state, wanted.act, nearest, deps.random);
  if (items.length === 0) {
    ask.reply.event({ event: 'done', by: [], changed: false });
    return ask.reply.end();
  }
  const plan = planOf(state, items, deps.now());
  const observation = await ask.observe();
  await ask.countAsk();
  const lifeMs = lifeOf(wanted.timeoutS);
  const waiting = waitForPeople({ lifeMs, clockMs: deps.bootMs, signal: ask.signal });
  using _counted = deps.pending.add(waiting);
  const requestId = newId<RequestId>(deps.random);
  try {
    const changes = await seal(deps, state, items, requestId);
    using anchor = await deps.observer.anchorOf(observation);
    const observed = signedObserved(observation, anchor?.level ?? 0);
    const claimed = { agent: '', reason: wanted.reason ?? '' };
    using sent = await sendRequest(deps, { items: [], changes, requestId, lease: once, observed, claimed, lifeMs, targets: plan.targets }, waiting.answer);
    await converse(deps, ask, { state, items, plan, sent, waiting });
  } catch (error) {
    throw explain(error);
  }
}

/** Leases end, what waits is refused, and nothing is released until the ask is over. */
function stopHere({ leases, pending, hold }: DeskDeps): Disposable {
  const held = hold.begin();
  leases.endAll('frozen');
  pending.failAll(new DaemonError('policy_forbids', 'E_FROZEN', 'somebody at this machine asked for a freeze', { next: 'stillvault org show' }));
  return held;
}

/** The list at the relay, under the metadata key: it is read by whoever reads the log. */
async function seal(deps: DeskDeps, state: OrgState, items: readonly Proposable[], requestId: RequestId): Promise<NonNullable<Request['changes']>> {
  const encoded = encodeChanges(items);
  const mk = deps.link.log.keys.get(state.mkEpoch);
  check(mk !== undefined, 'E_MK_EPOCH', 'the metadata key is not held here');
  const record = await sealRecord({ org: state.org, stream: changesStream(requestId) }, state.mkEpoch, mk, encoded, deps.random);
  const [blob] = await deps.link.client.putBlobs([record]);
  check(blob !== undefined, 'E_BLOB_MISSING', 'the relay did not store the proposal');
  return { blob, digest: changesDigest(encoded) };
}

interface Asked {
  readonly state: OrgState;
  readonly items: readonly Proposable[];
  readonly plan: Plan;
  readonly sent: SentRequest;
  readonly waiting: Waiting;
}

/** Until the log has all of it, an admin passed it on or denied it, or nobody did. */
async function converse(deps: DeskDeps, ask: Ask, { state, items, plan, sent, waiting }: Asked): Promise<void> {
  const { request, signed, epk } = sent;
  const pending: PendingRequest = { request, rh: signed.rh, epk, items: [], consumed: deps.store.isConsumed };
  const evidence: Evidence[] = [];
  const left = new Set(items.map(digestOf));
  const by = new Set<string>();
  let proposed: string | undefined;
  const stop = deps.link.log.onChange((after, entries) => {
    for (const entry of entries) if (left.delete(digestOf(entry))) for (const name of signers(after, entry)) by.add(name);
    if (left.size === 0) waiting.answer(nudge);
  });
  try {
    ask.reply.event({
      event: 'waiting',
      request_id: request.requestId,
      code: matchCode(signed.rh),
      paths: plan.lines.map(({ what }) => what),
      approvers: [...new Set(plan.targets.map(({ member }) => nameOf(state, member)))],
      needed: plan.needed,
      expires_at: new Date(request.expiresAt).toISOString(),
      changes: plan.lines,
    });
    await waiting.until(async (answer) => {
      if (left.size > 0) proposed ??= await takeAnswer(deps, ask, { pending, answer, waiting, evidence, role: roleFor(items) });
      return left.size === 0 || proposed !== undefined;
    });
    const isDone = left.size === 0;
    const about = { requestId: request.requestId, rh: signed.rh, request: signed.bytes, evidence, tell: plan.targets, consumes: true };
    await deps.receipts.write({ ...about, outcome: 'stored', note: isDone ? 'changed' : 'proposed to the other admins' });
    const missing = Math.max(1, adminThreshold(deps.link.log.requireState()) - 1);
    ask.reply.event(isDone ? { event: 'done', by: [...by], changed: true } : { event: 'proposed', by: proposed ?? '', missing });
    ask.reply.end();
    void deps.receipts.send();
  } catch (error) {
    if (!deps.store.isConsumed(request.requestId)) await recordEnd(deps.receipts, sent, evidence, plan.targets, error).catch(deps.onProblem);
    throw error;
  } finally {
    stop();
  }
}

/** Wakes the wait, is no answer. */
const nudge = new Uint8Array(0);

interface Taking {
  readonly pending: PendingRequest;
  readonly answer: Uint8Array;
  readonly waiting: Waiting;
  readonly evidence: Evidence[];
  readonly role: 'admin' | 'approver' | 'writer';
}

/** Who passed it on to the other admins, if somebody did. A wrong answer is a problem of its sender; a denial ends it. */
async function takeAnswer(deps: DeskDeps, ask: Ask, { pending, answer, waiting, evidence, role }: Taking): Promise<string | undefined> {
  let taken;
  try {
    if (answer.length === 0) return undefined;
    taken = await verifyNewest(pending, deps.link, answer, deps.now);
    check(hasRole(deps.link.log.requireState(), taken.answer.member, role), 'E_NOT_ELIGIBLE', 'this member could not sign it');
  } catch (error) {
    waiting.refused(error);
    deps.onProblem(error);
    return undefined;
  }
  const { decision, member, device, ts } = taken.answer;
  const state = deps.link.log.requireState();
  if (decision === 'shown')
    ask.reply.event({ event: 'shown', member: nameOf(state, member), device: state.devices.get(device)?.name ?? 'a device', at: new Date(ts).toISOString() });
  if (decision === 'proposed') return nameOf(state, member);
  if (decision !== 'deny') return undefined;
  evidence.push(taken.evidence);
  throw new DaemonError('denied', 'E_DENIED', `${nameOf(state, member)} said no: nothing was changed`, { next: 'talk to them' });
}

/** What is exposed is the device's to say: the change is the same without it. */
function digestOf({ type, body }: Pick<Entry, 'type' | 'body'>): string {
  return itemDigest({ type, body: 'exposed' in body ? { ...body, exposed: [] } : body } as Proposed); // the body of that very type
}

function signers(state: OrgState, { signers: refs, draft }: Entry): readonly string[] {
  return [...refs, ...(draft?.endorsers ?? [])].flatMap(({ id }) => {
    const device = state.devices.get(id as Device['device']); // the id of any signer may be looked up
    return device ? [nameOf(state, device.member)] : [];
  });
}

function nameOf(state: OrgState, member: Device['member']): string {
  return state.members.get(member)?.name ?? 'somebody';
}
