// Keeps this device up to date: log, mail and heads of others; live where it can, polled where not (spec/08-relay.md §live).
import { type Codec, count, decode, encode, record } from '../../protocol/codec.ts';
import { ProtocolError } from '../../protocol/errors.ts';
import { type Hash, hash } from '../../protocol/hash.ts';
import { attestationSeed, openLetter, signNotice, verifyNotice } from '../../protocol/notice.ts';
import { type RecordPlace, mailboxOn, mailboxesAround, openRecord, orgStream, receiptStream, sealRecord } from '../../protocol/org-log/record.ts';
import type { MailboxId, ReceivedMail, StreamId } from '../../protocol/wire.ts';
import { RelayClientError } from '../../relay-client/client.ts';
import { startLive } from '../../relay-client/live.ts';
import type { Drafts } from './drafts.ts';
import { type Heads, attestMaxAgeMs } from './heads.ts';
import type { Inbox } from './inbox.ts';
import type { Receipts } from './receipts.ts';
import { type Session, myDevice } from './session.ts';

export interface Follower {
  readonly online: boolean;
  /** Reads everything that is new; one at a time. */
  poll(): Promise<void>;
  stop(): void;
}

const cursorName = 'mail-cursor';
const cursorCodec: Codec<{ readonly after: number }> = record<{ readonly after: number }>({ after: [1, count] });
const attestTtlS = 86_400;
const attestEveryMs = 6 * 60 * 60_000;
const tickMs = 2_000;
/** Ticks between polls, without and with a live connection. */
const pollEvery = { offline: 2, live: 30 } as const;
const handledMax = 2_048;
const streamsMax = 60;

