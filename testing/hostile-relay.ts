// A relay that lies: stands in front of the real one, records every byte, and bends what a test tells it to. Never shipped.
import type { ServerWebSocket } from 'bun';
import type { Codec } from '../protocol/codec.ts';
import {
  type BlobNames,
  type Blobs,
  type LiveEvent,
  type LiveHello,
  type Mail,
  type MailPage,
  type MailRead,
  type StreamPage,
  type StreamRead,
  type StreamRecord,
  blobNamesCodec,
  blobsCodec,
  decode,
  encode,
  limits,
  liveEventCodec,
  liveHelloCodec,
  mailPageCodec,
  mailPostCodec,
  mailPostedCodec,
  mailReadCodec,
  paths,
  relayFailureCodec,
  streamPageCodec,
  streamReadCodec,
  streamRecordCodec,
} from '../protocol/wire.ts';

type Later<T> = T | Promise<T>;
export interface Answer {
  readonly status: number;
  readonly body: Uint8Array;
}
/** What it does to each kind of message; honest where nothing is set. */
export interface Bend {
  /** Before anything else: any call, as bytes. */
  call?: ((path: string, ask: Uint8Array, forward: (ask: Uint8Array) => Promise<Answer>) => Promise<Answer>) | undefined;
  read?: ((page: StreamPage, ask: StreamRead) => Later<StreamPage>) | undefined;
  append?: ((record: StreamRecord) => Later<StreamRecord>) | undefined;
  blobs?: ((blobs: Blobs['blobs'], ask: BlobNames['hashes']) => Later<Blobs['blobs']>) | undefined;
  post?: ((mails: readonly Mail[]) => Later<readonly Mail[]>) | undefined;
  readMail?: ((page: MailPage, ask: MailRead) => Later<MailPage>) | undefined;
  hello?: ((hello: LiveHello) => Later<LiveHello>) | undefined;
  /** An event becomes none, one or several. */
  live?: ((event: LiveEvent) => Later<readonly LiveEvent[]>) | undefined;
}
export interface Passed {
  readonly path: string;
  readonly from: 'client' | 'relay';
  readonly bytes: Uint8Array;
}
export interface HostileRelay extends AsyncDisposable {
  /** What clients address; to be the public URL of the real one. */
  readonly url: string;
  /** Origin of the real one. */
  target: string;
  readonly traffic: Passed[];
  bend: Bend;
  /** Away: every call fails and every connection ends, until mended. */
  cut(): void;
  mend(): void;
  /** Sends an event to every live connection. */
  tell(event: LiveEvent): void;
}

interface Bridge {
  upstream?: WebSocket;
  readonly early: Uint8Array[];
}

