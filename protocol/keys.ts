// Signature keys: ES256 with raw 64-byte signatures, the algorithm of passkeys, TPMs and secure enclaves (spec/02-keys.md).
import { type Codec, type Item, bytes } from './codec.ts';
import { ProtocolError, check } from './errors.ts';
import { type KeyId, hash } from './hash.ts';
import { fromBase64Url, toBase64Url, toHex } from './bytes.ts';

/** Opaque key handle of the runtime's WebCrypto. */
export interface CryptoKeyHandle {
  readonly type: string;
}

// The part of WebCrypto that this package uses; its types belong to no runtime.
interface Subtle {
  importKey(format: string, data: Uint8Array | object, algorithm: object, extractable: boolean, usages: readonly string[]): Promise<CryptoKeyHandle>;
  exportKey(format: 'raw' | 'raw-public', key: CryptoKeyHandle): Promise<ArrayBuffer>;
  exportKey(format: 'jwk', key: CryptoKeyHandle): Promise<{ readonly d?: string; readonly x?: string; readonly y?: string }>;
  generateKey(
    algorithm: object,
    extractable: boolean,
    usages: readonly string[],
  ): Promise<{ readonly privateKey: CryptoKeyHandle; readonly publicKey: CryptoKeyHandle }>;
  sign(algorithm: object, key: CryptoKeyHandle, data: Uint8Array): Promise<ArrayBuffer>;
  verify(algorithm: object, key: CryptoKeyHandle, signature: Uint8Array, data: Uint8Array): Promise<boolean>;
  encrypt(algorithm: object, key: CryptoKeyHandle, data: Uint8Array): Promise<ArrayBuffer>;
  decrypt(algorithm: object, key: CryptoKeyHandle, data: Uint8Array): Promise<ArrayBuffer>;
  deriveBits(algorithm: object, key: CryptoKeyHandle, bits: number): Promise<ArrayBuffer>;
  // Not in every runtime: x-wing.ts tries them.
  getPublicKey(key: CryptoKeyHandle, usages: readonly string[]): Promise<CryptoKeyHandle>;
  decapsulateBits(algorithm: object, key: CryptoKeyHandle, ciphertext: Uint8Array): Promise<ArrayBuffer>;
}
export const subtle: Subtle = (globalThis as unknown as { crypto: { subtle: Subtle } }).crypto.subtle; // cast: no platform types here, the global exists in every runtime

const ecdsa = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** Uncompressed SEC1 point, 65 bytes. */
export const publicKeyCodec: Codec<Uint8Array> = bytes(65);
/** X-Wing public key, 1216 bytes. */
export const kemPublicKeyCodec: Codec<Uint8Array> = bytes(1216);
export const signatureCodec: Codec<Uint8Array> = bytes(64);

/** Something that signs; the private key may be in a file, in hardware or not extractable. */
export interface Signer {
  readonly publicKey: Uint8Array;
  readonly keyId: KeyId;
  /** ES256 over `message`, raw r‖s, 64 bytes. */
  sign(message: Uint8Array): Promise<Uint8Array>;
}

export function keyIdOf(algorithm: 'ES256' | 'X-Wing', publicKey: Uint8Array): KeyId {
  const fields: readonly Item[] = [algorithm, publicKey];
  return hash('key', fields) as string as KeyId; // a key id is a hash with this use; minted here only
}

const imported = new Map<string, Promise<CryptoKeyHandle>>();
const importedMax = 2_048;

function importPublicKey(publicKey: Uint8Array): Promise<CryptoKeyHandle> {
  const name = toHex(publicKey);
  let handle = imported.get(name);
  if (!handle) {
    handle = subtle.importKey('raw', publicKey, ecdsa, true, ['verify']);
    if (imported.size >= importedMax) imported.clear();
    imported.set(name, handle);
    handle.catch(() => imported.delete(name));
  }
  return handle;
}

/** Admission check: a point on P-256 and not the identity. Throws E_KEY_ENCODING. */
export async function verifySigningKey(publicKey: Uint8Array): Promise<void> {
  check(publicKey.length === 65 && publicKey[0] === 4, 'E_KEY_ENCODING', 'not an uncompressed P-256 point');
  try {
    await importPublicKey(publicKey);
  } catch (cause) {
    throw new ProtocolError('E_KEY_ENCODING', 'not a point on P-256', { cause });
  }
}

/** Throws E_SIGNATURE unless `signature` is a valid ES256 signature over `message`. */
export async function verifySignature(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<void> {
  let valid = false;
  try {
    valid = signature.length === 64 && (await subtle.verify(ecdsa, await importPublicKey(publicKey), signature, message));
  } catch (cause) {
    throw new ProtocolError('E_SIGNATURE', 'the signature could not be checked', { cause });
  }
  check(valid, 'E_SIGNATURE', 'the signature does not verify');
}

export function signerFrom(privateKey: CryptoKeyHandle, publicKey: Uint8Array): Signer {
  return {
    publicKey,
    keyId: keyIdOf('ES256', publicKey),
    sign: async (message) => new Uint8Array(await subtle.sign(ecdsa, privateKey, message)),
  };
}

/** A new key pair of the runtime; `extractable` false keeps the private key inside WebCrypto for good. */
export async function generateSigner(extractable: boolean): Promise<{ readonly signer: Signer; readonly privateKey: CryptoKeyHandle }> {
  const pair = await subtle.generateKey(ecdsa, extractable, ['sign', 'verify']);
  const publicKey = new Uint8Array(await subtle.exportKey('raw', pair.publicKey));
  return { signer: signerFrom(pair.privateKey, publicKey), privateKey: pair.privateKey };
}

/** The private scalar as 32 bytes; only for keys made extractable. */
export async function exportPrivateKey(privateKey: CryptoKeyHandle): Promise<Uint8Array> {
  const { d } = await subtle.exportKey('jwk', privateKey);
  check(d !== undefined, 'E_KEY_ENCODING', 'the key holds no private part');
  return fromBase64Url(d);
}

/** Private scalar (32 bytes) with its public point back into a signer that cannot be exported again. */
export async function importSigner(scalar: Uint8Array, publicKey: Uint8Array): Promise<Signer> {
  await verifySigningKey(publicKey);
  const jwk = { kty: 'EC', crv: 'P-256', d: toBase64Url(scalar), x: toBase64Url(publicKey.subarray(1, 33)), y: toBase64Url(publicKey.subarray(33, 65)) };
  try {
    return signerFrom(await subtle.importKey('jwk', jwk, ecdsa, false, ['sign']), publicKey);
  } catch (cause) {
    throw new ProtocolError('E_KEY_ENCODING', 'not a P-256 private key', { cause });
  }
}
