// Hashes with domain separation, identifiers, key derivation (spec/02-keys.md §hashing).
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { concat, encodeUtf8, toHex } from './bytes.ts';
import { type Codec, type Item, encodeItem, hexId } from './codec.ts';

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

/** 32-byte hash as hex. */
export type Hash = Branded<'Hash'>;
/** Hash of the genesis entry: nobody can substitute an organisation. */
export type OrgId = Branded<'OrgId'>;
/** Hash of algorithm and public key. */
export type KeyId = Branded<'KeyId'>;
/** 16 random bytes as hex, never reused. */
export type MemberId = Branded<'MemberId'>;
export type DeviceId = Branded<'DeviceId'>;
export type MachineId = Branded<'MachineId'>;
export type SecretId = Branded<'SecretId'>;
export type PolicyId = Branded<'PolicyId'>;
export type GroupId = Branded<'GroupId'>;
export type TokenId = Branded<'TokenId'>;
export type RequestId = Branded<'RequestId'>;
export type LeaseId = Branded<'LeaseId'>;

export const hashCodec: Codec<Hash> = hexId(32);
export const orgIdCodec: Codec<OrgId> = hexId(32);
export const keyIdCodec: Codec<KeyId> = hexId(32);
export const memberIdCodec: Codec<MemberId> = hexId(16);
export const deviceIdCodec: Codec<DeviceId> = hexId(16);
export const machineIdCodec: Codec<MachineId> = hexId(16);
export const secretIdCodec: Codec<SecretId> = hexId(16);
export const policyIdCodec: Codec<PolicyId> = hexId(16);
export const groupIdCodec: Codec<GroupId> = hexId(16);
export const tokenIdCodec: Codec<TokenId> = hexId(16);
export const requestIdCodec: Codec<RequestId> = hexId(16);
export const leaseIdCodec: Codec<LeaseId> = hexId(16);
/** 16-byte id of a device or machine; zeros for the recovery kit. */
export const hexIdOfRecipient: Codec<string> = hexId(16);

/** Every purpose a hash, a derived key or a sealed message can have. A new purpose is a new word here, never a reused one. */
export type Use =
  | 'entry'
  | 'req'
  | 'apr'
  | 'core'
  | 'card'
  | 'inbox'
  | 'wrap-share'
  | 'wrap-machine'
  | 'wrap-recovery'
  | 'reseal'
  | 'dek'
  | 'dek-commit'
  | 'share-commit'
  | 'body'
  | 'meta'
  | 'mk-wrap'
  | 'mk-commit'
  | 'device-kek'
  | 'kcv'
  | 'local'
  | 'sas'
  | 'match'
  | 'fingerprint'
  | 'audit'
  | 'head'
  | 'receipt'
  | 'push'
  | 'key'
  | 'blob'
  | 'stream'
  | 'mailbox'
  | 'join'
  | 'state'
  | 'snapshot'
  | 'session'
  | 'gesture'
  | 'intent'
  | 'kit';

/** `"stillvault/1/<use>" 0x00` */
export function label(use: Use): Uint8Array {
  return encodeUtf8(`stillvault/1/${use}\0`);
}

/** SHA-256(label(use) ‖ deterministic CBOR array of the fields). */
export function hashBytes(use: Use, fields: readonly Item[]): Uint8Array {
  return sha256(concat(label(use), encodeItem(fields)));
}

export function hash(use: Use, fields: readonly Item[]): Hash {
  return toHex(hashBytes(use, fields)) as Hash; // a hash is minted here
}

/** HKDF-SHA256 (RFC 5869) with info = label(use) ‖ CBOR array of the fields. */
export function derive(use: Use, inputKey: Uint8Array, salt: Uint8Array, fields: readonly Item[], length = 32): Uint8Array {
  return hkdf(sha256, inputKey, salt, concat(label(use), encodeItem(fields)), length);
}

/** Address of a blob at the relay. */
export function blobHash(blob: Uint8Array): Hash {
  return hash('blob', [blob]);
}
