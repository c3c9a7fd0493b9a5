// Sealing: HPKE base mode with X-Wing for a recipient, AES-256-GCM under a key that is used once (spec/04-sealing.md).
// HPKE base mode does not authenticate the sender: every sealed thing has a signed statement around it or inside it.
import { AEAD_AES_256_GCM, CipherSuite, KDF_HKDF_SHA256 } from 'hpke';
import { concat, fromHex } from './bytes.ts';
import { type Item, encodeItem } from './codec.ts';
import { ProtocolError, check } from './errors.ts';
import { type KeyId, type OrgId, type Use, label } from './hash.ts';
import { keyIdOf, subtle } from './keys.ts';
import { chooseXWing } from './x-wing.ts';

let chosen: Promise<CipherSuite> | undefined;
const hpke = (): Promise<CipherSuite> => (chosen ??= chooseXWing().then((kem) => new CipherSuite(kem, KDF_HKDF_SHA256, AEAD_AES_256_GCM)));
const encapsulatedBytes = 1_120;

/** Bytes that sealing adds to a plaintext. */
export const sealOverheadBytes: number = encapsulatedBytes + 16;

/** X-Wing key pair of one holder, made from 32 random bytes that are the private key at rest. */
export interface KemKey {
  readonly publicKey: Uint8Array;
  readonly keyId: KeyId;
  /** HPKE Open. Throws E_OPEN. */
  open(use: Use, org: OrgId, aad: readonly Item[], sealed: Uint8Array): Promise<Uint8Array>;
}

export async function kemKeyFrom(seed: Uint8Array): Promise<KemKey> {
  check(seed.length === 32, 'E_KEY_ENCODING', 'not a 32-byte X-Wing seed');
  const suite = await hpke();
  const pair = await suite.DeriveKeyPair(seed, false);
  const publicKey = await suite.SerializePublicKey(pair.publicKey);
  return {
    publicKey,
    keyId: keyIdOf('X-Wing', publicKey),
    open: async (use, org, aad, sealed) => {
      check(sealed.length >= sealOverheadBytes, 'E_OPEN', 'too short to be sealed');
      try {
        const options = { info: infoOf(use, org), aad: encodeItem(aad) };
        return await suite.Open(pair, sealed.slice(0, encapsulatedBytes), sealed.slice(encapsulatedBytes), options);
      } catch (cause) {
        throw new ProtocolError('E_OPEN', `not sealed to this key for ${use}`, { cause });
      }
    },
  };
}

/** HPKE single-shot Seal: encapsulated key ‖ ciphertext. Throws E_KEY_ENCODING on a key that cannot be used. */
export async function sealTo(publicKey: Uint8Array, use: Use, org: OrgId, aad: readonly Item[], plaintext: Uint8Array): Promise<Uint8Array> {
  try {
    const suite = await hpke();
    const key = await suite.DeserializePublicKey(publicKey);
    const { encapsulatedSecret, ciphertext } = await suite.Seal(key, plaintext, { info: infoOf(use, org), aad: encodeItem(aad) });
    return concat(encapsulatedSecret, ciphertext);
  } catch (cause) {
    throw new ProtocolError('E_KEY_ENCODING', 'not a usable X-Wing public key', { cause });
  }
}

/** Admission check: ML-KEM coefficients below the modulus, and encapsulating works (no low-order X25519 point). Throws E_KEY_ENCODING. */
export async function verifyKemKey(publicKey: Uint8Array): Promise<void> {
  check(publicKey.length === 1_216, 'E_KEY_ENCODING', 'not a 1216-byte X-Wing public key');
  verifyModulus(publicKey.subarray(0, 1_152));
  await sealTo(publicKey, 'inbox', '00'.repeat(32) as OrgId, [], new Uint8Array(0)); // no org: the result is thrown away
}

// FIPS 203 §7.2, which the library states but does not do: every 12-bit coefficient is below q, so that a key has one form.
function verifyModulus(coefficients: Uint8Array): void {
  for (let i = 0; i < coefficients.length; i += 3) {
    const [a = 0, b = 0, c = 0] = coefficients.subarray(i, i + 3);
    check((a | ((b & 15) << 8)) < 3_329 && ((b >> 4) | (c << 4)) < 3_329, 'E_KEY_ENCODING', 'an ML-KEM coefficient beyond the modulus');
  }
}

function infoOf(use: Use, org: OrgId): Uint8Array {
  return concat(label(use), fromHex(org));
}

// A key that is derived for one message makes the all-zero nonce unique by construction.
const nonce = { name: 'AES-GCM', iv: new Uint8Array(12) } as const;

/** AES-256-GCM under a key that must never seal anything else. */
export async function sealOnce(key: Uint8Array, aad: readonly Item[], plaintext: Uint8Array): Promise<Uint8Array> {
  const handle = await subtle.importKey('raw', key, { name: 'AES-GCM' }, false, ['encrypt']);
  return new Uint8Array(await subtle.encrypt({ ...nonce, additionalData: encodeItem(aad) }, handle, plaintext));
}

/** Throws E_OPEN. */
export async function openOnce(key: Uint8Array, aad: readonly Item[], sealed: Uint8Array): Promise<Uint8Array> {
  try {
    const handle = await subtle.importKey('raw', key, { name: 'AES-GCM' }, false, ['decrypt']);
    return new Uint8Array(await subtle.decrypt({ ...nonce, additionalData: encodeItem(aad) }, handle, sealed));
  } catch (cause) {
    throw new ProtocolError('E_OPEN', 'the sealed bytes are not authentic', { cause });
  }
}

/** Length ‖ content ‖ zeros, up to the next size step: 256 bytes to 4 KiB, then Padmé (at most 12 % more). */
export function pad(content: Uint8Array, minBytes = 0): Uint8Array {
  const size = Math.max(paddedSize(content.length + 4), minBytes);
  const out = new Uint8Array(size);
  new DataView(out.buffer).setUint32(0, content.length);
  out.set(content, 4);
  return out;
}

/** Throws E_PADDING. */
export function unpad(padded: Uint8Array): Uint8Array {
  check(padded.length >= 4, 'E_PADDING', 'too short');
  const length = new DataView(padded.buffer, padded.byteOffset).getUint32(0);
  check(length <= padded.length - 4, 'E_PADDING', 'length beyond the content');
  let rest = 0;
  for (let i = 4 + length; i < padded.length; i++) rest |= padded[i] ?? 0;
  check(rest === 0, 'E_PADDING', 'padding is not zero');
  return padded.slice(4, 4 + length);
}

function paddedSize(size: number): number {
  if (size <= 4_096) return Math.max(256, Math.ceil(size / 256) * 256);
  const exponent = Math.floor(Math.log2(size));
  const step = 2 ** (exponent - (Math.floor(Math.log2(exponent)) + 1));
  return Math.ceil(size / step) * step;
}
