// Seeded randomness and keys made from it, so that a world is the same in every run. Never shipped.
import { sha256 } from '@noble/hashes/sha2.js';
import { concat, encodeUtf8, fromBase64Url, fromHex } from '../protocol/bytes.ts';
import { type Signer, importSigner } from '../protocol/keys.ts';
import type { Random } from '../protocol/random.ts';

/** Bytes that depend on the seed and on how many were drawn before. */
export function seededRandom(seed: string): Random {
  let drawn = 0;
  return (length) => {
    const out = new Uint8Array(length);
    for (let at = 0; at < length; at += 32) out.set(sha256(concat(encodeUtf8(`${seed}/${drawn++}`))).subarray(0, Math.min(32, length - at)), at);
    return out;
  };
}

const pkcs8Head = fromHex('3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420');

/** A P-256 signer with this private scalar; the runtime computes the point. */
export async function signerOf(scalar: Uint8Array): Promise<Signer> {
  const key = await crypto.subtle.importKey('pkcs8', new Uint8Array(concat(pkcs8Head, scalar)), { name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign']);
  const { x = '', y = '' } = await crypto.subtle.exportKey('jwk', key);
  return importSigner(scalar, concat(Uint8Array.of(4), fromBase64Url(x), fromBase64Url(y)));
}
