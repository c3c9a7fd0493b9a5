// What one record of the org's stream is: the next entry, no entry at all, or a reason to stop (spec/05-org-log.md §sync).
import { fromHex } from '../protocol/bytes.ts';
import { type ProtocolCode, ProtocolError, check } from '../protocol/errors.ts';
import { type Hash, type OrgId, blobHash } from '../protocol/hash.ts';
import { limits } from '../protocol/limits.ts';
import { advance, advanceBy } from '../protocol/org-log/apply.ts';
import { type Entry, entryHash, parseEntry } from '../protocol/org-log/entry.ts';
import { type MetaKeys, mkCommitment, openPreviousKey, openRecord, orgStream, parseRecord } from '../protocol/org-log/record.ts';
import type { Head, OrgState } from '../protocol/org-log/state.ts';
import type { Later } from '../protocol/org-log/verify.ts';
import { parseEnvelope } from '../protocol/sign.ts';
import type { StreamRecord } from '../protocol/wire.ts';
import { type RelayClient, RelayClientError } from './client.ts';
import type { StoredEntry, StreamCursor } from './log-store.ts';

export interface JudgeDeps {
  readonly org: OrgId;
  readonly now: () => number;
  /** An entry that is known to be in this log. */
  readonly pin?: Head | undefined;
  readonly openMkWrap: (epoch: number, wraps: Uint8Array) => Promise<Uint8Array>;
  readonly getBlob: (hash: Hash) => Promise<Uint8Array | undefined>;
  /** Entries of this log so far, to tell a copy of one from a fork. */
  readonly entryAt: (seq: number) => Promise<{ readonly eh: Hash; readonly bytes: Uint8Array } | undefined>;
}

/**
 * `keyless`: of an epoch whose key is not held; the relay may have what is missing later. `leftOut`: such an epoch began without a wrap for
 * this holder. `early`: signed in a future that is too far off to wait for.
 */
export type Verdict =
  | { readonly kind: 'entry'; readonly state: OrgState; readonly bytes: Uint8Array; readonly entry: Entry; readonly keys: MetaKeys }
  | { readonly kind: 'none'; readonly keyless?: true; readonly leftOut?: ProtocolError; readonly early?: true };

/** A page, judged record after record; nothing of it is kept yet. */
export interface Judged {
  readonly accepted: readonly StoredEntry[];
  readonly parsed: readonly Entry[];
  readonly next: OrgState | undefined;
  readonly at: StreamCursor;
  readonly learned: MetaKeys;
  readonly none: number;
  readonly wait: boolean;
  readonly stop: Error | undefined;
  readonly end: StreamCursor;
}

// Signed by somebody of the org and against what this client knows: the log stops until a person has looked.
export type HaltingCode = 'E_FORK' | 'E_LOG_ROLLBACK' | 'E_TYPE_UNKNOWN' | 'E_SUITE' | 'E_CHAIN' | 'E_CHAIN_GAP' | 'E_CHECKPOINT_STATE';
export const haltingCodes: readonly HaltingCode[] = ['E_FORK', 'E_LOG_ROLLBACK', 'E_TYPE_UNKNOWN', 'E_SUITE', 'E_CHAIN', 'E_CHAIN_GAP', 'E_CHECKPOINT_STATE'];
export function isHalting(code: ProtocolCode): code is HaltingCode {
  return haltingCodes.some((halting) => halting === code);
}

/** A fork with its proof: two signed entries that claim one place. */
export class ForkError extends ProtocolError {
  readonly ours: Uint8Array;
  readonly theirs: Uint8Array;

  constructor(ours: Uint8Array, theirs: Uint8Array) {
    super('E_FORK', 'two entries claim one place');
    this.ours = ours;
    this.theirs = theirs;
  }
}

