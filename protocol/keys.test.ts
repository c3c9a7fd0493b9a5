// Keys that must never be admitted, signatures that must never verify (spec/02-keys.md; attack row 77).
import { describe, expect, test } from 'bun:test';
import { codeOf } from '../testing/code-of.ts';
import { lowOrderPoints } from '../testing/low-order.ts';
import { seededRandom, signerOf } from '../testing/seeded.ts';
import { concat, fromHex } from './bytes.ts';
import { hash, label } from './hash.ts';
import { exportPrivateKey, generateSigner, importSigner, keyIdOf, verifySignature, verifySigningKey } from './keys.ts';
import { kemKeyFrom, verifyKemKey } from './seal.ts';

const random = seededRandom('keys');
const signer = await signerOf(random(32));
const kem = await kemKeyFrom(random(32));
const message = random(40);
const order = fromHex('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551');

function withByte(bytes: Uint8Array, at: number, change: (byte: number) => number): Uint8Array {
  const changed = bytes.slice();
  changed[at] = change(changed[at] ?? 0);
  return changed;
}

describe('INV-KEY-POINT row 77: signature keys', () => {
  const prime = fromHex('ffffffff00000001000000000000000000000000ffffffffffffffffffffffff');
  const keys: readonly (readonly [what: string, key: Uint8Array, code: string])[] = [
    ['a point on the curve', signer.publicKey, 'accepted'],
    ['a point beside the curve', withByte(signer.publicKey, 64, (byte) => byte ^ 1), 'E_KEY_ENCODING'],
    ['the point at infinity', Uint8Array.of(0), 'E_KEY_ENCODING'],
    ['zeros as a point', concat(Uint8Array.of(4), new Uint8Array(64)), 'E_KEY_ENCODING'],
    ['a compressed point', concat(Uint8Array.of(2), signer.publicKey.subarray(1, 33)), 'E_KEY_ENCODING'],
    ['a compressed point, filled up', concat(Uint8Array.of(2), signer.publicKey.subarray(1)), 'E_KEY_ENCODING'],
    ['the hybrid form', concat(Uint8Array.of(6 + ((signer.publicKey[64] ?? 0) & 1)), signer.publicKey.subarray(1)), 'E_KEY_ENCODING'],
    ['a coordinate that is the field’s prime', concat(Uint8Array.of(4), prime, signer.publicKey.subarray(33)), 'E_KEY_ENCODING'],
    ['a byte more', concat(signer.publicKey, Uint8Array.of(0)), 'E_KEY_ENCODING'],
    ['nothing', new Uint8Array(0), 'E_KEY_ENCODING'],
  ];
  test.each(keys)('%s', async (_what, key, code) => expect(await codeOf(verifySigningKey(key))).toBe(code));
});

describe('INV-KEY-KEM row 77: X-Wing keys', () => {
  const mlkem = kem.publicKey.subarray(0, 1_184);
  const x25519 = kem.publicKey.subarray(1_184);
  const unreduced = concat(Uint8Array.of(0xff, 0xff, 0xff), mlkem.subarray(3), x25519);
  const keys: readonly (readonly [what: string, key: Uint8Array, code: string])[] = [
    ['an honest key', kem.publicKey, 'accepted'],
    ['a coefficient beyond the modulus', unreduced, 'E_KEY_ENCODING'],
    ...lowOrderPoints.map((point) => [`an X25519 part of low order ${point.slice(0, 8)}`, concat(mlkem, fromHex(point)), 'E_KEY_ENCODING'] as const),
    ['a byte less', kem.publicKey.subarray(0, 1_215), 'E_KEY_ENCODING'],
    ['a byte more', concat(kem.publicKey, Uint8Array.of(0)), 'E_KEY_ENCODING'],
    ['nothing', new Uint8Array(0), 'E_KEY_ENCODING'],
  ];
  test.each(keys)('%s', async (_what, key, code) => expect(await codeOf(verifyKemKey(key))).toBe(code));
  test('a private key that is not 32 bytes', async () => expect(await codeOf(kemKeyFrom(random(31)))).toBe('E_KEY_ENCODING'));
});

describe('INV-KEY-SIGN signatures', () => {
  test('what was signed verifies; another message, key, half or length does not', async () => {
    const signature = await signer.sign(message);
    expect(signature.length).toBe(64);
    await verifySignature(signer.publicKey, message, signature);
    const other = await signerOf(random(32));
    const wrong: readonly (readonly [key: Uint8Array, message: Uint8Array, signature: Uint8Array])[] = [
      [signer.publicKey, withByte(message, 0, (byte) => byte ^ 1), signature],
      [other.publicKey, message, signature],
      [signer.publicKey, message, withByte(signature, 10, (byte) => byte ^ 1)],
      [signer.publicKey, message, signature.subarray(0, 63)],
      [signer.publicKey, message, concat(signature, Uint8Array.of(0))],
      [signer.publicKey, message, new Uint8Array(64)],
      [signer.publicKey, message, concat(order, order)],
      [signer.publicKey, message, new Uint8Array(0)],
      [new Uint8Array(65), message, signature],
    ];
    for (const parts of wrong) expect(await codeOf(verifySignature(...parts))).toBe('E_SIGNATURE');
  });

  test('keys go out and come back; an unextractable one does not go out', async () => {
    const { signer: made, privateKey } = await generateSigner(true);
    const again = await importSigner(await exportPrivateKey(privateKey), made.publicKey);
    await verifySignature(made.publicKey, message, await again.sign(message));
    expect(again.keyId).toBe(made.keyId);
    await expect(exportPrivateKey((await generateSigner(false)).privateKey)).rejects.toThrow();
  });

  test('a scalar that is not the key’s, zero or too large is refused', async () => {
    expect(await codeOf(importSigner(new Uint8Array(32), signer.publicKey))).toBe('E_KEY_ENCODING');
    expect(await codeOf(importSigner(order, signer.publicKey))).toBe('E_KEY_ENCODING');
    expect(
      await codeOf(
        importSigner(
          random(32),
          withByte(signer.publicKey, 64, (byte) => byte ^ 1),
        ),
      ),
    ).toBe('E_KEY_ENCODING');
  });
});

describe('INV-HASH-USE every purpose has its own hashes', () => {
  test('the same fields under another use, or split otherwise, give another hash', () => {
    expect(
      new Set([hash('entry', ['a', 'b']), hash('req', ['a', 'b']), hash('entry', ['ab']), hash('entry', [['a', 'b']]), hash('entry', ['a', ['b']])]).size,
    ).toBe(5);
    expect(label('entry').at(-1)).toBe(0);
  });
  test('a key id names the algorithm', () => expect(keyIdOf('ES256', signer.publicKey)).not.toBe(keyIdOf('X-Wing', signer.publicKey)));
});
