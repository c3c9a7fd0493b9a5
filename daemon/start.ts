// Puts the daemon together: state, intake, the organisation's service, enrolment (ARCHITECTURE.md §daemon).
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join as joinPath } from 'node:path';
import type { JoinAsk, JoinResult, LogVerified, Status } from '../protocol/local-api.ts';
import { advance } from '../protocol/org-log/apply.ts';
import type { OrgState } from '../protocol/org-log/state.ts';
import { verifyText } from '../protocol/text.ts';
import type { SocketLike } from '../relay-client/live.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { DaemonError } from './errors.ts';
import { createHandler } from './handler.ts';
import type { OwnProgram } from './intake/ancestry.ts';
import { createObserver, systemObserverDeps } from './intake/observer.ts';
import { createAskLimiter } from './intake/rate.ts';
import { createIntake } from './intake/server.ts';
import { ensurePrivateFolder, lockFolder } from './intake/state-path.ts';
import { admission, join, wordsOf } from './org/join.ts';
import { codeOf } from './org/link.ts';
import { type Service, startService } from './service.ts';
import { loadMachine } from './vault/machine-key.ts';
import { openDaemonStore } from './vault/store.ts';

export interface DaemonOptions {
  readonly stateDir: string;
  readonly socketPath: string;
  readonly loopbackPort?: number;
  readonly version: string;
  readonly log: (line: object) => void;
  /** The command line's own programs: a lease of theirs belongs to whoever started them. */
  readonly own?: readonly OwnProgram[];
  /** Tests and benchmarks ask more often than a person should be. */
  readonly limiter?: { take(uid: number | undefined, program: string | undefined): void };
  readonly now?: () => number;
}
export interface RunningDaemon {
  status(): Status;
  join(ask: JoinAsk): Promise<JoinResult>;
  stop(): Promise<void>;
}

const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));

/** Throws E_STATE_PATH, E_STATE_CORRUPT, E_DAEMON_RUNNING, E_PERSIST. */
export async function startDaemon(options: DaemonOptions): Promise<RunningDaemon> {
  const { stateDir, log } = options;
  const now = options.now ?? Date.now;
  const observer = createObserver(systemObserverDeps(options.own ?? [{ exe: process.execPath, ...(Bun.main.startsWith('/$bunfs') ? {} : { script: Bun.main }) }]));
  ensurePrivateFolder(stateDir, observer.selfUid);
  const lock = lockFolder(stateDir, observer.os);
  const store = openDaemonStore(joinPath(stateDir, 'state.db'));
  const keyPath = joinPath(stateDir, 'machine.key');
  const startedAt = new Date(now()).toISOString();
  const onProblem = (error: unknown): void => log({ event: 'problem', code: codeOf(error), ...(codeOf(error) === 'E_INTERNAL' && error instanceof Error ? { where: error.stack?.split('\n').slice(0, 4).join(' | ') } : {}) });
  let service: Service | undefined;
  let joining: Promise<JoinResult> | undefined;

  async function serve(): Promise<void> {
    const machine = await loadMachine(keyPath, observer.selfUid);
    if (!machine) return;
    service = await startService({
      machine, store, observer, now, random, onProblem, monotonicMs: () => performance.now(), bootMs, fetch: (url, init) => fetch(url, { ...init, body: new Uint8Array(init.body) }),
      openSocket: (url) => new WebSocket(url) as unknown as SocketLike, // the part of it that is used
      sleep,
    });
  }

  async function joinOnce(ask: JoinAsk): Promise<JoinResult> {
    if (service && admission(service.link.log.state, service.machine) === 'revoked') throw new DaemonError('not_enrolled', 'E_MACHINE_REVOKED', 'this machine was revoked', { next: `move ${stateDir} away, then join with a new token` });
    const machine = await join({ keyPath, selfUid: observer.selfUid, store, hostname: nameOf(hostname()), now, random, fetch: (url, init) => fetch(url, { ...init, body: new Uint8Array(init.body) }) }, ask);
    if (!service) await serve();
    const state = service?.link.log.state;
    return { state: admission(state, machine) === 'ready' ? 'ready' : 'awaiting_admission', org: { id: machine.org, name: state?.name ?? '' }, machine: { id: machine.machine, name: machine.name }, words: wordsOf(machine) };
  }

  const status = (): Status => statusOf(options, service, startedAt, observer.identity);
  const handler = createHandler({
    service: () => service,
    status,
    join: (ask) => (joining ??= joinOnce(ask).finally(() => (joining = undefined))),
    verifyLog: (running) => verifyStored(running, now),
  });
  await serve().catch((error: unknown) => {
    lock[Symbol.dispose]();
    store[Symbol.dispose]();
    throw error;
  });
  const intake = await createIntake({
    socketPath: options.socketPath, allowedUids: [observer.selfUid], handler, observer, limiter: options.limiter ?? createAskLimiter(() => performance.now()),
    log: ({ event, code, cause }) => log({ event, code, ...(cause instanceof Error ? { where: cause.stack?.split('\n').slice(0, 4).join(' | ') } : {}) }),
    ...(options.loopbackPort === undefined ? {} : { loopback: { port: options.loopbackPort, tokenFile: joinPath(stateDir, 'loopback.token'), random } }),
  });
  log({ event: 'listening', socket: options.socketPath, state: status().state });

  return {
    status,
    join: (ask) => (joining ??= joinOnce(ask).finally(() => (joining = undefined))),
    stop: async () => {
      await intake.close();
      await service?.stop();
      store[Symbol.dispose]();
      lock[Symbol.dispose]();
      log({ event: 'stopped' });
    },
  };
}

