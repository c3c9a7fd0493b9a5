// Runs test vectors in any runtime: Bun, Node, a browser. Nothing of a platform in here. Never shipped.
import { type Answer, coreHash, evidenceCodec, verifyAnswer, verifyEvidence } from '../protocol/approval.ts';
import { fromHex, toHex } from '../protocol/bytes.ts';
import { type Item, decode, decodeItem, encodeItem } from '../protocol/codec.ts';
import { type SecretValue, openMachineHalf, openRecovered, openSecret, openShare } from '../protocol/custody.ts';
import { openDeviceKeys } from '../protocol/device-keys.ts';
import { deviceCommitment, fingerprintWords, joinMailbox, openJoinPacket, parseInvite, parseToken, shortAuthentication } from '../protocol/enrolment.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { type Hash, type OrgId, type RequestId, type Use, derive, hash } from '../protocol/hash.ts';
import { keyIdOf, verifySignature, verifySigningKey } from '../protocol/keys.ts';
import { limits } from '../protocol/limits.ts';
import { openLetter, verifyNotice } from '../protocol/notice.ts';
import { advance } from '../protocol/org-log/apply.ts';
import { mailboxOn, openMkWrap, openPreviousKey, openRecord } from '../protocol/org-log/record.ts';
import { type OrgState, secretAt } from '../protocol/org-log/state.ts';
import { stateHash } from '../protocol/org-log/state-hash.ts';
import { policyFor, verifyPattern } from '../protocol/policy.ts';
import { combineKit, kitKeys, parseShare } from '../protocol/recovery.ts';
import { type VerifiedItem, matchCode, verifyPastRequest, verifyRequest } from '../protocol/request.ts';
import { verifyChain, verifyReceipt } from '../protocol/receipt.ts';
import { kemKeyFrom, pad, unpad, verifyKemKey } from '../protocol/seal.ts';
import { type PayloadType, parseEnvelope, verifyEnvelopeSignature } from '../protocol/sign.ts';
import { verifyClaim, verifyFieldName, verifyName, verifyPath, verifyText } from '../protocol/text.ts';
import { verifyAssertion } from '../protocol/webauthn.ts';
import * as wire from '../protocol/wire.ts';
import type { Vector } from './vector.ts';

/** Vectors by the name of their file, without folder and `.json`. */
export type VectorFiles = Readonly<Record<string, Vector>>;
export interface VectorResult {
  readonly name: string;
  readonly problem?: string;
}

/** Runs every vector; a result without `problem` is as it must be. */
export async function runVectors(files: VectorFiles): Promise<readonly VectorResult[]> {
  const logs = createLogs(files);
  const results: VectorResult[] = [];
  for (const [name, vector] of Object.entries(files)) {
    const problem = await problemOf(vector, logs);
    results.push({ name, ...(problem === undefined ? {} : { problem }) });
  }
  return results;
}

async function problemOf(vector: Vector, logs: Logs): Promise<string | undefined> {
  try {
    await judge(vector, logs);
    return vector.code === undefined ? undefined : `accepted, must be ${vector.code}`;
  } catch (error) {
    if (!(error instanceof ProtocolError)) return error instanceof Mismatch ? error.message : `threw ${String(error)}`;
    return error.code === vector.code ? undefined : `refused with ${error.message}, must be ${vector.code ?? 'accepted'}`;
  }
}

class Mismatch extends Error {}

/** Where a vector names a result, it must be that. */
function expectSame(what: string, actual: unknown, expected: unknown): void {
  const [left, right] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (expected !== undefined && left !== right) throw new Mismatch(`${what}: ${left}, must be ${right}`);
}

type Logs = (name: string, at: number | undefined) => Promise<{ readonly state: OrgState; readonly history: (seq: number) => Hash | undefined }>;

function createLogs(files: VectorFiles): Logs {
  const known = new Map<string, Promise<readonly OrgState[]>>();
  const load = async (name: string): Promise<readonly OrgState[]> => {
    const log = files[name];
    if (log?.kind !== 'log') throw new Mismatch(`there is no log ${name}`);
    const states: OrgState[] = [];
    for (const entry of log.entries) states.push(await advance(states.at(-1), fromHex(entry), log.now));
    return states;
  };
  return async (name, at) => {
    const states = await (known.get(name) ?? known.set(name, load(name)).get(name));
    const state = states?.[(at ?? states.length) - 1];
    if (!states || !state) throw new Mismatch(`the log ${name} has no entry ${at}`);
    return { state, history: (seq) => (seq <= state.head.seq ? states[seq]?.head.eh : undefined) };
  };
}

