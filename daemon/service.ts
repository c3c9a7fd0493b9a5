// What an enrolled daemon runs: link, leases, desk, upkeep (spec/09-release.md). Made anew when the machine enrols.
import { verifyNotice, openLetter } from '../protocol/notice.ts';
import { compareHead } from '../protocol/org-log/verify.ts';
import { openRecord } from '../protocol/org-log/record.ts';
import { type MemberId, hash } from '../protocol/hash.ts';
import { limits } from '../protocol/limits.ts';
import type { StreamId } from '../protocol/wire.ts';
import type { Observer } from './intake/observer.ts';
import { type Leases, createLeases } from './leases/leases.ts';
import { type LinkDeps, type OrgLink, createOrgLink } from './org/link.ts';
import { rewrapForNewMachines } from './org/rewrap.ts';
import { type Receipts, createReceipts } from './release/receipts.ts';
import type { DeskDeps } from './requests/desk.ts';
import type { MachineIdentity } from './vault/machine-key.ts';
import type { DaemonStore } from './vault/store.ts';

export interface ServiceDeps extends Pick<LinkDeps, 'now' | 'random' | 'fetch' | 'openSocket' | 'sleep' | 'onProblem'> {
  readonly machine: MachineIdentity;
  readonly store: DaemonStore;
  readonly observer: Observer;
  readonly monotonicMs: () => number;
  readonly bootMs: () => number;
}
export interface Service {
  readonly machine: MachineIdentity;
  readonly link: OrgLink;
  readonly leases: Leases;
  readonly desk: DeskDeps;
  stop(): Promise<void>;
}

const tickMs = 1_000;
const attestationMaxAgeMs = 31 * 86_400_000;

export async function startService(deps: ServiceDeps): Promise<Service> {
  const { machine, store, now, random } = deps;
  const attested = new Map<MemberId, number>();
  let parts: { readonly link: OrgLink; readonly leases: Leases } | undefined;

  // A device's word: its head must be in this log, and it may end a lease. Anything else it cannot do.
  async function takeNotice(signed: Uint8Array, maxAgeMs: number): Promise<void> {
    if (!parts) return;
    const { link, leases } = parts;
    const { notice, device } = await verifyNotice(link.log.requireState(), signed, now(), maxAgeMs);
    if (compareHead(link.log.history, link.log.requireState().head, notice.head) === 'ahead') {
      await link.log.sync();
      if (compareHead(link.log.history, link.log.requireState().head, notice.head) === 'ahead') return;
    }
    attested.set(device.member, Math.max(attested.get(device.member) ?? 0, notice.ts));
    if (notice.endLease !== undefined) leases.end(notice.endLease, 'ended-by-device');
  }

  async function onMail(kind: 'own' | 'attestation', body: Uint8Array): Promise<void> {
    if (!parts) return;
    if (kind === 'attestation') return takeNotice(await openRecord({ org: machine.org, stream: attestationStream }, parts.link.log.keys, body), attestationMaxAgeMs);
    const letter = await openLetter(machine.org, machine.machine, machine.kem, body);
    if (letter.kind === 'notice') await takeNotice(letter.bytes, limits.clockSkewMs);
  }

  const link = await createOrgLink({ ...deps, onMail });
  const receipts: Receipts = createReceipts({ machine, store, link, now, random, onProblem: deps.onProblem });
  const leases = createLeases({ machine, observer: deps.observer, receipts, monotonicMs: deps.monotonicMs, bootMs: deps.bootMs, onProblem: deps.onProblem });
  parts = { link, leases };

  let upkeep: Promise<void> = Promise.resolve();
  const keepUp = (): void => void (upkeep = upkeep.then(() => rewrapForNewMachines({ machine, store, link, now })).catch(deps.onProblem));
  link.log.onChange((state) => {
    leases.review(state);
    keepUp();
  });
  keepUp();
  void receipts.send();
  let ticks = 0;
  let waiting = 0;
  const timer = setInterval(() => {
    leases.tick();
    if (link.log.halted) leases.endAll('revoked');
    if (++ticks % 30 === 0) void receipts.send();
  }, tickMs);

  const desk: DeskDeps = { ...deps, link, leases, receipts, attestations: { latest: (member) => attested.get(member) }, bootId: random(16), pending: () => waiting, countPending: (change) => void (waiting += change) };
  return {
    machine,
    link,
    leases,
    desk,
    stop: async () => {
      clearInterval(timer);
      leases.endAll('shutdown');
      await receipts.send();
      await upkeep;
      link.stop();
    },
  };
}

/** Head attestations are sealed under MK like records of this stream. */
export const attestationStream: StreamId = hash('stream', ['attest']) as string as StreamId; // a stream id is a hash with this use

