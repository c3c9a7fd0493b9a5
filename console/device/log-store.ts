// The verified org log in this browser's storage: entries by number, then one record that says how far they count.
import { type Codec, array, bytes, count, decode, encode, int, record } from '../../protocol/codec.ts';
import { type Hash, hashCodec } from '../../protocol/hash.ts';
import { limits } from '../../protocol/limits.ts';
import type { MetaKeys } from '../../protocol/org-log/record.ts';
import type { LogStore, SnapshotStore } from '../../relay-client/log-store.ts';
import type { DeviceStorage, Platform } from '../platform/platform.ts';
import { entryHash } from '../../protocol/org-log/entry.ts';
import { parseEnvelope } from '../../protocol/sign.ts';

interface Mark {
  readonly entries: number;
  readonly seq: number;
  readonly eh: Hash;
  readonly keys: readonly { readonly epoch: number; readonly mk: Uint8Array }[];
}
const markCodec: Codec<Mark> = record<Mark>({
  entries: [1, count],
  seq: [2, int(-1, Number.MAX_SAFE_INTEGER)],
  eh: [3, hashCodec],
  keys: [4, array(record({ epoch: [1, count], mk: [2, bytes(32)] }), 1_024)],
});
const markName = 'log-mark';
/** What stopped the log: stays until the person decides (passed.ts). */
export const haltName = 'halt';
const entryName = (seq: number): string => `log/${String(seq).padStart(10, '0')}`;

export function createLogStore(storage: DeviceStorage): LogStore {
  let stored = 0;
  return {
    halts: {
      load: async () => (await storage.read(haltName)).get(haltName),
      keep: (halt) => storage.write(new Map(halt ? [[haltName, halt]] : []), halt ? [] : [haltName]),
    },
    load: async () => {
      const marked = (await storage.read(markName)).get(markName);
      if (!marked) return undefined;
      const mark = decode(markCodec, marked, 65_536);
      stored = mark.entries;
      // What lies beyond the mark was written by another tab or cut off: it is fetched again.
      return { count: mark.entries, cursor: { seq: mark.seq, eh: mark.eh }, keys: new Map(mark.keys.map(({ epoch, mk }) => [epoch, mk])) };
    },
    read: async (from, to) => {
      const found = await storage.read(entryName(from), entryName(to));
      return [...found.values()].map((bytesOf, index) => ({
        seq: from + index,
        eh: entryHash(parseEnvelope('entry', bytesOf, limits.entryBytes).payload),
        bytes: bytesOf,
      }));
    },
    persist: async (entries, cursor, keys: MetaKeys) => {
      const next = Math.max(stored, (entries.at(-1)?.seq ?? -1) + 1);
      const mark: Mark = { entries: next, seq: cursor.seq, eh: cursor.eh, keys: [...keys].map(([epoch, mk]) => ({ epoch, mk })) };
      await storage.write(new Map([...entries.map((entry) => [entryName(entry.seq), entry.bytes] as const), [markName, encode(markCodec, mark)]]));
      stored = next;
    },
  };
}

const stateName = 'log-state';

/** The storage's own key makes sure that this device wrote it. The build is the name of this very file, which is made from its content. */
export function createSnapshots({ storage, sleep }: Pick<Platform, 'storage' | 'sleep'>): SnapshotStore {
  return {
    pause: () => sleep(0, new AbortController().signal),
    build: new URL(import.meta.url).pathname,
    load: async () => (await storage.read(stateName)).get(stateName),
    keep: (snapshot) => storage.write(new Map([[stateName, snapshot]])),
  };
}
