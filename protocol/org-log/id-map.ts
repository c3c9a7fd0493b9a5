// Persistent map from hex ids: `set` copies one bucket of 256, so that a log of 100,000 entries stays linear while states stay immutable.

/** Immutable; keys are lower-case hex of at least one byte. */
export class IdMap<K extends string, V> {
  readonly size: number;
  private readonly buckets: readonly (ReadonlyMap<K, V> | undefined)[];

  private constructor(buckets: readonly (ReadonlyMap<K, V> | undefined)[], size: number) {
    this.buckets = buckets;
    this.size = size;
  }

  static empty<K extends string, V>(): IdMap<K, V> {
    return new IdMap<K, V>([], 0);
  }

  /** All at once, each key once. */
  static from<K extends string, V>(entries: readonly (readonly [K, V])[]): IdMap<K, V> {
    const buckets: (Map<K, V> | undefined)[] = [];
    for (const [key, value] of entries) (buckets[bucketOf(key)] ??= new Map()).set(key, value);
    return new IdMap<K, V>(buckets, entries.length);
  }

  get(key: K): V | undefined {
    return this.buckets[bucketOf(key)]?.get(key);
  }

  has(key: K): boolean {
    return this.buckets[bucketOf(key)]?.has(key) ?? false;
  }

  set(key: K, value: V): IdMap<K, V> {
    const index = bucketOf(key);
    const bucket = new Map(this.buckets[index]);
    const size = this.size + (bucket.has(key) ? 0 : 1);
    bucket.set(key, value);
    const buckets = this.buckets.slice();
    buckets[index] = bucket;
    return new IdMap(buckets, size);
  }

  *values(): Generator<V> {
    for (const bucket of this.buckets) if (bucket) yield* bucket.values();
  }

  *keys(): Generator<K> {
    for (const bucket of this.buckets) if (bucket) yield* bucket.keys();
  }

  *entries(): Generator<[K, V]> {
    for (const bucket of this.buckets) if (bucket) yield* bucket.entries();
  }
}

// Of the first two hex digits: parsing them costs more than the look-up.
function bucketOf(key: string): number {
  return (digitOf(key.charCodeAt(0)) << 4) | digitOf(key.charCodeAt(1));
}

function digitOf(code: number): number {
  return code < 58 ? code - 48 : code - 87;
}
