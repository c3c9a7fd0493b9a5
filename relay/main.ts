// Starts a relay and stops it gracefully (spec/08-relay.md §running). The only file of this room that touches the world.
import { type RelayOptions, relayConfig } from './config.ts';
import { createHousekeeping } from './expiry.ts';
import { createLive } from './live.ts';
import { createLog } from './log.ts';
import { createBuckets } from './quota.ts';
import { RelayError } from './relay-error.ts';
import { createServer } from './server.ts';
import { createSessions } from './sessions.ts';
import { relayConnectSrc, serveStatic } from './static.ts';
import { openSqliteStore } from './store/sqlite.ts';
import type { Store, StoreQuotas } from './store/store.ts';

export interface RelayDeps {
  readonly now: () => number;
  readonly randomBytes: (length: number) => Uint8Array;
  readonly openStore: (dataDir: string, quotas: StoreQuotas) => Store;
  /** Takes one line of the log, newline included. */
  readonly writeLog: (line: string) => void;
  /** Told at `/version`. */
  readonly version: string;
  /** After this time a stop no longer waits for calls under way. */
  readonly stopWithinMs: number;
}
export interface RunningRelay {
  /** Origin for clients: the public URL where one is set. */
  readonly url: string;
  readonly port: number;
  /** Drains and stops, within 10 s; calling it again waits for the same end. */
  stop(): Promise<void>;
}

const tickMs = 1_000;
const sweepMs = 30_000;

const world: RelayDeps = {
  now: Date.now,
  randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
  openStore: openSqliteStore,
  writeLog: (line) => void process.stdout.write(line),
  version: 'dev',
  stopWithinMs: 10_000,
};

/** Throws RelayConfigError, or RelayError E_RELAY_STORE where the data directory or the port cannot be had. */
export async function startRelay(options: RelayOptions, given: Partial<RelayDeps> = {}): Promise<RunningRelay> {
  const { now, randomBytes, openStore, writeLog, version, stopWithinMs } = { ...world, ...given };
  const config = relayConfig(options);
  const { quotas } = config;
  const log = createLog(config.logLevel, now, writeLog);
  const files = config.consoleDir === undefined ? undefined : serveStatic(config.consoleDir, { connectSrc: relayConnectSrc });
  const store = openStore(config.dataDir, quotas);
  const keyBuckets = createBuckets(quotas.keyRate, quotas.keyBurst, now);
  const addressBuckets = createBuckets(quotas.addressRate, quotas.addressBurst, now);
  const sessions = createSessions(now, randomBytes);
  const live = createLive({ store, sessions, now, orgSockets: quotas.orgSockets, charge: keyBuckets.take, log });
  const housekeeping = createHousekeeping({ store, sessions, live, buckets: [keyBuckets, addressBuckets], now, log });
  let draining = false;
  let port = 0;
  const audiences = (): readonly string[] => (config.publicUrl === undefined ? [`http://127.0.0.1:${port}`, `http://localhost:${port}`] : [config.publicUrl]);

  const server = await listen(store, () =>
    createServer({ config, store, sessions, live, now, audiences, keyBuckets, addressBuckets, log, version, files, isDraining: () => draining }),
  );
  port = server.port ?? 0;
  const url = config.publicUrl ?? `http://127.0.0.1:${port}`;
  const timers = [setInterval(housekeeping.tick, tickMs), setInterval(() => void housekeeping.sweep(), sweepMs)];
  log.info('listening', { url });

  const drain = async (): Promise<void> => {
    draining = true;
    log.info('draining', { sockets: live.sockets });
    live.drain();
    if (config.drainMs > 0) await Bun.sleep(config.drainMs);
    const force = setTimeout(() => void server.stop(true), stopWithinMs);
    await server.stop();
    clearTimeout(force);
    timers.forEach(clearInterval);
    await store.close();
    log.info('stopped');
  };
  let stopped: Promise<void> | undefined;
  return { url, port, stop: () => (stopped ??= drain()) };
}

// A port that is taken must not leave the directory locked.
async function listen<T>(store: Store, start: () => T): Promise<T> {
  try {
    return start();
  } catch (cause) {
    await store.close();
    throw new RelayError('E_RELAY_STORE', 'the address of the relay cannot be listened on: is the port taken?', { cause });
  }
}