const fields = (hex: string): readonly Item[] => decodeItem(fromHex(hex), limits.wireBytes) as readonly Item[]; // vectors write arrays here
const textRules = { name: verifyName, text: verifyText, claim: verifyClaim, path: verifyPath, field: verifyFieldName, pattern: verifyPattern };

async function judge(vector: Vector, logs: Logs): Promise<void> {
  // oxlint-disable-next-line switch-exhaustiveness-check -- the other kinds follow in judgeAgainstLog
  switch (vector.kind) {
    case 'item':
      return expectSame('item', toHex(encodeItem(decodeItem(fromHex(vector.bytes), vector.maxBytes ?? limits.wireBytes))), vector.bytes);
    case 'text':
      return void textRules[vector.rule](String.fromCharCode(...vector.units));
    case 'hash':
      return expectSame('hash', hash(vector.use as Use, fields(vector.fields)), vector.hash); // vectors name uses that exist
    case 'derive':
      return expectSame('key', toHex(derive(vector.use as Use, fromHex(vector.key), fromHex(vector.salt), fields(vector.fields))), vector.out); // as above
    case 'key': {
      const publicKey = fromHex(vector.publicKey);
      await (vector.algorithm === 'ES256' ? verifySigningKey(publicKey) : verifyKemKey(publicKey));
      if (vector.seed !== undefined) expectSame('public key', toHex((await kemKeyFrom(fromHex(vector.seed))).publicKey), vector.publicKey);
      return expectSame('key id', keyIdOf(vector.algorithm, publicKey), vector.keyId);
    }
    case 'signature':
      return verifySignature(fromHex(vector.publicKey), fromHex(vector.message), fromHex(vector.signature));
    case 'envelope': {
      const envelope = parseEnvelope(vector.type as PayloadType, fromHex(vector.bytes), limits.entryBytes); // vectors name types that exist
      for (const [index, publicKey] of vector.publicKeys.entries()) await verifyEnvelopeSignature(envelope, index, fromHex(publicKey));
      return expectSame('payload', toHex(envelope.payload), vector.payload);
    }
    case 'assertion': {
      const assertion = {
        authenticatorData: fromHex(vector.authenticatorData),
        clientDataJSON: fromHex(vector.clientDataJSON),
        signature: fromHex(vector.signature),
      };
      return verifyAssertion(assertion, vector.challenge as Hash, { publicKey: fromHex(vector.publicKey), rpId: vector.rpId }, vector.origins); // a hash by definition
    }
    case 'sealed': {
      const key = await kemKeyFrom(fromHex(vector.seed));
      return expectSame('plain', toHex(await key.open(vector.use as Use, vector.org as OrgId, fields(vector.aad), fromHex(vector.sealed))), vector.plain); // vectors name uses and orgs that exist
    }
    case 'padded': {
      const content = unpad(fromHex(vector.padded));
      expectSame('content', toHex(content), vector.content);
      return expectSame('padded', toHex(pad(content)), vector.padded);
    }
    case 'log': {
      let state: OrgState | undefined;
      for (const [index, entry] of vector.entries.entries()) {
        state = await advance(state, fromHex(entry), vector.now);
        expectSame('head', state.head, { seq: index, eh: vector.heads[index] });
      }
      return expectSame('state', state && stateHash(state), vector.stateHash);
    }
    default:
      return judgeAgainstLog(vector, logs);
  }
}

type AgainstLog = Exclude<
  Vector,
  { readonly kind: 'item' | 'text' | 'hash' | 'derive' | 'key' | 'signature' | 'envelope' | 'assertion' | 'sealed' | 'padded' | 'log' }
>;

