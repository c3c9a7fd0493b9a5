// A machine's proposal of new versions, one or several: sealed here, countersigned by a writer on a device with one gesture (spec/09-release.md §proposal).
// A stolen machine key alone can therefore not replace a secret.
import type { Evidence, PendingRequest } from '../../protocol/approval.ts';
import { wipe } from '../../protocol/bytes.ts';
import { type SecretValue, sealSecret } from '../../protocol/custody.ts';
import { ProtocolError, check } from '../../protocol/errors.ts';
import type { RequestId, SecretId } from '../../protocol/hash.ts';
import type { PutAsk, PutItem } from '../../protocol/local-api.ts';
import type { SecretPut } from '../../protocol/org-log/bodies.ts';
import { type Entry, zeroHash } from '../../protocol/org-log/entry.ts';
import { sealRecord } from '../../protocol/org-log/record.ts';
import { type Device, type OrgState, activeMachine, hasRole, secretAt } from '../../protocol/org-log/state.ts';
import { policyFor } from '../../protocol/policy.ts';
import { type Proposal, encodeProposal, proposalStream, verifyProposal } from '../../protocol/proposal.ts';
import { matchCode, once } from '../../protocol/request.ts';
import { newId } from '../../relay-client/org-log.ts';
import { DaemonError } from '../errors.ts';
import type { Ask } from '../intake/connection.ts';
import { verifyNewest } from './answers.ts';
import type { DeskDeps } from './desk.ts';
import { explain, recordEnd } from './ends.ts';
import { signedObserved } from './observed.ts';
import { lifeOf, requireActive, writerDevices } from './resolve.ts';
import { type SentRequest, sendRequest } from './send.ts';
import { type Waiting, waitForPeople } from './waiting.ts';

/** POST /v1/put */
export async function put(deps: DeskDeps, ask: Ask, wanted: PutAsk): Promise<void> {
  const { state } = requireActive(deps.link.log, deps.machine, deps.now());
  const observation = await ask.observe();
  const targets = writerDevices(state);
  if (targets.length === 0) {
    const next = 'an admin gives somebody the role writer';
    throw new DaemonError('policy_forbids', 'E_ROLE', 'the organisation has no writer with a device, so nobody could countersign', { next });
  }
  await ask.countAsk();
  const lifeMs = lifeOf(wanted.timeoutS);
  const waiting = waitForPeople({ lifeMs, clockMs: deps.bootMs, signal: ask.signal });
  using _counted = deps.pending.add(waiting);
  const requestId = newId<RequestId>(deps.random);
  try {
    const { puts, proposal } = await prepare(deps, state, wanted.puts, requestId);
    using anchor = await deps.observer.anchorOf(observation);
    const observed = signedObserved(observation, anchor?.level ?? 0);
    using sent = await sendRequest(
      deps,
      { items: [], proposal, requestId, lease: once, observed, claimed: { agent: '', reason: '' }, lifeMs, targets },
      waiting.answer,
    );
    await converse(deps, ask, { state, puts, sent, targets, waiting });
  } catch (error) {
    throw explain(error);
  }
}

interface Proposed {
  readonly state: OrgState;
  readonly puts: readonly SecretPut[];
  readonly sent: SentRequest;
  readonly targets: readonly Device[];
  readonly waiting: Waiting;
}

/** Seals each value for those whom policy gives, and leaves the proposal at the relay. */
async function prepare(
  deps: DeskDeps,
  state: OrgState,
  wanted: readonly PutItem[],
  requestId: RequestId,
): Promise<{ readonly puts: readonly SecretPut[]; readonly proposal: Proposal }> {
  const uncovered = wanted.find(({ path }) => !policyFor(state, path));
  if (uncovered) {
    const next = `stillvault policy check ${uncovered.path}; an admin sets a rule in the console, or with: stillvault policy apply`;
    throw new DaemonError('policy_forbids', 'E_POLICY', `no policy covers ${uncovered.path}: nobody could approve its use`, { next });
  }
  const puts: SecretPut[] = [];
  const blobs: Uint8Array[] = [];
  for (const one of wanted) {
    const sealed = await seal(deps, state, one);
    puts.push(sealed.put);
    blobs.push(...sealed.blobs);
  }
  const { encoded, named } = encodeProposal(puts);
  const mk = deps.link.log.keys.get(state.mkEpoch);
  check(mk !== undefined, 'E_MK_EPOCH', 'the metadata key is not held here');
  const record = await sealRecord({ org: state.org, stream: proposalStream(requestId) }, state.mkEpoch, mk, encoded, deps.random);
  const blob = (await deps.link.client.putBlobs([...blobs, record])).at(-1);
  check(blob !== undefined, 'E_BLOB_MISSING', 'the relay did not store the proposal');
  const proposal = { blob, puts: named };
  verifyProposal(proposal);
  return { puts, proposal };
}

async function seal(deps: DeskDeps, state: OrgState, wanted: PutItem): ReturnType<typeof sealSecret> {
  const value = valueOf(wanted);
  const before = secretAt(state, wanted.path);
  const input = {
    secret: before?.id ?? newId<SecretId>(deps.random),
    path: wanted.path,
    ver: (before?.put.ver ?? 0) + 1,
    prevVerEh: before?.putEh ?? zeroHash,
    value,
    description: wanted.description ?? before?.put.description ?? '',
    proposedBy: deps.machine.machine,
  };
  return sealSecret(state, input, deps.random).finally(() => wipe(...(value.kind === 'value' ? [value.value] : value.fields.map((field) => field.value))));
}

