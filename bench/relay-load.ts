// What a relay holds and does: bytes per idle connection, whole loops per second with full sync. Its own process, loopback, bounded.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toHex } from '../protocol/bytes.ts';
import type { OrgId } from '../protocol/hash.ts';
import { generateSigner } from '../protocol/keys.ts';
import { zeroHash } from '../protocol/org-log/entry.ts';
import { type Hash, type MailboxId, type StreamId, decode, encode, limits, liveEventCodec, liveHelloCodec, paths } from '../protocol/wire.ts';
import { type RelayClient, createRelayClient } from '../relay-client/client.ts';
import { type Spread, spreadOf } from './measure.ts';

const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));
const hexId = <T extends string>(): T => toHex(random(32)) as T; // ids of the benchmark

export interface RelayProcess extends AsyncDisposable {
  readonly url: string;
  readonly rssBytes: () => number;
}

export async function startRelayProcess(): Promise<RelayProcess> {
  const dir = mkdtempSync(join(tmpdir(), 'svr-'));
  const child = Bun.spawn([process.execPath, join(import.meta.dir, 'relay-process.ts'), dir], { stdout: 'pipe', stderr: 'inherit' });
  const reader = child.stdout.getReader();
  const url = new TextDecoder().decode((await reader.read()).value).trim();
  return {
    url,
    rssBytes: () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? 0) * 1_024,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM');
      await child.exited;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function newClient(url: string): Promise<RelayClient> {
  const { signer } = await generateSigner(false);
  const client = createRelayClient({
    url,
    org: hexId<OrgId>(),
    signer,
    fetch: (to, init) => fetch(to, { ...init, body: new Uint8Array(init.body) }),
    now: Date.now,
    random,
  });
  await client.signUp();
  return client;
}

/** Open sockets of one org, each with its mailboxes and the log subscribed, as daemons and consoles hold them. */
async function openSockets(client: RelayClient, howMany: number, perSocket: (mailbox: MailboxId) => (body: Uint8Array) => void): Promise<WebSocket[]> {
  const { token } = await client.session();
  const log = hexId<StreamId>();
  const open = async (): Promise<WebSocket> => {
    const socket = new WebSocket(client.url.replace(/^http/, 'ws') + paths.live);
    socket.binaryType = 'arraybuffer';
    const mailbox = hexId<MailboxId>();
    const onMail = perSocket(mailbox);
    await new Promise<void>((resolve, reject) => {
      socket.onopen = () => socket.send(new Uint8Array(encode(liveHelloCodec, { token, mailboxes: [mailbox], streams: [log] })));
      socket.onerror = () => reject(new Error('a socket failed'));
      socket.onmessage = ({ data }) => {
        const event = decode(liveEventCodec, new Uint8Array(data as ArrayBuffer), limits.mailBytes + 1_024); // binaryType says so
        if (event.mail) onMail(event.mail.body);
        else resolve();
      };
    });
    return socket;
  };
  const sockets: WebSocket[] = [];
  for (let at = 0; at < howMany; at += 100) sockets.push(...(await Promise.all(Array.from({ length: Math.min(100, howMany - at) }, open))));
  return sockets;
}

/** Bytes of resident memory per idle connection. */
export async function idleConnections(howMany = 5_000): Promise<{ readonly connections: number; readonly bytesEach: number }> {
  await using relay = await startRelayProcess();
  const client = await newClient(relay.url);
  const warm = await openSockets(client, 100, () => () => undefined);
  const before = relay.rssBytes();
  const sockets = await openSockets(client, howMany, () => () => undefined);
  await Bun.sleep(500);
  const bytesEach = (relay.rssBytes() - before) / howMany;
  for (const socket of [...warm, ...sockets]) socket.close();
  return { connections: howMany, bytesEach };
}

/** One loop: a request posted, pushed live, an answer posted, pushed live, a receipt appended; three durable writes. */
export async function wholeLoops(pairs = 16, seconds = 5): Promise<{ readonly perSecond: number; readonly ms: Spread; readonly pairs: number }> {
  await using relay = await startRelayProcess();
  const client = await newClient(relay.url);
  const request = random(8_192);
  const answer = random(6_144);
  const receipt = random(12_288);
  const ends = performance.now() + seconds * 1_000;
  const samples: number[] = [];
  const sockets: WebSocket[] = [];
  const runPair = async (): Promise<void> => {
    const inboxes: { mailbox: MailboxId; next: (body: Uint8Array) => void }[] = [];
    sockets.push(
      ...(await openSockets(client, 2, (mailbox) => {
        const inbox = { mailbox, next: (_: Uint8Array): void => undefined };
        inboxes.push(inbox);
        return (body) => inbox.next(body);
      })),
    );
    const [device, machine] = inboxes;
    if (!device || !machine) return;
    const stream = hexId<StreamId>();
    let prev: Hash = zeroHash;
    for (let seq = 0; performance.now() < ends; seq++) {
      const from = performance.now();
      const answered = new Promise<void>((resolve) => (machine.next = () => resolve()));
      device.next = () => void client.post([{ mailbox: machine.mailbox, body: answer, ttlS: 60 }]);
      await client.post([{ mailbox: device.mailbox, body: request, ttlS: 60 }]);
      await answered;
      const eh = hexId<Hash>();
      await client.append({ stream, seq, prev, eh, blob: receipt });
      prev = eh;
      samples.push(performance.now() - from);
    }
  };
  await Promise.all(Array.from({ length: pairs }, runPair));
  for (const socket of sockets) socket.close();
  return { perSecond: samples.length / seconds, ms: spreadOf(samples), pairs };
}
