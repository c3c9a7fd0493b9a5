// What a client says to the relay and hears back (spec/08-relay.md). The relay imports this file and nothing else of ours:
// it sees ids, sizes and times, never a name, a type, a request or a decision. All bodies are deterministic CBOR.
import { type Codec, array, bytes, bytesUpTo, count, flag, hexId, int, oneOf, record, text, time } from './codec.ts';
import { type Hash, type KeyId, type OrgId, hashBytes, hashCodec, keyIdCodec, orgIdCodec } from './hash.ts';
import { publicKeyCodec, signatureCodec } from './keys.ts';
import { limits } from './limits.ts';

export { decode, encode } from './codec.ts';
export { ProtocolError } from './errors.ts';
export { type Hash, type KeyId, type OrgId, blobHash } from './hash.ts';
export { keyIdOf, verifySignature } from './keys.ts';
export { limits } from './limits.ts';

/** Chain of records: the org log, or one machine's receipts. 32 bytes, derived by the clients. */
export type StreamId = string & { readonly stream: never };
/** Where mail is left. 32 bytes, derived by the clients, changes daily. */
export type MailboxId = string & { readonly mailbox: never };
const streamIdCodec: Codec<StreamId> = hexId(32);
export const mailboxIdCodec: Codec<MailboxId> = hexId(32);

/** `join` keys come from a machine token: they read, append a little, may register one `machine` key, and expire. `guest` keys come from an invitation link: they read and post mail, and expire. */
export type Grade = 'device' | 'machine' | 'join' | 'guest';
const grade: Codec<Grade> = oneOf(['device', 'machine', 'join', 'guest']);

// --- Access: protects the relay's resources, not the secrets ---------------------------------------

/** Opens a session; signed so that another relay (audience) or a later time cannot use it. POST /v1/session */
export interface SessionOpen {
  readonly org: OrgId;
  readonly publicKey: Uint8Array;
  /** Origin of the relay as the client addresses it, e.g. `https://relay.example`. */
  readonly audience: string;
  readonly ts: number;
  readonly nonce: Uint8Array;
  readonly signature: Uint8Array;
  /** First contact of an org: registers it with this key as its first `device` key. */
  readonly signUp?: boolean;
  /** Where sign-up needs a token. */
  readonly signUpToken?: string;
}
export const sessionOpenCodec: Codec<SessionOpen> = record<SessionOpen>({
  org: [1, orgIdCodec],
  publicKey: [2, publicKeyCodec],
  audience: [3, text(256, 1)],
  ts: [4, time],
  nonce: [5, bytes(16)],
  signature: [6, signatureCodec],
  signUp: [7, flag, 'optional'],
  signUpToken: [8, text(128, 1), 'optional'],
});
/** The bytes that `signature` of a SessionOpen covers. */
export function sessionStatement(open: Omit<SessionOpen, 'signature'>): Uint8Array {
  return hashBytes('session', [open.org, open.publicKey, open.audience, open.ts, open.nonce, open.signUp === true ? 1 : 0]);
}
/** Bearer of every other call: `authorization: Bearer <base64url(token)>`. */
export interface Session {
  readonly token: Uint8Array;
  readonly expiresAt: number;
  readonly serverTime: number;
}
export const sessionCodec: Codec<Session> = record<Session>({ token: [1, bytes(32)], expiresAt: [2, time], serverTime: [3, time] });

/** POST /v1/keys · a `device` key registers any grade; a `join` key registers exactly one `machine` key. Idempotent. */
export interface KeyRegister {
  readonly publicKey: Uint8Array;
  readonly grade: Grade;
  readonly expiresAt?: number;
}
export const keyRegisterCodec: Codec<KeyRegister> = record<KeyRegister>({
  publicKey: [1, publicKeyCodec],
  grade: [2, grade],
  expiresAt: [3, time, 'optional'],
});
/** POST /v1/keys/revoke · `device` keys only; ends its sessions. */
export interface KeyRevoke {
  readonly keyId: KeyId;
}
export const keyRevokeCodec: Codec<KeyRevoke> = record<KeyRevoke>({ keyId: [1, keyIdCodec] });

