// Puts the daemon together: state, intake, the organisation's service, enrolment (ARCHITECTURE.md §daemon).
import { statSync } from 'node:fs';
import { hostname } from 'node:os';
import { join as joinPath } from 'node:path';
import { ProtocolError } from '../protocol/errors.ts';
import type { JoinAsk, JoinResult, LogVerified, Status } from '../protocol/local-api.ts';
import { custodySummary } from '../protocol/org-log/holders.ts';
import type { OrgState } from '../protocol/org-log/state.ts';
import { verifyText } from '../protocol/text.ts';
import type { Fetch } from '../relay-client/client.ts';
import type { SocketLike } from '../relay-client/live.ts';
import { replay } from '../relay-client/restore.ts';
import { type Clock, sleep, systemClock } from './clock.ts';
import { DaemonError } from './errors.ts';
import { createHandler } from './handler.ts';
import type { OwnProgram } from './intake/ancestry.ts';
import { createObserver, systemObserverDeps } from './intake/observer.ts';
import { createAskLimiter } from './intake/rate.ts';
import { createIntake } from './intake/server.ts';
import { ensurePrivateFolder, lockFolder } from './intake/state-path.ts';
import { admission, join, readToken, wordsOf } from './org/join.ts';
import { codeOf } from './org/link.ts';
import { decisionAbout, stopOf } from './org/stop.ts';
import { recoveryStatus, recoveryTeller } from './org/recovery.ts';
import { type Service, startService } from './service.ts';
import { forkPath, keepFork } from './vault/evidence.ts';
import { loadMachine } from './vault/machine-key.ts';
import { type DaemonStore, openDaemonStore, startOver } from './vault/store.ts';

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
  readonly clock?: Clock;
  readonly openStore?: (path: string) => DaemonStore;
  /** How often leases are looked at. */
  readonly tickMs?: number;
}
export interface RunningDaemon {
  status(): Status;
  join(ask: JoinAsk): Promise<JoinResult>;
  stop(): Promise<void>;
}

const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));
const relayFetch: Fetch = (url, init) => fetch(url, { ...init, body: new Uint8Array(init.body) });
const openSocket = (url: string): SocketLike => new WebSocket(url) as unknown as SocketLike; // the part of it that is used

/** Throws E_STATE_PATH, E_STATE_CORRUPT, E_DAEMON_RUNNING, E_PERSIST. */
export async function startDaemon(options: DaemonOptions): Promise<RunningDaemon> {
  const { stateDir, log, clock = systemClock, openStore = openDaemonStore, tickMs = 1_000 } = options;
  const { now } = clock;
  await using parts = new AsyncDisposableStack();
  const observer = createObserver(
    systemObserverDeps(options.own ?? [{ exe: process.execPath, ...(Bun.main.startsWith('/$bunfs') ? {} : { script: Bun.main }) }]),
  );
  ensurePrivateFolder(stateDir, observer.selfUid);
  parts.use(lockFolder(stateDir, observer.os));
  const store = parts.use(openStore(joinPath(stateDir, 'state.db')));
  const keyPath = joinPath(stateDir, 'machine.key');
  const startedAt = new Date(now()).toISOString();
  const onProblem = (error: unknown): void => log({ event: 'problem', code: codeOf(error), ...whereOf(error) });
  let service: Service | undefined;
  let joining: Promise<JoinResult> | undefined;
  // Of a long log that is verified for the first time, or again by a new program.
  let verifying: Status['verifying'];
  const build = `${options.version} ${statSync(process.execPath).mtimeMs}`;
  function progress(done: number, of: number): void {
    const tenth = (part: number): number => Math.floor((10 * part) / of);
    if (done < of && tenth(done) > tenth(verifying?.done ?? 0)) log({ event: 'verifying', entries: done, of });
    verifying = done < of ? { done, of } : undefined;
  }

  async function serve(ahead?: OrgState): Promise<void> {
    const machine = await loadMachine(keyPath, observer.selfUid);
    if (!machine) return;
    // Without its counters and receipts this machine would be taken for a copy of itself.
    if (store.owner() !== machine.machine)
      throw new DaemonError('error', 'E_STATE_CORRUPT', 'the state does not belong to the machine’s keys; nothing was changed', { next: startOver(keyPath) });
    const onFork: Parameters<typeof startService>[0]['onFork'] = (fork) => log({ event: 'fork', evidence: keepFork(stateDir, fork) });
    service = await startService({
      ...clock,
      machine,
      store,
      observer,
      random,
      onProblem,
      onFork,
      tickMs,
      sleep,
      openSocket,
      fetch: relayFetch,
      build,
      progress,
      ahead,
    }).catch((cause: unknown) => {
      throw cause instanceof ProtocolError ? unreadable(keyPath, cause) : cause;
    });
    const tell = recoveryTeller(log);
    if (service.link.log.state) tell(service.link.log.state);
    service.link.log.onChange(tell);
  }

  async function joinOnce(ask: JoinAsk): Promise<JoinResult> {
    const token = readToken(ask.token);
    const isSame = service !== undefined && service.machine.token === token.token && service.machine.org === token.org;
    const known = service?.link.shown()?.machines.get(service.machine.machine)?.status;
    if (service && known === 'revoked' && isSame)
      throw new DaemonError('not_enrolled', 'E_MACHINE_REVOKED', 'an admin revoked this machine', {
        next: 'ask an admin for a new token, then: stillvault join',
      });
    if (service && known !== undefined && known !== 'revoked') {
      if (isSame) return resultOf(service);
      const next = 'stillvault status; to start over, revoke this machine in the console';
      throw new DaemonError('usage', 'E_TOKEN_SCOPE', 'this machine is enrolled with another token', { next });
    }
    const before = service;
    service = undefined;
    await before?.stop(); // one at a time works on the state
    let ahead: OrgState | undefined;
    try {
      const deps = { keyPath, selfUid: observer.selfUid, store, now, random, fetch: relayFetch, progress, onProblem };
      ({ ahead } = await join(deps, token, ask.name ?? nameOf(hostname())));
    } finally {
      await serve(ahead);
    }
    if (!service) throw new Error('joined, and there are no keys');
    return resultOf(service);
  }
  // A person has looked. The service starts anew on what it holds, and asks the relay for the rest.
  async function resumeLog(record: string): Promise<Status> {
    const before = service;
    if (joining || !before) throw new DaemonError('not_found', 'E_NOT_FOUND', 'this machine is just joining', { next: 'stillvault status' });
    const decision = decisionAbout(before, record);
    service = undefined;
    await before.stop();
    try {
      store.passOver(decision, now());
      log({ event: 'passed over', code: decision.code, record });
    } finally {
      await serve();
    }
    return status();
  }
  const joinInTurn = (ask: JoinAsk): Promise<JoinResult> => (joining ??= joinOnce(ask).finally(() => (joining = undefined)));

  const status = (): Status => ({
    ...statusOf(options, service, startedAt, observer.identity),
    ...(verifying ? { verifying } : {}),
  });
  const handler = createHandler({
    service: () => service,
    status,
    join: joinInTurn,
    verifyLog: (running) => verifyStored(running, store),
    logStop: (running) => stopOf(running, forkPath(stateDir)),
    resumeLog,
  });
  parts.defer(() => service?.stop());
  await serve();
  const intake = await createIntake({
    socketPath: options.socketPath,
    allowedUids: [observer.selfUid],
    handler,
    observer,
    limiter: options.limiter ?? createAskLimiter(clock.monotonicMs),
    log: ({ event, code, cause }) => log({ event, code, ...whereOf(cause) }),
    ...(options.loopbackPort === undefined ? {} : { loopback: { port: options.loopbackPort, tokenFile: joinPath(stateDir, 'loopback.token'), random } }),
  });
  parts.defer(() => intake.close());
  log({ event: 'listening', socket: options.socketPath, state: status().state });
  const running = parts.move();
  return {
    status,
    join: joinInTurn,
    stop: async () => {
      await running.disposeAsync();
      log({ event: 'stopped' });
    },
  };
}

