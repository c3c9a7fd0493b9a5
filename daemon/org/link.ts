// The daemon's connection to its organisation: verified log and mail in; survives a relay that is away (spec/09-release.md §link).
import { attestationSeed } from '../../protocol/notice.ts';
import { mailboxesAround, openMkWrap, orgStream } from '../../protocol/org-log/record.ts';
import type { OrgState } from '../../protocol/org-log/state.ts';
import type { Random } from '../../protocol/random.ts';
import type { MailboxId, ReceivedMail } from '../../protocol/wire.ts';
import { type Fetch, type RelayClient, RelayClientError, createRelayClient } from '../../relay-client/client.ts';
import { ForkError } from '../../relay-client/judge.ts';
import { type Live, type SocketLike, startLive } from '../../relay-client/live.ts';
import { type OrgLog, openOrgLog } from '../../relay-client/org-log.ts';
import type { Progress } from '../../relay-client/restore.ts';
import { passingOver } from '../../relay-client/pass-over.ts';
import { DaemonError } from '../errors.ts';
import type { MachineIdentity } from '../vault/machine-key.ts';
import { createSnapshots } from '../vault/snapshots.ts';
import type { DaemonStore } from '../vault/store.ts';

export interface LinkDeps {
  readonly machine: MachineIdentity;
  readonly store: Pick<DaemonStore, 'log' | 'passed' | 'snapshot' | 'keepSnapshot'>;
  /** Names this program: a state that another one verified is verified again. */
  readonly build: string;
  readonly progress?: Progress;
  /** What this machine saw of a long log when it joined: names to show until all has been verified. */
  readonly ahead?: OrgState | undefined;
  readonly now: () => number;
  readonly random: Random;
  readonly fetch: Fetch;
  readonly openSocket: (url: string) => SocketLike;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** The relay shows two histories. */
  readonly onFork: (fork: ForkError) => void;
  readonly onProblem: (error: unknown) => void;
}
export interface LinkStatus {
  readonly connected: boolean;
  readonly since: number;
  readonly lastError?: string;
  readonly syncedAt: number;
}
/** Mail to this machine's own mailbox, or an attestation to the whole org. */
export type OnMail = (kind: 'own' | 'attestation', body: Uint8Array) => Promise<void>;
export interface OrgLink {
  readonly client: RelayClient;
  readonly log: OrgLog;
  /** To be shown, never to be acted on: what is verified, or before that what was seen ahead. */
  shown(): OrgState | undefined;
  status(): LinkStatus;
  /** Resolves when the log has been read once, or the relay takes too long. */
  start(onMail: OnMail): Promise<void>;
  /** Newest log. Throws what OrgLog.sync throws; a proof of a fork has then been kept. */
  sync(): Promise<void>;
  /** Mail to a fresh mailbox until disposed: live, and polled where live is down. `patient`: nobody waits at a terminal, so that it is polled as seldom as at rest. */
  listen(mailbox: MailboxId, onMail: (body: Uint8Array) => void, patient?: boolean): Disposable;
  stop(): void;
}

const firstPollMs = 2_000;
const tickMs = 2_000;
/** Ticks between polls: while an answer is awaited without, or with, a live connection; and at rest. */
const pollEvery = { waitingOffline: 1, waiting: 5, rest: 30 } as const;
const pagesPerPoll = 100;
const handledMax = 4_096;

