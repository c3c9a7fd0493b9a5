// The daemon's connection to its organisation: verified log, mail, receipts out; survives a relay that is away (spec/09-release.md §link).
import type { Hash, MachineId } from '../../protocol/hash.ts';
import { attestationSeed } from '../../protocol/notice.ts';
import { mailboxOn, mailboxesAround, openMkWrap, orgStream } from '../../protocol/org-log/record.ts';
import type { Random } from '../../protocol/random.ts';
import type { MailboxId, ReceivedMail } from '../../protocol/wire.ts';
import { type RelayClient, RelayClientError, createRelayClient } from '../../relay-client/client.ts';
import { type Live, type SocketLike, startLive } from '../../relay-client/live.ts';
import { type OrgLog, openOrgLog } from '../../relay-client/org-log.ts';
import type { MachineIdentity } from '../vault/machine-key.ts';
import type { DaemonStore } from '../vault/store.ts';

export interface LinkDeps {
  readonly machine: MachineIdentity;
  readonly store: DaemonStore;
  readonly now: () => number;
  readonly random: Random;
  readonly fetch: Parameters<typeof createRelayClient>[0]['fetch'];
  readonly openSocket: (url: string) => SocketLike;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Mail to this machine's own mailbox, and attestations of the org. */
  readonly onMail: (kind: 'own' | 'attestation', body: Uint8Array) => Promise<void>;
  readonly onProblem: (error: unknown) => void;
}
export interface LinkStatus { readonly connected: boolean; readonly since: number; readonly lastError?: string; readonly syncedAt: number }
export interface OrgLink {
  readonly client: RelayClient;
  readonly log: OrgLog;
  status(): LinkStatus;
  /** Mail to a fresh mailbox until disposed: live, and polled where live is down. */
  listen(mailbox: MailboxId, onMail: (body: Uint8Array) => void): Disposable;
  stop(): void;
}

const tickMs = 2_000;
/** Polls per so many ticks: while an answer is awaited without, or with, a live connection; and at rest. */
const pollEvery = { waitingOffline: 1, waiting: 5, rest: 30 } as const;
const handledMax = 4_096;

export async function createOrgLink(deps: LinkDeps): Promise<OrgLink> {
  const { machine, store, now } = deps;
  const client = createRelayClient({ url: machine.relay, org: machine.org, signer: machine.sig, fetch: deps.fetch, now, random: deps.random });
  const log = await openOrgLog({ org: machine.org, client, store: store.log, now, random: deps.random, openMkWrap: (epoch, wraps) => openMkWrap(machine.org, epoch, machine.machine as MachineId, machine.kem, wraps) });
  const stopping = new AbortController();
  const listeners = new Map<MailboxId, (body: Uint8Array) => void>();
  const handled = new Set<number>();
  let status: LinkStatus = { connected: false, since: now(), syncedAt: 0 };
  let live: Live | undefined;
  let polling: Promise<void> | undefined;

  const own = (): readonly MailboxId[] => mailboxesAround(machine.mailboxSeed, now());
  const attestations = (): readonly MailboxId[] => (log.state ? [mailboxOn(attestationSeed(machine.org, log.state.mkCommitment), now())] : []);
  const subscribed = (): readonly MailboxId[] => [...own(), ...attestations(), ...listeners.keys()];

  function setConnected(connected: boolean, error?: unknown): void {
    if (connected !== status.connected) status = { ...status, connected, since: now() };
    if (error !== undefined) status = { ...status, lastError: codeOf(error) };
  }

  async function sync(): Promise<void> {
    await log.sync();
    status = { ...status, syncedAt: now() };
  }

  async function deliver(mail: ReceivedMail): Promise<void> {
    if (handled.has(mail.id)) return;
    handled.add(mail.id);
    if (handled.size > handledMax) handled.delete(handled.values().next().value ?? 0);
    const listener = listeners.get(mail.mailbox);
    if (listener) return listener(mail.body);
    await deps.onMail(own().includes(mail.mailbox) ? 'own' : 'attestation', mail.body).catch(deps.onProblem);
  }

  // What the live connection may have missed: the log first, then mail after the stored cursor.
  async function pollOnce(): Promise<void> {
    await sync();
    for (;;) {
      const after = store.mailCursor();
      const page = await client.readMail({ mailboxes: subscribed().slice(-64), after, limit: 200 });
      for (const mail of page.mails) await deliver(mail);
      // Reply mailboxes come and go: while one waits, the cursor stays before its mail.
      if (listeners.size === 0 && page.next > after) store.setMailCursor(page.next);
      if (page.mails.length < 200 || page.next <= after || listeners.size > 0) return;
    }
  }
  function poll(): Promise<void> {
    polling ??= pollOnce()
      .then(() => setConnected(true))
      .catch((error: unknown) => {
        if (error instanceof RelayClientError) setConnected(false, error);
        deps.onProblem(error);
      })
      .finally(() => (polling = undefined));
    return polling;
  }

  async function keepPolling(): Promise<void> {
    for (let tick = 1; !stopping.signal.aborted; tick++) {
      await deps.sleep(tickMs, stopping.signal).catch(() => undefined);
      const every = listeners.size === 0 ? pollEvery.rest : status.connected ? pollEvery.waiting : pollEvery.waitingOffline;
      if (!stopping.signal.aborted && tick % every === 0) await poll();
    }
  }

  await poll();
  live = startLive({
    client,
    openSocket: deps.openSocket,
    subscription: () => ({ mailboxes: subscribed(), streams: [orgStream(machine.org)] }),
    onEvent: ({ mail, head }) => {
      if (mail) void deliver(mail);
      if (head && head.eh !== log.state?.head.eh) void sync().catch(deps.onProblem);
    },
    onConnected: (connected, error) => {
      setConnected(connected, error);
      if (connected) void poll();
    },
    sleep: deps.sleep,
    jitter: Math.random,
  });
  void keepPolling();

  return {
    client,
    log,
    status: () => status,
    listen: (mailbox, onMail) => {
      listeners.set(mailbox, onMail);
      live?.resubscribe();
      return {
        [Symbol.dispose]: () => {
          listeners.delete(mailbox);
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

/** The code of any error of ours; never a message. */
export function codeOf(error: unknown): string {
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  return typeof code === 'string' ? code : 'E_INTERNAL';
}

/** A blob that the log names, from the machine's own replica or the relay. */
export async function fetchBlobs(link: Pick<OrgLink, 'client'>, store: DaemonStore, hashes: readonly Hash[]): Promise<readonly Uint8Array[]> {
  const missing = hashes.filter((hash) => store.blob(hash) === undefined);
  const fetched = missing.length > 0 ? await link.client.getBlobs(missing) : [];
  for (const [index, hash] of missing.entries()) {
    const bytes = fetched[index];
    if (bytes) store.addBlob(hash, bytes);
  }
  return hashes.map((hash, index) => store.blob(hash) ?? fetched[index] ?? new Uint8Array(0));
}
