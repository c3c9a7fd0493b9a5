// A state as bytes and back, for a client that keeps its own at rest (spec/05-org-log.md §snapshot). Never sent, never signed: who reads it wrote it.
// Generic over what states hold, so that a new field needs no line here. What occurs more than once is written once: ids, keys, shared lists.
import { concat, decodeUtf8, encodeUtf8, fromHex, toHex } from '../bytes.ts';
import { check } from '../errors.ts';
import { IdMap } from './id-map.ts';

const tags = ['undefined', 'false', 'true', 'uint', 'known', 'text', 'hex', 'bytes', 'list', 'object', 'map'] as const;
type Tag = (typeof tags)[number];
const tagOf = Object.fromEntries(tags.map((tag, index) => [tag, index])) as Readonly<Record<Tag, number>>; // of exactly these

/** Elements of a map of the state between two turns: a few milliseconds. */
const sliceElements = 64;

/** Runs slices to their end, at once. */
export function atOnce<T>(slices: Generator<void, T>): T {
  for (;;) {
    const { done, value } = slices.next();
    if (done === true) return value;
  }
}

/** Runs slices, with a turn for others after each. */
export async function inTurns<T>(slices: Generator<void, T>, pause: () => Promise<void>): Promise<T> {
  for (;;) {
    const { done, value } = slices.next();
    if (done === true) return value;
    await pause();
  }
}

export function encodePlain(value: unknown): Uint8Array {
  return atOnce(encodeSlices(value));
}

/** Plain data: text, whole numbers from zero, flags, undefined, bytes, lists, objects, IdMaps. Anything else is a mistake of ours and throws. */
export function* encodeSlices(value: unknown): Generator<void, Uint8Array> {
  let out = new Uint8Array(1 << 16);
  let size = 0;
  // One table for texts, shapes and objects: each is known by the number of its first appearance.
  const known = new Map<unknown, number>();

  function room(bytes: number): void {
    if (size + bytes <= out.length) return;
    const grown = new Uint8Array(Math.max(2 * out.length, size + bytes));
    grown.set(out.subarray(0, size));
    out = grown;
  }
  function number(n: number): void {
    room(8);
    let rest = n;
    for (; rest >= 128; rest = Math.floor(rest / 128)) out[size++] = (rest % 128) | 128;
    out[size++] = rest;
  }
  function raw(tag: Tag, bytes: Uint8Array): void {
    number(tagOf[tag]);
    number(bytes.length);
    room(bytes.length);
    out.set(bytes, size);
    size += bytes.length;
  }
  function isKnown(key: unknown): boolean {
    const before = known.get(key);
    if (before === undefined) return (known.set(key, known.size), false);
    number(tagOf.known);
    number(before);
    return true;
  }
  function text(value: string): void {
    if (isKnown(value)) return;
    if (value.length >= 32 && value.length % 2 === 0 && /^[0-9a-f]+$/.test(value)) raw('hex', fromHex(value));
    else raw('text', encodeUtf8(value));
  }
  function write(item: unknown): void {
    if (item === undefined) return number(tagOf.undefined);
    if (typeof item === 'boolean') return number(item ? tagOf.true : tagOf.false);
    if (typeof item === 'string') return text(item);
    if (typeof item === 'number') {
      if (!Number.isSafeInteger(item) || item < 0) throw new TypeError('a number that states do not hold');
      number(tagOf.uint);
      return number(item);
    }
    if (typeof item !== 'object' || item === null) throw new TypeError('a value that states do not hold');
    if (isKnown(item)) return;
    if (item instanceof Uint8Array) return raw('bytes', item);
    if (Array.isArray(item)) {
      number(tagOf.list);
      number(item.length);
      for (const element of item) write(element);
    } else if (isIdMap(item)) {
      for (const [key, element] of elementsOf(item)) {
        text(key);
        write(element);
      }
    } else for (const name of namesOf(item)) write(Reflect.get(item, name));
  }
  function elementsOf(map: IdMap<string, unknown>): Generator<[string, unknown]> {
    number(tagOf.map);
    number(map.size);
    return map.entries();
  }
  function namesOf(item: object): readonly string[] {
    if (Object.getPrototypeOf(item) !== Object.prototype) throw new TypeError('an object of a kind that states do not hold');
    const names = Object.keys(item);
    number(tagOf.object);
    text(names.join());
    return names;
  }
  // The maps of a state are what takes time; they lie at most two objects deep.
  function* slowly(item: unknown, depth: number): Generator<void> {
    const isMap = isIdMap(item);
    if (!isMap && (depth === 2 || !isObject(item))) return write(item);
    if (isKnown(item)) return;
    if (!isMap) for (const name of namesOf(item)) yield* slowly(Reflect.get(item, name), depth + 1);
    else {
      let written = 0;
      for (const [key, element] of elementsOf(item)) {
        text(key);
        write(element);
        if (++written % sliceElements === 0) yield;
      }
    }
  }
  yield* slowly(value, 0);
  return out.slice(0, size);
}

