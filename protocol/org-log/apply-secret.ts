// Rules for secrets: the recipients of a version are exactly those that policy gives (spec/05-org-log.md §secrets).
import { check } from '../errors.ts';
import type { DeviceId, MachineId } from '../hash.ts';
import { limits } from '../limits.ts';
import { entitledMachines, policyFor, quorumOf, rememberFor } from '../policy.ts';
import { verifyFieldName, verifyName, verifyPath } from '../text.ts';
import { keyIdOf } from '../keys.ts';
import { type Context, machineOf, memberOf } from './authority.ts';
import type { Policy, RewrapItem, SecretPut, SecretRewrap, SecretRetire, WrapEntry } from './bodies.ts';
import { zeroHash } from './entry.ts';
import { type OrgState, activeDevice, activeMachine, devicesOf, hasRole, pathKey, secretAt } from './state.ts';

/** Who holds a wrap of a secret under `policy`: every device of every possible approver, every entitled machine, the recovery kit. */
export interface RecipientSlot {
  readonly kind: WrapEntry['kind'];
  readonly recipient: string;
  readonly keyId: WrapEntry['keyId'];
}

export const recoveryRecipient: string = '00'.repeat(16);

export const recipientsOf: (state: OrgState, policy: Policy) => readonly RecipientSlot[] = rememberFor(
  ({ members, devices, groups, machines, recovery }) => [members, devices, groups, machines, recovery],
  makeRecipients,
);

function makeRecipients(state: OrgState, policy: Policy): readonly RecipientSlot[] {
  const devices = quorumOf(state, policy)
    .members.flatMap((member) => devicesOf(state, member))
    .map((device) => ({ kind: 'device' as const, recipient: device.device as string, keyId: device.keyIds.custody })); // slots of all kinds: the brand goes
  const machines = entitledMachines(state, policy)
    .map((id) => ({ kind: 'machine' as const, recipient: id as string, keyId: state.machines.get(id)?.keyIds.kem })) // as above
    .filter((slot): slot is RecipientSlot & { kind: 'machine' } => slot.keyId !== undefined);
  const recovery = state.recovery ? [{ kind: 'recovery' as const, recipient: recoveryRecipient, keyId: keyIdOf('X-Wing', state.recovery.kemKey) }] : [];
  return [...devices, ...machines, ...recovery].sort(byRecipient);
}

export function byRecipient(a: RecipientSlot, b: RecipientSlot): number {
  const left = `${a.kind}:${a.recipient}`;
  const right = `${b.kind}:${b.recipient}`;
  return left < right ? -1 : left > right ? 1 : 0;
}

export function applySecretPut(state: OrgState, body: SecretPut, context: Context): OrgState {
  const [signer] = context.signers;
  const member = signer && memberOf(state, signer);
  check(context.signers.length === 1 && member !== undefined && hasRole(state, member, 'writer'), 'E_ROLE', 'a secret is put by a writer on a device');
  verifyPath(body.path);
  for (const field of body.fields) verifyFieldName(field);
  check(new Set(body.fields).size === body.fields.length, 'E_FIELD', 'a field twice');
  verifyName(body.description);
  check(body.proposedBy === undefined || activeMachine(state, body.proposedBy) !== undefined, 'E_UNKNOWN_ID', 'proposed by a machine that is not active');

  const before = state.secrets.get(body.secret);
  const atPath = secretAt(state, body.path);
  check(atPath === undefined || atPath.id === body.secret, 'E_ID_REUSED', 'another secret has this path');
  check(before === undefined || (!before.retired && before.path === body.path), 'E_ID_REUSED', 'secret id used before');
  check(body.ver === (before?.put.ver ?? 0) + 1 && body.prevVerEh === (before?.putEh ?? zeroHash), 'E_VERSION', 'not the version after the newest');

  const policy = policyFor(state, body.path);
  check(policy !== undefined, 'E_POLICY', 'no policy covers this path');
  check(body.policyEh === policy.eh, 'E_POLICY_CHANGED', 'made under another policy');
  const quorum = quorumOf(state, policy);
  check(body.k === quorum.k, 'E_QUORUM', 'another threshold than the policy has');
  check(body.shares.map((share) => share.member).join() === quorum.members.join(), 'E_RECIPIENTS', 'shares for other people than the policy names');
  const points = new Set(body.shares.map((share) => share.x));
  check(
    body.k === 1 ? points.size === 1 && points.has(0) : points.size === body.shares.length && !points.has(0),
    'E_SHARE_COMMIT',
    'share points that do not fit the threshold',
  );
  verifyExactRecipients(body.wraps, recipientsOf(state, policy));

  const secret = {
    id: body.secret,
    path: body.path,
    put: body,
    putEh: context.eh,
    putTs: context.ts,
    putBy: member,
    shares: body.shares,
    wraps: body.wraps,
    retired: false,
  };
  const byPath = atPath ? state.byPath : state.byPath.set(pathKey(body.path), body.secret);
  return { ...state, secrets: state.secrets.set(body.secret, secret), byPath };
}

