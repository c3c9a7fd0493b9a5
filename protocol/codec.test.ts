// One encoding for one content: every other byte string is refused with a code, whatever it is (spec/01-encoding.md).
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { codeOf } from '../testing/code-of.ts';
import { concat, fromBase64Url, fromHex, toBase64Url, toHex } from './bytes.ts';
import {
  type Codec,
  type Item,
  array,
  bytes,
  bytesUpTo,
  count,
  decode,
  decodeItem,
  encode,
  encodeItem,
  flag,
  hexId,
  int,
  oneOf,
  record,
  text,
} from './codec.ts';
import { ProtocolError } from './errors.ts';
import { limits } from './limits.ts';

const max = 100_000;

describe('INV-ENC-ONE one encoding of one content', () => {
  const accepted: readonly (readonly [hex: string, item: Item])[] = [
    ['00', 0],
    ['17', 23],
    ['1818', 24],
    ['1903e8', 1_000],
    ['1a000f4240', 1_000_000],
    ['1b001fffffffffffff', Number.MAX_SAFE_INTEGER],
    ['20', -1],
    ['40', new Uint8Array(0)],
    ['420102', Uint8Array.of(1, 2)],
    ['60', ''],
    ['62c3bc', 'ü'],
    ['80', []],
    ['820102', [1, 2]],
    ['a0', new Map()],
    [
      'a201000200',
      new Map([
        [1, 0],
        [2, 0],
      ]),
    ],
  ];
  test.each(accepted)('%s is read and written the same', (hex, item) => {
    expect(decodeItem(fromHex(hex), max)).toEqual(item);
    expect(toHex(encodeItem(item))).toBe(hex);
  });

  const refused: readonly (readonly [what: string, hex: string, code: string])[] = [
    ['nothing', '', 'E_CBOR'],
    ['two items', '0000', 'E_CBOR'],
    ['an integer in more bytes than needed', '1800', 'E_CANONICAL'],
    ['a length in more bytes than needed', '580161', 'E_CANONICAL'],
    ['map keys out of order', 'a202000100', 'E_CANONICAL'],
    ['a map key twice', 'a201000100', 'E_CBOR'],
    ['a tag', 'c000', 'E_CBOR'],
    ['a float', 'f93c00', 'E_CBOR'],
    ['true', 'f5', 'E_CBOR'],
    ['null', 'f6', 'E_CBOR'],
    ['undefined', 'f7', 'E_CBOR'],
    ['an indefinite byte string', '5f4100ff', 'E_CBOR'],
    ['an indefinite array', '9f00ff', 'E_CBOR'],
    ['a break alone', 'ff', 'E_CBOR'],
    ['a reserved length', '1c', 'E_CBOR'],
    ['an integer beyond 53 bits', '1b0020000000000000', 'E_CBOR'],
    ['bytes that end early', '4401', 'E_CBOR'],
    ['bytes longer than memory', '5b001fffffffffffff', 'E_CBOR'],
    ['an array longer than memory', '9b001fffffffffffff', 'E_LIMIT'],
    ['text that is no UTF-8', '61ff', 'E_CBOR'],
    ['a surrogate in UTF-8', '63eda080', 'E_CBOR'],
    ['an overlong UTF-8 form', '62c080', 'E_CBOR'],
    ['a number of one byte in nine', '1b0000000000000001', 'E_CANONICAL'],
    ['a number of two bytes in five', '1a00000fff', 'E_CANONICAL'],
  ];
  test.each(refused)('%s is refused', async (_what, hex, code) => {
    expect(await codeOf(() => decodeItem(fromHex(hex), max))).toBe(code);
  });
});