export async function createOrgLink(deps: LinkDeps): Promise<OrgLink> {
  const { machine, now } = deps;
  const { org, kem } = machine;
  const stopping = new AbortController();
  const relay = createRelayClient({ url: machine.relay, org, signer: machine.sig, fetch: deps.fetch, now, random: deps.random });
  const client = passingOver(relay, deps.store.passed());
  const log = await openOrgLog({
    org,
    client,
    store: { ...deps.store.log, persist, halts: { ...deps.store.log.halts, keep: keepHalt } },
    pin: machine.pin,
    snapshots: createSnapshots(deps.store, machine, deps.build, deps.random),
    onSnapshotProblem: deps.onProblem,
    ...(deps.progress ? { progress: deps.progress } : {}),
    now,
    random: deps.random,
    openMkWrap: (epoch, wraps) => openMkWrap(org, epoch, machine.machine, kem, wraps),
    isHolder: (state) => ['enrolled', 'active'].includes(state.machines.get(machine.machine)?.status ?? ''),
  });
  // The proof is beside the state also where this program died before it had written it.
  if (log.halted instanceof ForkError) deps.onFork(log.halted);
  const listeners = new Map<MailboxId, (body: Uint8Array) => void>();
  const patient = new Set<MailboxId>();
  const handled = new Set<string>();
  // Ids of mail, for this connection only: a relay that was restored may count anew.
  let newest = 0;
  let polledTo = 0;
  let isLive = false;
  let status: LinkStatus = { connected: false, since: now(), syncedAt: 0 };
  let onMail: OnMail = () => Promise.resolve();
  let live: Live | undefined;
  let polling: Promise<void> | undefined;

  // What is read after the end belongs to nobody: the next link reads it for itself, into the same store.
  async function persist(...log: Parameters<DaemonStore['log']['persist']>): Promise<void> {
    stopping.signal.throwIfAborted();
    await deps.store.log.persist(...log);
  }
  async function keepHalt(halt: Uint8Array | undefined): Promise<void> {
    stopping.signal.throwIfAborted();
    await deps.store.log.halts.keep(halt);
  }

  const own = (): readonly MailboxId[] => mailboxesAround(machine.mailboxSeed, now());
  const attestations = (): readonly MailboxId[] => (log.state ? mailboxesAround(attestationSeed(org, log.state.mkCommitment), now()) : []);

  function setConnected(connected: boolean, error?: unknown): void {
    if (connected !== status.connected) status = { ...status, connected, since: now() };
    if (error !== undefined) status = { ...status, lastError: codeOf(error) };
  }

  async function sync(): Promise<void> {
    try {
      await log.sync();
      status = { ...status, syncedAt: now() };
    } catch (error) {
      if (error instanceof ForkError) deps.onFork(error);
      throw error;
    }
  }

  // Every mail once, however it came. Mail of a request that is over has no listener any more: it does nothing.
  async function deliver({ id, mailbox, body }: ReceivedMail): Promise<void> {
    newest = Math.max(newest, id);
    const name = `${mailbox} ${id}`;
    if (handled.has(name)) return;
    handled.add(name);
    if (handled.size > handledMax) handled.delete(handled.values().next().value ?? '');
    const listener = listeners.get(mailbox);
    if (listener) return listener(body);
    const kind = own().includes(mailbox) ? 'own' : attestations().includes(mailbox) ? 'attestation' : undefined;
    if (kind) await onMail(kind, body).catch(deps.onProblem);
  }

  async function readMail(mailboxes: readonly MailboxId[], from: number): Promise<number> {
    let after = from;
    for (let page = 0; page < pagesPerPoll; page++) {
      const { mails, next } = await client.readMail({ mailboxes, after, limit: 200 });
      for (const mail of mails) await deliver(mail);
      if (mails.length === 0 || next <= after) break;
      after = next;
    }
    return after;
  }

  // What the live connection may have missed. A log that stopped does not keep a lease's end away.
  async function pollOnce(): Promise<void> {
    await sync().catch((error: unknown) => {
      if (error instanceof RelayClientError || stopping.signal.aborted) throw error;
      deps.onProblem(error);
    });
    polledTo = await readMail([...own(), ...attestations()], polledTo);
    const replies = [...listeners.keys()];
    if (replies.length > 0) await readMail(replies, 0); // each holds a few mails, and they come and go
  }
  function poll(): Promise<void> {
    polling ??= pollOnce()
      .then(() => setConnected(true))
      .catch((error: unknown) => {
        if (stopping.signal.aborted) return;
        if (error instanceof RelayClientError) setConnected(false, error);
        deps.onProblem(error);
      })
      .finally(() => (polling = undefined));
    return polling;
  }

  async function keepPolling(): Promise<void> {
    for (let tick = 1; !stopping.signal.aborted; tick++) {
      await deps.sleep(tickMs, stopping.signal);
      const every = listeners.size === patient.size ? pollEvery.rest : isLive ? pollEvery.waiting : pollEvery.waitingOffline;
      if (!stopping.signal.aborted && tick % every === 0) await poll();
    }
  }

  return {
    client,
    log,
    shown: () => log.state ?? deps.ahead,
    sync,
    status: () => status,
    start: async (handler) => {
      onMail = handler;
      const first = poll();
      live = startLive({
        client,
        openSocket: deps.openSocket,
        subscription: () => ({ mailboxes: [...own(), ...attestations(), ...listeners.keys()], streams: [orgStream(org)], after: newest }),
        onEvent: ({ mail, head }) => {
          if (mail) void deliver(mail);
          if (head && head.eh !== log.state?.head.eh) sync().catch(deps.onProblem);
        },
        onConnected: (connected, error) => {
          isLive = connected;
          setConnected(connected, error);
          if (connected) void poll();
          else newest = polledTo = 0;
        },
        sleep: deps.sleep,
        jitter: Math.random,
      });
      void keepPolling();
      await Promise.race([first, deps.sleep(firstPollMs, stopping.signal)]);
    },
    listen: (mailbox, listener, isPatient = false) => {
      listeners.set(mailbox, listener);
      if (isPatient) patient.add(mailbox);
      live?.resubscribe();
      return {
        [Symbol.dispose]: () => {
          listeners.delete(mailbox);
          patient.delete(mailbox);
          live?.resubscribe();
        },
      };
    },
    stop: () => {
      stopping.abort();
      live?.stop();
    },
  };
}

/** The exact code of any error of ours; never a message. */
export function codeOf(error: unknown): string {
  if (error instanceof DaemonError) return error.detail;
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  return typeof code === 'string' ? code : 'E_INTERNAL';
}
