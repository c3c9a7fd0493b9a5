// Two-sided custody: k people hold A, entitled machines hold B, the value needs both (spec/07-custody.md).
import { combine as shamirCombine, split as shamirSplit } from 'shamir-secret-sharing';
import { concat, equalBytes, fromHex, wipe } from './bytes.ts';
import { type Codec, type Item, array, bytesUpTo, decode, encode, record, text } from './codec.ts';
import { check } from './errors.ts';
import { type DeviceId, type Hash, type KeyId, type MachineId, type MemberId, type OrgId, type SecretId, blobHash, derive, hash } from './hash.ts';
import { limits } from './limits.ts';
import type { SecretPut, ShareCommitment, WrapEntry } from './org-log/bodies.ts';
import { type RecipientSlot, recipientsOf, recoveryRecipient } from './org-log/apply-secret.ts';
import type { OrgState, Secret } from './org-log/state.ts';
import { activeDevice } from './org-log/state.ts';
import { policyFor, quorumOf } from './policy.ts';
import type { Random } from './random.ts';
import { type KemKey, openOnce, pad, sealOnce, sealTo, unpad } from './seal.ts';

/** What a secret holds: one value, or named fields. */
export type SecretValue =
  | { readonly kind: 'value'; readonly value: Uint8Array }
  | { readonly kind: 'fields'; readonly fields: readonly { readonly name: string; readonly value: Uint8Array }[] };

interface ValueField {
  readonly name: string;
  readonly value: Uint8Array;
}
const valueField: Codec<ValueField> = record<ValueField>({ name: [1, text(64, 1)], value: [2, bytesUpTo(limits.valueBytes)] });
interface ValueItem {
  readonly value?: Uint8Array;
  readonly fields?: readonly ValueField[];
}
const valueCodec: Codec<ValueItem> = record<ValueItem>({
  value: [1, bytesUpTo(limits.valueBytes), 'optional'],
  fields: [2, array(valueField, limits.fields, 1), 'optional'],
});

/** The version being made: what every AAD names. */
export interface VersionId {
  readonly org: OrgId;
  readonly secret: SecretId;
  readonly ver: number;
  readonly policyEh: Hash;
}
const aadOf = ({ org, secret, ver, policyEh }: VersionId): readonly Item[] => [org, secret, ver, policyEh];
const idOf = (org: OrgId, put: SecretPut): VersionId => ({ org, secret: put.secret, ver: put.ver, policyEh: put.policyEh });

export interface SealedSecret {
  readonly put: SecretPut;
  /** Body and wraps: to be at the relay before the entry is. */ readonly blobs: readonly Uint8Array[];
}

export interface PutInput {
  readonly secret: SecretId;
  readonly path: string;
  readonly ver: number;
  readonly prevVerEh: Hash;
  readonly value: SecretValue;
  readonly description: string;
  readonly proposedBy?: MachineId;
}

