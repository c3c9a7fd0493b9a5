// Sealing: opens only for its recipient, use, org and place; padding hides sizes and has one form (spec/04-sealing.md).
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { codeOf } from '../testing/code-of.ts';
import { seededRandom } from '../testing/seeded.ts';
import { concat } from './bytes.ts';
import type { OrgId } from './hash.ts';
import { kemKeyFrom, openOnce, pad, sealOnce, sealOverheadBytes, sealTo, unpad } from './seal.ts';

const random = seededRandom('seal');
const [mine, other] = [await kemKeyFrom(random(32)), await kemKeyFrom(random(32))];
const [org, org2] = ['aa'.repeat(32) as OrgId, 'bb'.repeat(32) as OrgId];
const plain = random(100);
const sealed = await sealTo(mine.publicKey, 'inbox', org, ['place', 1], plain);

describe('INV-SEAL-BOUND sealed to a key, for a use, in an org, with its place', () => {
  test('opens with all of them', async () => {
    expect(await mine.open('inbox', org, ['place', 1], sealed)).toEqual(plain);
    expect(sealed.length).toBe(plain.length + sealOverheadBytes);
  });
  test('two seals of one thing differ', async () => expect(await sealTo(mine.publicKey, 'inbox', org, ['place', 1], plain)).not.toEqual(sealed));
  const flipped = sealed.slice();
  flipped[1_200] = (flipped[1_200] ?? 0) ^ 1;
  const flippedKey = sealed.slice();
  flippedKey[5] = (flippedKey[5] ?? 0) ^ 1;
  const wrong: readonly (readonly [what: string, open: () => Promise<Uint8Array>])[] = [
    ['another key', () => other.open('inbox', org, ['place', 1], sealed)],
    ['another use', () => mine.open('reseal', org, ['place', 1], sealed)],
    ['row 20: another org', () => mine.open('inbox', org2, ['place', 1], sealed)],
    ['another place', () => mine.open('inbox', org, ['place', 2], sealed)],
    ['no place', () => mine.open('inbox', org, [], sealed)],
    ['a changed ciphertext', () => mine.open('inbox', org, ['place', 1], flipped)],
    ['a changed encapsulated key', () => mine.open('inbox', org, ['place', 1], flippedKey)],
    ['a cut ciphertext', () => mine.open('inbox', org, ['place', 1], sealed.subarray(0, -1))],
    ['too short to be sealed', () => mine.open('inbox', org, ['place', 1], sealed.subarray(0, sealOverheadBytes - 1))],
    ['nothing', () => mine.open('inbox', org, ['place', 1], new Uint8Array(0))],
  ];
  test.each(wrong)('%s does not open', async (_what, open) => expect(await codeOf(open())).toBe('E_OPEN'));
  test('concurrent seals stay apart', async () => {
    const texts = Array.from({ length: 20 }, (_, index) => Uint8Array.of(index));
    const many = await Promise.all(texts.map((text, index) => sealTo(mine.publicKey, 'inbox', org, [index], text)));
    expect(await Promise.all(many.map((one, index) => mine.open('inbox', org, [index], one)))).toEqual(texts);
  });
});

describe('sealed once under a key', () => {
  test('opens with key and place only', async () => {
    const key = random(32);
    const once = await sealOnce(key, ['a'], plain);
    expect(await openOnce(key, ['a'], once)).toEqual(plain);
    expect(await codeOf(openOnce(random(32), ['a'], once))).toBe('E_OPEN');
    expect(await codeOf(openOnce(key, ['b'], once))).toBe('E_OPEN');
    expect(await codeOf(openOnce(key, ['a'], once.subarray(1)))).toBe('E_OPEN');
    expect(await codeOf(openOnce(key, ['a'], new Uint8Array(3)))).toBe('E_OPEN');
  });
});

describe('INV-PAD sizes', () => {
  const sizes: readonly (readonly [content: number, padded: number])[] = [
    [0, 256],
    [252, 256],
    [253, 512],
    [4_091, 4_096],
    [4_092, 4_096],
    [4_093, 4_352],
    [65_536, 67_584],
  ];
  test.each(sizes)('%d bytes become %d', (content, padded) => expect(pad(new Uint8Array(content)).length).toBe(padded));
  test('any content comes back, from at most 12 % more above 4 KiB', () => {
    fc.assert(
      fc.property(fc.nat({ max: 70_000 }), fc.nat(255), (length, byte) => {
        const content = new Uint8Array(length).fill(byte);
        const padded = pad(content);
        expect(unpad(padded)).toEqual(content);
        if (length > 4_096) expect(padded.length).toBeLessThanOrEqual((length + 4) * 1.12);
      }),
      { numRuns: 200 },
    );
  });
  test('a least size is kept', () => expect(pad(new Uint8Array(3), 5_000).length).toBe(5_000));
  const wrong: readonly (readonly [what: string, padded: Uint8Array])[] = [
    ['too short for a length', new Uint8Array(3)],
    ['a length past the end', concat(Uint8Array.of(0, 0, 0, 253), new Uint8Array(252))],
    ['a length of four gigabytes', concat(Uint8Array.of(255, 255, 255, 255), new Uint8Array(252))],
    ['padding that is not zero', concat(Uint8Array.of(0, 0, 0, 1), new Uint8Array(251), Uint8Array.of(1))],
  ];
  test.each(wrong)('%s', async (_what, padded) => expect(await codeOf(() => unpad(padded))).toBe('E_PADDING'));
  test('a view into other bytes is read in its own place', () => expect(unpad(concat(new Uint8Array(7), pad(plain)).subarray(7))).toEqual(plain));
});
