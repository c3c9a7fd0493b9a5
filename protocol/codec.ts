// Deterministic CBOR subset for everything that is signed, sealed or sent (spec/01-encoding.md).
// Items: unsigned and negative integers, byte strings, NFC text, arrays, maps with integer keys. Nothing else exists.
import { decode as cborDecode, encode as cborEncode } from 'cborg';
import { decodeUtf8, equalBytes, fromHex, toHex } from './bytes.ts';
import { ProtocolError, check } from './errors.ts';
import { limits } from './limits.ts';

export type Item = number | string | Uint8Array | readonly Item[] | ReadonlyMap<number, Item>;

/** Turns a T into an item and back. `fromItem` throws E_FIELD on any other shape. */
export interface Codec<T> {
  readonly toItem: (value: T) => Item;
  readonly fromItem: (item: Item) => T;
}

/** Encodes one item. The bytes are the only encoding of that item. */
export function encodeItem(item: Item): Uint8Array {
  return cborEncode(item);
}

/** Decodes exactly one item; size, depth and count are checked before anything is built, then bytes must equal their re-encoding. */
export function decodeItem(bytes: Uint8Array, maxBytes: number): Item {
  check(bytes.length <= maxBytes, 'E_LIMIT', `more than ${maxBytes} bytes`);
  scan(bytes);
  let item: Item;
  try {
    item = cborDecode(bytes, {
      strict: true,
      useMaps: true,
      allowIndefinite: false,
      allowUndefined: false,
      allowBigInt: false,
      allowNaN: false,
      allowInfinity: false,
      rejectDuplicateMapKeys: true,
    }) as Item; // scan() let nothing else pass
  } catch (cause) {
    throw new ProtocolError('E_CBOR', 'not CBOR', { cause });
  }
  check(equalBytes(encodeItem(item), bytes), 'E_CANONICAL', 'not the one encoding of its content');
  return item;
}

export function encode<T>(codec: Codec<T>, value: T): Uint8Array {
  return encodeItem(codec.toItem(value));
}

export function decode<T>(codec: Codec<T>, bytes: Uint8Array, maxBytes: number): T {
  return codec.fromItem(decodeItem(bytes, maxBytes));
}

// Walks the heads without recursion, so that nesting cannot exhaust the stack and lengths cannot reserve memory.
function scan(bytes: Uint8Array): void {
  const open: number[] = [1];
  let at = 0;
  let items = 0;
  while (open.length > 0) {
    const left = open[open.length - 1] ?? 0;
    if (left === 0) {
      open.pop();
      continue;
    }
    open[open.length - 1] = left - 1;
    check(++items <= limits.cborItems, 'E_LIMIT', `more than ${limits.cborItems} items`);
    const head = bytes[at++];
    check(head !== undefined, 'E_CBOR', 'truncated');
    const major = head >> 5;
    const info = head & 31;
    check(major <= 5 && info <= 27, 'E_CBOR', 'an item outside the subset');
    let argument = info;
    if (info >= 24) {
      const width = 1 << (info - 24);
      check(at + width <= bytes.length, 'E_CBOR', 'truncated');
      argument = 0;
      for (let i = 0; i < width; i++) argument = argument * 256 + (bytes[at++] ?? 0);
      check(Number.isSafeInteger(argument), 'E_CBOR', 'an integer beyond 53 bits');
      check(argument >= (width === 1 ? 24 : 2 ** (4 * width)), 'E_CANONICAL', 'a number in more bytes than it needs');
    }
    if (major === 2 || major === 3) {
      at += argument;
      check(at <= bytes.length, 'E_CBOR', 'truncated');
      if (major === 3) check(isUtf8(bytes.subarray(at - argument, at)), 'E_CBOR', 'text that is not UTF-8');
    } else if (major >= 4) {
      check(argument <= limits.cborItems, 'E_LIMIT', `more than ${limits.cborItems} items`);
      check(open.length <= limits.cborDepth, 'E_LIMIT', `nested deeper than ${limits.cborDepth}`);
      open.push(major === 4 ? argument : argument * 2);
    }
  }
  check(at === bytes.length, 'E_CBOR', 'bytes after the item');
}

// Checked here, because decoders differ in what they do with it.
function isUtf8(bytes: Uint8Array): boolean {
  try {
    decodeUtf8(bytes);
    return true;
  } catch {
    return false;
  }
}

// --- Codecs -----------------------------------------------------------------

/** Integer from `min` to `max`, both included. */
export function int(min: number, max: number): Codec<number> {
  const valid = (value: unknown): number => {
    check(typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max, 'E_FIELD', `not an integer from ${min} to ${max}`);
    return value;
  };
  return { toItem: valid, fromItem: valid };
}

