// An organisation at the size that the project promises: 500 devices, 500 machines, 10,000 secrets, 100,000 entries, every one signed.
// How long a daemon takes from its own state and from nothing, and what it holds in memory, each in a process of its own.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pinOf } from '../protocol/org-log/pin.ts';
import { createMachine } from '../daemon/vault/machine-key.ts';
import { openDaemonStore } from '../daemon/vault/store.ts';
import type { Hash, TokenId } from '../protocol/hash.ts';
import { idFrom } from '../testing/world-people.ts';
import { type ScaleMachine, type ScaleOrg, type ScaleSize, fullSize, makeScaleOrg } from '../testing/scale-org.ts';
import { type Spread, spreadOf } from './measure.ts';
import { type ScaleConsoleFigures, scaleConsoleFigures } from './scale-console.ts';

export interface ScaleFigures {
  readonly entries: number;
  readonly logMB: number;
  /** Until `status` answers with the head of the log. */
  readonly startFromOwnStateMs: Spread;
  /** Start and stop, of the processor: what a busy machine does not change much. */
  readonly startFromOwnStateCpuMs: Spread;
  readonly startVerifyingAllMs: number;
  /** Records opened, verified and stored, without the network: before anything may be released or signed. */
  readonly fromNothing: { readonly ms: number; readonly cpuMs: number };
  /** The same client before that: until it has seen the end of the log from a checkpoint 1,500 entries back, can enrol and show names. */
  readonly fromCheckpoint: { readonly ms: Spread; readonly cpuMs: Spread };
  readonly console: ScaleConsoleFigures;
  readonly daemonMB: { readonly fromOwnState: number; readonly verifyingAll: number; readonly fromNothing: number };
}

const executable = join(import.meta.dir, '..', 'dist', 'stillvault');
const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));

export async function scaleFigures(say: (line: string) => void, size: ScaleSize = fullSize): Promise<ScaleFigures> {
  const dir = mkdtempSync(join(tmpdir(), 'svs-'));
  try {
    const stateDir = join(dir, 'state');
    const socketPath = join(dir, 'run', 'd.sock');
    mkdirSync(stateDir, { mode: 0o700 });
    const org = await makeOrg(join(stateDir, 'machine.key'), size, say);
    const { head } = org.state;
    {
      using store = openDaemonStore(join(stateDir, 'state.db'));
      store.adopt(org.machine.id, { entries: org.entries, cursor: head, keys: org.world.mk });
    }
    const start = (isFirst = false): Promise<Start> => startOnce(stateDir, socketPath, head.seq, say, isFirst);
    const first = await start(true);
    const later: Start[] = [];
    for (let i = 0; i < 5; i++) later.push(await start());
    const nothing = await fromNothing(join(dir, 'nothing'), org);
    return {
      entries: org.entries.length,
      logMB: Math.round(org.entries.reduce((sum, { bytes }) => sum + bytes.length, 0) / 1e6),
      startFromOwnStateMs: spreadOf(later.map(({ ms }) => ms)),
      startFromOwnStateCpuMs: spreadOf(later.map(({ cpuMs }) => cpuMs)),
      startVerifyingAllMs: first.ms,
      fromNothing: { ms: nothing.ms, cpuMs: nothing.cpuMs },
      fromCheckpoint: { ms: spreadOf(nothing.aheadMs), cpuMs: spreadOf(nothing.aheadCpuMs) },
      console: await scaleConsoleFigures(org, say),
      daemonMB: { fromOwnState: Math.max(...later.map(({ mb }) => mb)), verifyingAll: first.mb, fromNothing: nothing.mb },
    };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function makeOrg(keyPath: string, size: ScaleSize, say: (line: string) => void): Promise<ScaleOrg> {
  const own = async (org: ScaleOrg['state']['org']): Promise<ScaleMachine> => {
    const about = {
      org,
      machine: idFrom<ScaleMachine['id']>(random),
      token: idFrom<TokenId>(random),
      relay: 'http://127.0.0.1:9',
      name: 'bench',
      pin: { seq: 0, eh: org as string as Hash, checkpoint: 0 },
    }; // genesis: its hash is the org id
    const { machine, name, sig, kem, mailboxSeed } = await createMachine(keyPath, about, random);
    return { id: machine, name, voice: { ref: { kind: 'machine', id: machine }, signer: sig }, sig, kem, mailboxSeed };
  };
  return makeScaleOrg(size, own, (entries) => {
    if (entries % 20_480 === 0) say(`  ${entries} of ${size.entries} entries signed`);
  });
}

interface Start {
  readonly ms: number;
  readonly cpuMs: number;
  readonly mb: number;
}

/** The real program, its relay away. */
async function startOnce(stateDir: string, socketPath: string, seq: number, say: (line: string) => void, isFirst: boolean): Promise<Start> {
  const from = performance.now();
  let found: { readonly ms: number; readonly mb: number } | undefined;
  const daemon = Bun.spawn([executable, 'daemon', '--state', stateDir, '--socket', socketPath], { stdout: 'ignore', stderr: 'pipe' });
  void tell(daemon.stderr, say);
  try {
    for (;;) {
      const status = await statusOf(socketPath);
      if (status?.log?.seq === seq) found = { ms: Math.round(performance.now() - from), mb: Math.round(status.memoryBytes / 1e6) };
      if (found) break;
      if (daemon.exitCode !== null) throw new Error('the daemon did not start');
      await Bun.sleep(5);
    }
    if (isFirst) await Bun.sleep(found.ms / 2); // its state is kept behind everything else, which takes a tenth of that
  } finally {
    daemon.kill('SIGTERM');
    await daemon.exited;
  }
  return { ...found, cpuMs: Math.round(Number(daemon.resourceUsage()?.cpuTime.total ?? 0) / 1_000) };
}

interface KnownStatus {
  readonly log?: { readonly seq: number };
  readonly memoryBytes: number;
}
async function statusOf(socketPath: string): Promise<KnownStatus | undefined> {
  const answer = await fetch('http://local/v1/status', { unix: socketPath }).catch(() => undefined); // not there yet
  return answer && ((await answer.json()) as KnownStatus); // what the local API answers
}

async function tell(stream: ReadableStream<Uint8Array>, say: (line: string) => void): Promise<void> {
  for await (const chunk of stream) for (const line of new TextDecoder().decode(chunk).split('\n')) if (line.includes('"verifying"')) say(`  ${line}`);
}

interface Nothing extends Start {
  readonly aheadMs: readonly number[];
  readonly aheadCpuMs: readonly number[];
}

/** A client without anything reads the log of a relay in its own process: `scale-reader.ts`. */
async function fromNothing(dir: string, { state, entries, world, blobs }: ScaleOrg): Promise<Nothing> {
  mkdirSync(join(dir, 'blobs'), { recursive: true });
  for (const [hash, bytes] of blobs) writeFileSync(join(dir, 'blobs', hash), bytes);
  const lengths = new Uint32Array(entries.map(({ bytes }) => bytes.length));
  writeFileSync(join(dir, 'lengths'), lengths);
  writeFileSync(join(dir, 'entries'), Buffer.concat(entries.map(({ bytes }) => bytes)));
  writeFileSync(join(dir, 'mk'), world.mk.get(0) ?? new Uint8Array(0));
  const reader = Bun.spawn([process.execPath, join(import.meta.dir, 'scale-reader.ts'), dir, state.org, JSON.stringify(pinOf(state))], {
    stdout: 'pipe',
    stderr: 'inherit',
  });
  return JSON.parse(await new Response(reader.stdout).text()) as Nothing; // its one line
}