export async function follow(deps: {
  readonly session: Session;
  readonly inbox: Inbox;
  readonly receipts: Receipts;
  readonly drafts: Drafts;
  readonly heads: Heads;
  readonly onChange: () => void;
  /** A failure that the screen tells; undefined: all is well again. */
  readonly onProblem: (error: unknown) => void;
  readonly onTick: () => Promise<void>;
}): Promise<Follower> {
  const { session, inbox, receipts, drafts, heads } = deps;
  const { platform, client, log, me } = session;
  const stored = (await platform.storage.read(cursorName)).get(cursorName);
  let after = stored ? decode(cursorCodec, stored, 64).after : 0;
  let online = false;
  let attested = { at: 0, under: '' };
  let polling: Promise<void> | undefined;
  let wanted = false;
  let isFirst = true;
  const handled = new Set<number>();
  const stopping = new AbortController();
  const place: RecordPlace = { org: me.org, stream: hash('stream', ['attest']) as string as StreamId }; // a stream id is a hash with this use

  const own = (): readonly MailboxId[] => {
    const seed = log.state?.devices.get(me.device)?.mailboxSeed;
    return seed ? mailboxesAround(seed, platform.now()) : [];
  };
  const attestations = (): readonly MailboxId[] => (log.state ? mailboxesAround(attestationSeed(me.org, log.state.mkCommitment), platform.now()) : []);
  const machineStreams = (): ReadonlyMap<StreamId, () => Promise<void>> =>
    new Map(
      [...(log.state?.machines.values() ?? [])]
        .filter(({ status }) => status === 'active')
        .slice(0, streamsMax)
        .map(({ machine }) => [receiptStream(me.org, machine), () => receipts.catchUp(machine)]),
    );

  function setOnline(now: boolean): void {
    if (now === online) return;
    online = now;
    deps.onChange();
  }

  // Deliveries take turns: live and polled mail may hold the same letter.
  let turn: Promise<unknown> = Promise.resolve();
  function deliver(mail: ReceivedMail): Promise<void> {
    const mine = turn.then(() => deliverOne(mail));
    turn = mine.catch(() => undefined);
    return mine;
  }

  async function deliverOne({ id, mailbox, body }: ReceivedMail): Promise<void> {
    if (handled.has(id)) return;
    if (own().includes(mailbox)) await deliverLetter(body, id);
    else await readAttestation(body);
    handled.add(id);
    if (handled.size > handledMax) handled.delete(handled.values().next().value ?? 0);
  }

  async function deliverLetter(body: Uint8Array, mail: number): Promise<void> {
    // What does not open is for nobody: anyone at the relay could have left it.
    const letter = await openLetter(me.org, me.device, session.inboxKey, body).catch(() => undefined);
    if (letter?.kind === 'request') await inbox.receive(letter.bytes, mail);
    if (letter?.kind === 'receipt') await receipts.receive(letter.bytes).catch(unlessInvalid);
    if (letter?.kind === 'draft') await drafts.receive(letter.bytes).catch(unlessInvalid);
  }

  // Another device's signed head. Whatever it says, the mail is done: no word of one device keeps the next mail away.
  async function readAttestation(body: Uint8Array): Promise<void> {
    const state = log.requireState();
    const bytes = await openRecord(place, log.keys, body).catch(() => undefined);
    const verified = bytes && (await verifyNotice(state, bytes, platform.now(), attestMaxAgeMs).catch(() => undefined));
    if (!verified || verified.device.device === me.device) return;
    await heads.heard({ device: verified.device.device, ts: verified.notice.ts, head: verified.notice.head });
    deps.onChange();
  }

  // Machines release only while they know a device's recent head. A new day or metadata key is a new mailbox.
  async function attest(): Promise<void> {
    const state = log.requireState();
    const mk = log.keys.get(state.mkEpoch);
    const mailbox = mailboxOn(attestationSeed(me.org, state.mkCommitment), platform.now());
    if (!mk || (attested.under === mailbox && platform.now() - attested.at < attestEveryMs)) return;
    const notice = await signNotice({ org: me.org, device: me.device, ts: platform.now(), head: state.head }, session.keys.presence);
    await client.post([{ mailbox, body: await sealRecord(place, state.mkEpoch, mk, notice, platform.random), ttlS: attestTtlS }]);
    attested = { at: platform.now(), under: mailbox };
  }

  async function pollOnce(): Promise<void> {
    await log.sync();
    myDevice(session);
    for (;;) {
      const page = await client.readMail({ mailboxes: [...own(), ...attestations()], after, limit: 100 });
      for (const mail of page.mails) await deliver(mail);
      if (page.next > after) await platform.storage.write(new Map([[cursorName, encode(cursorCodec, { after: page.next })]]));
      const isLast = page.next <= after || page.mails.length === 0;
      after = Math.max(after, page.next);
      if (isLast) break;
    }
    if (isFirst) await receipts.catchUp();
    isFirst = false;
    await attest();
  }

  // Who asks during a poll gets one that began after the asking.
  function poll(): Promise<void> {
    wanted = true;
    return (polling ??= pollAll().finally(() => (polling = undefined)));
  }
  async function pollAll(): Promise<void> {
    while (wanted && !stopping.signal.aborted) {
      wanted = false;
      try {
        await pollOnce();
        setOnline(true);
        deps.onProblem(undefined);
      } catch (error) {
        if (error instanceof RelayClientError && error.code === 'E_RELAY_AWAY') setOnline(false);
        deps.onProblem(error);
      }
    }
  }

  const live = startLive({
    client,
    openSocket: platform.openSocket,
    subscription: () => ({ mailboxes: [...own(), ...attestations()], streams: [orgStream(me.org), ...machineStreams().keys()] }),
    onEvent: ({ mail, head }) => {
      if (mail) deliver(mail).catch(deps.onProblem);
      if (head?.stream === orgStream(me.org)) {
        if (head.eh !== (log.state?.head.eh as Hash | undefined)) log.sync().catch(deps.onProblem); // the same hash under another name
      } else if (head) machineStreams().get(head.stream)?.().catch(deps.onProblem);
    },
    onConnected: (connected) => {
      setOnline(connected);
      if (connected) void poll();
    },
    sleep: platform.sleep,
    jitter: () => (platform.random(1)[0] ?? 0) / 256,
  });
  const unsubscribe = [
    platform.onReturn(() => {
      isFirst = true;
      void poll();
    }),
    log.onChange(() => live.resubscribe()),
  ];

  async function tick(): Promise<void> {
    for (let ticks = 1; !stopping.signal.aborted; ticks++) {
      await platform.sleep(tickMs, stopping.signal).catch(() => undefined);
      if (stopping.signal.aborted) return;
      await deps.onTick().catch(deps.onProblem);
      if (ticks % (online ? pollEvery.live : pollEvery.offline) === 0) await poll();
    }
  }
  void tick();

  return {
    get online() {
      return online;
    },
    poll,
    stop: () => {
      stopping.abort();
      live.stop();
      for (const end of unsubscribe) end();
    },
  };
}

function unlessInvalid(error: unknown): void {
  if (!(error instanceof ProtocolError)) throw error;
}
