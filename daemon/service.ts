// What an enrolled daemon runs: link, leases, desk, upkeep (spec/09-release.md). Made anew when the machine enrols.
import { ProtocolError } from '../protocol/errors.ts';
import { hash } from '../protocol/hash.ts';
import { openLetter, verifyNotice } from '../protocol/notice.ts';
import { openRecord } from '../protocol/org-log/record.ts';
import { compareHead } from '../protocol/org-log/verify.ts';
import type { StreamId } from '../protocol/wire.ts';
import { DaemonError } from './errors.ts';
import type { Observer } from './intake/observer.ts';
import { type Leases, createLeases } from './leases/leases.ts';
import { type Heads, createHeads } from './org/heads.ts';
import { type LinkDeps, type OrgLink, createOrgLink } from './org/link.ts';
import { createUpkeep } from './org/upkeep.ts';
import { type Receipts, createReceipts } from './release/receipts.ts';
import { inSeries } from './release/serial.ts';
import type { DeskDeps } from './requests/desk.ts';
import { haltedBy } from './requests/ends.ts';
import { type Held, createHeld } from './requests/held.ts';
import { createHold } from './requests/hold.ts';
import { type Needs, createNeeds } from './requests/needs.ts';
import { createPending } from './requests/pending.ts';
import { createRequestKeys } from './requests/request-keys.ts';
import type { MachineIdentity } from './vault/machine-key.ts';
import type { DaemonStore } from './vault/store.ts';

export interface ServiceDeps extends LinkDeps {
  readonly machine: MachineIdentity;
  readonly store: DaemonStore;
  readonly observer: Observer;
  readonly monotonicMs: () => number;
  readonly bootMs: () => number;
  readonly tickMs: number;
}
export interface Service {
  readonly machine: MachineIdentity;
  readonly link: OrgLink;
  readonly leases: Leases;
  readonly desk: DeskDeps;
  readonly needs: Needs;
  readonly held: Held;
  /** What keeps this machine from releasing anything, until a person has looked. */
  halted(): ProtocolError | undefined;
  stop(): Promise<void>;
}

/** What failed is tried again after this. */
/** After a request: it is out by then, and nobody else waits. */
const spareKeyAfterMs = 100;
const retryMs = 30_000;
/** The longest that a stop waits for the relay. */
const lastSendMs = 3_000;
/** A notice only reduces authority, and an attestation is as old as it says: the age that counts is the policy's. */
const noticeMaxAgeMs = 31 * 86_400_000;

export async function startService(deps: ServiceDeps): Promise<Service> {
  const { machine, now } = deps;
  const link = await createOrgLink(deps);
  const heads = createHeads(link.log, now);
  const receipts = createReceipts({ ...deps, link });
  const leases = createLeases({ ...deps, receipts, state: link.log.requireState });
  const pending = createPending();
  const hold = createHold();
  const requestKeys = createRequestKeys(deps.random, (act) => void setTimeout(act, spareKeyAfterMs));
  const desk: DeskDeps = { ...deps, link, heads, receipts, leases, pending, hold, inOrder: inSeries(), requestKeys, bootId: deps.random(16) };
  const needs = await createNeeds(desk);
  const held = createHeld(desk);

  const upkeep = createUpkeep({ ...deps, link, stepMs: deps.tickMs });
  const halted = (): ProtocolError | undefined => link.log.halted ?? disagreement(heads, link);

  const timer = setInterval(() => {
    leases.tick();
    const error = halted();
    if (!error) return;
    leases.endAll('halted');
    pending.failAll(haltedBy(error));
  }, deps.tickMs);
  const retry = setInterval(() => {
    void receipts.send();
    void needs.review();
    upkeep.look();
  }, retryMs);

  link.log.onChange((state) => {
    leases.review(state);
    void needs.review();
    upkeep.look();
  });
  await link.start((kind, body) => takeMail({ machine, link, heads, leases, receipts, now }, kind, body));
  upkeep.look();
  void receipts.send();
  void needs.review();

  return {
    machine,
    link,
    leases,
    desk,
    needs,
    held,
    halted,
    stop: async () => {
      clearInterval(timer);
      clearInterval(retry);
      pending.failAll(new DaemonError('withdrawn', 'E_WITHDRAWN', 'the daemon stopped'));
      await pending.idle();
      needs.stop();
      leases.endAll('shutdown');
      const stopping = new AbortController();
      await Promise.race([Promise.all([receipts.send(), upkeep.stop()]), deps.sleep(lastSendMs, stopping.signal)]);
      stopping.abort();
      link.stop();
    },
  };
}

/** A member who was shown another history. That somebody has seen a newer one mends itself, and stops releases only. */
function disagreement(heads: Heads, link: OrgLink): ProtocolError | undefined {
  if (!link.log.state) return undefined;
  try {
    heads.verifyAgreed();
    return undefined;
  } catch (error) {
    return error instanceof ProtocolError && error.code === 'E_FORK' ? error : undefined;
  }
}

interface MailDeps {
  readonly machine: MachineIdentity;
  readonly link: OrgLink;
  readonly heads: Heads;
  readonly leases: Leases;
  readonly receipts: Receipts;
  readonly now: () => number;
}

async function takeMail(deps: MailDeps, kind: 'own' | 'attestation', body: Uint8Array): Promise<void> {
  const { machine, link } = deps;
  if (kind === 'attestation') return takeNotice(deps, await openRecord({ org: machine.org, stream: attestationStream }, link.log.keys, body));
  const letter = await openLetter(machine.org, machine.machine, machine.kem, body);
  if (letter.kind === 'notice') await takeNotice(deps, letter.bytes);
}

// A device's word: which head it has seen, and that a lease must end. Anything else it cannot do.
async function takeNotice({ link, heads, leases, now }: MailDeps, signed: Uint8Array): Promise<void> {
  const { log } = link;
  const { notice, device } = await verifyNotice(log.requireState(), signed, now(), noticeMaxAgeMs);
  if (notice.endLease !== undefined) leases.end(notice.endLease, 'ended-by-device');
  heads.heard({ device: device.device, member: device.member, head: notice.head, ts: notice.ts });
  if (compareHead(log.history, log.requireState().head, notice.head) === 'ahead') await link.sync();
}

/** Head attestations are sealed under MK like records of this stream. */
const attestationStream: StreamId = hash('stream', ['attest']) as string as StreamId; // a stream id is a hash with this use
