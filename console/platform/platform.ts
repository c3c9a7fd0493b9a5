// What the device needs from the browser, as parameters: tests run the same logic with a software authenticator and a database in memory.
import type { AttestationProof } from '../../protocol/attestation.ts';
import type { Signer } from '../../protocol/keys.ts';
import type { PrfInputs } from '../../protocol/device-keys.ts';
import type { Random } from '../../protocol/random.ts';
import type { Assertion } from '../../protocol/sign.ts';
import type { SocketLike } from '../../relay-client/live.ts';

export interface Platform {
  readonly authenticator: Authenticator;
  readonly storage: DeviceStorage;
  readonly fetch: ConsoleFetch;
  readonly openSocket: (url: string) => SocketLike;
  readonly now: () => number;
  readonly random: Random;
  /** Rejects when `signal` ends it. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly location: PageLocation;
  /** Calls back when the page comes to the front or the network returns. Returns the unsubscriber. */
  readonly onReturn: (listener: () => void) => () => void;
}

export interface PageLocation {
  readonly origin: string;
  readonly hostname: string;
  /** Secret of `stillvault up`, from the fragment of the page's address: the local daemon may be told to join. */
  readonly setupSecret: string | undefined;
}

/** The part of fetch that is used. */
export type ConsoleFetch = (url: string, init: FetchInit) => Promise<{ readonly status: number; arrayBuffer(): Promise<ArrayBuffer> }>;
export interface FetchInit {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: Uint8Array;
  readonly signal: AbortSignal;
  /** Only whether somebody answers: the answer itself is not readable. */
  readonly mode?: 'no-cors';
}

// --- Passkeys --------------------------------------------------------------------------------------------

export interface Authenticator {
  /** Throws E_NO_WEBAUTHN, E_NO_PRF, E_INSECURE_ORIGIN where it is known that this browser cannot keep keys. Creates nothing. */
  checkSupport(): Promise<void>;
  /** A new passkey, user verified. Throws E_NO_PRF where it cannot derive keys. */
  create(ask: CreateAsk): Promise<CreatedPasskey>;
  /** One user verification: an assertion over `challenge`, and both PRF outputs, which the caller wipes. Throws E_PRF_MISSING. */
  get(ask: GetAsk): Promise<GetAnswer>;
}
export interface CreateAsk {
  readonly rpId: string;
  readonly rpName: string;
  readonly userId: Uint8Array;
  readonly userName: string;
  /** Only to switch PRF on: its output is never used. */
  readonly prfInput: Uint8Array;
  /** A statement of the authenticator about its model is asked for, over this challenge. */
  readonly attest?: Uint8Array;
}
export interface CreatedPasskey {
  readonly credentialId: Uint8Array;
  /** Uncompressed P-256 point, 65 bytes. */
  readonly publicKey: Uint8Array;
  readonly aaguid: Uint8Array;
  readonly backupEligible: boolean;
  readonly backedUp: boolean;
  readonly attestation: AttestationProof;
  readonly transports: readonly string[];
}
export interface GetAsk {
  readonly rpId: string;
  readonly credentialId: Uint8Array;
  readonly transports: readonly string[];
  readonly challenge: Uint8Array;
  readonly prf: PrfInputs;
}
export interface GetAnswer {
  readonly assertion: Assertion;
  readonly prf: { readonly first: Uint8Array; readonly second: Uint8Array };
  readonly credentialId: Uint8Array;
}

// --- Storage -----------------------------------------------------------------------------------------------

/** Keys of this browser that never leave it: not extractable. */
export interface LocalKeys {
  /** Signs denials, head attestations, relay sessions. */
  readonly presence: Signer;
  /** HMAC_local. Throws E_DEVICE_BIND where the browser has lost the key. */
  mac(data: Uint8Array): Promise<Uint8Array>;
}
declare const fresh: unique symbol;
/** Keys that are not stored yet. */
export interface FreshKeys extends LocalKeys {
  readonly [fresh]: true;
}

export type StoredKeys =
  | { readonly kind: 'empty' }
  /** Something was stored here and its keys are gone. */
  | { readonly kind: 'lost' }
  | { readonly kind: 'held'; readonly keys: LocalKeys };

/** Records by name, encrypted at rest under a key that cannot be exported. */
export interface DeviceStorage {
  load(): Promise<StoredKeys>;
  makeKeys(): Promise<FreshKeys>;
  /** Replaces everything that is here by these keys and records, at once. */
  begin(keys: FreshKeys, records: ReadonlyMap<string, Uint8Array>): Promise<void>;
  /** Every record whose name begins with `prefix`, sorted by name; with `until`, those from the name `prefix` to before that one. */
  read(prefix: string, until?: string): Promise<ReadonlyMap<string, Uint8Array>>;
  /** Durable when it resolves; all of it or nothing. */
  write(put: ReadonlyMap<string, Uint8Array>, remove?: readonly string[]): Promise<void>;
}