/** Seals a new version for exactly the recipients that the state's policy gives. Throws E_POLICY, E_QUORUM, E_NO_MACHINE, E_LIMIT. */
export async function sealSecret(state: OrgState, input: PutInput, random: Random): Promise<SealedSecret> {
  const policy = policyFor(state, input.path);
  check(policy !== undefined, 'E_POLICY', 'no policy covers this path');
  const quorum = quorumOf(state, policy);
  const slots = recipientsOf(state, policy);
  // Nobody else ever holds B: a machine that joins later gets it from one that has it.
  check(
    slots.some(({ kind }) => kind !== 'device'),
    'E_NO_MACHINE',
    'enrol a machine first: no machine could ever open this',
  );
  const id: VersionId = { org: state.org, secret: input.secret, ver: input.ver, policyEh: policy.eh };
  const [a, b, salt] = [random(32), random(32), random(32)];
  const keys = deriveKeys(a, b, salt, id);
  const plain = encodeValue(input.value);
  const padded = pad(plain);
  try {
    const body = await sealOnce(keys.dek, ['body', ...aadOf(id)], padded);
    const shares = await splitFor(a, quorum.k, quorum.members);
    const blobs: Uint8Array[] = [body];
    const wraps: WrapEntry[] = [];
    for (const slot of slots) {
      const wrap = await wrapFor(state, slot, id, shares, b, a);
      blobs.push(wrap);
      wraps.push({ ...slot, wrap: blobHash(wrap) });
    }
    const commitments = shares.map(({ member, x, share }): ShareCommitment => ({ member, x, commitment: shareCommitment(id, member, x, share) }));
    wipe(...shares.map(({ share }) => share));
    const put: SecretPut = {
      secret: input.secret,
      path: input.path,
      ver: input.ver,
      prevVerEh: input.prevVerEh,
      policyEh: policy.eh,
      salt,
      keyCommitment: keys.commitment,
      body: blobHash(body),
      k: quorum.k,
      shares: commitments,
      wraps,
      fields: input.value.kind === 'fields' ? input.value.fields.map(({ name }) => name) : [],
      description: input.description,
      ...(input.proposedBy === undefined ? {} : { proposedBy: input.proposedBy }),
    };
    return { put, blobs };
  } finally {
    wipe(a, b, keys.dek, plain, padded);
  }
}

interface MemberShare {
  readonly member: MemberId;
  readonly x: number;
  readonly share: Uint8Array;
}

// k = 1: everybody's share is A itself, at point 0. Else Shamir over GF(2^8); the library puts the point in the last byte.
async function splitFor(a: Uint8Array, k: number, members: readonly MemberId[]): Promise<readonly MemberShare[]> {
  if (k === 1) return members.map((member) => ({ member, x: 0, share: a.slice() }));
  const shares = await shamirSplit(a, members.length, k);
  return members.map((member, index) => {
    const share = shares[index] ?? new Uint8Array(0);
    return { member, x: share[share.length - 1] ?? 0, share: share.slice(0, -1) };
  });
}

async function wrapFor(state: OrgState, slot: RecipientSlot, id: VersionId, shares: readonly MemberShare[], b: Uint8Array, a: Uint8Array): Promise<Uint8Array> {
  if (slot.kind === 'recovery') {
    check(state.recovery !== undefined, 'E_RECIPIENTS', 'no recovery keys');
    return sealTo(state.recovery.kemKey, 'wrap-recovery', id.org, [...aadOf(id), slot.keyId], concat(a, b));
  }
  if (slot.kind === 'machine') return wrapForMachine(state, slot.recipient as MachineId, id, b); // a machine slot's id
  const device = activeDevice(state, slot.recipient as DeviceId); // a device slot's id
  const mine = shares.find(({ member }) => member === device?.member);
  check(device !== undefined && mine !== undefined, 'E_RECIPIENTS', 'no share for that device');
  return sealTo(device.custodyKey, 'wrap-share', id.org, shareAad(id, device.member, device.device, slot.keyId, mine.x), mine.share);
}

function wrapForMachine(state: OrgState, machine: MachineId, id: VersionId, b: Uint8Array): Promise<Uint8Array> {
  const found = state.machines.get(machine);
  check(found !== undefined, 'E_RECIPIENTS', 'no such machine');
  return sealTo(found.kemKey, 'wrap-machine', id.org, machineAad(id, machine, found.keyIds.kem), b);
}

const shareAad = (id: VersionId, member: MemberId, device: DeviceId, keyId: KeyId, x: number): readonly Item[] => [...aadOf(id), member, device, keyId, x];
const machineAad = (id: VersionId, machine: MachineId, keyId: KeyId): readonly Item[] => [id.org, id.secret, id.ver, machine, keyId];

