// A person has looked at the record at which the log stopped, and stays with the log that this client has (spec/05-org-log.md §sync).
import type { ProtocolError } from '../protocol/errors.ts';
import type { Hash } from '../protocol/hash.ts';
import { blobHash } from '../protocol/wire.ts';
import type { RelayClient } from './client.ts';
import { recordBehind } from './judge.ts';

/** What a person decides about, and what is kept of it. */
export interface Decision {
  /** Hash of the record's blob. */
  readonly record: Hash;
  readonly code: ProtocolError['code'];
}

// An unknown type or version is a reason to update; a gap or a log that went back is the relay's doing, and nothing to pass over.
const decidable: ReadonlySet<string> = new Set(['E_FORK', 'E_CHAIN', 'E_CHECKPOINT_STATE']);

/** The decision that would let this log go on; undefined where there is none to make. To be stored by an explicit act of a person only. */
export function decisionFor(halted: ProtocolError | undefined): Decision | undefined {
  const record = halted && decidable.has(halted.code) ? recordBehind(halted) : undefined;
  return halted && record !== undefined ? { record, code: halted.code } : undefined;
}

/** The relay as a client sees it that passes over those records: they are no entries, like any garbage. Nothing else changes. */
export function passingOver(client: RelayClient, decisions: readonly Decision[]): RelayClient {
  const passed = new Set(decisions.map(({ record }) => record));
  return {
    ...client,
    read: async (...call) => {
      const page = await client.read(...call);
      return { ...page, records: page.records.map((record) => (passed.has(blobHash(record.blob)) ? { ...record, blob: nothing } : record)) };
    },
  };
}
const nothing = new Uint8Array(1);
