// Calls to a relay that answers, refuses, forgets, is away, or does what it must not (spec/08-relay.md; rows 32, 33, 34).
import { describe, expect, test } from 'bun:test';
import { codeOf } from '../testing/code-of.ts';
import { seededRandom, signerOf } from '../testing/seeded.ts';
import { toHex } from '../protocol/bytes.ts';
import type { OrgId } from '../protocol/hash.ts';
import { verifySignature } from '../protocol/keys.ts';
import {
  type RelayCode,
  type SessionOpen,
  type StreamId,
  blobHash,
  blobsCodec,
  decode,
  encode,
  limits,
  paths,
  relayFailureCodec,
  sessionCodec,
  sessionOpenCodec,
  sessionStatement,
  streamHeadCodec,
} from '../protocol/wire.ts';
import { type Fetch, type FetchAnswer, type RelayClient, createRelayClient } from './client.ts';

const random = seededRandom('client');
const org = toHex(random(32)) as OrgId; // an org of this test only
const stream = toHex(random(32)) as StreamId; // as above
const signer = await signerOf(random(32));
const now = 1_800_000_000_000;

interface Call {
  readonly path: string;
  readonly body: Uint8Array;
  readonly bearer: string | undefined;
}
const ok = (body: Uint8Array, status = 200): FetchAnswer => ({ status, arrayBuffer: () => Promise.resolve(new Uint8Array(body).buffer) });
const failure = (code: RelayCode, status = 400): FetchAnswer => ok(encode(relayFailureCodec, { code, message: '' }), status);
const session = (expiresAt = now + 3_600_000): FetchAnswer => ok(encode(sessionCodec, { token: random(32), expiresAt, serverTime: now }));
const head = ok(encode(streamHeadCodec, { stream, seq: 0, eh: blobHash(random(1)) }));

function clientOf(answer: (call: Call, nth: number) => FetchAnswer | Promise<FetchAnswer>): { readonly client: RelayClient; readonly calls: Call[] } {
  const calls: Call[] = [];
  const fetch: Fetch = (url, { headers, body }) => {
    const call = { path: new URL(url).pathname, body, bearer: headers['authorization'] };
    calls.push(call);
    return Promise.resolve(answer(call, calls.length - 1));
  };
  return { client: createRelayClient({ url: 'https://relay.example/', org, signer, fetch, now: () => now, random, timeoutMs: 500 }), calls };
}
const record = { stream, seq: 0, prev: blobHash(random(1)), eh: blobHash(random(2)), blob: random(10) };

describe('sessions', () => {
  test('one session serves many calls; its statement is signed for this relay', async () => {
    const { client, calls } = clientOf(({ path }) => (path === paths.session ? session() : head));
    await client.append(record);
    await client.append(record);
    expect(calls.map(({ path }) => path)).toEqual([paths.session, paths.append, paths.append]);
    const open: SessionOpen = decode(sessionOpenCodec, calls[0]?.body ?? new Uint8Array(0), 4_096);
    expect([open.audience, open.org, open.signUp]).toEqual(['https://relay.example', org, undefined]);
    await verifySignature(signer.publicKey, sessionStatement(open), open.signature);
    expect(calls[1]?.bearer).toBe(calls[2]?.bearer);
  });
  test('a session about to end is renewed', async () => {
    const { client, calls } = clientOf(({ path }) => (path === paths.session ? session(now + 59_000) : head));
    await client.append(record);
    await client.append(record);
    expect(calls.filter(({ path }) => path === paths.session).length).toBe(2);
  });
  test('a relay that forgot the session: a new one, once', async () => {
    const { client, calls } = clientOf(({ path }, nth) => (path === paths.session ? session() : nth === 1 ? failure('E_RELAY_AUTH', 401) : head));
    await client.append(record);
    expect(calls.map(({ path }) => path)).toEqual([paths.session, paths.append, paths.session, paths.append]);
    const stubborn = clientOf(({ path }) => (path === paths.session ? session() : failure('E_RELAY_AUTH', 401)));
    expect(await codeOf(stubborn.client.append(record))).toBe('E_RELAY_AUTH');
    expect(stubborn.calls.length).toBe(4);
  });
  test('a refused session is asked for again the next time', async () => {
    const { client } = clientOf(({ path }, nth) => (nth === 0 ? failure('E_RELAY_CLOSED', 403) : path === paths.session ? session() : head));
    expect(await codeOf(client.append(record))).toBe('E_RELAY_CLOSED');
    expect(await codeOf(client.append(record))).toBe('accepted');
  });
  test('sign-up says so, with its token', async () => {
    const { client, calls } = clientOf(() => session());
    await client.signUp('let me in');
    const open = decode(sessionOpenCodec, calls[0]?.body ?? new Uint8Array(0), 4_096);
    expect([open.signUp, open.signUpToken]).toEqual([true, 'let me in']);
  });
});

