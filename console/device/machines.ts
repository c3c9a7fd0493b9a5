// Machines from this device: token, admission after the words were compared, revocation with new metadata keys (spec/11-enrolment.md §machine).
import { wipe } from '../../protocol/bytes.ts';
import { type JoinToken, fingerprintWords, formatToken, joinMailbox, sealJoinPacket } from '../../protocol/enrolment.ts';
import { ProtocolError, check } from '../../protocol/errors.ts';
import { type GroupId, type LeaseId, type MachineId, type SecretId, type TokenId, blobHash } from '../../protocol/hash.ts';
import { exportPrivateKey, generateSigner } from '../../protocol/keys.ts';
import { limits } from '../../protocol/limits.ts';
import { sealLetter, signNotice } from '../../protocol/notice.ts';
import type { TokenIssue } from '../../protocol/org-log/bodies.ts';
import { mailboxOn, mkCommitment, sealMkWraps } from '../../protocol/org-log/record.ts';
import { pinOf } from '../../protocol/org-log/pin.ts';
import type { Machine, OrgState } from '../../protocol/org-log/state.ts';
import { RelayClientError } from '../../relay-client/client.ts';
import { newId } from '../../relay-client/org-log.ts';
import type { App, Outcome } from '../app.ts';
import type { Drafts } from './drafts.ts';
import { type Plan, type Step, appendSigned } from './entries.ts';
import { type Session, requireRole } from './session.ts';

/** Long enough to walk to the machine; the log allows 24 hours, and one where a token admits by itself. */
const tokenHours = 1;
const letterTtlS = 604_800;

export interface IssuedToken {
  readonly token: string;
  readonly expiresAt: number;
}

type TokenWish = Pick<Parameters<App['enrolMachine']>[0], 'hours' | 'intoGroup'>;

/** Resolves once the token is good: at once, or where it admits by itself when enough admins have agreed (`onProposed` says that it waits). */
export async function issueToken(
  session: Session,
  drafts: Drafts,
  { hours = tokenHours, intoGroup }: TokenWish,
  onProposed?: () => void,
): Promise<IssuedToken> {
  const { platform, client, log, me } = session;
  const { signer, privateKey } = await generateSigner(true);
  const scalar = await exportPrivateKey(privateKey);
  const token: JoinToken = { org: me.org, token: newId<TokenId>(platform.random), scalar, publicKey: signer.publicKey, relay: me.relay };
  const expiresAt = platform.now() + hours * 3_600_000;
  const groups = intoGroup === undefined ? [] : [intoGroup];
  const body: TokenIssue = { token: token.token, tokenKey: signer.publicKey, expiresAt, autoAdmit: intoGroup !== undefined, groups };
  const outcome = await drafts.change(() => [{ type: 'token.issue', body }], '');
  if (outcome === 'proposed') {
    onProposed?.();
    await untilIssued(session, token.token, expiresAt);
  }
  const state = log.requireState();
  const mk = log.keys.get(state.mkEpoch);
  check(mk !== undefined, 'E_MK_EPOCH', 'the metadata key is not held here');
  await client.registerKey(signer.publicKey, 'join', expiresAt);
  await client.post([
    {
      mailbox: joinMailbox(token),
      body: await sealJoinPacket(token, { epoch: state.mkEpoch, mk, pin: pinOf(state) }, platform.random),
      ttlS: Math.max(60, Math.ceil((expiresAt - platform.now()) / 1_000)),
    },
  ]);
  const text = formatToken(token);
  wipe(scalar);
  return { token: text, expiresAt };
}

// The key of the token is in this page's memory only: whoever leaves it makes another token.
async function untilIssued({ log, platform }: Session, token: TokenId, expiresAt: number): Promise<void> {
  const ending = new AbortController();
  const issued = Promise.withResolvers<void>();
  const unsubscribe = log.onChange((state) => state.tokens.has(token) && issued.resolve());
  const late = platform.sleep(expiresAt - platform.now(), ending.signal).then(() => {
    throw new ProtocolError('E_DRAFT', 'too few admins agreed in time');
  });
  late.catch(() => undefined); // stopped below
  try {
    if (!log.requireState().tokens.has(token)) await Promise.race([issued.promise, late]);
  } finally {
    unsubscribe();
    ending.abort();
  }
}

