// X-Wing of the runtime's own ML-KEM-768 and X25519, or a library's where it lacks them (spec/04-sealing.md §X-Wing).
// The bytes are the same. The runtime's is several times faster, works beside the program, and holds private keys outside the heap.
import { sha3_256, shake256 } from '@noble/hashes/sha3.js';
import { KEM_MLKEM768_X25519 as libraryXWing } from '@panva/hpke-noble';
import { type KEM, type KEMFactory, type Key, LabeledDerive, KEM_MLKEM768_X25519 as publicXWing } from 'hpke';
import { concat, encodeUtf8, wipe } from './bytes.ts';
import { type CryptoKeyHandle, subtle } from './keys.ts';

/** The runtime's if it can do all of it, which doing it tells. */
export async function chooseXWing(runtime: KEMFactory = runtimeXWing): Promise<KEMFactory> {
  try {
    const kem = runtime();
    const { privateKey, publicKey } = await kem.DeriveKeyPair(new Uint8Array(seedBytes), false);
    const { enc } = await kem.Encap(publicKey);
    await kem.Decap(enc, privateKey, publicKey);
    return runtime;
  } catch {
    return libraryXWing;
  }
}

interface PrivateKey extends Key {
  readonly lattice: CryptoKeyHandle;
  readonly curve: CryptoKeyHandle;
  /** The public part of the curve's key, which the shared secret covers. */
  readonly point: Uint8Array;
}

const [mlkem, x25519] = [{ name: 'ML-KEM-768' }, { name: 'X25519' }] as const;
const [seedBytes, latticeSeedBytes, curveSeedBytes, latticeCiphertextBytes] = [32, 64, 32, 1_088] as const;
const label = encodeUtf8('\\.//^\\');
/** PKCS #8 of an X25519 private key, before its 32 bytes. */
const pkcs8Prefix = Uint8Array.of(0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x04, 0x22, 0x04, 0x20);
/** HPKE's name of X-Wing. */
const suiteId = concat(encodeUtf8('KEM'), Uint8Array.of(0x64, 0x7a));

/** What `hpke` does with public keys, as it is. Its private keys want SHAKE256 of the runtime, which none has yet: they are made and used here. */
export function runtimeXWing(): KEM {
  const kem = publicXWing();
  return Object.assign(kem, {
    async DeriveKeyPair(ikm, extractable) {
      if (extractable) throw new TypeError('a private key of the runtime stays there');
      const derive = async (input: Uint8Array, length: number): Promise<Uint8Array> => shake256(input, { dkLen: length });
      const seed = await LabeledDerive({ Derive: derive }, suiteId, ikm, encodeUtf8('DeriveKeyPair'), new Uint8Array(0), seedBytes);
      const seeds = shake256(seed, { dkLen: latticeSeedBytes + curveSeedBytes });
      const pkcs8 = concat(pkcs8Prefix, seeds.subarray(latticeSeedBytes));
      try {
        const [lattice, curve] = await Promise.all([
          subtle.importKey('raw-seed', seeds.subarray(0, latticeSeedBytes), mlkem, false, ['decapsulateBits']),
          subtle.importKey('pkcs8', pkcs8, x25519, false, ['deriveBits']),
        ]);
        const [latticePublic, point] = await Promise.all([
          subtle.getPublicKey(lattice, ['encapsulateBits']).then(async (key) => new Uint8Array(await subtle.exportKey('raw-public', key))),
          subtle.getPublicKey(curve, []).then(async (key) => new Uint8Array(await subtle.exportKey('raw', key))),
        ]);
        const privateKey: PrivateKey = { type: 'private', extractable: false, algorithm: { name: kem.name }, lattice, curve, point };
        return { privateKey, publicKey: await kem.DeserializePublicKey(concat(latticePublic, point)) };
      } finally {
        wipe(seed, seeds, pkcs8);
      }
    },
    async Decap(enc, key) {
      const { lattice, curve, point } = key as PrivateKey; // the only private keys that there are: no other way to one is left
      const ephemeral = enc.slice(latticeCiphertextBytes);
      const [latticeSecret, curveSecret] = await Promise.all([
        subtle.decapsulateBits(mlkem, lattice, enc.slice(0, latticeCiphertextBytes)),
        subtle.importKey('raw', ephemeral, x25519, true, []).then(async (theirs) => subtle.deriveBits({ ...x25519, public: theirs }, curve, 256)),
      ]);
      const secrets = [new Uint8Array(latticeSecret), new Uint8Array(curveSecret)] as const;
      try {
        return sha3_256(concat(...secrets, ephemeral, point, label));
      } finally {
        wipe(...secrets);
      }
    },
  } satisfies Partial<KEM>);
}