/** Throws what stops the log (haltingCodes), E_CLOCK where this client must wait, RelayClientError where the relay is away. */
export async function judgeRecord(deps: JudgeDeps, before: OrgState | undefined, keys: MetaKeys, record: StreamRecord, later?: Later): Promise<Verdict> {
  let bytes: Uint8Array | undefined;
  try {
    const parsed = parseRecord(record.blob);
    const learned = keys.has(parsed.epoch) ? keys : await learnKey(deps, before, keys, parsed);
    bytes = await openRecord({ org: deps.org, stream: orgStream(deps.org) }, learned, record.blob);
    const { state, entry } = await advanceBy(before, bytes, deps.now(), later);
    check(state.org === deps.org && state.head.eh === record.eh, 'E_RELAY_GARBAGE', 'not the entry that the record names');
    verifyEpoch(state, learned, parsed.epoch);
    if (state.head.seq === deps.pin?.seq && state.head.eh !== deps.pin.eh) throw new ForkError(fromHex(deps.pin.eh), bytes);
    return { kind: 'entry', state, bytes, entry, keys: learned };
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return await explain(deps, before, error, bytes).catch((stop: unknown) => stopAt(stop, blobHash(record.blob)));
  }
}

/** The entry was sealed under the epoch that it leaves the log in, with the key that the log names. Throws E_MK_EPOCH. */
export function verifyEpoch(after: OrgState, keys: MetaKeys, epoch: number): void {
  const mk = keys.get(epoch);
  check(epoch === after.mkEpoch && mk !== undefined && mkCommitment(mk) === after.mkCommitment, 'E_MK_EPOCH', 'not under the metadata key that the log names');
}

class Keyless extends ProtocolError {}

// Only the next epoch can begin here. The key is kept once the entry in the record proves it.
async function learnKey(deps: JudgeDeps, before: OrgState | undefined, keys: MetaKeys, { epoch, wraps }: ReturnType<typeof parseRecord>): Promise<MetaKeys> {
  if (before === undefined || epoch !== before.mkEpoch + 1 || wraps === undefined)
    throw new Keyless('E_MK_EPOCH', 'the metadata key of this record is not held here');
  try {
    const blob = await deps.getBlob(wraps);
    check(blob !== undefined, 'E_BLOB_MISSING', 'no wraps of the new key');
    return new Map(keys).set(epoch, await deps.openMkWrap(epoch, blob));
  } catch (cause) {
    const isKnown =
      cause instanceof ProtocolError || (cause instanceof RelayClientError && (cause.code === 'E_BLOB_MISSING' || cause.code === 'E_RELAY_ANSWER'));
    if (!isKnown) throw cause; // the relay is away
    throw new Keyless(cause.code === 'E_REVOKED' ? 'E_REVOKED' : 'E_MK_EPOCH', 'no wrap of the new metadata key', { cause });
  }
}

const behind = new WeakMap<ProtocolError, Hash>();
/** Throws the same error, which knows from now on at which record it stopped the log. */
export function stopAt(stop: unknown, record: Hash): never {
  throw stop instanceof ProtocolError ? foundAt(stop, record) : stop;
}
export function foundAt(stop: ProtocolError, record: Hash): ProtocolError {
  behind.set(stop, record);
  return stop;
}
/** The record at which a log stopped, for a person to look at. */
export function recordBehind(stop: ProtocolError): Hash | undefined {
  return behind.get(stop);
}

async function explain(deps: JudgeDeps, before: OrgState | undefined, error: ProtocolError, bytes: Uint8Array | undefined): Promise<Verdict> {
  if (error instanceof Keyless) return { kind: 'none', keyless: true, ...(error.code === 'E_REVOKED' ? { leftOut: error } : {}) };
  if (bytes === undefined) return { kind: 'none' };
  if (error.code === 'E_CLOCK') {
    const { ts } = entryIn(bytes);
    if (ts <= deps.now() + limits.clockSkewMs) return { kind: 'none' }; // too old, whatever the clock says
    // Whose clock is wrong cannot be known at once; but nobody may stop the log for longer than this.
    if (ts <= deps.now() + limits.clockWaitMs) throw error;
    return { kind: 'none', early: true };
  }
  if (!isHalting(error.code)) return { kind: 'none' };
  if ((error.code === 'E_CHAIN' || error.code === 'E_FORK') && before !== undefined && entryIn(bytes).seq <= before.head.seq) {
    await verifyNoFork(deps, bytes);
    return { kind: 'none' };
  }
  // A key that lies in a file does not stop everybody by pointing at another history: that takes a person.
  if ((error.code === 'E_CHAIN' || error.code === 'E_CHAIN_GAP') && before !== undefined && !isByPerson(before, bytes)) return { kind: 'none' };
  throw error;
}