async function judgeAgainstLog(vector: AgainstLog, logs: Logs): Promise<void> {
  // oxlint-disable-next-line switch-exhaustiveness-check -- the other kinds follow in judgeAlone
  switch (vector.kind) {
    case 'entry': {
      const before = vector.log === '' ? undefined : (await logs(vector.log, vector.at)).state;
      const after = await advance(before, fromHex(vector.entry), vector.now);
      expectSame('entry hash', after.head.eh, vector.eh);
      return expectSame('state', stateHash(after), vector.stateHash);
    }
    case 'secret': {
      const { state } = await logs(vector.log, vector.at);
      const secret = secretAt(state, vector.path);
      if (!secret) throw new Mismatch('the log has no such secret');
      const shares = [];
      for (const { device, custodySeed, wrap } of vector.holders) {
        const member = state.devices.get(device as never)?.member; // ids of the vector
        if (member === undefined) throw new Mismatch('the log has no such device');
        shares.push({ member, ...(await openShare(state.org, secret, member, device as never, await kemKeyFrom(fromHex(custodySeed)), fromHex(wrap))) }); // as above
      }
      const b = await openMachineHalf(
        state.org,
        secret,
        vector.machine.id as never,
        await kemKeyFrom(fromHex(vector.machine.seed)),
        fromHex(vector.machine.wrap),
      ); // as above
      return expectSame('value', valueHex(await openSecret(state.org, secret, shares, b, fromHex(vector.body))), vector.value);
    }
    case 'recovered': {
      const { state } = await logs(vector.log, vector.at);
      const secret = secretAt(state, vector.path);
      if (!secret) throw new Mismatch('the log has no such secret');
      const kit = await kemKeyFrom(fromHex(vector.kitSeed));
      return expectSame('value', valueHex(await openRecovered(state.org, secret, kit, fromHex(vector.wrap), fromHex(vector.body))), vector.value);
    }
    case 'request': {
      const { state, history } = await logs(vector.log, vector.at);
      const memory = {
        highWater: () => (vector.highWater === undefined ? undefined : { ctr: vector.highWater, requestId: '' as RequestId }), // an id that is not looked at
        seen: () => vector.seen as { readonly rh: Hash; readonly decided: boolean } | undefined, // a hash by definition
      };
      const { rh } = await verifyRequest(state, history, memory, vector.me as never, fromHex(vector.request), vector.now); // an id of the vector
      expectSame('rh', rh, vector.rh);
      return expectSame('match code', matchCode(rh), vector.match);
    }
    case 'answer':
      return judgeAnswer(vector, logs);
    case 'evidence':
      return verifyEvidence((await logs(vector.log, vector.at)).state, vector.rh as Hash, decode(evidenceCodec, fromHex(vector.evidence), limits.entryBytes)); // a hash by definition
    case 'receipt': {
      const verified = await verifyReceipt((await logs(vector.log, vector.at)).state, fromHex(vector.receipt));
      expectSame('hash', verified.hash, vector.hash);
      return verifyChain(vector.before as { readonly n: number; readonly hash: Hash } | undefined, verified); // a hash by definition
    }
    case 'notice': {
      const { notice } = await verifyNotice((await logs(vector.log, vector.at)).state, fromHex(vector.notice), vector.now, vector.maxAgeMs);
      return expectSame('lease', notice.endLease, vector.endLease);
    }
    default:
      return judgeAlone(vector);
  }
}

async function judgeAnswer(vector: Extract<Vector, { readonly kind: 'answer' }>, logs: Logs): Promise<void> {
  const { state, history } = await logs(vector.log, vector.at);
  const { request, rh } = await verifyPastRequest(state, fromHex(vector.request));
  const items = request.items.map((item): VerifiedItem => {
    const secret = state.secrets.get(item.secret);
    const policy = secret && policyFor(state, secret.path);
    if (!secret || !policy) throw new Mismatch('the log has no such secret');
    return { item, secret, policy };
  });
  const pending = { request, rh, epk: await kemKeyFrom(fromHex(vector.epkSeed)), items, consumed: (id: string) => vector.consumed?.includes(id) === true };
  const { answer, shares } = await verifyAnswer(state, history, pending, fromHex(vector.answer), vector.now);
  expectSame('decision', answer.decision, vector.decision);
  expectSame('challenge', challengeOf(answer), vector.challenge);
  expectSame(
    'shares',
    shares.map(({ share }) => toHex(share)),
    vector.shares,
  );
}

const challengeOf = (answer: Answer): string => coreHash(answer);

type Alone = Exclude<AgainstLog, { readonly kind: 'entry' | 'secret' | 'recovered' | 'request' | 'answer' | 'evidence' | 'receipt' | 'notice' }>;

