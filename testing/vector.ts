// The shape of a test vector in spec/vectors: inputs in hex, and either what comes out or the one code it is refused with. Never shipped.
import type { Pin } from '../protocol/org-log/pin.ts';
import type { ProtocolCode } from '../protocol/errors.ts';

interface Common {
  readonly name: string;
  /** File and section that it belongs to. */
  readonly spec: string;
  /** Of a rejected vector. */
  readonly code?: ProtocolCode;
}
/** The first `at` entries of the named log vector (all, where absent), judged at `now`. */
interface AtLog {
  readonly log: string;
  readonly at?: number;
  readonly now: number;
}

export interface ItemVector extends Common {
  readonly kind: 'item';
  readonly bytes: string;
  readonly maxBytes?: number;
}
export interface TextVector extends Common {
  readonly kind: 'text';
  readonly rule: 'name' | 'text' | 'claim' | 'path' | 'field' | 'pattern';
  /** UTF-16 code units, so that lone surrogates can be written. */ readonly units: readonly number[];
}
export interface HashVector extends Common {
  readonly kind: 'hash';
  readonly use: string;
  readonly fields: string;
  readonly hash: string;
}
export interface DeriveVector extends Common {
  readonly kind: 'derive';
  readonly use: string;
  readonly key: string;
  readonly salt: string;
  readonly fields: string;
  readonly out: string;
}
export interface KeyVector extends Common {
  readonly kind: 'key';
  readonly algorithm: 'ES256' | 'X-Wing';
  readonly publicKey: string;
  readonly keyId?: string;
  /** Of an X-Wing key. */ readonly seed?: string;
}
export interface SignatureVector extends Common {
  readonly kind: 'signature';
  readonly publicKey: string;
  readonly message: string;
  readonly signature: string;
}
export interface EnvelopeVector extends Common {
  readonly kind: 'envelope';
  readonly type: string;
  readonly bytes: string;
  readonly publicKeys: readonly string[];
  readonly payload?: string;
}
export interface AssertionVector extends Common {
  readonly kind: 'assertion';
  readonly authenticatorData: string;
  readonly clientDataJSON: string;
  readonly signature: string;
  readonly challenge: string;
  readonly publicKey: string;
  readonly rpId: string;
  readonly origins: readonly string[];
}
export interface SealedVector extends Common {
  readonly kind: 'sealed';
  readonly seed: string;
  readonly use: string;
  readonly org: string;
  readonly aad: string;
  readonly sealed: string;
  readonly plain?: string;
}
export interface PaddedVector extends Common {
  readonly kind: 'padded';
  readonly padded: string;
  readonly content?: string;
}
/** A whole log; others refer to it by its file name. */
export interface LogVector extends Common {
  readonly kind: 'log';
  readonly now: number;
  readonly entries: readonly string[];
  readonly heads: readonly string[];
  readonly stateHash: string;
}
export interface EntryVector extends Common, AtLog {
  readonly kind: 'entry';
  readonly entry: string;
  readonly eh?: string;
  readonly stateHash?: string;
}
export interface RecordVector extends Common {
  readonly kind: 'record';
  readonly org: string;
  readonly stream: string;
  readonly keys: readonly (readonly [epoch: number, mk: string])[];
  readonly blob: string;
  readonly envelope?: string;
  readonly previousKey?: string;
}
export interface MkWrapVector extends Common {
  readonly kind: 'mk-wrap';
  readonly org: string;
  readonly epoch: number;
  readonly me: string;
  readonly seed: string;
  readonly wraps: string;
  readonly mk?: string;
}
export interface SecretVector extends Common, AtLog {
  readonly kind: 'secret';
  readonly path: string;
  readonly holders: readonly { readonly device: string; readonly custodySeed: string; readonly wrap: string }[];
  readonly machine: { readonly id: string; readonly seed: string; readonly wrap: string };
  readonly body: string;
  /** CBOR of the value. */
  readonly value?: string;
}
export interface RecoveredVector extends Common, AtLog {
  readonly kind: 'recovered';
  readonly path: string;
  readonly kitSeed: string;
  readonly wrap: string;
  readonly body: string;
  /** CBOR of the value. */
  readonly value?: string;
}
export interface RequestVector extends Common, AtLog {
  readonly kind: 'request';
  readonly request: string;
  readonly me: string;
  readonly highWater?: number;
  readonly seen?: { readonly rh: string; readonly decided: boolean };
  readonly rh?: string;
  readonly match?: string;
}
export interface AnswerVector extends Common, AtLog {
  readonly kind: 'answer';
  readonly request: string;
  readonly epkSeed: string;
  readonly consumed?: readonly string[];
  readonly answer: string;
  readonly decision?: string;
  readonly shares?: readonly string[];
  readonly challenge?: string;
}
export interface EvidenceVector extends Common, AtLog {
  readonly kind: 'evidence';
  readonly rh: string;
  readonly evidence: string;
}
export interface ReceiptVector extends Common, AtLog {
  readonly kind: 'receipt';
  readonly receipt: string;
  /** Of the receipt before; absent = none. */ readonly before?: { readonly n: number; readonly hash: string };
  readonly hash?: string;
}
export interface NoticeVector extends Common, AtLog {
  readonly kind: 'notice';
  readonly notice: string;
  readonly maxAgeMs: number;
  readonly endLease?: string;
}
export interface LetterVector extends Common {
  readonly kind: 'letter';
  readonly org: string;
  readonly me: string;
  readonly seed: string;
  readonly mail: string;
  readonly holds?: { readonly kind: string; readonly bytes: string };
}
/** Sheets of a recovery kit, put together. */
export interface KitVector extends Common {
  readonly kind: 'kit';
  readonly shares: readonly string[];
  readonly secret?: string;
  readonly sigKey?: string;
  readonly kemKey?: string;
}
export interface TokenVector extends Common {
  readonly kind: 'token';
  readonly text: string;
  readonly fields?: Readonly<Record<string, string>>;
}
export interface InviteVector extends Common {
  readonly kind: 'invite';
  readonly text: string;
  readonly fields?: Readonly<Record<string, string | number>>;
}
export interface PacketVector extends Common {
  readonly kind: 'join-packet';
  readonly token: string;
  readonly mail: string;
  readonly epoch?: number;
  readonly mk?: string;
  readonly pin?: Pin;
  readonly mailbox?: string;
}
export interface WordsVector extends Common {
  readonly kind: 'words';
  readonly org: string;
  readonly sigKey: string;
  readonly kemKey: string;
  readonly words: string;
}
export interface SasVector extends Common {
  readonly kind: 'sas';
  readonly invite: string;
  readonly device: string;
  readonly adminNonce: string;
  readonly deviceNonce: string;
  readonly commitment: string;
  readonly digits: string;
  readonly words: string;
}
export interface MailboxVector extends Common {
  readonly kind: 'mailbox';
  readonly seed: string;
  readonly ts: number;
  readonly mailbox: string;
}
export interface DeviceKeysVector extends Common {
  readonly kind: 'device-keys';
  readonly org: string;
  readonly device: string;
  readonly rpId: string;
  readonly credentialId: string;
  readonly prf: readonly [first: string, second: string];
  readonly local: string;
  readonly stored: string;
  readonly sigKeyId?: string;
  readonly custodyKeyId?: string;
}
/** A message to or from the relay: read, and written back as the same bytes. */
export interface WireVector extends Common {
  readonly kind: 'wire';
  readonly message: string;
  readonly bytes: string;
}

export type Vector =
  | ItemVector
  | TextVector
  | HashVector
  | DeriveVector
  | KeyVector
  | SignatureVector
  | EnvelopeVector
  | AssertionVector
  | SealedVector
  | PaddedVector
  | LogVector
  | EntryVector
  | RecordVector
  | MkWrapVector
  | SecretVector
  | RecoveredVector
  | RequestVector
  | AnswerVector
  | EvidenceVector
  | ReceiptVector
  | NoticeVector
  | LetterVector
  | KitVector
  | TokenVector
  | InviteVector
  | PacketVector
  | WordsVector
  | SasVector
  | MailboxVector
  | DeviceKeysVector
  | WireVector;
