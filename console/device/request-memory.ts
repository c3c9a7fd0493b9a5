// What this device remembers of machines and their requests, durable with each request that it accepts (spec/09-release.md §device).
import { type Codec, bytesUpTo, count, decode, encode, flag, oneOf, record, time } from '../../protocol/codec.ts';
import { type Hash, type MachineId, type RequestId, hashCodec, machineIdCodec, requestIdCodec } from '../../protocol/hash.ts';
import { limits } from '../../protocol/limits.ts';
import type { MachineHighWater, RequestMemory, VerifiedRequest } from '../../protocol/request.ts';
import type { DeviceStorage } from '../platform/platform.ts';

export interface KnownRequest {
  readonly requestId: RequestId;
  readonly machine: MachineId;
  readonly rh: Hash;
  readonly ctr: number;
  readonly expiresAt: number;
  readonly bytes: Uint8Array;
  /** `dropped`: muted, or one of too many. */
  readonly decision: 'none' | 'approve' | 'deny' | 'dropped';
  readonly decidedAt: number;
  /** A receipt told what became of it, or an alert said that none did. */
  readonly settled: boolean;
}
const codec: Codec<KnownRequest> = record<KnownRequest>({
  requestId: [1, requestIdCodec],
  machine: [2, machineIdCodec],
  rh: [3, hashCodec],
  ctr: [4, count],
  expiresAt: [5, time],
  bytes: [6, bytesUpTo(limits.requestBytes)],
  decision: [7, oneOf<KnownRequest['decision']>(['none', 'approve', 'deny', 'dropped'])],
  decidedAt: [8, time],
  settled: [9, flag],
});
const markCodec: Codec<MachineHighWater> = record<MachineHighWater>({ ctr: [1, count], requestId: [2, requestIdCodec] });

export interface DeviceMemory extends RequestMemory {
  known(): Iterable<KnownRequest>;
  find(request: RequestId): KnownRequest | undefined;
  /** Remembers, and raises the machine's high-water mark; durable when it resolves. */
  accept(verified: VerifiedRequest, bytes: Uint8Array, decision: KnownRequest['decision'], now: number): Promise<void>;
  /** Durable when it resolves; `also` is written in the same step. */
  update(
    request: RequestId,
    change: Partial<Pick<KnownRequest, 'decision' | 'decidedAt' | 'settled'>>,
    also?: readonly (readonly [string, Uint8Array])[],
  ): Promise<void>;
  /** Forgets what can no longer be replayed: the high-water marks stay. */
  prune(now: number): Promise<void>;
}

const requestName = (id: RequestId): string => `request/${id}`;
const markName = (machine: MachineId): string => `machine/${machine}`;
/** Longer than an alert waits for a receipt. */
const keepMs = 2 * limits.requestLifeMs;

export async function openMemory(storage: DeviceStorage): Promise<DeviceMemory> {
  const requests = new Map<RequestId, KnownRequest>();
  const marks = new Map<MachineId, MachineHighWater>();
  for (const bytes of (await storage.read('request/')).values()) {
    const known = decode(codec, bytes, limits.requestBytes + 512);
    requests.set(known.requestId, known);
  }
  for (const [name, bytes] of await storage.read('machine/')) marks.set(name.slice('machine/'.length) as MachineId, decode(markCodec, bytes, 256)); // written under that id below

  return {
    highWater: (machine) => marks.get(machine),
    seen: (request) => {
      const known = requests.get(request);
      return known && { rh: known.rh, decided: known.decision !== 'none' };
    },
    known: () => requests.values(),
    find: (request) => requests.get(request),
    accept: async ({ request, rh }, bytes, decision, now) => {
      const { requestId, machine, ctr, expiresAt } = request;
      const known: KnownRequest = { requestId, machine, rh, ctr, expiresAt, bytes, decision, decidedAt: decision === 'none' ? 0 : now, settled: false };
      const mark = { ctr: Math.max(ctr, marks.get(machine)?.ctr ?? 0), requestId };
      await storage.write(
        new Map([
          [requestName(requestId), encode(codec, known)],
          [markName(machine), encode(markCodec, mark)],
        ]),
      );
      requests.set(requestId, known);
      marks.set(machine, mark);
    },
    update: async (request, change, also = []) => {
      const known = requests.get(request);
      if (!known) return storage.write(new Map(also));
      const next = { ...known, ...change };
      await storage.write(new Map([[requestName(request), encode(codec, next)], ...also]));
      requests.set(request, next);
    },
    prune: async (now) => {
      const old = [...requests.values()].filter(({ expiresAt, decision, settled }) => now > expiresAt + keepMs && (settled || decision !== 'approve'));
      if (old.length === 0) return;
      await storage.write(
        new Map(),
        old.map(({ requestId }) => requestName(requestId)),
      );
      for (const { requestId } of old) requests.delete(requestId);
    },
  };
}
