// A log entry: its frame, its encoding, its hash (spec/05-org-log.md §entry).
import { type Codec, type Item, anyItem, array, count, decode, encode, hexId, int, oneOf, record, time } from '../codec.ts';
import { ProtocolError, check } from '../errors.ts';
import { type Hash, type OrgId, hashCodec, orgIdCodec } from '../hash.ts';
import { limits } from '../limits.ts';
import { payloadHash } from '../sign.ts';
import type { Bodies, EntryType } from './bodies.ts';
import { bodyCodecs, entryTypes } from './body-codecs.ts';

export const protocolVersion = 1;
export const protocolSuite = 1;
/** `org` and `prev` of a genesis entry. */
export const zeroHash: Hash = '00'.repeat(32) as Hash; // the one hash that is not computed

export type SignerKind = 'device' | 'machine' | 'token' | 'recovery';
export interface SignerRef {
  readonly kind: SignerKind;
  /** 16 bytes as hex; zeros for the recovery kit. */ readonly id: string;
}

/** The draft that an entry carries out, and who endorsed it (spec/05-org-log.md §drafts). */
export interface DraftRef {
  readonly authority: Hash;
  readonly items: readonly Hash[];
  readonly index: number;
  readonly expiresAt: number;
  readonly endorsers: readonly SignerRef[];
}

interface EntryFrame {
  readonly org: OrgId;
  readonly seq: number;
  readonly prev: Hash;
  readonly ts: number;
  readonly signers: readonly SignerRef[];
  readonly draft?: DraftRef;
}
/** A change that somebody proposes: an entry without its place. */
export type Proposed = { readonly [T in EntryType]: { readonly type: T; readonly body: Bodies[T] } }[EntryType];
type EntryOf<T extends EntryType> = EntryFrame & { readonly type: T; readonly body: Bodies[T] };
/** Union over every entry type. */
export type Entry = { readonly [T in EntryType]: EntryOf<T> }[EntryType];

interface RawEntry extends EntryFrame {
  readonly v: number;
  readonly suite: number;
  readonly type: number;
  readonly body: Item;
}
const signerCodec: Codec<SignerRef> = record<SignerRef>({ kind: [1, oneOf<SignerKind>(['device', 'machine', 'token', 'recovery'])], id: [2, hexId(16)] });
const draftCodec: Codec<DraftRef> = record<DraftRef>({
  authority: [1, hashCodec],
  items: [2, array(hashCodec, limits.draftItems, 1)],
  index: [3, int(0, limits.draftItems - 1)],
  expiresAt: [4, time],
  endorsers: [5, array(signerCodec, limits.admins, 1)],
});
const rawCodec: Codec<RawEntry> = record<RawEntry>({
  v: [1, count],
  suite: [2, count],
  org: [3, orgIdCodec],
  seq: [4, count],
  prev: [5, hashCodec],
  type: [6, int(0, 65_535)],
  ts: [7, time],
  signers: [8, array(signerCodec, 2 * limits.admins, 1)],
  body: [9, anyItem],
  draft: [10, draftCodec, 'optional'],
});

export function encodeEntry(entry: Entry): Uint8Array {
  const codec = bodyCodecs[entry.type] as Codec<Entry['body']>; // the codec of that very type
  return encode(rawCodec, {
    v: protocolVersion,
    suite: protocolSuite,
    org: entry.org,
    seq: entry.seq,
    prev: entry.prev,
    type: entryTypes.indexOf(entry.type) + 1,
    ts: entry.ts,
    signers: entry.signers,
    body: codec.toItem(entry.body),
    ...(entry.draft ? { draft: entry.draft } : {}),
  });
}

/** Throws E_SUITE on another version or suite, E_TYPE_UNKNOWN on a type this build does not know: nothing is skipped. */
export function parseEntry(payload: Uint8Array): Entry {
  const raw = decode(rawCodec, payload, limits.entryBytes);
  check(raw.v === protocolVersion && raw.suite === protocolSuite, 'E_SUITE', 'another version or suite');
  const type = entryTypes[raw.type - 1];
  if (type === undefined) throw new ProtocolError('E_TYPE_UNKNOWN', 'an entry type that this version does not know: update Stillvault');
  const { org, seq, prev, ts, signers, draft } = raw;
  return { org, seq, prev, ts, signers, type, body: bodyCodecs[type].fromItem(raw.body), ...(draft ? { draft } : {}) } as Entry; // body was decoded by the codec of `type`
}

/** The entry's identity: hash of its signed bytes. For genesis it is the org id. */
export function entryHash(payload: Uint8Array): Hash {
  return payloadHash('entry', 'entry', payload);
}