// The verifier has checked what the signature keys that the log knows have signed, and nothing else of the entry.
function isByPerson({ keys }: OrgState, bytes: Uint8Array): boolean {
  return parseEnvelope('entry', bytes, limits.entryBytes).signatures.some(({ keyId }) => {
    const holder = keys.get(keyId);
    return holder?.kind === 'device' && holder.use === 'sig';
  });
}

/** Throws ForkError where `bytes` is a valid entry in a place that this log has filled with another; a copy, or something that was never valid, is no fork. */
export async function verifyNoFork(deps: JudgeDeps, bytes: Uint8Array): Promise<void> {
  const { payload } = parseEnvelope('entry', bytes, limits.entryBytes);
  const { seq } = parseEntry(payload);
  const ours = await deps.entryAt(seq);
  if (ours === undefined || ours.eh === entryHash(payload)) return;
  let parent: OrgState | undefined;
  for (let at = 0; at < seq; at++) parent = await advance(parent, (await deps.entryAt(at))?.bytes ?? new Uint8Array(0), deps.now());
  const isValid = await advance(parent, bytes, deps.now()).then(
    () => true,
    (error: unknown) => {
      if (error instanceof ProtocolError) return false;
      throw error;
    },
  );
  if (isValid) throw new ForkError(ours.bytes, bytes);
}

/**
 * Keys of the epochs before the oldest one held: from the first record of each epoch, newest first. For somebody who joined later.
 * Of several records that claim to begin an epoch the earliest that opens is it: nobody had the new key before.
 */
export async function walkKeysBack(org: OrgId, keys: MetaKeys, records: readonly StreamRecord[]): Promise<MetaKeys> {
  const found = new Map(keys);
  for (let epoch = Math.min(...keys.keys()); epoch > 0 && Number.isFinite(epoch); epoch--) {
    const mk = found.get(epoch);
    for (const { blob } of records) {
      if (mk === undefined || found.has(epoch - 1) || !beginsEpoch(blob, epoch)) continue;
      const previous = await openPreviousKey(org, epoch, mk, blob).catch(() => undefined); // somebody's garbage
      if (previous) found.set(epoch - 1, previous);
    }
  }
  return found;
}

/** The keys before those held, for somebody who joined later. */
export async function readKeysBack(at: { readonly client: RelayClient; readonly org: OrgId }, keys: MetaKeys): Promise<MetaKeys> {
  return walkKeysBack(at.org, keys, await firstsOfEpochs(at));
}

/** Records of the stream that say they are the first of an epoch. */
export async function firstsOfEpochs({ client, org }: { readonly client: RelayClient; readonly org: OrgId }): Promise<readonly StreamRecord[]> {
  const firsts: StreamRecord[] = [];
  for (let next = 0; ;) {
    const { records, head } = await client.read(orgStream(org), next);
    firsts.push(...records.filter(({ blob }) => beginsEpoch(blob)));
    check(firsts.length <= limits.garbageRecords, 'E_RELAY_GARBAGE', 'the relay names more epochs than can be');
    next += records.length;
    if (records.length === 0 || next > head.seq) return firsts;
  }
}

/** True for a record that says it is the first of an epoch (of `epoch`, where given). Untrusted. */
export function beginsEpoch(blob: Uint8Array, epoch?: number): boolean {
  try {
    const parsed = parseRecord(blob);
    return parsed.previousKey !== undefined && (epoch === undefined || parsed.epoch === epoch);
  } catch {
    return false;
  }
}

export function entryIn(bytes: Uint8Array): Entry {
  return parseEntry(parseEnvelope('entry', bytes, limits.entryBytes).payload);
}

export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error('thrown by something that throws no errors', { cause: error });
}
