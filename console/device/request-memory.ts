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
  /** Id of the mail that brought it: read once more after a reload, it is no replay. */
  readonly mail: number;
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
  mail: [10, count],
});
const markCodec: Codec<MachineHighWater> = record<MachineHighWater>({ ctr: [1, count], requestId: [2, requestIdCodec] });

export interface DeviceMemory extends RequestMemory {
  known(): Iterable<KnownRequest>;
  find(request: RequestId): KnownRequest | undefined;
  /** Remembers, and raises the machine's high-water mark; durable when it resolves. */
  accept(verified: VerifiedRequest, bytes: Uint8Array, decision: KnownRequest['decision'], now: number, mail: number): Promise<void>;
  /** Durable when it resolves; `also` is written in the same step. */
  update(
    request: RequestId,
    change: Partial<Pick<KnownRequest, 'decision' | 'decidedAt' | 'settled'>>,
    also?: readonly (readonly [string, Uint8Array])[],
  ): Promise<void>;
  /** When this device last denied a request of that machine. */
  deniedAt(machine: MachineId): number;
  mutedUntil(machine: MachineId): number;
  /** Durable when it resolves. */
  mute(machine: MachineId, until: number): Promise<void>;
  /** Forgets what can no longer be replayed: the high-water marks stay. */
  prune(now: number): Promise<void>;
}

const requestName = (id: RequestId): string => `request/${id}`;
const markName = (machine: MachineId): string => `machine/${machine}`;
const muteName = (machine: MachineId): string => `muted/${machine}`;
const muteCodec: Codec<{ readonly until: number }> = record<{ readonly until: number }>({ until: [1, time] });
/** Longer than an alert waits for a receipt, and as long as a denial makes the next request unusual. */
const keepMs = 60 * 60_000;

export async function openMemory(storage: DeviceStorage): Promise<DeviceMemory> {
  const requests = new Map<RequestId, KnownRequest>();
  const marks = new Map<MachineId, MachineHighWater>();
  const mutes = new Map<MachineId, number>();
  for (const bytes of (await storage.read('request/')).values()) {
    const known = decode(codec, bytes, limits.requestBytes + 512);
    requests.set(known.requestId, known);
  }
  for (const [name, bytes] of await storage.read('machine/')) marks.set(name.slice('machine/'.length) as MachineId, decode(markCodec, bytes, 256)); // written under that id below
  for (const [name, bytes] of await storage.read('muted/')) mutes.set(name.slice('muted/'.length) as MachineId, decode(muteCodec, bytes, 64).until); // as above

  return {
    highWater: (machine) => marks.get(machine),
    seen: (request) => {
      const known = requests.get(request);
      return known && { rh: known.rh, decided: known.decision !== 'none' || known.settled };
    },
    known: () => requests.values(),
    find: (request) => requests.get(request),
    accept: async ({ request, rh }, bytes, decision, now, mail) => {
      const { requestId, machine, ctr, expiresAt } = request;
      const known: KnownRequest = { requestId, machine, rh, ctr, expiresAt, bytes, decision, decidedAt: decision === 'none' ? 0 : now, settled: false, mail };
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
    deniedAt: (machine) =>
      Math.max(0, ...[...requests.values()].filter((known) => known.machine === machine && known.decision === 'deny').map(({ decidedAt }) => decidedAt)),
    mutedUntil: (machine) => mutes.get(machine) ?? 0,
    mute: async (machine, until) => {
      mutes.set(machine, until);
      await storage.write(new Map([[muteName(machine), encode(muteCodec, { until })]]));
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