/** Milliseconds since the epoch. */
export const time: Codec<number> = int(0, Number.MAX_SAFE_INTEGER);
export const count: Codec<number> = int(0, Number.MAX_SAFE_INTEGER);
export const flag: Codec<boolean> = { toItem: (value) => (value ? 1 : 0), fromItem: (item) => int(0, 1).fromItem(item) === 1 };

/** Exactly `length` bytes. */
export function bytes(length: number): Codec<Uint8Array> {
  return bytesUpTo(length, length);
}

export function bytesUpTo(max: number, min = 0): Codec<Uint8Array> {
  const valid = (value: unknown): Uint8Array => {
    check(value instanceof Uint8Array && value.length <= max && value.length >= min, 'E_FIELD', `not a byte string of ${min} to ${max} bytes`);
    return value;
  };
  return { toItem: valid, fromItem: valid };
}

/** Well-formed NFC text of at most `maxBytes` bytes of UTF-8. What may be *shown* is decided by text.ts. */
export function text(maxBytes: number, minBytes = 0): Codec<string> {
  const valid = (value: unknown): string => {
    check(typeof value === 'string' && value.length <= maxBytes, 'E_FIELD', `not text of ${minBytes} to ${maxBytes} bytes`);
    check(value.isWellFormed() && value.normalize('NFC') === value, 'E_TEXT', 'not well-formed NFC text');
    let size = 0;
    for (const char of value) {
      const point = char.codePointAt(0) ?? 0;
      size += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    }
    check(size <= maxBytes && size >= minBytes, 'E_FIELD', `not text of ${minBytes} to ${maxBytes} bytes`);
    return value;
  };
  return { toItem: valid, fromItem: valid };
}

/** Byte string of `length` bytes, held as lower-case hex: ids and hashes are compared and used as map keys. */
export function hexId<T extends string>(length: number): Codec<T> {
  const raw = bytes(length);
  return {
    toItem: (value) => raw.toItem(fromHex(value)),
    fromItem: (item) => toHex(raw.fromItem(item)) as T, // the one place where an id's brand is minted
  };
}

export function array<T>(element: Codec<T>, max: number, min = 0): Codec<readonly T[]> {
  return {
    toItem: (values) => {
      check(values.length <= max && values.length >= min, 'E_FIELD', `not a list of ${min} to ${max}`);
      return values.map((value) => element.toItem(value));
    },
    fromItem: (item) => {
      check(isArray(item) && item.length <= max && item.length >= min, 'E_FIELD', `not a list of ${min} to ${max}`);
      return item.map((value) => element.fromItem(value));
    },
  };
}

function isArray(item: Item): item is readonly Item[] {
  return Array.isArray(item);
}

function isMap(item: Item): item is ReadonlyMap<number, Item> {
  return item instanceof Map;
}

/** One of a closed list of words, sent as its index + 1. */
export function oneOf<const T extends string>(words: readonly T[]): Codec<T> {
  const index = int(1, words.length);
  return {
    toItem: (word) => index.toItem(words.indexOf(word) + 1),
    fromItem: (item) => words[index.fromItem(item) - 1] as T, // in range: `index` has checked it
  };
}

/** Any item of the subset: for bodies whose codec is chosen by another field. */
export const anyItem: Codec<Item> = { toItem: (item) => item, fromItem: (item) => item };

type FieldOf<T, K extends keyof T> = readonly [key: number, codec: Codec<Exclude<T[K], undefined>>, presence?: 'optional'];
type Fields<T> = { readonly [K in keyof T]-?: FieldOf<T, K> };

/** Map with integer keys. Unknown and missing keys are errors; an optional field is absent, never null. */
export function record<T extends object>(fields: Fields<T>): Codec<T> {
  const names = Object.keys(fields) as (keyof T & string)[]; // Object.keys is typed string[]; the object is exactly Fields<T>
  const known = new Set(names.map((name) => fields[name][0]));
  return {
    toItem: (value) => {
      const map = new Map<number, Item>();
      for (const name of names) {
        const [key, codec, presence] = fields[name];
        const field = value[name];
        if (field === undefined) check(presence === 'optional', 'E_FIELD', `${name} is missing`);
        else map.set(key, codec.toItem(field as Exclude<T[typeof name], undefined>)); // undefined was excluded in the line above
      }
      return map;
    },
    fromItem: (item) => {
      check(isMap(item), 'E_FIELD', 'not a map');
      for (const key of item.keys()) check(known.has(key), 'E_FIELD', 'an unknown field');
      const value: Partial<T> = {};
      for (const name of names) {
        const [key, codec, presence] = fields[name];
        const field: Item | undefined = item.get(key);
        if (field !== undefined) value[name] = codec.fromItem(field);
        else check(presence === 'optional', 'E_FIELD', `${name} is missing`);
      }
      return value as T; // every field was set or is optional
    },
  };
}
