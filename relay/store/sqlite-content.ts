// Streams with compare-and-swap, and blobs by hash (spec/08-relay.md §streams, §blobs).
import { type Hash, type StreamHead, type StreamId, type StreamRecord, limits } from '../../protocol/wire.ts';
import { idBytes, rowBytes } from './sqlite-orgs.ts';
import type { Tables } from './sqlite.ts';
import { type Store, appendsPerJoinKey } from './store.ts';

interface RecordRow {
  readonly seq: number;
  readonly prev: Uint8Array;
  readonly eh: Uint8Array;
  readonly blob: Uint8Array;
}

const noHash = '0'.repeat(64);
/** A record is 11 CBOR items; a reader refuses an answer of more than limits.cborItems. */
const recordsPerPage = Math.floor((limits.cborItems - 16) / 11);

export function createContentTables({ db, orgs, quotas, write }: Tables): Pick<Store, 'append' | 'readStream' | 'putBlobs' | 'getBlobs'> {
  const last = db.query<{ seq: number; eh: Uint8Array }, [number, Uint8Array]>(
    'SELECT seq, eh FROM records WHERE org = ? AND stream = ? ORDER BY seq DESC LIMIT 1',
  );
  const recordAt = db.query<RecordRow, [number, Uint8Array, number]>('SELECT seq, prev, eh, blob FROM records WHERE org = ? AND stream = ? AND seq = ?');
  const insertRecord = db.query<null, [number, Uint8Array, number, Uint8Array, Uint8Array, Uint8Array]>(
    'INSERT INTO records (org, stream, seq, prev, eh, blob) VALUES (?, ?, ?, ?, ?, ?)',
  );
  const countAppend = db.query<null, [number, Uint8Array, number]>('UPDATE keys SET appended = appended + 1 WHERE org = ? AND key_id = ? AND appended < ?');
  const blobSize = db.query<{ size: number }, [number, Uint8Array]>('SELECT size FROM blobs WHERE org = ? AND hash = ?');
  const blobBytes = db.query<{ bytes: Uint8Array }, [number, Uint8Array]>('SELECT bytes FROM blobs WHERE org = ? AND hash = ?');
  const insertBlob = db.query<null, [number, Uint8Array, number, Uint8Array]>('INSERT INTO blobs (org, hash, size, bytes) VALUES (?, ?, ?, ?)');

  const headOf = (org: number, stream: StreamId): StreamHead => {
    const row = last.get(org, idBytes(stream));
    return row ? { stream, seq: row.seq, eh: hashOf(row.eh) } : { stream, seq: -1 };
  };

  return {
    append: (org, record, joinKey) =>
      write(() => {
        const row = orgs.get(org);
        const head = headOf(row.id, record.stream);
        const position: StreamHead = { stream: record.stream, seq: record.seq, eh: record.eh };
        if (record.seq <= head.seq) {
          const known = recordAt.get(row.id, idBytes(record.stream), record.seq);
          return known && isSame(known, record) ? { kind: 'known', head: position } : { kind: 'conflict', head };
        }
        if (record.seq !== head.seq + 1 || record.prev !== (head.eh ?? noHash)) return { kind: 'conflict', head };
        const bytes = record.blob.length + rowBytes;
        if (row.records + 1 > quotas.orgRecords || row.bytes + bytes > quotas.orgBytes) return { kind: 'quota', head };
        if (joinKey !== undefined && countAppend.run(row.id, idBytes(joinKey), appendsPerJoinKey).changes === 0) return { kind: 'spent', head };
        insertRecord.run(row.id, idBytes(record.stream), record.seq, idBytes(record.prev), idBytes(record.eh), record.blob);
        orgs.use(row.id, bytes, 1, 0);
        return { kind: 'appended', head: position };
      }),

    readStream: (org, stream, from, limit, maxBytes) => {
      const { id } = orgs.get(org);
      const head = headOf(id, stream);
      const records: StreamRecord[] = [];
      const until = Math.min(head.seq, from + Math.min(limit, recordsPerPage) - 1);
      for (let seq = from, bytes = 0; seq <= until; seq++) {
        const row = recordAt.get(id, idBytes(stream), seq);
        bytes += (row?.blob.length ?? 0) + rowBytes;
        if (!row || bytes > maxBytes) break;
        records.push({ stream, seq, prev: hashOf(row.prev), eh: hashOf(row.eh), blob: row.blob });
      }
      return Promise.resolve({ head, records });
    },

    putBlobs: (org, blobs) =>
      write(() => {
        const row = orgs.get(org);
        const fresh = [...blobs].filter(([hash]) => blobSize.get(row.id, idBytes(hash)) === null);
        const bytes = fresh.reduce((sum, [, blob]) => sum + blob.length + rowBytes, 0);
        if (bytes > 0 && row.bytes + bytes > quotas.orgBytes) return 'quota';
        for (const [hash, blob] of fresh) insertBlob.run(row.id, idBytes(hash), blob.length, blob);
        if (bytes > 0) orgs.use(row.id, bytes, 0, 0);
        return 'stored';
      }),

    getBlobs: (org, hashes, maxBytes) => {
      const { id } = orgs.get(org);
      let bytes = 0;
      for (const hash of hashes) bytes += (blobSize.get(id, idBytes(hash))?.size ?? 0) + 8;
      if (bytes > maxBytes) return Promise.resolve('too large');
      return Promise.resolve(hashes.map((hash) => blobBytes.get(id, idBytes(hash))?.bytes));
    },
  };
}

function isSame(row: RecordRow, record: StreamRecord): boolean {
  return hashOf(row.prev) === record.prev && hashOf(row.eh) === record.eh && Buffer.from(row.blob).equals(record.blob);
}

function hashOf(bytes: Uint8Array): Hash {
  return Buffer.from(bytes).toString('hex') as Hash; // minted again from what was stored as a Hash
}
