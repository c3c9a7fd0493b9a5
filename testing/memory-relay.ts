// A relay in memory behind the RelayClient interface: honest by default, and a test may bend every answer. Never shipped.
import type { Hash, OrgId } from '../protocol/hash.ts';
import { orgStream, sealRecord } from '../protocol/org-log/record.ts';
import { type Mail, type ReceivedMail, type StreamId, type StreamPage, type StreamRecord, blobHash } from '../protocol/wire.ts';
import { type RelayClient, RelayClientError } from '../relay-client/client.ts';
import { type World, found } from './world.ts';

export interface MemoryRelay {
  readonly client: (org: OrgId) => RelayClient;
  /** Records of each stream, as they lie there: a hostile relay edits them. */
  readonly streams: Map<StreamId, StreamRecord[]>;
  readonly blobs: Map<Hash, Uint8Array>;
  readonly mails: ReceivedMail[];
  /** Bends the answer to a read. */
  bend: ((page: StreamPage, from: number) => StreamPage) | undefined;
  /** Called before an append is judged: another client may come first. */
  beforeAppend: ((record: StreamRecord) => Promise<void> | void) | undefined;
  /** How many records an answer holds at most. */
  pageSize: number;
  reads: number;
}

export function createMemoryRelay(now: () => number): MemoryRelay {
  const relay: MemoryRelay = {
    client: (org) => clientOf(relay, org, now),
    streams: new Map(),
    blobs: new Map(),
    mails: [],
    bend: undefined,
    beforeAppend: undefined,
    pageSize: 200,
    reads: 0,
  };
  return relay;
}

function clientOf(relay: MemoryRelay, org: OrgId, now: () => number): RelayClient {
  const recordsOf = (stream: StreamId): StreamRecord[] => {
    const records = relay.streams.get(stream) ?? [];
    relay.streams.set(stream, records);
    return records;
  };
  const headOf = (stream: StreamId): StreamPage['head'] => {
    const last = recordsOf(stream).at(-1);
    return { stream, seq: last?.seq ?? -1, ...(last ? { eh: last.eh } : {}) };
  };
  return {
    url: 'https://relay.example',
    org,
    session: () => Promise.resolve({ token: new Uint8Array(32), expiresAt: now() + 3_600_000, serverTime: now() }),
    signUp: () => Promise.resolve(),
    registerKey: () => Promise.resolve(),
    revokeKey: () => Promise.resolve(),
    append: async (record) => {
      await relay.beforeAppend?.(record);
      const records = recordsOf(record.stream);
      const last = records.at(-1);
      const fits = record.seq === (last?.seq ?? -1) + 1 && (last === undefined ? /^0+$/.test(record.prev) : record.prev === last.eh);
      if (!fits) throw new RelayClientError('E_RELAY_CONFLICT', 'does not extend the head', { head: headOf(record.stream) });
      records.push(record);
      return headOf(record.stream);
    },
    read: (stream, from, limit = 200) => {
      relay.reads++;
      const page = { head: headOf(stream), records: recordsOf(stream).slice(from, from + Math.min(limit, relay.pageSize)) };
      return Promise.resolve(relay.bend ? relay.bend(page, from) : page);
    },
    putBlobs: (blobs) => Promise.resolve(blobs.map((blob) => (relay.blobs.set(blobHash(blob), blob), blobHash(blob)))),
    getBlobs: (hashes) => {
      if (!hashes.every((hash) => relay.blobs.has(hash))) return Promise.reject(new RelayClientError('E_BLOB_MISSING', 'not there'));
      return Promise.resolve(hashes.map((hash) => found(relay.blobs.get(hash), 'blob')));
    },
    post: (mails: readonly Mail[]) => {
      for (const { mailbox, body } of mails) relay.mails.push({ id: relay.mails.length + 1, mailbox, body, postedAt: now() });
      return Promise.resolve();
    },
    readMail: ({ mailboxes, after, limit }) => {
      const mails = relay.mails.filter(({ id, mailbox }) => id > after && mailboxes.includes(mailbox)).slice(0, limit);
      return Promise.resolve({ mails, next: mails.at(-1)?.id ?? after });
    },
  };
}

/** Leaves at a relay what the world has and the relay does not: blobs first, then the records of its log. Works with a real client too. */
export async function publish(world: World, client: Pick<RelayClient, 'append' | 'putBlobs' | 'read'>): Promise<void> {
  const stream = orgStream(world.state.org);
  const { head } = await client.read(stream, 0, 1);
  if (world.blobs.size > 0) await client.putBlobs([...world.blobs.values()]);
  let prev = head.eh ?? ('00'.repeat(32) as Hash); // the `prev` of a first record
  for (const [index, entry] of world.entries.entries()) {
    if (index <= head.seq) continue;
    const opens = world.rotations.get(entry.eh);
    const blob = await sealRecord(
      { org: world.state.org, stream },
      entry.mkEpoch,
      found(world.mk.get(entry.mkEpoch), 'metadata key'),
      entry.bytes,
      world.random,
      opens,
    );
    await client.append({ stream, seq: index, prev, eh: entry.eh, blob });
    prev = entry.eh;
  }
}