// --- Streams: opaque records with compare-and-swap --------------------------------------------------

/** POST /v1/append · accepted only where (seq, prev) extends the stream's head. Same record again is acknowledged again. */
export interface StreamRecord {
  readonly stream: StreamId;
  readonly seq: number;
  readonly prev: Hash;
  readonly eh: Hash;
  readonly blob: Uint8Array;
}
export const streamRecordCodec: Codec<StreamRecord> = record<StreamRecord>({
  stream: [1, streamIdCodec],
  seq: [2, count],
  prev: [3, hashCodec],
  eh: [4, hashCodec],
  blob: [5, bytesUpTo(limits.recordBytes, 1)],
});
/** Position of a stream; seq −1 and no eh where it is empty. */
export interface StreamHead {
  readonly stream: StreamId;
  readonly seq: number;
  readonly eh?: Hash;
}
export const streamHeadCodec: Codec<StreamHead> = record<StreamHead>({
  stream: [1, streamIdCodec],
  seq: [2, int(-1, Number.MAX_SAFE_INTEGER)],
  eh: [3, hashCodec, 'optional'],
});

/** POST /v1/read */
export interface StreamRead {
  readonly stream: StreamId;
  readonly from: number;
  readonly limit: number;
}
export const streamReadCodec: Codec<StreamRead> = record<StreamRead>({ stream: [1, streamIdCodec], from: [2, count], limit: [3, int(1, 500)] });
/** Records in order from `from`; fewer than asked where the answer would pass limits.wireBytes. */
export interface StreamPage {
  readonly head: StreamHead;
  readonly records: readonly StreamRecord[];
}
export const streamPageCodec: Codec<StreamPage> = record<StreamPage>({ head: [1, streamHeadCodec], records: [2, array(streamRecordCodec, 500)] });

// --- Blobs by hash -----------------------------------------------------------------------------------

/** POST /v1/blobs · stores each under blobHash; answers with the hashes in order. */
export interface BlobPut {
  readonly blobs: readonly Uint8Array[];
}
export const blobPutCodec: Codec<BlobPut> = record<BlobPut>({ blobs: [1, array(bytesUpTo(limits.blobBytes, 1), 1_024, 1)] });
export interface BlobNames {
  readonly hashes: readonly Hash[];
}
export const blobNamesCodec: Codec<BlobNames> = record<BlobNames>({ hashes: [1, array(hashCodec, 1_024, 1)] });
/** POST /v1/blobs/get with BlobNames · an empty byte string stands for a blob that is not there. */
export interface Blobs {
  readonly blobs: readonly Uint8Array[];
}
export const blobsCodec: Codec<Blobs> = record<Blobs>({ blobs: [1, array(bytesUpTo(limits.blobBytes), 1_024, 1)] });

// --- Mail: sealed messages that expire -----------------------------------------------------------------

