// Custody upkeep at size, with a real relay on loopback: a machine serves a new machine, a device serves a further device (spec/07-custody.md §rewrap).
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApp } from '../console/device/app-impl.ts';
import { appendSigned } from '../console/device/entries.ts';
import { shareSecrets } from '../console/device/rewrap.ts';
import { type Session, openSession } from '../console/device/session.ts';
import { decodeDevice, deviceRecord } from '../console/device/stored-device.ts';
import { sealSecret } from '../protocol/custody.ts';
import type { SecretId } from '../protocol/hash.ts';
import { zeroHash } from '../protocol/org-log/entry.ts';
import { waitingFor } from '../protocol/org-log/holders.ts';
import { newId } from '../relay-client/org-log.ts';
import { startRelay } from '../relay/main.ts';
import { startDaemonProcess } from '../testing/daemon-process.ts';
import { LiveDaemon } from '../testing/live-daemon.ts';
import { SoftMachine } from '../testing/soft-machine.ts';
import { type SoftPlatform, softClock, softPlatform } from '../testing/soft-platform.ts';

export interface RewrapFigures {
  readonly secrets: number;
  /** From the admission until the log gives the new machine the last half. */
  readonly machineServesMachineMs: number;
  /** Peak of the serving daemon. */
  readonly daemonPeakMB: number;
  /** Opening and wrapping after the first passkey; signing and appending after the second. */
  readonly deviceMakesMs: number;
  readonly deviceGivesMs: number;
  readonly entries: { readonly machine: number; readonly device: number };
}

const plenty = { addressRate: 1e6, addressBurst: 1e6, keyRate: 1e6, keyBurst: 1e6 };
/** Entries of one gesture are bounded, and blobs of one call. */
const putsAtOnce = 1_000;

export async function rewrapFigures(say: (line: string) => void, secrets = 10_000): Promise<RewrapFigures> {
  const dir = mkdtempSync(join(tmpdir(), 'svr-'));
  const relay = await startRelay({ dataDir: join(dir, 'relay'), port: 0, logLevel: 'off', quotas: plenty, signUp: { kind: 'open' } });
  try {
    const clock = softClock();
    const browser = (): SoftPlatform => softPlatform({ relayUrl: `http://127.0.0.1:${relay.port}`, clock });
    const ada = browser();
    const first = createApp(ada);
    await first.createOrg({ orgName: 'Analytical Engines', memberName: 'ada', deviceName: 'ada’s phone' }, () => undefined);
    const daemon = await new LiveDaemon(dir).start();
    const { token } = await first.enrolMachine({ here: false });
    await daemon.running?.join({ token, name: 'server' });
    await admitted(first, 'server');
    await eventually(() => daemon.status().state === 'ready');
    await daemon.stop();
    first.close();

    say(`  storing ${secrets} secrets`);
    const session = await sessionOf(ada);
    for (let at = 0; at < secrets; at += putsAtOnce) await store(session, at, Math.min(putsAtOnce, secrets - at));

    say('  a machine serves a new machine');
    await using server = await startDaemonProcess(daemon);
    const inStep = async (): Promise<boolean> =>
      ((await daemon.call('/v1/status')) as { log?: { seq: number } }).log?.seq === session.log.requireState().head.seq; // what the daemon says
    await eventually(inStep);
    const app = createApp(ada);
    await eventually(() => app.phase().kind === 'ready');
    const late = await app.enrolMachine({ here: false });
    await SoftMachine.enrol(browser(), late.token, 'late');
    await admitted(app, 'late');
    const machine = await timedEntries(session, 'machine');
    const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))?.[1];

    say('  a device serves a further device');
    const invite = await app.invite({ ownDevice: true });
    const tablet = createApp(browser());
    const theirs = await tablet.joinByInvite(invite.link ?? '', 'ada’s tablet');
    await Promise.all([invite.confirm(), theirs.confirm()]);
    tablet.close();
    app.close();
    await session.log.sync();
    const before = session.log.requireState().head.seq;
    const from = performance.now();
    let made = from;
    const shared = await shareSecrets(session, { ready: async () => void (made = performance.now()) });
    if (shared !== secrets) throw new Error(`${shared} of ${secrets} were shared`);
    return {
      secrets,
      machineServesMachineMs: machine.ms,
      daemonPeakMB: Math.round(Number(peak) / 1_000),
      deviceMakesMs: Math.round(made - from),
      deviceGivesMs: Math.round(performance.now() - made),
      entries: { machine: machine.entries, device: session.log.requireState().head.seq - before },
    };
  } finally {
    await relay.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

async function sessionOf(platform: SoftPlatform): Promise<Session> {
  const stored = await platform.storage.load();
  const record = (await platform.storage.read(deviceRecord)).get(deviceRecord);
  if (stored.kind === 'empty' || stored.kind === 'lost' || !record) throw new Error('no device');
  const session = await openSession(platform, stored.keys, decodeDevice(record));
  await session.log.sync();
  return session;
}

/** Many under one gesture: the bench is not about storing. */
async function store(session: Session, from: number, count: number): Promise<void> {
  const { random } = session.platform;
  const steps = Array.from({ length: count }, (_, index) => async (state: Parameters<typeof sealSecret>[0]) => {
    const value = { kind: 'value', value: random(32) } as const;
    const input = { secret: newId<SecretId>(random), path: `prod/s${from + index}`, ver: 1, prevVerEh: zeroHash, value, description: '' };
    const { put, blobs } = await sealSecret(state, input, random);
    await session.client.putBlobs(blobs);
    return { draft: { type: 'secret.put', body: put } as const };
  });
  await appendSigned(session, () => steps);
}

async function admitted(app: ReturnType<typeof createApp>, name: string): Promise<void> {
  const waits = (): { readonly id: Parameters<typeof app.admitMachine>[0]; readonly words: string } | undefined =>
    app.org()?.machines.find((machine) => machine.name === name && machine.status === 'enrolled');
  await eventually(() => waits() !== undefined);
  const machine = waits();
  if (machine) await app.admitMachine(machine.id, machine.words);
}

/** Until nobody waits any more. */
async function timedEntries(session: Session, kind: 'machine'): Promise<{ readonly ms: number; readonly entries: number }> {
  const from = performance.now();
  const before = (await session.log.sync()).head.seq;
  await eventually(async () => {
    const state = await session.log.sync();
    return [...state.secrets.values()].every((secret) => waitingFor(state, secret).every((slot) => slot.kind !== kind));
  }, 100);
  return { ms: Math.round(performance.now() - from), entries: session.log.requireState().head.seq - before };
}

async function eventually(holds: () => boolean | Promise<boolean>, everyMs = 5): Promise<void> {
  const deadline = performance.now() + 900_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error('in vain');
    await Bun.sleep(everyMs);
  }
}