// Whatever its keys and values are: keys are text, values are looked at one by one.
function isIdMap(item: unknown): item is IdMap<string, unknown> {
  return item instanceof IdMap;
}

function isObject(item: unknown): item is object {
  return typeof item === 'object' && item !== null && Object.getPrototypeOf(item) === Object.prototype;
}

export function decodePlain(bytes: Uint8Array): unknown {
  return atOnce(decodeSlices(bytes));
}

/** Throws E_CHECKPOINT_STATE on bytes that encodePlain does not make. They are authentic by then: this is about damage, not about attackers. */
export function* decodeSlices(bytes: Uint8Array): Generator<void, unknown> {
  const known: unknown[] = [];
  let at = 0;
  const bad = 'not a state that was kept here';

  function number(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++];
      check(byte !== undefined && scale < 2 ** 53, 'E_CHECKPOINT_STATE', bad);
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  }
  function raw(): Uint8Array {
    const length = number();
    check(at + length <= bytes.length, 'E_CHECKPOINT_STATE', bad);
    at += length;
    return bytes.subarray(at - length, at);
  }
  function keep<T>(value: T): T {
    known.push(value);
    return value;
  }
  // Its place in the table comes before what it holds.
  function filled(fill: () => unknown): unknown {
    const place = known.push(undefined) - 1;
    return (known[place] = fill());
  }
  function count(): number {
    const length = number();
    check(length <= bytes.length - at, 'E_CHECKPOINT_STATE', bad);
    return length;
  }
  function list(): unknown[] {
    const items: unknown[] = [];
    for (let left = count(); left > 0; left--) items.push(read());
    return items;
  }
  function map(): IdMap<string, unknown> {
    const entries: [string, unknown][] = [];
    for (let left = count(); left > 0; left--) entries.push([text(), read()]);
    return IdMap.from(entries);
  }
  function object(): object {
    const item: Record<string, unknown> = {};
    for (const name of text().split(',')) if (name !== '') item[name] = read();
    return item;
  }
  function text(): string {
    const value = read();
    check(typeof value === 'string', 'E_CHECKPOINT_STATE', bad);
    return value;
  }
  function read(): unknown {
    const tag = tags[number()];
    switch (tag) {
      case 'undefined':
        return undefined;
      case 'false':
        return false;
      case 'true':
        return true;
      case 'uint':
        return number();
      case 'known': {
        const place = number();
        check(place < known.length, 'E_CHECKPOINT_STATE', bad);
        return known[place];
      }
      case 'text':
        return keep(decodeUtf8(raw()));
      case 'hex':
        return keep(toHex(raw()));
      case 'bytes':
        return keep(concat(raw()));
      case 'list':
        return filled(list);
      case 'object':
        return filled(object);
      case 'map':
        return filled(map);
      case undefined:
        check(false, 'E_CHECKPOINT_STATE', bad);
    }
  }
  function* slowly(depth: number): Generator<void, unknown> {
    const tag = tags[bytes[at] ?? -1];
    if (tag !== 'map' && (tag !== 'object' || depth === 2)) return read();
    at++;
    const place = known.push(undefined) - 1;
    const entries: [string, unknown][] = [];
    if (tag === 'map')
      for (let left = count(); left > 0; left--) {
        entries.push([text(), read()]);
        if (left % sliceElements === 0) yield;
      }
    else for (const name of text().split(',')) if (name !== '') entries.push([name, yield* slowly(depth + 1)]);
    return (known[place] = tag === 'map' ? IdMap.from(entries) : Object.fromEntries(entries));
  }
  const value = yield* slowly(0);
  check(at === bytes.length, 'E_CHECKPOINT_STATE', bad);
  return value;
}
