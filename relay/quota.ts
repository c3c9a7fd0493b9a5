// Token buckets (spec/08-relay.md §limits): per key for calls with a session, per address for calls without one.
import { RelayError } from './relay-error.ts';

export interface Buckets {
  /** Takes `cost` tokens of `name`, or throws E_RELAY_RATE with the time until they are there. */
  take(name: string, cost?: number): void;
  /** Forgets the buckets that are full again. */
  sweep(): void;
  readonly size: number;
}

interface Bucket {
  tokens: number;
  at: number;
}

/** Names held at once: an attacker with many addresses costs at most this much memory, then all share one bucket. */
const maxNames = 100_000;

export function createBuckets(rate: number, burst: number, now: () => number): Buckets {
  const buckets = new Map<string, Bucket>();
  const bucketOf = (name: string, at: number): Bucket => {
    const key = buckets.has(name) || buckets.size < maxNames ? name : '';
    let bucket = buckets.get(key);
    if (!bucket) buckets.set(key, (bucket = { tokens: burst, at }));
    return bucket;
  };
  return {
    take: (name, cost = 1) => {
      const at = now();
      const bucket = bucketOf(name, at);
      bucket.tokens = Math.min(burst, bucket.tokens + (Math.max(0, at - bucket.at) * rate) / 1_000);
      bucket.at = at;
      if (bucket.tokens < cost) {
        const retryAfterMs = Math.ceil(((cost - bucket.tokens) * 1_000) / Math.max(rate, 0.001));
        throw new RelayError('E_RELAY_RATE', 'too many calls', { retryAfterMs });
      }
      bucket.tokens -= cost;
    },
    sweep: () => {
      const at = now();
      for (const [name, bucket] of buckets) if (bucket.tokens + ((at - bucket.at) * rate) / 1_000 >= burst) buckets.delete(name);
    },
    get size() {
      return buckets.size;
    },
  };
}

/** Who an address stands for: one IPv4 address, or one IPv6 network of 64 bits, which is what one customer holds. */
export function addressName(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined || !address.includes(':')) return mapped ?? address;
  const [front = '', back] = address.split('::');
  const head = front === '' ? [] : front.split(':');
  const tail = back === undefined || back === '' ? [] : back.split(':');
  const zeros = back === undefined ? [] : Array.from({ length: Math.max(0, 8 - head.length - tail.length) }, () => '0');
  return [...head, ...zeros, ...tail].slice(0, 4).join(':');
}