describe('INV-ENC-BOUND bounds, at the bound and one past it', () => {
  test('bytes', async () => {
    expect(decodeItem(fromHex('4401020304'), 5)).toEqual(Uint8Array.of(1, 2, 3, 4));
    expect(await codeOf(() => decodeItem(fromHex('4401020304'), 4))).toBe('E_LIMIT');
  });
  test('depth', async () => {
    const nested = (depth: number): Uint8Array => concat(new Uint8Array(depth).fill(0x81), Uint8Array.of(0));
    expect(await codeOf(() => decodeItem(nested(limits.cborDepth), max))).toBe('accepted');
    expect(await codeOf(() => decodeItem(nested(limits.cborDepth + 1), max))).toBe('E_LIMIT');
    expect(await codeOf(() => decodeItem(nested(90_000), max))).toBe('E_LIMIT');
  });
  test('items, map keys among them', async () => {
    const list = (length: number): Uint8Array => encodeItem(Array.from({ length }, () => 0));
    expect(await codeOf(() => decodeItem(list(limits.cborItems - 1), max))).toBe('accepted');
    expect(await codeOf(() => decodeItem(list(limits.cborItems), max))).toBe('E_LIMIT');
    const map = (size: number): Uint8Array => encodeItem(new Map(Array.from({ length: size }, (_, key) => [key, 0])));
    expect(await codeOf(() => decodeItem(map(limits.cborItems / 2 - 1), max))).toBe('accepted');
    expect(await codeOf(() => decodeItem(map(limits.cborItems / 2), max))).toBe('E_LIMIT');
  });
  test('a full org fits: wraps of a new metadata key, a page of records, a batch of mail', () => {
    const items = { wraps: 1 + (limits.devices + limits.machines) * 5, page: 12 + 500 * 11, mails: 3 + 1_024 * 7 };
    for (const most of Object.values(items)) expect(most).toBeLessThanOrEqual(limits.cborItems);
  });
});

describe('codecs: what is not the shape is E_FIELD, and so is what cannot be written', () => {
  interface Sample {
    readonly id: string;
    readonly name: string;
    readonly level?: number;
  }
  const sample: Codec<Sample> = record<Sample>({ id: [1, hexId(2)], name: [2, text(8, 1)], level: [3, int(-2, 2), 'optional'] });
  const value: Sample = { id: '0aff', name: 'ada' };
  test('a record goes there and back, an optional field may be absent', () => {
    expect(decode(sample, encode(sample, value), max)).toEqual(value);
    expect(decode(sample, encode(sample, { ...value, level: -2 }), max)).toEqual({ ...value, level: -2 });
  });
  const map = (...pairs: readonly (readonly [number | string, unknown])[]): Uint8Array => encodeItem(new Map(pairs) as unknown as Item); // also what no item is
  const wrong: readonly (readonly [what: string, bytes: Uint8Array, code: string])[] = [
    ['not a map', encodeItem([1]), 'E_FIELD'],
    ['a field is missing', map([1, fromHex('0aff')]), 'E_FIELD'],
    ['an unknown field', map([1, fromHex('0aff')], [2, 'ada'], [9, 0]), 'E_FIELD'],
    ['a text key', map([1, fromHex('0aff')], [2, 'ada'], ['3', 0]), 'E_FIELD'],
    ['a negative key', map([-1, 0], [1, fromHex('0aff')], [2, 'ada']), 'E_FIELD'],
    ['an id of another length', map([1, fromHex('0a')], [2, 'ada']), 'E_FIELD'],
    ['an id that is text', map([1, '0aff'], [2, 'ada']), 'E_FIELD'],
    ['text that is bytes', map([1, fromHex('0aff')], [2, fromHex('61')]), 'E_FIELD'],
    ['text too long', map([1, fromHex('0aff')], [2, 'adaadaada']), 'E_FIELD'],
    ['text too long in UTF-8', map([1, fromHex('0aff')], [2, 'üüüüü']), 'E_FIELD'],
    ['text too short', map([1, fromHex('0aff')], [2, '']), 'E_FIELD'],
    ['text that is not NFC', map([1, fromHex('0aff')], [2, 'u\u0308']), 'E_TEXT'],
    ['a number too large', map([1, fromHex('0aff')], [2, 'ada'], [3, 3]), 'E_FIELD'],
    ['a number too small', map([1, fromHex('0aff')], [2, 'ada'], [3, -3]), 'E_FIELD'],
  ];
  test.each(wrong)('%s', async (_what, bytes_, code) => {
    expect(await codeOf(() => decode(sample, bytes_, max))).toBe(code);
  });
  test('writing holds to the same rules', async () => {
    expect(await codeOf(() => encode(sample, { ...value, name: '\ud800' }))).toBe('E_TEXT');
    expect(await codeOf(() => encode(sample, { ...value, level: 0.5 }))).toBe('E_FIELD');
    expect(await codeOf(() => encode(array(count, 2), [1, 2, 3]))).toBe('E_FIELD');
    expect(await codeOf(() => encode(bytes(2), new Uint8Array(3)))).toBe('E_FIELD');
    expect(await codeOf(() => encode(oneOf(['a']), 'b' as 'a'))).toBe('E_FIELD'); // a word that the type forbids
  });
  const edges: readonly (readonly [what: string, codec: Codec<unknown>, item: Item, code: string])[] = [
    ['a list at its most', array(count, 2) as Codec<unknown>, [1, 2], 'accepted'],
    ['a list past it', array(count, 2) as Codec<unknown>, [1, 2, 3], 'E_FIELD'],
    ['a list below its least', array(count, 2, 1) as Codec<unknown>, [], 'E_FIELD'],
    ['bytes at their most', bytesUpTo(2) as Codec<unknown>, Uint8Array.of(1, 2), 'accepted'],
    ['bytes past it', bytesUpTo(2) as Codec<unknown>, Uint8Array.of(1, 2, 3), 'E_FIELD'],
    ['the last word', oneOf(['a', 'b']) as Codec<unknown>, 2, 'accepted'],
    ['a word past it', oneOf(['a', 'b']) as Codec<unknown>, 3, 'E_FIELD'],
    ['word zero', oneOf(['a', 'b']) as Codec<unknown>, 0, 'E_FIELD'],
    ['a flag', flag as Codec<unknown>, 1, 'accepted'],
    ['a flag that is neither', flag as Codec<unknown>, 2, 'E_FIELD'],
  ];
  test.each(edges)('%s', async (_what, codec, item, code) => {
    expect(await codeOf(() => codec.fromItem(item))).toBe(code);
  });
});

