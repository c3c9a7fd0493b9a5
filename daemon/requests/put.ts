// A machine's proposal of a new version: sealed here, countersigned by a writer on a device (spec/09-release.md §proposal).
// A stolen machine key alone can therefore not replace a secret.
import type { Evidence, PendingRequest } from '../../protocol/approval.ts';
import { wipe } from '../../protocol/bytes.ts';
import { encode } from '../../protocol/codec.ts';
import { type SealedSecret, type SecretValue, sealSecret } from '../../protocol/custody.ts';
import { ProtocolError, check } from '../../protocol/errors.ts';
import { type RequestId, type SecretId, hash } from '../../protocol/hash.ts';
import type { PutAsk } from '../../protocol/local-api.ts';
import { type SecretPut, secretPutCodec } from '../../protocol/org-log/bodies.ts';
import { type Entry, zeroHash } from '../../protocol/org-log/entry.ts';
import { sealRecord } from '../../protocol/org-log/record.ts';
import { type Device, type OrgState, activeMachine, hasRole, secretAt } from '../../protocol/org-log/state.ts';
import { policyFor } from '../../protocol/policy.ts';
import { type Proposal, matchCode, once, proposalDigest } from '../../protocol/request.ts';
import type { StreamId } from '../../protocol/wire.ts';
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
    const { sealed, proposal } = await prepare(deps, state, wanted, requestId);
    using anchor = await deps.observer.anchorOf(observation);
    const observed = signedObserved(observation, anchor?.level ?? 0);
    using sent = await sendRequest(
      deps,
      { items: [], proposal, requestId, lease: once, observed, claimed: { agent: '', reason: '' }, lifeMs, targets },
      waiting.answer,
    );
    await converse(deps, ask, { state, sealed: sealed.put, sent, targets, waiting });
  } catch (error) {
    throw explain(error);
  }
}

interface Proposed {
  readonly state: OrgState;
  readonly sealed: SecretPut;
  readonly sent: SentRequest;
  readonly targets: readonly Device[];
  readonly waiting: Waiting;
}

/** Seals the value for those whom policy gives, and leaves the proposal at the relay. */
async function prepare(
  deps: DeskDeps,
  state: OrgState,
  wanted: PutAsk,
  requestId: RequestId,
): Promise<{ readonly sealed: SealedSecret; readonly proposal: Proposal }> {
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
  const sealed = await sealSecret(state, input, deps.random).finally(() =>
    wipe(...(value.kind === 'value' ? [value.value] : value.fields.map((field) => field.value))),
  );
  const encoded = encode(secretPutCodec, sealed.put);
  const mk = deps.link.log.keys.get(state.mkEpoch);
  check(mk !== undefined, 'E_MK_EPOCH', 'the metadata key is not held here');
  const record = await sealRecord({ org: state.org, stream: proposalStream(requestId) }, state.mkEpoch, mk, encoded, deps.random);
  const blob = (await deps.link.client.putBlobs([...sealed.blobs, record])).at(-1);
  check(blob !== undefined, 'E_BLOB_MISSING', 'the relay did not store the proposal');
  return { sealed, proposal: { blob, digest: proposalDigest(encoded), path: wanted.path } };
}

/** Until a writer has stored it, denied it, or nobody did. */
async function converse(deps: DeskDeps, ask: Ask, { state, sealed, sent, targets, waiting }: Proposed): Promise<void> {
  const { request, signed, epk } = sent;
  const pending: PendingRequest = { request, rh: signed.rh, epk, items: [], consumed: deps.store.isConsumed };
  const evidence: Evidence[] = [];
  let storedBy: string | undefined;
  const stop = deps.link.log.onChange((after, entries) => {
    storedBy ??= countersigner(after, entries, sealed);
    if (storedBy !== undefined) waiting.answer(nudge);
    else if (obstacle(after, sealed)) waiting.fail(obstacle(after, sealed));
  });
  try {
    const approvers = [...new Set(targets.map(({ member }) => nameOf(state, member)))];
    const expiresAt = new Date(request.expiresAt).toISOString();
    ask.reply.event({
      event: 'waiting',
      request_id: request.requestId,
      code: matchCode(signed.rh),
      path: sealed.path,
      version: sealed.ver,
      approvers,
      expires_at: expiresAt,
    });
    await waiting.until(async (answer) => {
      if (storedBy === undefined) await takeAnswer(deps, ask, pending, answer, waiting, evidence);
      return storedBy !== undefined;
    });
    await deps.receipts.write({
      outcome: 'stored',
      requestId: request.requestId,
      rh: signed.rh,
      request: signed.bytes,
      evidence,
      note: sealed.path,
      tell: targets,
      consumes: true,
    });
    ask.reply.event({ event: 'stored', path: sealed.path, version: sealed.ver, by: storedBy ?? '' });
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
  return isNext ? undefined : new ProtocolError('E_VERSION', 'somebody else stored a newer version meanwhile');
}

function countersigner(state: OrgState, entries: readonly Entry[], mine: SecretPut): string | undefined {
  const entry = entries.find(({ type, body }) => type === 'secret.put' && body.keyCommitment === mine.keyCommitment && body.secret === mine.secret);
  const device = entry?.signers[0] && state.devices.get(entry.signers[0].id as Device['device']); // the id of any signer may be looked up
  return device && nameOf(state, device.member);
}

function nameOf(state: OrgState, member: Device['member']): string {
  return state.members.get(member)?.name ?? 'a writer';
}

function valueOf(wanted: PutAsk): SecretValue {
  const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'));
  if (wanted.value !== undefined) return { kind: 'value', value: bytes(wanted.value) };
  return { kind: 'fields', fields: Object.entries(wanted.fields ?? {}).map(([name, text]) => ({ name, value: bytes(text) })) };
}

export function proposalStream(requestId: string): StreamId {
  return hash('stream', ['proposal', requestId]) as string as StreamId; // a stream id is a hash with this use
}