async function judgeAlone(vector: Alone): Promise<void> {
  switch (vector.kind) {
    case 'record': {
      const [org, blob] = [vector.org as OrgId, fromHex(vector.blob)]; // an org of the vector
      const keys = new Map(vector.keys.map(([epoch, mk]) => [epoch, fromHex(mk)]));
      expectSame('envelope', toHex(await openRecord({ org, stream: vector.stream as wire.StreamId }, keys, blob)), vector.envelope); // a stream of the vector
      if (vector.previousKey === undefined) return;
      const epoch = Math.max(...keys.keys());
      return expectSame('key before', toHex(await openPreviousKey(org, epoch, keys.get(epoch) ?? new Uint8Array(0), blob)), vector.previousKey);
    }
    case 'mk-wrap':
      return expectSame(
        'mk',
        toHex(await openMkWrap(vector.org as OrgId, vector.epoch, vector.me, await kemKeyFrom(fromHex(vector.seed)), fromHex(vector.wraps))),
        vector.mk,
      ); // an org of the vector
    case 'letter': {
      const { kind, bytes } = await openLetter(vector.org as OrgId, vector.me, await kemKeyFrom(fromHex(vector.seed)), fromHex(vector.mail)); // as above
      return expectSame('letter', { kind, bytes: toHex(bytes) }, vector.holds);
    }
    case 'kit': {
      const secret = await combineKit(vector.shares.map(parseShare));
      expectSame('secret', toHex(secret), vector.secret);
      const { signer, kem } = await kitKeys(secret);
      expectSame('sig key', toHex(signer.publicKey), vector.sigKey);
      return expectSame('kem key', toHex(kem.publicKey), vector.kemKey);
    }
    case 'token': {
      const { org, token, scalar, publicKey, relay } = parseToken(vector.text);
      return expectSame('token', { org, token, scalar: toHex(scalar), publicKey: toHex(publicKey), relay }, vector.fields);
    }
    case 'invite': {
      const { org, head, member, joinId, secret, mailbox, relay } = parseInvite(vector.text);
      return expectSame('invite', { org, seq: head.seq, eh: head.eh, member, joinId, secret: toHex(secret), mailbox, relay }, vector.fields);
    }
    case 'join-packet': {
      const token = parseToken(vector.token);
      expectSame('mailbox', joinMailbox(token), vector.mailbox);
      const { epoch, mk, pin } = await openJoinPacket(token, fromHex(vector.mail));
      return expectSame('packet', { epoch, mk: toHex(mk), pin }, { epoch: vector.epoch, mk: vector.mk, pin: vector.pin });
    }
    case 'words':
      return expectSame('words', fingerprintWords(vector.org as OrgId, fromHex(vector.sigKey), fromHex(vector.kemKey)), vector.words); // an org of the vector
    case 'sas': {
      const [device, deviceNonce] = [fromHex(vector.device), fromHex(vector.deviceNonce)];
      const commitment = deviceCommitment(device, deviceNonce);
      expectSame('commitment', commitment, vector.commitment);
      return expectSame('words', shortAuthentication(parseInvite(vector.invite), commitment, device, fromHex(vector.adminNonce), deviceNonce), {
        digits: vector.digits,
        words: vector.words,
      });
    }
    case 'mailbox':
      return expectSame('mailbox', mailboxOn(fromHex(vector.seed), vector.ts), vector.mailbox);
    case 'device-keys': {
      const [first, second] = [fromHex(vector.prf[0]), fromHex(vector.prf[1])];
      const input = {
        org: vector.org as OrgId,
        device: vector.device as never,
        rpId: vector.rpId,
        credentialId: fromHex(vector.credentialId),
        prf: { first, second },
        local: fromHex(vector.local),
      }; // ids of the vector
      const { sig, custody } = await openDeviceKeys(input, fromHex(vector.stored));
      expectSame('sig key', sig.keyId, vector.sigKeyId);
      return expectSame('custody key', custody.keyId, vector.custodyKeyId);
    }
    case 'wire': {
      const codec = wireCodecs[vector.message];
      if (!codec) throw new Mismatch(`no message ${vector.message}`);
      return expectSame('bytes', codec(fromHex(vector.bytes)), vector.bytes);
    }
  }
}

function rewrites<T>(codec: Parameters<typeof wire.decode<T>>[0]): (bytes: Uint8Array) => string {
  return (bytes) => toHex(wire.encode(codec, wire.decode(codec, bytes, limits.wireBytes)));
}
const wireCodecs: Readonly<Record<string, (bytes: Uint8Array) => string>> = {
  SessionOpen: rewrites(wire.sessionOpenCodec),
  Session: rewrites(wire.sessionCodec),
  KeyRegister: rewrites(wire.keyRegisterCodec),
  KeyRevoke: rewrites(wire.keyRevokeCodec),
  StreamRecord: rewrites(wire.streamRecordCodec),
  StreamHead: rewrites(wire.streamHeadCodec),
  StreamRead: rewrites(wire.streamReadCodec),
  StreamPage: rewrites(wire.streamPageCodec),
  BlobPut: rewrites(wire.blobPutCodec),
  BlobNames: rewrites(wire.blobNamesCodec),
  Blobs: rewrites(wire.blobsCodec),
  MailPost: rewrites(wire.mailPostCodec),
  MailPosted: rewrites(wire.mailPostedCodec),
  MailRead: rewrites(wire.mailReadCodec),
  MailPage: rewrites(wire.mailPageCodec),
  LiveHello: rewrites(wire.liveHelloCodec),
  LiveEvent: rewrites(wire.liveEventCodec),
  RelayFailure: rewrites(wire.relayFailureCodec),
};
export const wireMessages: readonly string[] = Object.keys(wireCodecs);

/** A value as bytes that can be compared. */
export function valueHex(value: SecretValue): string {
  return toHex(encodeItem(value.kind === 'value' ? value.value : value.fields.map(({ name, value: bytes }) => [name, bytes])));
}