describe('properties', () => {
  const text_ = fc.string({ unit: 'grapheme', maxLength: 8 }).map((value) => value.normalize('NFC'));
  const { item } = fc.letrec<{ item: Item }>((tie) => ({
    item: fc.oneof(
      { maxDepth: 3, depthSize: 'small' },
      fc.maxSafeInteger().filter((value) => !Object.is(value, -0)),
      text_,
      fc.uint8Array({ maxLength: 40 }).map((value) => new Uint8Array(value)),
      fc.array(tie('item'), { maxLength: 5 }),
      fc.uniqueArray(fc.tuple(fc.nat(), tie('item')), { maxLength: 5, selector: ([key]) => key }).map((pairs) => new Map(pairs)),
    ),
  }));

  test('INV-ENC-TOTAL any bytes give a value or a coded error, and a value is written back as the same bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (raw) => {
        const input = new Uint8Array(raw);
        try {
          expect(encodeItem(decodeItem(input, 200))).toEqual(input);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
      { numRuns: 5_000 },
    );
  });

  test('any item goes there and back', () => {
    fc.assert(
      fc.property(item, (value) => expect(decodeItem(encodeItem(value), max)).toEqual(value)),
      { numRuns: 500 },
    );
  });

  test('a valid encoding with one byte changed is refused or is another valid encoding', () => {
    fc.assert(
      fc.property(item, fc.nat(), fc.integer({ min: 1, max: 255 }), (value, where, flip) => {
        const changed = encodeItem(value);
        changed[where % changed.length] = (changed[where % changed.length] ?? 0) ^ flip;
        try {
          expect(encodeItem(decodeItem(changed, max))).toEqual(changed);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('hex and base64url', () => {
  test('hex: lower case and whole bytes only', () => {
    expect(fromHex('00ff')).toEqual(Uint8Array.of(0, 255));
    for (const wrong of ['0', 'AB', 'zz', '0x00', ' 00']) expect(() => fromHex(wrong)).toThrow(RangeError);
  });
  test('base64url: goes there and back for every length, and has one form', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 70 }), (raw) => expect(fromBase64Url(toBase64Url(raw))).toEqual(new Uint8Array(raw))));
    for (const wrong of ['A', 'AB', 'AAB', 'AA==', 'A+AA', 'A/AA', 'AA A', 'AAAAA']) expect(() => fromBase64Url(wrong)).toThrow(RangeError);
  });
});
