// The fake world's organisation on a real relay: its log, blobs and mail are really there, its people answer by program. Never shipped.
import { pinOf } from '../protocol/org-log/pin.ts';
import { type JoinToken, formatToken, joinMailbox, sealJoinPacket } from '../protocol/enrolment.ts';
import { type Letter, attestationSeed, openLetter, sealLetter, signNotice } from '../protocol/notice.ts';
import type { Decision } from '../protocol/approval.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { type Hash, type LeaseId, type MachineId, hash } from '../protocol/hash.ts';
import type { MachineAdmit } from '../protocol/org-log/bodies.ts';
import { zeroHash } from '../protocol/org-log/entry.ts';
import { mailboxOn, mailboxesAround, openRecord, orgStream, receiptStream, sealRecord } from '../protocol/org-log/record.ts';
import type { Head } from '../protocol/org-log/state.ts';
import { parseProposal, proposalStream } from '../protocol/proposal.ts';
import { type VerifiedReceipt, verifyReceipt } from '../protocol/receipt.ts';
import { type RequestMemory, type VerifiedRequest } from '../protocol/request.ts';
import type { StreamId } from '../protocol/wire.ts';
import { type RelayClient, createRelayClient } from '../relay-client/client.ts';
import { type World, found } from './world.ts';
import type { WorldDevice } from './world-people.ts';
import { type DoctoredAnswer, answer, deviceMemory, look } from './world-release.ts';

export interface SeenRequest {
  readonly device: WorldDevice;
  readonly verified: VerifiedRequest;
}
export interface LiveOrg {
  readonly world: World;
  readonly client: RelayClient;
  /** Sends what the world has and the relay has not; takes what the relay has and the world has not. */
  sync(): Promise<void>;
  /** A token for a machine, everything behind it in place. */
  token(): Promise<string>;
  /** Admits the machine that is named, or one that waits. */
  admit(facts?: Partial<MachineAdmit>): Promise<MachineId>;
  /** Waits for the next request at a device, verified as a console would. */
  nextRequest(device: WorldDevice, signal?: AbortSignal): Promise<SeenRequest>;
  /** That device remembers that it has decided. */
  decided(seen: SeenRequest): void;
  /** Devices forget what they know of machines: their counters, and requests that came so far. */
  forget(): Promise<void>;
  /** Letters of that kind at a device, from the first on. */
  letters(device: WorldDevice, kind: Letter['kind']): Promise<readonly Uint8Array[]>;
  decide(seen: SeenRequest, decision: Decision, how?: DoctoredAnswer): Promise<void>;
  /** Posts sealed bytes into the reply mailbox of a request, whatever they are. */
  reply(seen: SeenRequest, sealed: Uint8Array): Promise<void>;
  /** Countersigns a machine's proposal as that writer. */
  countersign(seen: SeenRequest): Promise<void>;
  endLease(device: WorldDevice, machine: MachineId, lease: LeaseId, head?: Head): Promise<void>;
  /** The head that it saw; a hostile device says another one. */
  attest(device: WorldDevice, head?: Head): Promise<void>;
  /** Verified receipts of a machine, in order. */
  receipts(machine: MachineId): Promise<readonly VerifiedReceipt[]>;
}