function verifyExactRecipients(wraps: readonly WrapEntry[], slots: readonly RecipientSlot[]): void {
  check(
    wraps.length === slots.length && wraps.every((wrap, index) => wrap.kind === slots[index]?.kind && wrap.recipient === slots[index]?.recipient),
    'E_RECIPIENTS',
    'wrapped for others than the policy gives',
  );
  check(
    wraps.every((wrap, index) => wrap.keyId === slots[index]?.keyId),
    'E_KEY_NOT_IN_LOG',
    'wrapped to a key that the log does not name',
  );
}

export function applySecretRewrap(state: OrgState, { items }: SecretRewrap, context: Context): OrgState {
  check(new Set(items.map(({ secret }) => secret)).size === items.length, 'E_FIELD', 'a secret twice');
  return items.reduce((after, item) => rewrapOne(after, item, context), state);
}

function rewrapOne(state: OrgState, body: RewrapItem, context: Context): OrgState {
  const secret = state.secrets.get(body.secret);
  check(secret !== undefined && !secret.retired, 'E_UNKNOWN_ID', 'no such secret');
  check(secret.putEh === body.putEh, 'E_VERSION', 'not the newest version');
  const policy = policyFor(state, secret.path);
  check(policy !== undefined && policy.eh === body.policyEh, 'E_POLICY_CHANGED', 'made under another policy');
  const [signer] = context.signers;
  check(
    signer !== undefined && context.signers.length === 1 && holds(secret.wraps, signer.id) && isActive(state, signer),
    'E_ROLE',
    'only a holder can wrap for others',
  );

  const slots = recipientsOf(state, policy);
  const byMachine = machineOf(signer) !== undefined;
  check(
    body.wraps.every((wrap, index) => index === 0 || byRecipient(body.wraps[index - 1] ?? wrap, wrap) < 0),
    'E_RECIPIENTS',
    'wraps out of order, or two for one recipient',
  );
  for (const wrap of body.wraps) {
    const slot = slots.find(({ kind, recipient }) => kind === wrap.kind && recipient === wrap.recipient);
    check(slot !== undefined && !holds(secret.wraps, wrap.recipient), 'E_RECIPIENTS', 'wrapped for somebody whom policy does not give, or who has a wrap');
    check(slot.keyId === wrap.keyId, 'E_KEY_NOT_IN_LOG', 'wrapped to a key that the log does not name');
    check(wrap.kind === (byMachine ? 'machine' : 'device'), 'E_RECIPIENTS', 'a machine wraps for machines, a device for devices');
  }
  const known = new Map(secret.shares.map((share) => [share.member, share]));
  const owners = new Set(body.wraps.map((wrap) => (wrap.kind === 'device' ? activeDevice(state, wrap.recipient as DeviceId)?.member : undefined))); // a device wrap names a device id
  for (const share of body.shares) {
    // k = 1: everybody's share is A, so its commitment is the one that stands. k ≥ 2 needs new shares for all: a new version.
    check(secret.put.k === 1 && !known.has(share.member) && owners.has(share.member), 'E_SHARE_COMMIT', 'a share that this version does not have');
    check(share.x === 0 && share.commitment === secret.shares[0]?.commitment, 'E_SHARE_COMMIT', 'another share than this version has');
    known.set(share.member, share);
  }
  for (const owner of owners) {
    if (owner === undefined) continue; // a machine's wrap
    check(known.has(owner), 'E_SHARE_COMMIT', 'a wrap without a share');
    check(secret.put.k === 1 || owner === memberOf(state, signer), 'E_RECIPIENTS', 'nobody else knows the share of that member');
  }
  const next = { ...secret, shares: [...known.values()], wraps: [...secret.wraps, ...body.wraps].sort(byRecipient) };
  check(next.wraps.length <= limits.devices + limits.machines + 1, 'E_LIMIT', 'too many recipients');
  return { ...state, secrets: state.secrets.set(secret.id, next) };
}

function holds(wraps: readonly WrapEntry[], recipient: string): boolean {
  return wraps.some((wrap) => wrap.recipient === recipient);
}

function isActive(state: OrgState, signer: Context['signers'][number]): boolean {
  return signer.kind === 'machine' ? activeMachine(state, signer.id as MachineId) !== undefined : memberOf(state, signer) !== undefined; // kind decides the id's brand
}

export function applySecretRetire(state: OrgState, body: SecretRetire, context: Context): OrgState {
  const [signer] = context.signers;
  const member = signer && memberOf(state, signer);
  check(context.signers.length === 1 && member !== undefined && hasRole(state, member, 'writer'), 'E_ROLE', 'a secret is retired by a writer on a device');
  const secret = state.secrets.get(body.secret);
  check(secret !== undefined && !secret.retired, 'E_UNKNOWN_ID', 'no such secret');
  return { ...state, secrets: state.secrets.set(secret.id, { ...secret, retired: true }), byPath: state.byPath.set(pathKey(secret.path), undefined) };
}
