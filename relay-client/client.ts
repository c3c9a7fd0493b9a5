// Calls to the relay: sessions, streams, blobs, mail (spec/08-relay.md). Runtime-neutral: daemon and console share it.
import { concat, toBase64Url } from '../protocol/bytes.ts';
import type { Codec } from '../protocol/codec.ts';
import type { Signer } from '../protocol/keys.ts';
import type { Random } from '../protocol/random.ts';
import {
  type Grade,
  type Hash,
  type KeyId,
  type Mail,
  type MailPage,
  type MailRead,
  type OrgId,
  type RelayCode,
  type Session,
  type SessionOpen,
  type StreamHead,
  type StreamId,
  type StreamPage,
  type StreamRecord,
  blobHash,
  blobNamesCodec,
  blobPutCodec,
  blobsCodec,
  decode,
  encode,
  keyRegisterCodec,
  keyRevokeCodec,
  limits,
  mailPageCodec,
  mailPostCodec,
  mailPostedCodec,
  mailReadCodec,
  paths,
  relayFailureCodec,
  sessionCodec,
  sessionOpenCodec,
  sessionStatement,
  streamHeadCodec,
  streamPageCodec,
  streamReadCodec,
  streamRecordCodec,
} from '../protocol/wire.ts';

export type RelayClientCode = RelayCode | 'E_RELAY_AWAY' | 'E_RELAY_ANSWER' | 'E_BLOB_MISSING';

/** The relay refused, is away, or answered what it must not. */
export class RelayClientError extends Error {
  override readonly name = 'RelayClientError';
  readonly code: RelayClientCode;
  /** With E_RELAY_CONFLICT. */
  readonly head: StreamHead | undefined;

  constructor(code: RelayClientCode, what: string, options: { readonly cause?: unknown; readonly head?: StreamHead | undefined } = {}) {
    super(`${code}: ${what}`, { cause: options.cause });
    this.code = code;
    this.head = options.head;
  }
}

/** The part of fetch that is used. */
export type Fetch = (
  url: string,
  init: { readonly method: string; readonly headers: Record<string, string>; readonly body: Uint8Array; readonly signal: AbortSignal },
) => Promise<FetchAnswer>;
export interface FetchAnswer {
  readonly status: number;
  /** Read piece by piece where there is one, so that an endless answer ends. */
  readonly body?: { getReader(): { read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>; cancel(): Promise<void> } } | null;
  arrayBuffer(): Promise<ArrayBuffer>;
}

export interface RelayClientDeps {
  /** Base address, e.g. `https://relay.example`; its origin is the audience of sessions. */
  readonly url: string;
  readonly org: OrgId;
  readonly signer: Signer;
  readonly fetch: Fetch;
  readonly now: () => number;
  readonly random: Random;
  readonly timeoutMs?: number;
}
export interface RelayClient {
  readonly url: string;
  readonly org: OrgId;
  /** Bearer token of a live session; opens one where needed. */
  session(): Promise<Session>;
  /** Registers the org with this key: the first call of a founder. */
  signUp(token?: string): Promise<void>;
  registerKey(publicKey: Uint8Array, grade: Grade, expiresAt?: number): Promise<void>;
  revokeKey(keyId: KeyId): Promise<void>;
  append(record: StreamRecord): Promise<StreamHead>;
  read(stream: StreamId, from: number, limit?: number): Promise<StreamPage>;
  putBlobs(blobs: readonly Uint8Array[]): Promise<readonly Hash[]>;
  /** Throws E_BLOB_MISSING; what comes back has the hash that was asked for. */
  getBlobs(hashes: readonly Hash[]): Promise<readonly Uint8Array[]>;
  post(mails: readonly Mail[]): Promise<void>;
  readMail(read: MailRead, signal?: AbortSignal): Promise<MailPage>;
}