export interface Mail {
  readonly mailbox: MailboxId;
  readonly body: Uint8Array;
  readonly ttlS: number;
}
const mailCodec: Codec<Mail> = record<Mail>({ mailbox: [1, mailboxIdCodec], body: [2, bytesUpTo(limits.mailBytes, 1)], ttlS: [3, int(1, 604_800)] });
/** POST /v1/mail · stored durably before it is acknowledged; pushed to live subscribers. */
export interface MailPost {
  readonly mails: readonly Mail[];
}
export const mailPostCodec: Codec<MailPost> = record<MailPost>({ mails: [1, array(mailCodec, 1_024, 1)] });
export interface MailPosted {
  readonly ids: readonly number[];
}
export const mailPostedCodec: Codec<MailPosted> = record<MailPosted>({ ids: [1, array(count, 1_024)] });
/** POST /v1/mail/read · mails with id > after, oldest first; with waitMs the answer is held until one arrives. Reading deletes nothing. */
export interface MailRead {
  readonly mailboxes: readonly MailboxId[];
  readonly after: number;
  readonly limit: number;
  readonly waitMs?: number;
}
export const mailReadCodec: Codec<MailRead> = record<MailRead>({
  mailboxes: [1, array(mailboxIdCodec, 64, 1)],
  after: [2, count],
  limit: [3, int(1, 200)],
  waitMs: [4, int(0, 25_000), 'optional'],
});
export interface ReceivedMail {
  readonly id: number;
  readonly mailbox: MailboxId;
  readonly body: Uint8Array;
  readonly postedAt: number;
}
const receivedMailCodec: Codec<ReceivedMail> = record<ReceivedMail>({
  id: [1, count],
  mailbox: [2, mailboxIdCodec],
  body: [3, bytesUpTo(limits.mailBytes, 1)],
  postedAt: [4, time],
});
/** `next` is the cursor for the following read. */
export interface MailPage {
  readonly mails: readonly ReceivedMail[];
  readonly next: number;
}
export const mailPageCodec: Codec<MailPage> = record<MailPage>({ mails: [1, array(receivedMailCodec, 200)], next: [2, count] });

// --- Live: WebSocket /v1/live ---------------------------------------------------------------------------
// Client: one LiveHello within 5 s (binary), later LiveHello again replaces the subscription. Server: LiveEvent frames (binary).
// A hint only: what counts is what the polling calls answer.

export interface LiveHello {
  readonly token: Uint8Array;
  readonly mailboxes: readonly MailboxId[];
  readonly streams: readonly StreamId[];
  /** replay mail after this id */ readonly after?: number;
}
export const liveHelloCodec: Codec<LiveHello> = record<LiveHello>({
  token: [1, bytes(32)],
  mailboxes: [2, array(mailboxIdCodec, 64)],
  streams: [3, array(streamIdCodec, 64)],
  after: [4, count, 'optional'],
});
/** `ready` answers each LiveHello once the subscription stands. */
export interface LiveEvent {
  readonly ready?: boolean;
  readonly mail?: ReceivedMail;
  readonly head?: StreamHead;
  readonly draining?: boolean;
}
export const liveEventCodec: Codec<LiveEvent> = record<LiveEvent>({
  ready: [1, flag, 'optional'],
  mail: [2, receivedMailCodec, 'optional'],
  head: [3, streamHeadCodec, 'optional'],
  draining: [4, flag, 'optional'],
});

// --- Errors ------------------------------------------------------------------------------------------------

export const relayCodes = [
  'E_RELAY_AUTH',
  'E_RELAY_CLOSED',
  'E_RELAY_CONFLICT',
  'E_RELAY_LIMIT',
  'E_RELAY_QUOTA',
  'E_RELAY_RATE',
  'E_RELAY_REQUEST',
  'E_RELAY_NOT_FOUND',
  'E_RELAY_FORBIDDEN',
  'E_RELAY_STORE',
  'E_RELAY_DRAINING',
] as const;
export type RelayCode = (typeof relayCodes)[number];
/** Body of every answer that is not 2xx. `head` comes with E_RELAY_CONFLICT, `retryAfterMs` with rate and draining. */
export interface RelayFailure {
  readonly code: RelayCode;
  readonly message: string;
  readonly retryAfterMs?: number;
  readonly head?: StreamHead;
}
export const relayFailureCodec: Codec<RelayFailure> = record<RelayFailure>({
  code: [1, oneOf(relayCodes)],
  message: [2, text(512)],
  retryAfterMs: [3, count, 'optional'],
  head: [4, streamHeadCodec, 'optional'],
});

/** HTTP paths, all POST with `content-type: application/cbor`. */
export const paths = {
  session: '/v1/session',
  keys: '/v1/keys',
  keysRevoke: '/v1/keys/revoke',
  append: '/v1/append',
  read: '/v1/read',
  blobs: '/v1/blobs',
  blobsGet: '/v1/blobs/get',
  mail: '/v1/mail',
  mailRead: '/v1/mail/read',
  live: '/v1/live',
} as const;
