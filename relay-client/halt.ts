// What stopped a client's log, kept before anybody is told of it, so that a restart forgets nothing (spec/05-org-log.md §sync).
import { type Codec, bytesUpTo, decode, encode, oneOf, record, text } from '../protocol/codec.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { type Hash, blobHash, hashCodec } from '../protocol/hash.ts';
import { limits } from '../protocol/limits.ts';
import type { StreamRecord } from '../protocol/wire.ts';
import { ForkError, type HaltingCode, foundAt, haltingCodes, isHalting, recordBehind } from './judge.ts';
import type { HaltStore } from './log-store.ts';

interface Halt {
  readonly code: HaltingCode;
  readonly what: string;
  readonly record?: Hash;
  /** Of a fork, the entries. */
  readonly ours?: Uint8Array;
  readonly theirs?: Uint8Array;
}
const haltCodec: Codec<Halt> = record<Halt>({
  code: [1, oneOf(haltingCodes)],
  what: [2, text(256)],
  record: [3, hashCodec, 'optional'],
  ours: [4, bytesUpTo(limits.entryBytes), 'optional'],
  theirs: [5, bytesUpTo(limits.entryBytes), 'optional'],
});
const haltMax = 2 * limits.entryBytes + 1_024;

export interface Halts {
  readonly error: ProtocolError | undefined;
  /** Before a sync: throws what stopped this log, unless this start may look at the same thing again. */
  verify(): Promise<void>;
  /** Durable when it resolves; anything that stops no log is left alone. */
  stop(error: unknown): Promise<void>;
  /** These records were judged and none of them stopped the log. Before their entries are kept: else a crash would leave it stopped for good. */
  judged(records: readonly StreamRecord[]): Promise<void>;
  /** The log was read to its end. Throws what still stops it. */
  through(): Promise<void>;
}

// No contradiction that somebody signed, or one that only this program saw: mended or updated, the same check passes. Never E_FORK and E_CHAIN.
const mendable: ReadonlySet<string> = new Set(['E_LOG_ROLLBACK', 'E_CHAIN_GAP', 'E_SUITE', 'E_TYPE_UNKNOWN', 'E_CHECKPOINT_STATE']);

export async function openHalts(store: HaltStore | undefined): Promise<Halts> {
  const stored = await store?.load();
  let error = stored && errorOf(decode(haltCodec, stored, haltMax));
  // Looked at again once in each start: a program that runs on has seen what it has seen.
  let mayLook = error !== undefined && mendable.has(error.code);
  let isKept = true;

  async function keep(found: ProtocolError, code: HaltingCode): Promise<void> {
    isKept = false;
    await store?.keep(encode(haltCodec, haltOf(found, code)));
    isKept = true;
  }
  async function clear(): Promise<void> {
    await store?.keep(undefined);
    error = undefined;
  }

  return {
    get error() {
      return error;
    },
    verify: async () => {
      if (error === undefined || mayLook) return;
      if (!isKept && isHalting(error.code)) await keep(error, error.code);
      throw error;
    },
    stop: async (found) => {
      if (!(found instanceof ProtocolError) || !isHalting(found.code)) return;
      mayLook = false;
      // What a record proved does not give way to a relay that merely goes back.
      if (error === undefined || recordBehind(found) !== undefined) await keep((error = found), found.code);
    },
    judged: async (records) => {
      const behind = error && recordBehind(error);
      if (behind !== undefined && records.some(({ blob }) => blobHash(blob) === behind)) await clear();
    },
    through: async () => {
      if (error !== undefined && recordBehind(error) === undefined) await clear();
      if (error !== undefined) throw error;
    },
  };
}

function haltOf(error: ProtocolError, code: HaltingCode): Halt {
  const record = recordBehind(error);
  const both = error instanceof ForkError ? { ours: error.ours, theirs: error.theirs } : {};
  return { code, what: error.message.replace(/^E_[A-Z_]+: /, ''), ...(record === undefined ? {} : { record }), ...both };
}

function errorOf({ code, what, record, ours, theirs }: Halt): ProtocolError {
  const error = ours && theirs ? new ForkError(ours, theirs) : new ProtocolError(code, what);
  return record === undefined ? error : foundAt(error, record);
}