describe('INV-RELAY-ANSWER rows 32, 34: what the relay answers is bounded and checked', () => {
  const answering = (answer: FetchAnswer): RelayClient => clientOf(({ path }) => (path === paths.session ? session() : answer)).client;
  const endless: FetchAnswer = {
    status: 200,
    body: { getReader: () => ({ read: () => Promise.resolve({ done: false, value: new Uint8Array(1_000_000) }), cancel: () => Promise.resolve() }) },
    arrayBuffer: () => Promise.reject(new Error('never asked')),
  };
  const answers: readonly (readonly [what: string, answer: FetchAnswer, code: string])[] = [
    ['garbage', ok(random(40)), 'E_RELAY_ANSWER'],
    ['nothing', ok(new Uint8Array(0)), 'E_RELAY_ANSWER'],
    ['row 32: an answer without end', endless, 'E_RELAY_ANSWER'],
    ['a conflict', failure('E_RELAY_CONFLICT', 409), 'E_RELAY_CONFLICT'],
    ['a failure that is none of ours', ok(new Uint8Array(5), 502), 'E_RELAY_AWAY'],
    ['a page of some proxy', ok(new TextEncoder().encode('<html>'), 404), 'E_RELAY_ANSWER'],
    ['row 32: too much', ok(new Uint8Array(limits.wireBytes + 1)), 'E_RELAY_ANSWER'],
  ];
  test.each(answers)('%s', async (_what, answer, code) => expect(await codeOf(answering(answer).append(record))).toBe(code));
  test('a relay that is away, or never answers', async () => {
    expect(await codeOf(clientOf(() => Promise.reject(new Error('refused'))).client.append(record))).toBe('E_RELAY_AWAY');
    const never: FetchAnswer = {
      status: 200,
      body: { getReader: () => ({ read: () => Promise.reject(new Error('reset')), cancel: () => Promise.resolve() }) },
      arrayBuffer: () => Promise.resolve(new ArrayBuffer(0)),
    };
    expect(await codeOf(answering(never).append(record))).toBe('E_RELAY_AWAY');
  });
  test('row 32: of an answer without end no more is read than an answer may be', async () => {
    let [read, cancelled] = [0, false];
    const reader = {
      read: () => Promise.resolve({ done: false, value: new Uint8Array(((read += 1_000_000), 1_000_000)) }),
      cancel: () => Promise.resolve(void (cancelled = true)),
    };
    await codeOf(answering({ ...endless, body: { getReader: () => reader } }).append(record));
    expect([read <= limits.wireBytes + 1_000_000, cancelled]).toEqual([true, true]);
  });
  test('an answer in pieces is put together', async () => {
    const whole = encode(streamHeadCodec, { stream, seq: 7 });
    const pieces = [whole.subarray(0, 5), whole.subarray(5)];
    const body = {
      getReader: () => ({
        read: () => Promise.resolve(pieces.length > 0 ? { done: false, value: pieces.shift() } : { done: true }),
        cancel: () => Promise.resolve(),
      }),
    };
    expect((await answering({ status: 200, body, arrayBuffer: () => Promise.resolve(new ArrayBuffer(0)) }).append(record)).seq).toBe(7);
  });
  test('row 34: blobs are those that were asked for, or an error', async () => {
    const blob = random(20);
    const asked = [blobHash(blob)];
    const giving = (...blobs: readonly Uint8Array[]): RelayClient => answering(ok(encode(blobsCodec, { blobs })));
    expect(await giving(blob).getBlobs(asked)).toEqual([blob]);
    expect(await codeOf(giving(new Uint8Array(0)).getBlobs(asked))).toBe('E_BLOB_MISSING');
    expect(await codeOf(giving(random(20)).getBlobs(asked))).toBe('E_RELAY_ANSWER');
    expect(await codeOf(giving(blob).getBlobs([...asked, ...asked]))).toBe('E_BLOB_MISSING');
  });
  test('many blobs go in parts that fit', async () => {
    const { client, calls } = clientOf(({ path, body }) =>
      path === paths.session ? session() : ok(encode({ toItem: () => new Map([[1, decodeHashes(body)]]), fromItem: () => 0 }, 0)),
    );
    const blobs = Array.from({ length: 5 }, () => random(1_000_000));
    expect((await client.putBlobs(blobs)).length).toBe(5);
    for (const { body } of calls) expect(body.length).toBeLessThan(limits.wireBytes);
    expect(calls.length).toBeGreaterThan(2);
  });
});

function decodeHashes(body: Uint8Array): readonly Uint8Array[] {
  const { blobs } = decode(blobsCodec, body, limits.wireBytes);
  return blobs.map(() => new Uint8Array(32));
}
