// Somebody who comes looks ahead: from the newest checkpoint to the log's end in seconds, while all of it is verified from genesis behind
// (spec/05-org-log.md §newcomer). What is seen so is never acted on.
import { ProtocolError, check } from '../protocol/errors.ts';
import { limits } from '../protocol/limits.ts';
import { entryHash } from '../protocol/org-log/entry.ts';
import { type MetaKeys, openRecord, orgStream } from '../protocol/org-log/record.ts';
import { stateHash } from '../protocol/org-log/state-hash.ts';
import { parseEnvelope } from '../protocol/sign.ts';
import type { Bodies } from '../protocol/org-log/bodies.ts';
import type { Pin } from '../protocol/org-log/pin.ts';
import type { StreamRecord } from '../protocol/wire.ts';
import { readSnapshot } from './checkpoint.ts';
import { RelayClientError } from './client.ts';
import { beginsEpoch, entryIn, walkKeysBack } from './judge.ts';
import { createMemoryStore } from './log-store.ts';
import { type OrgLog, type OrgLogDeps, openOrgLog } from './org-log.ts';

export type AheadDeps = Pick<OrgLogDeps, 'org' | 'client' | 'now' | 'random' | 'openMkWrap'> & {
  /** Why there is nothing to be seen ahead: a relay or a member that is not honest, or a checkpoint whose snapshot is gone. */
  readonly onProblem?: (error: unknown) => void;
};

/** A log that begins at the pin's checkpoint and has been read to its end. Undefined where that does not work out: all is verified first then. Throws where the relay is away. */
export async function openAhead(deps: AheadDeps, key: { readonly epoch: number; readonly mk: Uint8Array }, pin: Pin): Promise<OrgLog | undefined> {
  if (pin.checkpoint === 0) return undefined;
  try {
    return await open(deps, new Map([[key.epoch, key.mk]]), pin);
  } catch (error) {
    if (error instanceof RelayClientError && error.code !== 'E_BLOB_MISSING' && error.code !== 'E_RELAY_ANSWER') throw error;
    deps.onProblem?.(error);
    return undefined;
  }
}

async function open(deps: AheadDeps, held: MetaKeys, pin: Pin): Promise<OrgLog> {
  const { org, client } = deps;
  check(pin.checkpoint <= pin.seq, 'E_CHECKPOINT_STATE', 'a checkpoint after the head that was verified');
  const records = await recordsFrom(deps, pin.checkpoint);
  const keys = await walkKeysBack(
    org,
    held,
    records.filter(({ blob }) => beginsEpoch(blob)),
  );
  const { record, body } = await checkpointIn(deps, keys, records, pin.checkpoint);
  check(body.snapshot !== undefined, 'E_CHECKPOINT_STATE', 'a checkpoint without a snapshot');
  const state = await readSnapshot(client, org, keys, body.snapshot);
  check(state.org === org, 'E_ORG', 'the snapshot of another organisation');
  check(stateHash(state) === body.stateHash, 'E_CHECKPOINT_STATE', 'not the state that the checkpoint restates');
  check(state.head.seq + 1 === pin.checkpoint, 'E_CHECKPOINT_STATE', 'the snapshot of another place');
  const { onProblem: _, ...rest } = deps;
  const start = { state, cursor: { seq: record.seq - 1, eh: record.prev } };
  const log = await openOrgLog({ ...rest, store: createMemoryStore(pin.checkpoint), start, pin });
  for (const [epoch, mk] of keys) log.addKey(epoch, mk);
  // The checkpoint itself comes first; each entry names the one before, up to the pin: who verified that one has verified this state.
  await log.sync();
  return log;
}

// Records that are no entries only add: the checkpoint lies at its own number or after it.
async function recordsFrom({ org, client }: AheadDeps, seq: number): Promise<readonly StreamRecord[]> {
  const found: StreamRecord[] = [];
  for (;;) {
    const from = seq + found.length;
    const { records, head } = await client.read(orgStream(org), from);
    check(
      records.every((record, index) => record.seq === from + index),
      'E_CHAIN_GAP',
      'the relay left out records',
    );
    found.push(...records);
    if (records.length === 0 || from + records.length > head.seq) return found;
    check(found.length <= limits.recordsAhead, 'E_LIMIT', 'the checkpoint lies too far back');
  }
}

async function checkpointIn(
  { org }: AheadDeps,
  keys: MetaKeys,
  records: readonly StreamRecord[],
  seq: number,
): Promise<{ readonly record: StreamRecord; readonly body: Bodies['checkpoint'] }> {
  for (const record of records) {
    const bytes = await openRecord({ org, stream: orgStream(org) }, keys, record.blob).catch(() => undefined);
    if (!bytes || entryHash(parseEnvelope('entry', bytes, limits.entryBytes).payload) !== record.eh) continue;
    const entry = entryIn(bytes);
    if (entry.seq > seq) break;
    if (entry.seq === seq && entry.type === 'checkpoint') return { record, body: entry.body };
  }
  throw new ProtocolError('E_CHECKPOINT_STATE', 'no such checkpoint in the log');
}
