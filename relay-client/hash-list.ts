// The hash of every entry of a log (from `base` on, for who has not read those before), 32 bytes each: 3 MB for 100,000 entries, where text would take ten.
import { fromHex, toHex } from '../protocol/bytes.ts';
import type { Hash } from '../protocol/hash.ts';

export interface HashList {
  readonly length: number;
  at(index: number): Hash | undefined;
  push(hash: Hash): void;
  /** A copy. */
  bytes(): Uint8Array;
}

const size = 32;

export function createHashList(content: Uint8Array = new Uint8Array(0), base = 0): HashList {
  let held = content.slice();
  let length = content.length / size;
  return {
    get length() {
      return base + length;
    },
    at: (index) => (index >= base && index < base + length ? (toHex(held.subarray((index - base) * size, (index - base + 1) * size)) as Hash) : undefined), // what `push` took
    push: (hash) => {
      if (held.length < (length + 1) * size) {
        const grown = new Uint8Array(Math.max(64 * size, 2 * held.length));
        grown.set(held);
        held = grown;
      }
      held.set(fromHex(hash), length++ * size);
    },
    bytes: () => held.slice(0, length * size),
  };
}
