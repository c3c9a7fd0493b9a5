// A machine's proposal of a new version: sealed here, countersigned by a writer on a device (spec/09-release.md §proposal).
// A stolen machine key alone can therefore not replace a secret.
import { verifyAnswer } from '../../protocol/approval.ts';
import { wipe } from '../../protocol/bytes.ts';
import { encode } from '../../protocol/codec.ts';
import { type SecretValue, sealSecret } from '../../protocol/custody.ts';
import type { Evidence } from '../../protocol/approval.ts';
import { type SecretId, hash } from '../../protocol/hash.ts';
import type { PutAsk } from '../../protocol/local-api.ts';
import { type SecretPut, secretPutCodec } from '../../protocol/org-log/bodies.ts';
import { type Entry, zeroHash } from '../../protocol/org-log/entry.ts';
import { sealRecord } from '../../protocol/org-log/record.ts';
import { type OrgState, secretAt } from '../../protocol/org-log/state.ts';
import { check } from '../../protocol/errors.ts';
import { matchCode, once, proposalDigest } from '../../protocol/request.ts';
import type { StreamId } from '../../protocol/wire.ts';
import { newId } from '../../relay-client/org-log.ts';
import { DaemonError } from '../errors.ts';
import type { Ask } from '../intake/connection.ts';
import { type DeskDeps, explain, recordEnd, sendOrExplain } from './desk.ts';
import { signedObserved } from './observed.ts';
import { lifeOf, requireActive, writerDevices } from './resolve.ts';
import { newRequestId } from './send.ts';
import { waitForPeople } from './waiting.ts';

/** POST /v1/put */
export async function put(deps: DeskDeps, ask: Ask, wanted: PutAsk): Promise<void> {
  const { state } = requireActive(deps.link.log.state, deps.machine);
  const observation = await ask.observe();
  await ask.countAsk();
  const value = valueOf(wanted);
  let sealed: { readonly put: SecretPut; readonly blobs: readonly Uint8Array[] };
  try {
    sealed = await sealProposal(deps, state, wanted, value);
  } catch (error) {
    throw explain(error);
  } finally {
    wipe(...(value.kind === 'value' ? [value.value] : value.fields.map((field) => field.value)));
  }

  const requestId = newRequestId(deps);
  const encoded = encode(secretPutCodec, sealed.put);
  const mk = deps.link.log.keys.get(state.mkEpoch);
  check(mk !== undefined, 'E_MK_EPOCH', 'the metadata key is not held here');
  const record = await sealRecord({ org: state.org, stream: proposalStream(requestId) }, state.mkEpoch, mk, encoded, deps.random);
  const lifeMs = lifeOf(wanted.timeoutS);
  const waiting = waitForPeople({ lifeMs, monotonicMs: deps.monotonicMs, signal: ask.signal, log: deps.link.log });
  const targets = writerDevices(state);
  if (targets.length === 0) throw new DaemonError('policy_forbids', 'E_ROLE', 'the organisation has no writer with a device, so nobody could countersign', { next: 'an admin gives somebody the role writer' });
  const blobs = await deps.link.client.putBlobs([...sealed.blobs, record]).catch((error: unknown) => {
    throw explain(error);
  });
  const blob = blobs[blobs.length - 1];
  check(blob !== undefined, 'E_BLOB_MISSING', 'the relay did not store the proposal');
  using sent = await sendOrExplain(
    deps,
    { items: [], proposal: { blob, digest: proposalDigest(encoded), path: wanted.path }, requestId, lease: once, observed: signedObserved(observation, 0, deps.now()), claimed: { agent: '', reason: '' }, lifeMs, targets },
    waiting,
  );
  const name = (member: string): string => state.members.get(member as never)?.name ?? 'somebody'; // any text may be looked up
  ask.reply.event({
    event: 'waiting', request_id: requestId, code: matchCode(sent.signed.rh), path: wanted.path, version: sealed.put.ver, approvers: [...new Set(targets.map(({ member }) => name(member)))],
    expires_at: new Date(sent.request.expiresAt).toISOString(),
  });

  const pending = { request: sent.request, rh: sent.signed.rh, epk: sent.epk, items: [], consumed: deps.store.isConsumed };
  const evidence: Evidence[] = [];
  let storedBy: string | undefined;
  const nudge = new Uint8Array(0); // wakes the wait, is no answer
  const unwatch = deps.link.log.onChange((after, entries) => {
    storedBy ??= countersigner(after, entries, sealed.put);
    if (storedBy !== undefined) waiting.answer(nudge);
  });
  try {
    await waiting.until(async (answer) => {
      if (storedBy !== undefined) return true;
      await takeAnswer(deps, ask, pending, answer, name, evidence).catch((error: unknown) => {
        if (error instanceof DaemonError) throw error;
        deps.onProblem(error);
      });
      return false;
    });
    await deps.receipts.write({ outcome: 'stored', requestId, rh: sent.signed.rh, request: sent.signed.bytes, evidence, note: wanted.path, tell: targets, consumes: true });
    ask.reply.event({ event: 'stored', path: wanted.path, version: sealed.put.ver, by: storedBy ?? '' });
    ask.reply.end();
    void deps.receipts.send();
  } catch (error) {
    await recordEnd(deps, sent, evidence, targets, error);
    throw explain(error);
  } finally {
    unwatch();
  }
}

export function proposalStream(requestId: string): StreamId {
  return hash('stream', ['proposal', requestId]) as string as StreamId; // a stream id is a hash with this use
}

function sealProposal(deps: DeskDeps, state: OrgState, wanted: PutAsk, value: SecretValue): ReturnType<typeof sealSecret> {
  const before = secretAt(state, wanted.path);
  return sealSecret(
    state,
    {
      secret: before?.id ?? newId<SecretId>(deps.random), path: wanted.path, ver: (before?.put.ver ?? 0) + 1, prevVerEh: before?.putEh ?? zeroHash, value, description: wanted.description ?? before?.put.description ?? '',
      proposedBy: deps.machine.machine,
    },
    deps.random,
  );
}

function valueOf(wanted: PutAsk): SecretValue {
  const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'));
  if (wanted.value !== undefined) return { kind: 'value', value: bytes(wanted.value) };
  return { kind: 'fields', fields: Object.entries(wanted.fields ?? {}).map(([name, text]) => ({ name, value: bytes(text) })) };
}

function countersigner(state: OrgState, entries: readonly Entry[], mine: SecretPut): string | undefined {
  const entry = entries.find((candidate) => candidate.type === 'secret.put' && candidate.body.keyCommitment === mine.keyCommitment && candidate.body.secret === mine.secret);
  const device = entry?.signers[0] && state.devices.get(entry.signers[0].id as never); // the id of any signer may be looked up
  return device ? (state.members.get(device.member)?.name ?? 'a writer') : undefined;
}

async function takeAnswer(deps: DeskDeps, ask: Ask, pending: Parameters<typeof verifyAnswer>[2], sealed: Uint8Array, name: (member: string) => string, evidence: Evidence[]): Promise<void> {
  const state = deps.link.log.requireState();
  const { answer, evidence: proof } = await verifyAnswer(state, deps.link.log.history, pending, sealed, deps.now());
  if (answer.decision === 'shown') ask.reply.event({ event: 'shown', member: name(answer.member), device: state.devices.get(answer.device)?.name ?? 'a device', at: new Date(answer.ts).toISOString() });
  if (answer.decision !== 'deny') return;
  evidence.push(proof);
  throw new DaemonError('denied', 'E_DENIED', `${name(answer.member)} did not countersign`, { next: 'talk to them; nothing was stored' });
}
