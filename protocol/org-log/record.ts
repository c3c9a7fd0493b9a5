// How an entry looks to the relay: encrypted under the metadata key MK of its epoch, padded, opaque (spec/05-org-log.md §records).
import { type Codec, array, bytes, bytesUpTo, count, decode, encode, record } from '../codec.ts';
import { ProtocolError, check } from '../errors.ts';
import { type Hash, type OrgId, derive, hash, hashCodec, hexIdOfRecipient } from '../hash.ts';
import { limits } from '../limits.ts';
import type { Random } from '../random.ts';
import { type KemKey, openOnce, pad, sealOnce, sealOverheadBytes, sealTo, unpad } from '../seal.ts';
import type { MailboxId, StreamId } from '../wire.ts';
import { recoveryRecipient } from './apply-secret.ts';
import { type OrgState, activeDevice } from './state.ts';

/** MK of each epoch that a client holds; index = epoch. */
export type MetaKeys = ReadonlyMap<number, Uint8Array>;

interface RecordBlob {
  readonly epoch: number;
  readonly salt: Uint8Array;
  readonly sealed: Uint8Array;
  /** First record of an epoch: address of the blob with the wraps of the new MK, and the MK before it sealed under the new one. */
  readonly wraps?: Hash;
  readonly previousKey?: Uint8Array;
}
const blobCodec: Codec<RecordBlob> = record<RecordBlob>({
  epoch: [1, count],
  salt: [2, bytes(16)],
  sealed: [3, bytesUpTo(limits.recordBytes)],
  wraps: [4, hashCodec, 'optional'],
  previousKey: [5, bytes(48), 'optional'],
});

/** Which stream a record belongs to. Its position is not part of it: what the relay drops or reorders shows as a gap in the entries. */
export interface RecordPlace {
  readonly org: OrgId;
  readonly stream: StreamId;
}

export function orgStream(org: OrgId): StreamId {
  return hash('stream', ['org', org]) as string as StreamId; // a stream id is a hash with this use
}

export function receiptStream(org: OrgId, machine: string): StreamId {
  return hash('stream', ['receipts', org, machine]) as string as StreamId; // as above
}

const dayMs = 86_400_000;
/** The mailbox of one day (UTC); owners read yesterday's, today's and tomorrow's. */
export function mailboxOn(seed: Uint8Array, ts: number): MailboxId {
  return hash('mailbox', [seed, Math.floor(ts / dayMs)]) as string as MailboxId; // a mailbox id is a hash with this use
}
export function mailboxesAround(seed: Uint8Array, ts: number): readonly MailboxId[] {
  return [mailboxOn(seed, ts - dayMs), mailboxOn(seed, ts), mailboxOn(seed, ts + dayMs)];
}

export function mkCommitment(mk: Uint8Array): Hash {
  return hash('mk-commit', [mk]);
}

export interface NewEpoch {
  readonly wraps: Hash;
  readonly previous: Uint8Array;
}

/** Seals a signed envelope (entry, receipt, proposal) for its stream. */
export async function sealRecord(
  place: RecordPlace,
  epoch: number,
  mk: Uint8Array,
  envelope: Uint8Array,
  random: Random,
  opens?: NewEpoch,
): Promise<Uint8Array> {
  const salt = random(16);
  const sealed = await sealOnce(recordKey(mk, salt, place), aadOf(place, epoch), pad(envelope));
  const rotation = opens ? { wraps: opens.wraps, previousKey: await sealOnce(previousKeyKey(mk, place.org, epoch), ['previous', epoch], opens.previous) } : {};
  return encode(blobCodec, { epoch, salt, sealed, ...rotation });
}

/** What a record says before it is opened; untrusted. Throws E_RELAY_GARBAGE. */
export function parseRecord(blob: Uint8Array): RecordBlob {
  try {
    return decode(blobCodec, blob, limits.recordBytes);
  } catch (cause) {
    throw new ProtocolError('E_RELAY_GARBAGE', 'the relay holds something that is no record', { cause });
  }
}

/** Throws E_MK_EPOCH where the key of its epoch is not held, E_RELAY_GARBAGE where it does not open. */
export async function openRecord(place: RecordPlace, keys: MetaKeys, blob: Uint8Array): Promise<Uint8Array> {
  const { epoch, salt, sealed } = parseRecord(blob);
  const mk = keys.get(epoch);
  check(mk !== undefined, 'E_MK_EPOCH', 'the metadata key of this record is not held here');
  try {
    return unpad(await openOnce(recordKey(mk, salt, place), aadOf(place, epoch), sealed));
  } catch (cause) {
    throw new ProtocolError('E_RELAY_GARBAGE', 'a record that does not open in its place', { cause });
  }
}

/** The MK of the epoch before, from the first record of an epoch. */
export async function openPreviousKey(org: OrgId, epoch: number, mk: Uint8Array, blob: Uint8Array): Promise<Uint8Array> {
  const { previousKey } = parseRecord(blob);
  check(previousKey !== undefined, 'E_RELAY_GARBAGE', 'not the first record of an epoch');
  return openOnce(previousKeyKey(mk, org, epoch), ['previous', epoch], previousKey);
}

function recordKey(mk: Uint8Array, salt: Uint8Array, place: RecordPlace): Uint8Array {
  return derive('meta', mk, salt, [place.org, place.stream]);
}

function previousKeyKey(mk: Uint8Array, org: OrgId, epoch: number): Uint8Array {
  return derive('meta', mk, new Uint8Array(0), ['previous', org, epoch]);
}

function aadOf(place: RecordPlace, epoch: number): readonly (string | number)[] {
  return [place.org, place.stream, epoch];
}

// --- Wraps of a new MK ---------------------------------------------------------------------------------

interface MkWrap {
  readonly recipient: string;
  readonly sealed: Uint8Array;
}
const wrapsCodec: Codec<readonly MkWrap[]> = array(
  record<MkWrap>({ recipient: [1, hexIdOfRecipient], sealed: [2, bytesUpTo(sealOverheadBytes + 32)] }),
  limits.devices + limits.machines + 1,
);

/** One wrap of the new MK for every active device and machine, and for the kit; to be at the relay before the record of meta.rotate is. */
export async function sealMkWraps(state: OrgState, epoch: number, mk: Uint8Array): Promise<Uint8Array> {
  const holders = [
    ...[...state.devices.values()]
      .filter((device) => activeDevice(state, device.device))
      .map((device) => ({ id: device.device as string, key: device.inboxKey })), // holders of both kinds: the brand goes
    ...[...state.machines.values()]
      .filter((machine) => machine.status !== 'revoked')
      .map((machine) => ({ id: machine.machine as string, key: machine.kemKey })), // as above
    ...(state.recovery ? [{ id: recoveryRecipient, key: state.recovery.kemKey }] : []),
  ].sort((a, b) => (a.id < b.id ? -1 : 1));
  const wraps: MkWrap[] = [];
  for (const { id, key } of holders) wraps.push({ recipient: id, sealed: await sealTo(key, 'mk-wrap', state.org, [epoch, id], mk) });
  return encode(wrapsCodec, wraps);
}

/** Throws E_REVOKED where there is no wrap for `me`: this device or machine was left out. */
export async function openMkWrap(org: OrgId, epoch: number, me: string, key: KemKey, blob: Uint8Array): Promise<Uint8Array> {
  const wrap = decode(wrapsCodec, blob, limits.blobBytes).find(({ recipient }) => recipient === me);
  check(wrap !== undefined, 'E_REVOKED', 'no longer among those who get the metadata key');
  return key.open('mk-wrap', org, [epoch, me], wrap.sealed);
}
