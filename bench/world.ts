// What every benchmark starts from: a real relay, a real daemon, an organisation whose people answer by program.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OwnProgram } from '../daemon/intake/ancestry.ts';
import { type RunningDaemon, startDaemon } from '../daemon/start.ts';
import { type RunningRelay, startRelay } from '../relay/main.ts';
import { type LiveOrg, createLiveOrg } from '../testing/live-org.ts';
import { run, startService } from '../e2e/story/programs.ts';
import { World } from '../testing/world.ts';
import { startRelayProcess } from './relay-load.ts';

export interface BenchWorld extends AsyncDisposable {
  readonly dir: string;
  readonly socketPath: string;
  readonly relay: RunningRelay;
  readonly org: LiveOrg;
  readonly daemon: RunningDaemon;
}

const plenty = { addressRate: 1e6, addressBurst: 1e6, keyRate: 1e6, keyBurst: 1e6 };

export async function createBenchWorld(own: readonly OwnProgram[] = []): Promise<BenchWorld> {
  const dir = mkdtempSync(join(tmpdir(), 'svb-'));
  const relay = await startRelay({ dataDir: join(dir, 'relay'), port: 0, logLevel: 'off', quotas: plenty });
  const world = new World('bench');
  world.clock.set(Date.now());
  await world.genesis({ policies: [{ pattern: '**', maxTtlS: 3_600, maxUses: 100_000, scopes: ['process', 'exe', 'machine'] }] });
  const org = await createLiveOrg(world, relay.url);
  await org.sync();
  const socketPath = join(dir, 'run', 'd.sock');
  const daemon = await startDaemon({
    stateDir: join(dir, 'state'),
    socketPath,
    version: 'bench',
    log: () => undefined,
    own,
    limiter: { take: () => undefined },
  });
  await daemon.join({ token: await org.token(), name: 'bench' });
  await org.admit();
  await settled(() => daemon.status().state === 'ready');
  await world.put('prod/db-primary', 'correct horse battery staple');
  await org.sync();
  await settled(() => daemon.status().log?.seq === world.state.head.seq);
  return {
    dir,
    socketPath,
    relay,
    org,
    daemon,
    [Symbol.asyncDispose]: async () => {
      await daemon.stop();
      await relay.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

export async function settled(holds: () => boolean): Promise<void> {
  for (let i = 0; !holds(); i++) {
    if (i > 5_000) throw new Error('the bench world did not settle');
    await Bun.sleep(2);
  }
}

/** Answers every request at the founder's device until disposed. */
export function approveAll(
  { org }: BenchWorld,
  lease?: { readonly ttlS: number; readonly uses: number; readonly scope: 'process' | 'exe' | 'machine' },
): AsyncDisposable {
  const stopping = new AbortController();
  const running = (async () => {
    while (!stopping.signal.aborted) {
      const seen = await org.nextRequest(org.world.device('ada'), stopping.signal).catch(() => undefined);
      if (seen) await org.decide(seen, 'approve', lease ? { lease } : {});
    }
  })();
  return {
    [Symbol.asyncDispose]: async () => {
      stopping.abort();
      await running;
    },
  };
}

/** One line of the answer, over a connection of fetch that is kept. */
export async function ask(socketPath: string, body: object): Promise<unknown> {
  const response = await fetch('http://local/v1/release', { unix: socketPath, method: 'POST', body: JSON.stringify(body) });
  const lines = (await response.text()).trim().split('\n');
  return JSON.parse(lines.at(-1) ?? 'null');
}

/** Relay and daemon in processes of their own, as they run: only the device is here. The daemon's limit of asks stands. */
export async function createWorldApart(): Promise<Pick<BenchWorld, 'org' | 'socketPath'> & AsyncDisposable> {
  const dir = mkdtempSync(join(tmpdir(), 'svb-'));
  const socketPath = join(dir, 'run', 'd.sock');
  const relay = await startRelayProcess();
  const world = new World('apart');
  world.clock.set(Date.now());
  await world.genesis({ policies: [{ pattern: '**' }] });
  const org = await createLiveOrg(world, relay.url);
  await org.sync();
  const daemon = await startService(['daemon', '--state', join(dir, 'state'), '--socket', socketPath]);
  const joined = await run(['join', '--no-wait', '--name', 'bench'], { socketPath, stdin: await org.token() });
  if (joined.code !== 0) throw new Error(joined.err);
  await org.admit();
  await world.put('prod/db-primary', 'correct horse battery staple');
  await org.sync();
  const status = async (): Promise<{ readonly log?: { readonly seq: number } }> =>
    (await (await fetch('http://local/v1/status', { unix: socketPath })).json()) as { readonly log?: { readonly seq: number } }; // what the local API answers
  for (let i = 0; (await status()).log?.seq !== world.state.head.seq; i++) {
    if (i > 1_000) throw new Error('the daemon did not follow');
    await Bun.sleep(10);
  }
  return {
    org,
    socketPath,
    [Symbol.asyncDispose]: async () => {
      await daemon[Symbol.asyncDispose]();
      await relay[Symbol.asyncDispose]();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
