// X-Wing of the runtime and of the library: one KEM (spec/04-sealing.md §X-Wing).
import { describe, expect, test } from 'bun:test';
import { KEM_MLKEM768_X25519 as libraryXWing } from '@panva/hpke-noble';
import fc from 'fast-check';
import { lowOrderPoints } from '../testing/low-order.ts';
import { concat } from './bytes.ts';
import { chooseXWing, runtimeXWing } from './x-wing.ts';

const [runtime, library] = [runtimeXWing(), libraryXWing()];
const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 });
const runs = { numRuns: 20 };
const pairsOf = async (seed: Uint8Array) => [await runtime.DeriveKeyPair(seed, false), await library.DeriveKeyPair(seed, true)] as const;

describe('INV-SEAL-RUNTIME the runtime’s and the library’s', () => {
  test('make the same public key', () =>
    fc.assert(
      fc.asyncProperty(seeds, async (seed) => {
        const [ours, theirs] = await pairsOf(seed);
        expect(await runtime.SerializePublicKey(ours.publicKey)).toEqual(await library.SerializePublicKey(theirs.publicKey));
      }),
      runs,
    ));
  test('open what the other sealed', () =>
    fc.assert(
      fc.asyncProperty(seeds, async (seed) => {
        const [ours, theirs] = await pairsOf(seed);
        const fromOurs = await runtime.Encap(ours.publicKey);
        expect(await library.Decap(fromOurs.enc, theirs.privateKey, undefined)).toEqual(fromOurs.shared_secret);
        const fromTheirs = await library.Encap(theirs.publicKey);
        expect(await runtime.Decap(fromTheirs.enc, ours.privateKey, undefined)).toEqual(fromTheirs.shared_secret);
      }),
      runs,
    ));
  test('answer any other encapsulated key with the same secret, and one that was changed with another', () =>
    fc.assert(
      fc.asyncProperty(seeds, fc.uint8Array({ minLength: 1_120, maxLength: 1_120 }), fc.nat(1_119), async (seed, any, at) => {
        const [ours, theirs] = await pairsOf(seed);
        expect(await runtime.Decap(any, ours.privateKey, undefined)).toEqual(await library.Decap(any, theirs.privateKey, undefined));
        const { enc, shared_secret } = await runtime.Encap(ours.publicKey);
        const changed = enc.map((byte, index) => (index === at ? byte ^ 128 : byte));
        const secret = await runtime.Decap(changed, ours.privateKey, undefined);
        expect(secret).toEqual(await library.Decap(changed, theirs.privateKey, undefined));
        expect(secret).not.toEqual(shared_secret);
      }),
      runs,
    ));
  test.each(lowOrderPoints)('refuse the point %s, to seal and to open', async (point) => {
    const [ours, theirs] = await pairsOf(new Uint8Array(32));
    const publicKey = concat((await runtime.SerializePublicKey(ours.publicKey)).subarray(0, 1_184), Buffer.from(point, 'hex'));
    const enc = concat(new Uint8Array(1_088), Buffer.from(point, 'hex'));
    const ends = await Promise.allSettled([
      (async () => runtime.Encap(await runtime.DeserializePublicKey(publicKey)))(),
      (async () => library.Encap(await library.DeserializePublicKey(publicKey)))(),
      runtime.Decap(enc, ours.privateKey, undefined),
      library.Decap(enc, theirs.privateKey, undefined),
    ]);
    expect(ends.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected', 'rejected']);
  });
  test('the runtime’s private key does not come out', async () => {
    const { privateKey } = await runtime.DeriveKeyPair(new Uint8Array(32), false);
    expect(Object.values(privateKey).filter((part) => part instanceof CryptoKey && !part.extractable)).toHaveLength(2);
    expect(await runtime.SerializePrivateKey(privateKey).catch(() => 'refused')).toBe('refused');
    expect(await runtime.DeriveKeyPair(new Uint8Array(32), true).catch(() => 'refused')).toBe('refused');
  });
});

test('the runtime’s is taken where it works, else the library’s', async () => {
  expect(await chooseXWing()).toBe(runtimeXWing);
  const lacking = (name: 'DeriveKeyPair' | 'Encap' | 'Decap') => () =>
    Object.assign(runtimeXWing(), { [name]: () => Promise.reject(new Error('NotSupportedError')) });
  for (const name of ['DeriveKeyPair', 'Encap', 'Decap'] as const) expect(await chooseXWing(lacking(name))).toBe(libraryXWing);
});