function deriveKeys(a: Uint8Array, b: Uint8Array, salt: Uint8Array, id: VersionId): { readonly dek: Uint8Array; readonly commitment: Hash } {
  const both = concat(a, b);
  const dek = derive('dek', both, salt, aadOf(id));
  const committed = derive('dek-commit', both, salt, aadOf(id));
  wipe(both);
  return { dek, commitment: hash('dek-commit', [committed]) };
}

function shareCommitment(id: VersionId, member: MemberId, x: number, share: Uint8Array): Hash {
  // k = 1: the same value for everybody, so that a rewrap for another member needs no new commitment.
  return hash('share-commit', x === 0 ? [...aadOf(id), share] : [...aadOf(id), member, x, share]);
}

/** Opens a device's own share from its wrap and checks it against the log. Throws E_WRAP_MIX, E_OPEN, E_SHARE_COMMIT. */
export async function openShare(
  org: OrgId,
  secret: Secret,
  member: MemberId,
  device: DeviceId,
  custody: KemKey,
  wrap: Uint8Array,
): Promise<{ readonly x: number; readonly share: Uint8Array }> {
  const id = idOf(org, secret.put);
  const entry = wrapEntry(secret, device, wrap);
  const x = secret.shares.find((share) => share.member === member)?.x;
  check(x !== undefined, 'E_NOT_ELIGIBLE', 'this member has no share');
  const share = await custody.open('wrap-share', org, shareAad(id, member, device, entry.keyId, x), wrap);
  verifyShare(org, secret, member, x, share);
  return { x, share };
}

/** Throws E_SHARE_COMMIT unless `share` is the one that the log committed to. */
export function verifyShare(org: OrgId, secret: Secret, member: MemberId, x: number, share: Uint8Array): void {
  const expected = secret.shares.find((candidate) => candidate.member === member);
  check(
    expected !== undefined && expected.x === x && expected.commitment === shareCommitment(idOf(org, secret.put), member, x, share),
    'E_SHARE_COMMIT',
    'not the share that was committed to',
  );
}

/** Opens a machine's B from its wrap. */
export function openMachineHalf(org: OrgId, secret: Secret, machine: MachineId, kem: KemKey, wrap: Uint8Array): Promise<Uint8Array> {
  const entry = wrapEntry(secret, machine, wrap);
  return kem.open('wrap-machine', org, machineAad(idOf(org, secret.put), machine, entry.keyId), wrap);
}

function wrapEntry(secret: Secret, recipient: string, wrap: Uint8Array): WrapEntry {
  const entry = secret.wraps.find((candidate) => candidate.recipient === recipient);
  check(entry !== undefined, 'E_NOT_ENTITLED', 'no wrap for this recipient');
  check(blobHash(wrap) === entry.wrap, 'E_WRAP_MIX', 'not the wrap that this version names');
  return entry;
}

/** Shares of k different members, B and the body back to the value. Throws E_BODY_HASH, E_QUORUM, E_SHARE_COMMIT, E_KEY_COMMIT. */
export async function openSecret(
  org: OrgId,
  secret: Secret,
  shares: readonly { readonly member: MemberId; readonly x: number; readonly share: Uint8Array }[],
  b: Uint8Array,
  body: Uint8Array,
): Promise<SecretValue> {
  const { put } = secret;
  check(blobHash(body) === put.body, 'E_BODY_HASH', 'not the body that this version names');
  const people = [...new Map(shares.map((share) => [share.member, share])).values()].slice(0, put.k);
  check(people.length === put.k, 'E_QUORUM', 'fewer people than the threshold');
  for (const { member, x, share } of people) verifyShare(org, secret, member, x, share);
  const a = put.k === 1 ? (people[0]?.share.slice() ?? new Uint8Array(0)) : await shamirCombine(people.map(({ x, share }) => concat(share, Uint8Array.of(x))));
  return openBody(org, put, a, b, body).finally(() => wipe(a));
}

