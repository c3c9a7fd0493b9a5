// What the relay keeps, as an interface (spec/08-relay.md §store). Every method is scoped to one org; nothing reads across.
// A write resolves only when it is durable; a store that cannot write rejects with E_RELAY_STORE and keeps nothing of that write.
import type { Grade, Hash, KeyId, Mail, MailboxId, OrgId, ReceivedMail, StreamHead, StreamId, StreamRecord } from '../../protocol/wire.ts';

export interface StoredKey {
  readonly publicKey: Uint8Array;
  readonly grade: Grade;
  readonly expiresAt?: number;
  readonly revoked: boolean;
}
export interface NewKey {
  readonly keyId: KeyId;
  readonly publicKey: Uint8Array;
  readonly grade: Grade;
  readonly expiresAt?: number;
}

/** First use of a session statement; with `firstKey` it also creates the org with that key as a device key. */
export interface Admission {
  readonly org: OrgId;
  readonly keyId: KeyId;
  readonly nonce: Uint8Array;
  readonly nonceUntil: number;
  readonly now: number;
  readonly firstKey?: Uint8Array;
}
/** `refused`: the key does not (or no longer) stand for the org, or the org to create is there already. */
export type Admitted = 'admitted' | 'replayed' | 'refused';
/** `differs`: known with another grade or expiry, or revoked. `spent`: this join key has registered another machine. */
export type Registered = 'registered' | 'differs' | 'spent' | 'quota';
/** `last`: no live device key would be left. `foreign`: a device key that did not come from the one that asks. */
export type Revoked = 'revoked' | 'unknown' | 'last' | 'foreign';
/** Records that one join key appends: an enrolment is one, and retries are few. */
export const appendsPerJoinKey = 8;
/** `known`: the identical record was there before. `spent`: the join key has appended all that it may. `head` is the record's own position, or for a conflict the stream's. */
export type Appended = { readonly kind: 'appended' | 'known' | 'conflict' | 'quota' | 'spent'; readonly head: StreamHead };

export interface StoreQuotas {
  readonly orgBytes: number;
  readonly orgRecords: number;
  readonly orgMails: number;
  readonly orgKeys: number;
}

export interface Store {
  knowsOrg(org: OrgId): Promise<boolean>;
  findKey(org: OrgId, keyId: KeyId): Promise<StoredKey | undefined>;
  admit(admission: Admission): Promise<Admitted>;
  registerKey(org: OrgId, key: NewKey, by: { readonly keyId: KeyId; readonly grade: Grade }, now: number): Promise<Registered>;
  revokeKey(org: OrgId, keyId: KeyId, by: KeyId, now: number): Promise<Revoked>;

  /** `joinKey`: by whose account, where it is a key that may append only a few. */
  append(org: OrgId, record: StreamRecord, joinKey?: KeyId): Promise<Appended>;
  /** Records from `from` in order; stops before the answer passes `maxBytes`. */
  readStream(
    org: OrgId,
    stream: StreamId,
    from: number,
    limit: number,
    maxBytes: number,
  ): Promise<{ readonly head: StreamHead; readonly records: readonly StreamRecord[] }>;

  putBlobs(org: OrgId, blobs: ReadonlyMap<Hash, Uint8Array>): Promise<'stored' | 'quota'>;
  /** In the order of `hashes`; undefined where there is none; 'too large' where all together pass `maxBytes`. */
  getBlobs(org: OrgId, hashes: readonly Hash[], maxBytes: number): Promise<readonly (Uint8Array | undefined)[] | 'too large'>;

  /** Ids rise within an org and are never used again. All mails of a call are stored, or none. */
  postMail(org: OrgId, mails: readonly Mail[], now: number): Promise<readonly number[] | 'quota'>;
  /** Mails with id > after that live at `now`, oldest first; stops before the answer passes `maxBytes`. */
  readMail(org: OrgId, mailboxes: readonly MailboxId[], after: number, limit: number, now: number, maxBytes: number): Promise<readonly ReceivedMail[]>;

  /** Removes up to `most` rows of each kind that ended before `now`; answers how many went. */
  expire(now: number, most: number): Promise<number>;
  /** Rejects where the store cannot be read, or where the last write failed and writing still does. */
  probe(): Promise<void>;
  /** Finishes what was begun and closes. */
  close(): Promise<void>;
}