function statusOf(options: DaemonOptions, service: Service | undefined, startedAt: string, identity: Status['identity']): Status {
  const base = { version: options.version, pid: process.pid, startedAt, identity, pending: service?.desk.pending() ?? 0, leases: service?.leases.size ?? 0 };
  if (!service) return { ...base, state: 'not_enrolled' };
  const { link, machine } = service;
  const { log } = link;
  const connection = link.status();
  const where = admission(log.state, machine);
  return {
    ...base,
    state: log.halted ? 'halted' : where === 'revoked' ? 'halted' : where === 'awaiting_admission' ? 'awaiting_admission' : log.state?.frozen ? 'frozen' : 'ready',
    ...(log.halted ? { halted: log.halted.code } : where === 'revoked' ? { halted: 'E_MACHINE_REVOKED' } : {}),
    org: { id: machine.org, name: log.state?.name ?? '' },
    machine: { id: machine.machine, name: machine.name, words: wordsOf(machine) },
    relay: { url: machine.relay, connected: connection.connected, since: new Date(connection.since).toISOString(), ...(connection.lastError === undefined ? {} : { lastError: connection.lastError }) },
    ...(log.state ? { log: { seq: log.state.head.seq, head: log.state.head.eh, syncedAt: new Date(connection.syncedAt).toISOString() } } : {}),
  };
}

async function verifyStored(service: Service, now: () => number): Promise<LogVerified> {
  const started = performance.now();
  let state: OrgState | undefined;
  const entries = service.link.log.entries();
  for (const { bytes } of entries) state = await advance(state, bytes, now());
  if (!state || state.org !== service.machine.org) throw new ProtocolError('E_ORG', 'the stored log is not of this organisation');
  return { entries: entries.length, head: state.head.eh, org: state.org, ms: Math.round(performance.now() - started) };
}

/** CLOCK_BOOTTIME: runs on while the machine sleeps. */
function bootMs(): number {
  try {
    return Number.parseFloat(readFileSync('/proc/uptime', 'utf8')) * 1_000;
  } catch {
    return performance.now();
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}

function nameOf(host: string): string {
  try {
    return verifyText(host.slice(0, 64));
  } catch {
    return 'machine';
  }
}