/** Both halves from the kit's own wrap, and the value: to be sealed anew after a recovery. Throws as openSecret does. */
export async function openRecovered(org: OrgId, secret: Secret, kit: KemKey, wrap: Uint8Array, body: Uint8Array): Promise<SecretValue> {
  const { put } = secret;
  check(blobHash(body) === put.body, 'E_BODY_HASH', 'not the body that this version names');
  const entry = wrapEntry(secret, recoveryRecipient, wrap);
  const halves = await kit.open('wrap-recovery', org, [...aadOf(idOf(org, put)), entry.keyId], wrap);
  return openBody(org, put, halves.subarray(0, 32), halves.subarray(32), body).finally(() => wipe(halves));
}

async function openBody(org: OrgId, put: SecretPut, a: Uint8Array, b: Uint8Array, body: Uint8Array): Promise<SecretValue> {
  const id = idOf(org, put);
  const keys = deriveKeys(a, b, put.salt, id);
  try {
    check(equalBytes(fromHex(keys.commitment), fromHex(put.keyCommitment)), 'E_KEY_COMMIT', 'another key than the one committed to');
    const padded = await openOnce(keys.dek, ['body', ...aadOf(id)], body);
    const plain = unpad(padded);
    const value = parseValue(plain);
    wipe(padded, plain);
    check(
      value.kind === 'fields' ? value.fields.map(({ name }) => name).join() === put.fields.join() : put.fields.length === 0,
      'E_FIELD',
      'other fields than the log names',
    );
    return value;
  } finally {
    wipe(keys.dek);
  }
}

/** B for a machine that policy gives and that has no wrap yet. */
export async function rewrapForMachine(
  state: OrgState,
  secret: Secret,
  machine: MachineId,
  b: Uint8Array,
): Promise<{ readonly entry: WrapEntry; readonly blob: Uint8Array }> {
  const blob = await wrapForMachine(state, machine, idOf(state.org, secret.put), b);
  const keyId = state.machines.get(machine)?.keyIds.kem;
  check(keyId !== undefined, 'E_RECIPIENTS', 'no such machine');
  return { entry: { kind: 'machine', recipient: machine, keyId, wrap: blobHash(blob) }, blob };
}

/** A share for a device that policy gives and that has no wrap yet: of the same member, or of any approver where k = 1. */
export async function rewrapForDevice(
  state: OrgState,
  secret: Secret,
  device: DeviceId,
  x: number,
  share: Uint8Array,
): Promise<{ readonly entry: WrapEntry; readonly share: ShareCommitment; readonly blob: Uint8Array }> {
  const found = activeDevice(state, device);
  check(found !== undefined, 'E_RECIPIENTS', 'no such device');
  const id = idOf(state.org, secret.put);
  const blob = await sealTo(found.custodyKey, 'wrap-share', id.org, shareAad(id, found.member, device, found.keyIds.custody, x), share);
  return {
    entry: { kind: 'device', recipient: device, keyId: found.keyIds.custody, wrap: blobHash(blob) },
    share: { member: found.member, x, commitment: shareCommitment(id, found.member, x, share) },
    blob,
  };
}

function encodeValue(value: SecretValue): Uint8Array {
  const size = value.kind === 'value' ? value.value.length : value.fields.reduce((sum, field) => sum + field.value.length, 0);
  check(size <= limits.valueBytes, 'E_LIMIT', `a secret holds at most ${limits.valueBytes} bytes`);
  return encode(valueCodec, value.kind === 'value' ? { value: value.value } : { fields: value.fields });
}

function parseValue(bytes: Uint8Array): SecretValue {
  const { value, fields } = decode(valueCodec, bytes, limits.valueBytes + 8_192);
  check((value === undefined) !== (fields === undefined), 'E_FIELD', 'neither a value nor fields');
  // Copies, because the decoder's views point into bytes that the caller wipes.
  return value
    ? { kind: 'value', value: value.slice() }
    : { kind: 'fields', fields: (fields ?? []).map((field) => ({ name: field.name, value: field.value.slice() })) };
}