export function createRelayClient(deps: RelayClientDeps): RelayClient {
  const audience = new URL(deps.url).origin;
  let current: Promise<Session> | undefined;

  async function open(signUp: boolean, signUpToken?: string): Promise<Session> {
    const unsigned = {
      org: deps.org,
      publicKey: deps.signer.publicKey,
      audience,
      ts: deps.now(),
      nonce: deps.random(16),
      ...(signUp ? { signUp: true } : {}),
      ...(signUpToken === undefined ? {} : { signUpToken }),
    };
    const message: SessionOpen = { ...unsigned, signature: await deps.signer.sign(sessionStatement(unsigned)) };
    return decodeAnswer(sessionCodec, await send(paths.session, encode(sessionOpenCodec, message)));
  }

  // One session at a time; renewed a minute before it ends.
  async function session(): Promise<Session> {
    const held = await current?.catch(() => undefined);
    if (held && held.expiresAt - 60_000 > deps.now()) return held;
    const opening = open(false);
    current = opening;
    opening.catch(() => (current = undefined));
    return opening;
  }

  async function send(path: string, body: Uint8Array, token?: Uint8Array, signal?: AbortSignal): Promise<Uint8Array> {
    const headers: Record<string, string> = { 'content-type': 'application/cbor', ...(token ? { authorization: `Bearer ${toBase64Url(token)}` } : {}) };
    const timeout = AbortSignal.timeout(deps.timeoutMs ?? 30_000);
    let status: number;
    let answer: Uint8Array;
    try {
      const response = await deps.fetch(audience + path, { method: 'POST', headers, body, signal: signal ? AbortSignal.any([signal, timeout]) : timeout });
      status = response.status;
      answer = await readAnswer(response);
    } catch (cause) {
      if (cause instanceof RelayClientError) throw cause;
      throw new RelayClientError('E_RELAY_AWAY', `no answer from the relay at ${audience}`, { cause });
    }
    if (status >= 200 && status < 300) return answer;
    throw failureOf(status, answer);
  }

  async function call<A, B>(path: string, ask: Codec<A>, value: A, reply: Codec<B>, signal?: AbortSignal): Promise<B> {
    const body = encode(ask, value);
    try {
      return decodeAnswer(reply, await send(path, body, (await session()).token, signal));
    } catch (error) {
      // A restarted relay has forgotten its sessions: open a new one, once.
      if (!(error instanceof RelayClientError) || error.code !== 'E_RELAY_AUTH' || current === undefined) throw error;
      current = undefined;
      return decodeAnswer(reply, await send(path, body, (await session()).token, signal));
    }
  }

  async function getBlobs(hashes: readonly Hash[]): Promise<readonly Uint8Array[]> {
    if (hashes.length > callItems) return [...(await getBlobs(hashes.slice(0, callItems))), ...(await getBlobs(hashes.slice(callItems)))];
    let blobs: readonly Uint8Array[];
    try {
      ({ blobs } = await call(paths.blobsGet, blobNamesCodec, { hashes }, blobsCodec));
    } catch (error) {
      // Nobody knows the sizes beforehand: where all together are too much for one answer, each half is asked for.
      if (!(error instanceof RelayClientError) || error.code !== 'E_RELAY_LIMIT' || hashes.length < 2) throw error;
      const half = Math.ceil(hashes.length / 2);
      return [...(await getBlobs(hashes.slice(0, half))), ...(await getBlobs(hashes.slice(half)))];
    }
    for (const [index, hash] of hashes.entries()) {
      const blob = blobs[index];
      if (!blob || blob.length === 0) throw new RelayClientError('E_BLOB_MISSING', 'the relay does not have something that the log names');
      if (blobHash(blob) !== hash) throw new RelayClientError('E_RELAY_ANSWER', 'the relay answered with other bytes than were asked for');
    }
    return blobs;
  }

  async function command<A>(path: string, ask: Codec<A>, value: A): Promise<void> {
    await call(path, ask, value, nothing);
  }

  return {
    url: audience,
    org: deps.org,
    session,
    signUp: async (token) => {
      current = open(true, token);
      await current;
    },
    registerKey: (publicKey, grade, expiresAt) =>
      command(paths.keys, keyRegisterCodec, { publicKey, grade, ...(expiresAt === undefined ? {} : { expiresAt }) }),
    revokeKey: (keyId) => command(paths.keysRevoke, keyRevokeCodec, { keyId }),
    append: (record) => call(paths.append, streamRecordCodec, record, streamHeadCodec),
    read: (stream, from, limit = 200) => call(paths.read, streamReadCodec, { stream, from, limit }, streamPageCodec),
    putBlobs: async (blobs) => {
      const hashes: Hash[] = [];
      for (const part of slices(blobs, (blob) => blob.length)) hashes.push(...(await call(paths.blobs, blobPutCodec, { blobs: part }, blobNamesCodec)).hashes);
      return hashes;
    },
    getBlobs,
    post: async (mails) => {
      for (const part of slices(mails, ({ body }) => body.length)) await call(paths.mail, mailPostCodec, { mails: part }, mailPostedCodec);
    },
    readMail: (read, signal) => call(paths.mailRead, mailReadCodec, read, mailPageCodec, signal),
  };
}

async function readAnswer(response: FetchAnswer): Promise<Uint8Array> {
  if (!response.body) return new Uint8Array(await response.arrayBuffer());
  const reader = response.body.getReader();
  const parts: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done || value === undefined) return concat(...parts);
    size += value.length;
    if (size > limits.wireBytes) {
      await reader.cancel().catch(() => undefined); // it is given up in any case
      throw new RelayClientError('E_RELAY_ANSWER', 'the relay answered more than an answer may be');
    }
    parts.push(value);
  }
}

// Answer of a command: whatever the body is.
const nothing: Codec<true> = { toItem: () => 0, fromItem: () => true };

/** Parts in one call at most; the relay's encoding holds no more mails. */
const callItems = 512;

// Parts of a call that stay below the relay's limits. All of one part is stored or nothing.
function* slices<T>(items: readonly T[], bytesOf: (item: T) => number): Generator<readonly T[]> {
  let part: T[] = [];
  let size = 0;
  for (const item of items) {
    if (part.length > 0 && (size + bytesOf(item) > limits.wireBytes / 2 || part.length >= callItems)) {
      yield part;
      part = [];
      size = 0;
    }
    part.push(item);
    size += bytesOf(item) + 64;
  }
  if (part.length > 0) yield part;
}

function decodeAnswer<T>(codec: Codec<T>, bytes: Uint8Array): T {
  if ((codec as Codec<unknown>) === nothing) return codec.fromItem(0); // commands answer with a status only
  try {
    return decode(codec, bytes, limits.wireBytes);
  } catch (cause) {
    throw new RelayClientError('E_RELAY_ANSWER', 'the relay answered something that is no answer', { cause });
  }
}

function failureOf(status: number, answer: Uint8Array): RelayClientError {
  try {
    const failure = decode(relayFailureCodec, answer, 4_096);
    return new RelayClientError(failure.code, `the relay answered ${status}`, { head: failure.head });
  } catch (cause) {
    return new RelayClientError(status >= 500 ? 'E_RELAY_AWAY' : 'E_RELAY_ANSWER', `the relay answered ${status}`, { cause });
  }
}
