// Tests only, never shipped: a relay in a temporary directory, keys that really sign, and raw calls to it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Grade,
  type KeyId,
  type Mail,
  type MailboxId,
  type OrgId,
  type RelayFailure,
  type Session,
  type SessionOpen,
  type StreamId,
  type StreamRecord,
  decode,
  encode,
  keyIdOf,
  keyRegisterCodec,
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
import type { Hash, MailPage, MailRead, StreamHead, StreamPage } from '../protocol/wire.ts';
import type { RelayOptions } from './config.ts';
import { type RelayDeps, type RunningRelay, startRelay } from './main.ts';

export interface TestKey {
  readonly org: OrgId;
  readonly publicKey: Uint8Array;
  readonly keyId: KeyId;
  readonly sign: (message: Uint8Array) => Promise<Uint8Array>;
}
export interface Answer {
  readonly status: number;
  readonly body: Uint8Array;
  readonly headers: Headers;
}

export function randomBytes(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length));
}
export function randomId<T extends string>(): T {
  return Buffer.from(randomBytes(32)).toString('hex') as T; // a random id is minted here, for tests
}

export async function createKey(org: OrgId = randomId<OrgId>()): Promise<TestKey> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
  const pair = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const publicKey = new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey));
  const sign = async (message: Uint8Array): Promise<Uint8Array> =>
    new Uint8Array(await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, pair.privateKey, new Uint8Array(message)));
  return { org, publicKey, keyId: keyIdOf('ES256', publicKey), sign };
}

/** A signed statement; `changes` are made before signing, `forged` after. */
export async function statement(key: TestKey, audience: string, changes: Partial<SessionOpen> = {}, forged: Partial<SessionOpen> = {}): Promise<SessionOpen> {
  const open = { org: key.org, publicKey: key.publicKey, audience, ts: Date.now(), nonce: randomBytes(16), ...changes };
  return { ...open, signature: await key.sign(sessionStatement(open)), ...forged };
}

export async function post(url: string, path: string, body: Uint8Array, token?: Uint8Array, headers: Record<string, string> = {}): Promise<Answer> {
  const authorization: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${Buffer.from(token).toString('base64url')}` };
  const response = await fetch(url + path, {
    method: 'POST',
    body: new Uint8Array(body),
    headers: { 'content-type': 'application/cbor', ...authorization, ...headers },
  });
  return { status: response.status, body: await response.bytes(), headers: response.headers };
}

export function failureIn(answer: Answer): RelayFailure {
  if (answer.status < 400) throw new Error(`expected a failure, got ${answer.status}`);
  return decode(relayFailureCodec, answer.body, 4_096);
}
/** The code of a failed answer, or its status where it succeeded. */
export function outcome(answer: Answer): string | number {
  return answer.status < 400 ? answer.status : failureIn(answer).code;
}

export async function open(url: string, open: SessionOpen): Promise<Answer> {
  return post(url, paths.session, encode(sessionOpenCodec, open));
}

/** Calls of one key with a session. Throws where an answer is not 200. */
export interface TestClient {
  readonly key: TestKey;
  readonly session: Session;
  call(path: string, body: Uint8Array): Promise<Answer>;
  register(key: TestKey, grade: Grade, expiresAt?: number): Promise<Answer>;
  append(record: StreamRecord): Promise<Answer>;
  readStream(stream: StreamId, from?: number, limit?: number): Promise<StreamPage>;
  postMail(...mails: readonly Mail[]): Promise<readonly number[]>;
  readMail(read: Partial<MailRead> & { readonly mailboxes: readonly MailboxId[] }): Promise<MailPage>;
}

export async function connect(url: string, key: TestKey, changes: Partial<SessionOpen> = {}): Promise<TestClient> {
  const opened = await open(url, await statement(key, url, changes));
  const session = decode(sessionCodec, succeeded(opened), 4_096);
  const call = (path: string, body: Uint8Array): Promise<Answer> => post(url, path, body, session.token);
  return {
    key,
    session,
    call,
    register: ({ publicKey }, grade, expiresAt) =>
      call(paths.keys, encode(keyRegisterCodec, { publicKey, grade, ...(expiresAt === undefined ? {} : { expiresAt }) })),
    append: (record) => call(paths.append, encode(streamRecordCodec, record)),
    readStream: async (stream, from = 0, limit = 500) =>
      decode(streamPageCodec, succeeded(await call(paths.read, encode(streamReadCodec, { stream, from, limit }))), limits.wireBytes),
    postMail: async (...mails) => decode(mailPostedCodec, succeeded(await call(paths.mail, encode(mailPostCodec, { mails }))), limits.wireBytes).ids,
    readMail: async (read) =>
      decode(mailPageCodec, succeeded(await call(paths.mailRead, encode(mailReadCodec, { after: 0, limit: 200, ...read }))), limits.wireBytes),
  };
}

/** First contact: the org of `key` is created at the relay. */
export function signUp(url: string, key: TestKey): Promise<TestClient> {
  return connect(url, key, { signUp: true });
}

export function headIn(answer: Answer): StreamHead {
  return decode(streamHeadCodec, succeeded(answer), 4_096);
}

function succeeded(answer: Answer): Uint8Array {
  if (answer.status !== 200) throw new Error(`expected 200, got ${answer.status} ${outcome(answer)}: ${failureIn(answer).message}`);
  return answer.body;
}

export const noHash: Hash = '0'.repeat(64) as Hash; // the `prev` of a first record
/** The value at an index that the test knows to be there. */
export function at<T>(values: readonly T[], index = 0): T {
  const value = values[index];
  if (value === undefined) throw new Error(`nothing at ${index}`);
  return value;
}
/** Records that chain from the empty stream. */
export function chain(stream: StreamId, length: number, bytes = 100): readonly StreamRecord[] {
  const records: StreamRecord[] = [];
  for (let seq = 0; seq < length; seq++) records.push({ stream, seq, prev: records.at(-1)?.eh ?? noHash, eh: randomId<Hash>(), blob: randomBytes(bytes) });
  return records;
}

export interface TestRelay extends RunningRelay, AsyncDisposable {
  readonly dataDir: string;
  readonly log: readonly string[];
  /** Moves the relay's clock. */
  advance(ms: number): void;
}

export function temporaryDir(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'stillvault-relay-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

export async function startTestRelay(options: Partial<RelayOptions> = {}, deps: Partial<RelayDeps> = {}): Promise<TestRelay> {
  const dir = temporaryDir();
  const log: string[] = [];
  let ahead = 0;
  const quotas = { addressRate: 10_000, addressBurst: 10_000, ...options.quotas };
  const relay = await startRelay(
    { port: 0, dataDir: dir.path, ...options, quotas },
    { now: () => Date.now() + ahead, writeLog: (line) => void log.push(line), ...deps },
  );
  return {
    ...relay,
    dataDir: options.dataDir ?? dir.path,
    log,
    advance: (ms) => void (ahead += ms),
    [Symbol.asyncDispose]: async () => {
      await relay.stop();
      dir[Symbol.dispose]();
    },
  };
}
