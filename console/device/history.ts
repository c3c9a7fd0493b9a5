// What this device has verified about the past, kept in its storage: rows from receipts and alerts (spec/09-release.md §receipts).
import { type Codec, array, count, decode, encode, flag, oneOf, record, text, time } from '../../protocol/codec.ts';
import { type Hash, type MachineId, type RequestId, type SecretId, hashCodec, machineIdCodec, requestIdCodec, secretIdCodec } from '../../protocol/hash.ts';
import { limits } from '../../protocol/limits.ts';
import type { HistoryRow } from '../app.ts';
import type { DeviceStorage } from '../platform/platform.ts';

/** A row with what later requests are compared with. */
export interface PastRow {
  readonly at: number;
  readonly kind: HistoryRow['kind'];
  readonly what: string;
  readonly who: readonly string[];
  readonly program?: string;
  readonly machineName?: string;
  readonly isVerified: boolean;
  readonly machine?: MachineId;
  /** Number of the machine's receipt. */
  readonly receipt?: number;
  readonly requestId?: RequestId;
  readonly secrets: readonly SecretId[];
  readonly exe?: string;
  readonly exeHash?: Hash;
  /** What keeps it from being proved. */
  readonly codes?: readonly string[];
}
const line = text(4_096);
const codec: Codec<PastRow> = record<PastRow>({
  at: [1, time],
  kind: [2, oneOf<HistoryRow['kind']>(['release', 'use', 'deny', 'expired', 'withdrawn', 'failed', 'log', 'alert', 'stored', 'ended'])],
  what: [3, line],
  who: [4, array(line, limits.quorumN)],
  program: [5, line, 'optional'],
  machineName: [6, line, 'optional'],
  isVerified: [7, flag],
  machine: [8, machineIdCodec, 'optional'],
  receipt: [9, count, 'optional'],
  requestId: [10, requestIdCodec, 'optional'],
  secrets: [11, array(secretIdCodec, limits.itemsPerRequest)],
  exe: [12, line, 'optional'],
  exeHash: [13, hashCodec, 'optional'],
  codes: [14, array(text(64), 16), 'optional'],
});

export interface History {
  /** Oldest first. */
  rows(): readonly PastRow[];
  /** Counts the row, and answers the record to be written together with whatever made it. */
  add(row: PastRow): readonly [name: string, bytes: Uint8Array];
  /** The row of a release, by its request. */
  releaseOf(request: RequestId): PastRow | undefined;
}

const prefix = 'row/';
const rowsMax = 2_000;

export async function openHistory(storage: DeviceStorage): Promise<History> {
  const rows: PastRow[] = [];
  const releases = new Map<RequestId, PastRow>();
  let numbered = 0;
  const stored = [...(await storage.read(prefix))];
  const old = stored.slice(0, Math.max(0, stored.length - rowsMax));
  if (old.length > 0)
    await storage.write(
      new Map(),
      old.map(([name]) => name),
    );
  for (const [name, bytes] of stored.slice(old.length)) {
    keep(decode(codec, bytes, 65_536));
    numbered = Number(name.slice(prefix.length)) + 1;
  }

  function keep(row: PastRow): void {
    rows.push(row);
    if (row.kind === 'release' && row.requestId !== undefined) releases.set(row.requestId, row);
  }

  return {
    rows: () => rows,
    add: (row) => {
      keep(row);
      return [`${prefix}${String(numbered++).padStart(12, '0')}`, encode(codec, row)];
    },
    releaseOf: (request) => releases.get(request),
  };
}

export function viewOfRow({ at, kind, what, who, program, machineName, isVerified, codes }: PastRow): HistoryRow {
  return {
    at,
    kind,
    what,
    who,
    proof: isVerified ? 'verified' : 'missing',
    ...(codes && codes.length > 0 ? { codes } : {}),
    ...(program === undefined ? {} : { program }),
    ...(machineName === undefined ? {} : { machine: machineName }),
  };
}
