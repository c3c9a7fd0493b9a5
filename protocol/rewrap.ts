// Wraps of many secrets in few entries (spec/05-org-log.md §secrets, spec/07-custody.md §rewrap).
import { encode } from './codec.ts';
import { limits } from './limits.ts';
import type { RewrapItem } from './org-log/bodies.ts';
import { rewrapItemCodec } from './org-log/body-codecs.ts';

// What an entry has beside its items: frame, signature, user verification, the way to a gesture over several.
const frameBytes = 6_144;

/** In order, each list as long as one entry takes. */
export function rewrapBatches(items: readonly RewrapItem[]): readonly (readonly RewrapItem[])[] {
  const batches: RewrapItem[][] = [];
  let room = 0;
  for (const item of items) {
    const size = encode(rewrapItemCodec, item).length;
    const last = batches.at(-1);
    if (last && size <= room && last.length < limits.rewrapItems) {
      last.push(item);
      room -= size;
    } else {
      batches.push([item]);
      room = limits.entryBytes - frameBytes - size;
    }
  }
  return batches;
}