/** `world` has its genesis; its clock should show the real time. `reach`: another way to the relay than the one that machines take. */
export async function createLiveOrg(world: World, relayUrl: string, reach: (url: string) => string = (url) => url): Promise<LiveOrg> {
  const { org } = world.state;
  const founder = found([...world.members.values()][0]?.devices[0], 'founder');
  const client = createRelayClient({
    url: relayUrl,
    org,
    signer: founder.presence,
    fetch: (url, init) => fetch(reach(url), { ...init, body: new Uint8Array(init.body) }),
    now: Date.now,
    random: world.random,
  });
  await client.signUp();
  const place = { org, stream: orgStream(org) };
  let published = 0;
  let tail: { readonly seq: number; readonly eh: Hash } = { seq: -1, eh: zeroHash };
  const sentBlobs = new Set<Hash>();
  const memories = new Map<WorldDevice, ReturnType<typeof deviceMemory>>();
  const cursors = new Map<WorldDevice, number>();

  async function pull(): Promise<void> {
    const page = await client.read(place.stream, tail.seq + 1);
    for (const record of page.records) {
      if (record.eh === world.entries[published]?.eh) published++;
      else if (await take(record.blob)) published++;
      tail = { seq: record.seq, eh: record.eh };
    }
  }

  /** True for an entry of somebody else; what is none is passed over, as every client does. */
  async function take(blob: Uint8Array): Promise<boolean> {
    const unpublished = world.entries.length > published;
    try {
      const bytes = await openRecord(place, world.mk, blob);
      if (!unpublished) await world.accept(bytes);
    } catch (error) {
      if (error instanceof ProtocolError) return false;
      throw error;
    }
    if (unpublished) throw new Error('somebody wrote to the log at the same moment as the world'); // pushing would fork it
    return true;
  }

  async function sync(): Promise<void> {
    await pull();
    const blobs = [...world.blobs].filter(([name]) => !sentBlobs.has(name));
    if (blobs.length > 0) await client.putBlobs(blobs.map(([, blob]) => blob));
    for (const [name] of blobs) sentBlobs.add(name);
    for (let entry = world.entries[published]; entry; entry = world.entries[published]) {
      const mk = found(world.mk.get(entry.mkEpoch), 'metadata key');
      const blob = await sealRecord(place, entry.mkEpoch, mk, entry.bytes, world.random, world.rotations.get(entry.eh));
      await client.append({ stream: place.stream, seq: tail.seq + 1, prev: tail.eh, eh: entry.eh, blob });
      tail = { seq: tail.seq + 1, eh: entry.eh };
      published++;
    }
    for (const member of world.members.values()) for (const device of member.devices) await client.registerKey(device.presence.publicKey, 'device');
  }

  async function readLetters(
    device: WorldDevice,
    after: number,
    waitMs: number,
    signal?: AbortSignal,
  ): Promise<{ readonly letters: readonly Letter[]; readonly next: number }> {
    const page = await client.readMail({ mailboxes: mailboxesAround(device.facts.mailboxSeed, Date.now()), after, limit: 200, waitMs }, signal);
    const letters = await Promise.all(page.mails.map((mail) => openLetter(org, device.id, device.inbox, mail.body)));
    return { letters, next: page.next };
  }

  async function nextRequest(device: WorldDevice, signal?: AbortSignal): Promise<SeenRequest> {
    const memory: RequestMemory & ReturnType<typeof deviceMemory> = memories.get(device) ?? deviceMemory();
    memories.set(device, memory);
    for (;;) {
      signal?.throwIfAborted();
      // One letter at a time, so that none is passed over.
      const page = await client.readMail(
        { mailboxes: mailboxesAround(device.facts.mailboxSeed, Date.now()), after: cursors.get(device) ?? 0, limit: 1, waitMs: 5_000 },
        signal,
      );
      const [mail] = page.mails;
      if (!mail) continue;
      cursors.set(device, mail.id);
      const letter = await openLetter(org, device.id, device.inbox, mail.body);
      if (letter.kind !== 'request') continue;
      await pull();
      world.clock.set(Date.now());
      const verified = await look(world, device, letter.bytes, memory);
      memory.remember(verified);
      return { device, verified };
    }
  }

  const reply = (seen: SeenRequest, sealed: Uint8Array): Promise<void> => client.post([{ mailbox: seen.verified.request.reply, body: sealed, ttlS: 300 }]);

  return {
    world,
    client,
    sync,
    token: async () => {
      await sync();
      world.clock.set(Date.now());
      const issued = await world.issueToken();
      await sync();
      const token: JoinToken = { org, token: issued.id, scalar: issued.scalar, publicKey: issued.facts.tokenKey, relay: relayUrl };
      await client.registerKey(issued.facts.tokenKey, 'join', issued.facts.expiresAt);
      const epoch = world.state.mkEpoch;
      await client.post([
        {
          mailbox: joinMailbox(token),
          body: await sealJoinPacket(token, { epoch, mk: found(world.mk.get(epoch), 'metadata key'), pin: pinOf(world.state) }, world.random),
          ttlS: 3_600,
        },
      ]);
      return formatToken(token);
    },
    admit: async (facts = {}) => {
      await sync();
      const machine = found(
        [...world.state.machines.values()].find(({ machine: id, status }) => status === 'enrolled' && (facts.machine ?? id) === id),
        'machine that waits',
      );
      world.clock.set(Date.now());
      await world.append('machine.admit', { machine: machine.machine, groups: [], ...facts });
      await sync();
      return machine.machine;
    },
    nextRequest,
    decided: ({ device, verified }) => memories.get(device)?.decide(verified.request.requestId),
    forget: async () => {
      for (const device of [...world.members.values()].flatMap(({ devices }) => devices))
        cursors.set(device, (await readLetters(device, cursors.get(device) ?? 0, 0)).next);
      memories.clear();
    },
    letters: async (device, kind) => (await readLetters(device, 0, 0)).letters.filter((letter) => letter.kind === kind).map(({ bytes }) => bytes),
    decide: async (seen, decision, how) => {
      const { request, rh, items } = seen.verified;
      await reply(seen, await answer(world, seen.device, { request, rh, items }, decision, how));
    },
    reply,
    countersign: async ({ device, verified: { request } }) => {
      const proposal = found(request.proposal, 'proposal');
      const [blob] = await client.getBlobs([proposal.blob]);
      const puts = parseProposal(proposal, await openRecord({ org, stream: proposalStream(request.requestId) }, world.mk, found(blob, 'blob')));
      for (const body of puts) {
        for (const name of [body.body, ...body.wraps.map(({ wrap }) => wrap)]) world.blobs.set(name, found((await client.getBlobs([name]))[0], 'blob'));
        world.clock.set(Date.now());
        await world.append('secret.put', body, [device]);
      }
      await sync();
    },
    endLease: async (device, machine, lease, head = world.state.head) => {
      const bytes = await signNotice({ org, device: device.id, ts: Date.now(), head, endLease: lease }, device.presence);
      const target = found(world.state.machines.get(machine), 'machine');
      await client.post([
        {
          mailbox: mailboxOn(target.mailboxSeed, Date.now()),
          body: await sealLetter(org, { id: machine, key: target.kemKey }, { kind: 'notice', bytes }),
          ttlS: 600,
        },
      ]);
    },
    attest: async (device, head = world.state.head) => {
      const bytes = await signNotice({ org, device: device.id, ts: Date.now(), head }, device.presence);
      const stream = hash('stream', ['attest']) as string as StreamId; // a stream id of the fake world
      const epoch = world.state.mkEpoch;
      const body = await sealRecord({ org, stream }, epoch, found(world.mk.get(epoch), 'metadata key'), bytes, world.random);
      await client.post([{ mailbox: mailboxOn(attestationSeed(org, world.state.mkCommitment), Date.now()), body, ttlS: 86_400 }]);
    },
    receipts: async (machine) => {
      const stream = receiptStream(org, machine);
      const { records } = await client.read(stream, 0, 200);
      return Promise.all(records.map(async ({ blob }) => verifyReceipt(world.state, await openRecord({ org, stream }, world.mk, blob))));
    },
  };
}