/** `words` are what the person read at the machine. Throws E_SAS where they are not those of the machine in this log. */
export async function admitMachine(session: Session, id: MachineId, words: string, groups: readonly GroupId[] = []): Promise<void> {
  const { client, me } = session;
  const state = await appendSigned(session, (before) => {
    requireRole(session, before, 'admin');
    const machine = found(before, id);
    check(wordsOf(before, machine) === words.trim().toLowerCase().split(/\s+/).join(' '), 'E_SAS', 'other words than this machine has');
    return { draft: { type: 'machine.admit', body: { machine: id, groups, owner: me.member } } };
  });
  // The token's key registered it already, unless that was lost.
  await client.registerKey(found(state, id).sigKey, 'machine').catch((error: unknown) => {
    if (!(error instanceof RelayClientError) || error.code !== 'E_RELAY_FORBIDDEN') throw error;
  });
}

export async function setMachine(session: Session, machine: MachineId, terms: Parameters<App['setMachine']>[1]): Promise<void> {
  await appendSigned(session, (before) => {
    requireRole(session, before, 'admin');
    return { draft: { type: 'machine.set', body: { machine, ...terms } } };
  });
}

export function wordsOf(state: OrgState, machine: Machine): string {
  return fingerprintWords(state.org, machine.sigKey, machine.kemKey);
}

/** The revocation and the new metadata key that the machine no longer gets. Can be repeated where the second was lost. */
export async function revokeMachine(session: Session, id: MachineId): Promise<void> {
  const state = await appendSigned(session, (before) => {
    requireRole(session, before, 'admin');
    const isDone = found(before, id).status === 'revoked';
    const revoke: Plan = { draft: { type: 'machine.revoke', body: { machine: id, exposed: heldBy(before, id) } } };
    return isDone ? [newMeta(session)] : [revoke, newMeta(session)];
  });
  await session.client.revokeKey(found(state, id).keyIds.sig).catch((error: unknown) => {
    if (!(error instanceof RelayClientError) || error.code !== 'E_RELAY_NOT_FOUND') throw error;
  });
}

/** Secrets that a machine or device holds a part of: what should be replaced once it is gone. */
export function heldBy(state: OrgState, recipient: string): readonly SecretId[] {
  return [...state.secrets.values()]
    .filter(({ retired, wraps }) => !retired && wraps.some((wrap) => wrap.recipient === recipient))
    .map(({ id }) => id)
    .sort()
    .slice(0, 1_024);
}

/** A new metadata key, wrapped for everybody who is still here by then. */
export function newMeta({ platform, client, log }: Session): Step {
  return async (state) => {
    const previous = log.keys.get(state.mkEpoch);
    check(previous !== undefined, 'E_MK_EPOCH', 'the metadata key is not held here');
    const [epoch, mk] = [state.mkEpoch + 1, platform.random(32)];
    const wraps = await sealMkWraps(state, epoch, mk);
    await client.putBlobs([wraps]);
    const opens = { wraps: blobHash(wraps), previous };
    return { draft: { type: 'meta.rotate', body: { epoch, commitment: mkCommitment(mk), wraps: opens.wraps } }, rotation: { epoch, mk, opens } };
  };
}

/** Asks a machine to end a lease; no gesture, because it only takes away. */
export async function endLease(session: Session, id: MachineId, lease: LeaseId): Promise<void> {
  const { platform, client, log, me, keys } = session;
  const state = log.requireState();
  const machine = found(state, id);
  const bytes = await signNotice({ org: me.org, device: me.device, ts: platform.now(), head: state.head, endLease: lease }, keys.presence);
  const body = await sealLetter(me.org, { id: machine.machine, key: machine.kemKey }, { kind: 'notice', bytes });
  await client.post([{ mailbox: mailboxOn(machine.mailboxSeed, platform.now()), body, ttlS: Math.min(letterTtlS, limits.leaseMaxS) }]);
}

/** One admin stops everything; going on again takes as many as widening does. */
export function freeze(drafts: Drafts, type: 'org.freeze' | 'org.unfreeze', reason: string): Promise<Outcome> {
  return drafts.change(({ frozen }) => (frozen === (type === 'org.freeze') ? [] : [{ type, body: { reason } }]), reason);
}

function found(state: OrgState, id: MachineId): Machine {
  const machine = state.machines.get(id);
  check(machine !== undefined, 'E_UNKNOWN_ID', 'no such machine');
  return machine;
}