/** The stored log does not verify: damaged, or put back to an earlier time. */
function unreadable(path: string, cause: ProtocolError): DaemonError {
  const code = cause.code === 'E_LOG_ROLLBACK' ? 'E_LOG_ROLLBACK' : 'E_STATE_CORRUPT';
  return new DaemonError('error', code, 'the stored log is not the one that this machine verified; nothing was changed', { cause, next: startOver(path) });
}

/** Where an error without a code of ours came from: its message may hold anything and stays out of the log. */
function whereOf(error: unknown): { readonly where?: string } {
  if (!(error instanceof Error) || codeOf(error) !== 'E_INTERNAL') return {};
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  return {
    where: frames
      .slice(0, 3)
      .map((frame) => frame.trim())
      .join(' | '),
  };
}

function resultOf({ link, machine }: Service): JoinResult {
  const state = admission(link.log.state, machine) === 'ready' ? 'ready' : 'awaiting_admission';
  return { state, org: { id: machine.org, name: link.shown()?.name ?? '' }, machine: { id: machine.machine, name: machine.name }, words: wordsOf(machine) };
}

function statusOf(options: DaemonOptions, service: Service | undefined, startedAt: string, identity: Status['identity']): Status {
  const counts = { pending: service?.desk.pending.size ?? 0, leases: service?.leases.size ?? 0 };
  const base = { version: options.version, pid: process.pid, startedAt, identity, memoryBytes: process.memoryUsage.rss(), ...counts };
  if (!service) return { ...base, state: 'not_enrolled' };
  const { link, machine } = service;
  const { state } = link.log;
  const { connected, since, syncedAt, lastError } = link.status();
  return {
    ...base,
    ...stateOf(service),
    org: { id: machine.org, name: link.shown()?.name ?? '' },
    machine: { id: machine.machine, name: machine.name, words: wordsOf(machine) },
    relay: { url: machine.relay, connected, since: new Date(since).toISOString(), ...(lastError === undefined ? {} : { lastError }) },
    ...(state ? { custody: custodySummary(state), ...recoveryStatus(state) } : {}),
    ...(state ? { log: { seq: state.head.seq, head: state.head.eh, syncedAt: new Date(syncedAt).toISOString() } } : {}),
  };
}

function stateOf(service: Service): Pick<Status, 'state' | 'halted'> {
  const { state } = service.link.log;
  const halted = service.halted();
  const where = admission(state, service.machine);
  if (halted) return { state: 'halted', halted: halted.code };
  if (where === 'revoked') return { state: 'halted', halted: 'E_MACHINE_REVOKED' };
  if (where === 'awaiting_admission') return { state: 'awaiting_admission' };
  return { state: state?.frozen ? 'frozen' : 'ready' };
}

/** From the disk and from genesis on, as a new client would. */
async function verifyStored({ machine }: Service, store: DaemonStore): Promise<LogVerified> {
  const started = performance.now();
  const count = (await store.log.load())?.count ?? 0;
  let state: OrgState | undefined;
  for await (const [after] of replay(undefined, store.log, 0, count)) state = after;
  if (!state || state.org !== machine.org) throw new ProtocolError('E_ORG', 'the stored log is not of this organisation');
  return { entries: count, head: state.head.eh, org: state.org, ms: Math.round(performance.now() - started) };
}

function nameOf(host: string): string {
  try {
    return verifyText(host.slice(0, 64));
  } catch {
    return 'machine';
  }
}