/** Until a writer has stored all of it, denied it, or nobody did. */
async function converse(deps: DeskDeps, ask: Ask, { state, puts, sent, targets, waiting }: Proposed): Promise<void> {
  const { request, signed, epk } = sent;
  const pending: PendingRequest = { request, rh: signed.rh, epk, items: [], consumed: deps.store.isConsumed };
  const evidence: Evidence[] = [];
  const left = new Set(puts);
  const stop = deps.link.log.onChange((after, entries) => {
    for (const put of left) {
      const by = countersigner(after, entries, put);
      if (by !== undefined && left.delete(put)) ask.reply.event({ event: 'stored', path: put.path, version: put.ver, by });
    }
    const inTheWay = [...left].map((put) => obstacle(after, put)).find((error) => error !== undefined);
    if (left.size === 0) waiting.answer(nudge);
    else if (inTheWay) waiting.fail(inTheWay);
  });
  try {
    const approvers = [...new Set(targets.map(({ member }) => nameOf(state, member)))];
    const expiresAt = new Date(request.expiresAt).toISOString();
    ask.reply.event({
      event: 'waiting',
      request_id: request.requestId,
      code: matchCode(signed.rh),
      paths: puts.map(({ path }) => path),
      approvers,
      needed: 1,
      expires_at: expiresAt,
    });
    await waiting.until(async (answer) => {
      if (left.size > 0) await takeAnswer(deps, ask, pending, answer, waiting, evidence);
      return left.size === 0;
    });
    await deps.receipts.write({
      outcome: 'stored',
      requestId: request.requestId,
      rh: signed.rh,
      request: signed.bytes,
      evidence,
      note: puts.length === 1 ? (puts[0]?.path ?? '') : `${puts.length} secrets`,
      tell: targets,
      consumes: true,
    });
    ask.reply.end();
    void deps.receipts.send();
  } catch (error) {
    if (!deps.store.isConsumed(request.requestId)) await recordEnd(deps.receipts, sent, evidence, targets, error).catch(deps.onProblem);
    throw error;
  } finally {
    stop();
  }
}

/** Wakes the wait, is no answer. */
const nudge = new Uint8Array(0);

// A wrong answer is a problem of its sender. A denial by any writer ends the proposal: they can put the secret themselves.
async function takeAnswer(deps: DeskDeps, ask: Ask, pending: PendingRequest, sealed: Uint8Array, waiting: Waiting, evidence: Evidence[]): Promise<void> {
  let taken;
  try {
    taken = await verifyNewest(pending, deps.link, sealed, deps.now);
    check(hasRole(deps.link.log.requireState(), taken.answer.member, 'writer'), 'E_NOT_ELIGIBLE', 'this member does not write secrets');
  } catch (error) {
    waiting.refused(error);
    return deps.onProblem(error);
  }
  const { decision, member, device, ts } = taken.answer;
  const state = deps.link.log.requireState();
  if (decision === 'shown')
    ask.reply.event({ event: 'shown', member: nameOf(state, member), device: state.devices.get(device)?.name ?? 'a device', at: new Date(ts).toISOString() });
  if (decision !== 'deny') return;
  evidence.push(taken.evidence);
  throw new DaemonError('denied', 'E_DENIED', `${nameOf(state, member)} did not countersign`, { next: 'talk to them; nothing was stored' });
}

/** Why the log would not take this version any more. */
function obstacle(state: OrgState, { path, secret, prevVerEh, policyEh, proposedBy }: SecretPut): ProtocolError | undefined {
  if (state.frozen) return new ProtocolError('E_FROZEN', 'the organisation was frozen meanwhile');
  if (proposedBy !== undefined && !activeMachine(state, proposedBy)) return new ProtocolError('E_MACHINE_REVOKED', 'this machine was revoked meanwhile');
  if (policyFor(state, path)?.eh !== policyEh) return new ProtocolError('E_POLICY_CHANGED', 'the policy changed meanwhile');
  const newest = secretAt(state, path);
  const isNext = newest === undefined ? prevVerEh === zeroHash : newest.id === secret && newest.putEh === prevVerEh;
  return isNext ? undefined : new ProtocolError('E_VERSION', `somebody else stored a newer version of ${path} meanwhile`);
}

function countersigner(state: OrgState, entries: readonly Entry[], mine: SecretPut): string | undefined {
  const entry = entries.find(({ type, body }) => type === 'secret.put' && body.keyCommitment === mine.keyCommitment && body.secret === mine.secret);
  const device = entry?.signers[0] && state.devices.get(entry.signers[0].id as Device['device']); // the id of any signer may be looked up
  return device && nameOf(state, device.member);
}

function nameOf(state: OrgState, member: Device['member']): string {
  return state.members.get(member)?.name ?? 'a writer';
}

function valueOf(wanted: PutItem): SecretValue {
  const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'));
  if (wanted.value !== undefined) return { kind: 'value', value: bytes(wanted.value) };
  return { kind: 'fields', fields: Object.entries(wanted.fields ?? {}).map(([name, text]) => ({ name, value: bytes(text) })) };
}