export function startHostileRelay(): HostileRelay {
  let isCut = false;
  const sockets = new Set<ServerWebSocket<Bridge>>();
  const note = (path: string, from: Passed['from'], bytes: Uint8Array): void => void relay.traffic.push({ path, from, bytes: bytes.slice() });

  // The real one may be away.
  async function forward(path: string, headers: Headers, ask: Uint8Array): Promise<Answer> {
    return reach(path, headers, ask).catch(() => lost);
  }

  async function reach(path: string, headers: Headers, ask: Uint8Array): Promise<Answer> {
    const authorization = headers.get('authorization');
    const response = await fetch(relay.target + path, {
      method: 'POST',
      headers: { 'content-type': 'application/cbor', ...(authorization === null ? {} : { authorization }) },
      body: new Uint8Array(ask),
    });
    return { status: response.status, body: await response.bytes() };
  }

  async function handle(path: string, headers: Headers, ask: Uint8Array): Promise<Answer> {
    const { bend } = relay;
    const pass = (bytes: Uint8Array): Promise<Answer> => forward(path, headers, bytes);
    if (bend.call) return bend.call(path, ask, pass);
    const doctored = await bentAsk(bend, path, ask);
    if (doctored === dropped) return { status: 200, body: encode(mailPostedCodec, { ids: [] }) };
    const answer = await pass(doctored);
    return answer.status === 200 ? { status: 200, body: await bentAnswer(bend, path, ask, answer.body) } : answer;
  }

  const server = Bun.serve<Bridge>({
    hostname: '127.0.0.1',
    port: 0,
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    idleTimeout: 60,
    fetch: async (request, self) => {
      const { pathname } = new URL(request.url);
      if (isCut) return new Response('away', { status: 503 });
      if (pathname === paths.live) return self.upgrade(request, { data: { early: [] } }) ? undefined : new Response('', { status: 400 });
      const ask = await request.bytes();
      note(pathname, 'client', ask);
      note('headers', 'client', new TextEncoder().encode(`${request.method} ${request.url}\n${[...request.headers].join('\n')}`));
      const { status, body } = await handle(pathname, request.headers, ask);
      note(pathname, 'relay', body);
      return new Response(new Uint8Array(body), { status, headers: { 'content-type': 'application/cbor' } });
    },
    websocket: {
      open: (ws) => {
        sockets.add(ws);
        const upstream = new WebSocket(relay.target.replace(/^http/, 'ws') + paths.live);
        upstream.binaryType = 'arraybuffer';
        ws.data.upstream = upstream;
        upstream.onopen = () => ws.data.early.splice(0).forEach((message) => upstream.send(new Uint8Array(message)));
        upstream.onmessage = ({ data }: MessageEvent) =>
          void bentEvent(relay.bend, new Uint8Array(data as ArrayBuffer)).then((events) => events.forEach((event) => say(ws, event)));
        upstream.onclose = () => ws.close();
      },
      message: (ws, message) => {
        if (typeof message === 'string') return;
        note(paths.live, 'client', message);
        void bentHello(relay.bend, message).then((hello) => {
          if (ws.data.upstream?.readyState === WebSocket.OPEN) ws.data.upstream.send(new Uint8Array(hello));
          else ws.data.early.push(hello);
        });
      },
      close: (ws) => {
        sockets.delete(ws);
        ws.data.upstream?.close();
      },
    },
  });

  function say(ws: ServerWebSocket<Bridge>, event: Uint8Array): void {
    note(paths.live, 'relay', event);
    ws.sendBinary(event);
  }

  const relay: HostileRelay = {
    url: `http://127.0.0.1:${server.port}`,
    target: '',
    traffic: [],
    bend: {},
    cut: () => {
      isCut = true;
      for (const ws of sockets) ws.close();
    },
    mend: () => void (isCut = false),
    tell: (event) => sockets.forEach((ws) => say(ws, encode(liveEventCodec, event))),
    [Symbol.asyncDispose]: async () => {
      for (const ws of sockets) ws.close();
      await server.stop(true);
    },
  };
  return relay;
}

/** All mails of a call are withheld; the sender hears that they were taken. */
const dropped = new Uint8Array(0);

async function bentAsk(bend: Bend, path: string, ask: Uint8Array): Promise<Uint8Array> {
  if (path === paths.append && bend.append) return rewrite(streamRecordCodec, ask, bend.append);
  if (path !== paths.mail || !bend.post) return ask;
  const mails = await bend.post(decode(mailPostCodec, ask, limits.wireBytes).mails);
  return mails.length === 0 ? dropped : encode(mailPostCodec, { mails });
}

async function bentAnswer(bend: Bend, path: string, ask: Uint8Array, body: Uint8Array): Promise<Uint8Array> {
  if (path === paths.read && bend.read)
    return rewrite(streamPageCodec, body, async (page) => (await bend.read?.(page, decode(streamReadCodec, ask, limits.wireBytes))) ?? page);
  if (path === paths.mailRead && bend.readMail)
    return rewrite(mailPageCodec, body, async (page) => (await bend.readMail?.(page, decode(mailReadCodec, ask, limits.wireBytes))) ?? page);
  if (path === paths.blobsGet && bend.blobs)
    return rewrite(blobsCodec, body, async ({ blobs }) => ({
      blobs: (await bend.blobs?.(blobs, decode(blobNamesCodec, ask, limits.wireBytes).hashes)) ?? blobs,
    }));
  return body;
}

async function bentEvent(bend: Bend, bytes: Uint8Array): Promise<readonly Uint8Array[]> {
  if (!bend.live) return [bytes];
  return (await bend.live(decode(liveEventCodec, bytes, limits.wireBytes))).map((event) => encode(liveEventCodec, event));
}

async function bentHello(bend: Bend, bytes: Uint8Array): Promise<Uint8Array> {
  return bend.hello ? rewrite(liveHelloCodec, bytes, bend.hello) : bytes;
}

async function rewrite<T>(codec: Codec<T>, bytes: Uint8Array, change: (value: T) => Later<T>): Promise<Uint8Array> {
  return encode(codec, await change(decode(codec, bytes, limits.wireBytes)));
}

/** As if the connection had broken. */
export const lost: Answer = { status: 502, body: new Uint8Array(0) };

/** An answer that refuses. */
export function refusal(code: Parameters<typeof relayFailureCodec.toItem>[0]['code'], status: number): Answer {
  return { status, body: encode(relayFailureCodec, { code, message: 'no' }) };
}
