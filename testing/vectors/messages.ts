// Vectors of records, metadata keys, tokens, invitations, and of every message to and from the relay. Never shipped.
import { toHex } from '../../protocol/bytes.ts';
import { encodeItem } from '../../protocol/codec.ts';
import { deviceCommitment, fingerprintWords, formatInvite, formatToken, joinMailbox, sealJoinPacket, shortAuthentication } from '../../protocol/enrolment.ts';
import type { Hash, MemberId, OrgId, TokenId } from '../../protocol/hash.ts';
import { limits } from '../../protocol/limits.ts';
import { mailboxOn, orgStream, receiptStream, sealMkWraps, sealRecord } from '../../protocol/org-log/record.ts';
import { type MailboxId, type StreamId, blobHash } from '../../protocol/wire.ts';
import * as wire from '../../protocol/wire.ts';
import { seededRandom, signerOf } from '../seeded.ts';
import type { Vector } from '../vector.ts';
import { wireMessages } from '../run-vectors.ts';
import { World, found } from '../world.ts';
import { idFrom } from '../world-people.ts';
import type { Named } from './primitives.ts';

const random = seededRandom('message vectors');
const id32 = <T extends string>(): T => toHex(random(32)) as T; // ids of these vectors

export async function messageVectors(): Promise<Named> {
  return [...(await records()), ...(await enrolment()), ...mailboxes(), ...(await wireVectors())];
}

async function records(): Promise<Named> {
  const world = new World('vectors of records');
  await world.genesis();
  await world.addMember('ben');
  const { org } = world.state;
  const stream = orgStream(org);
  const [mk, next] = [random(32), random(32)];
  const envelope = random(80);
  const blob = await sealRecord({ org, stream }, 3, mk, envelope, random);
  const first = await sealRecord({ org, stream }, 4, next, envelope, random, { wraps: id32<Hash>(), previous: mk });
  const base = { spec: '05-org-log.md#records', kind: 'record', org, stream, keys: [[3, toHex(mk)]], blob: toHex(blob) } as const;
  const wraps = await sealMkWraps(world.state, 1, mk);
  const ada = world.device('ada');
  const wrap = { spec: '05-org-log.md#epochs', kind: 'mk-wrap', org, epoch: 1, me: ada.id, seed: toHex(ada.seeds.inbox), wraps: toHex(wraps) } as const;
  return [
    ['record-valid', { ...base, name: 'record: opens', envelope: toHex(envelope) }],
    [
      'record-first-of-epoch',
      {
        ...base,
        name: 'record: the first of an epoch gives the key before',
        keys: [[4, toHex(next)]],
        blob: toHex(first),
        envelope: toHex(envelope),
        previousKey: toHex(mk),
      },
    ],
    ['record-no-key', { ...base, name: 'record: of an epoch whose key is not held', keys: [[2, toHex(mk)]], code: 'E_MK_EPOCH' }],
    ['record-other-key', { ...base, name: 'record: another key', keys: [[3, toHex(next)]], code: 'E_RELAY_GARBAGE' }],
    ['record-other-stream', { ...base, name: 'record: in another stream', stream: receiptStream(org, '00'.repeat(16)), code: 'E_RELAY_GARBAGE' }],
    ['record-garbage', { ...base, name: 'record: garbage', blob: toHex(random(100)), code: 'E_RELAY_GARBAGE' }],
    ['mk-wrap-valid', { ...wrap, name: 'wrap of a metadata key: opens', mk: toHex(mk) }],
    ['mk-wrap-left-out', { ...wrap, name: 'wrap of a metadata key: left out', me: '00'.repeat(16), code: 'E_REVOKED' }],
    ['mk-wrap-other-epoch', { ...wrap, name: 'wrap of a metadata key: another epoch', epoch: 2, code: 'E_OPEN' }],
  ];
}

async function enrolment(): Promise<Named> {
  const spec = '11-enrolment.md';
  const signer = await signerOf(random(32));
  const token = { org: id32<OrgId>(), token: idFrom<TokenId>(random), scalar: random(32), publicKey: signer.publicKey, relay: 'https://relay.example' };
  const text = formatToken(token);
  const mk = random(32);
  const pin = { seq: 1_200, eh: id32<Hash>(), checkpoint: 1_000 };
  const mail = await sealJoinPacket(token, { epoch: 2, mk, pin }, random);
  const invite = {
    org: token.org,
    head: { seq: 5, eh: id32<Hash>() },
    member: idFrom<MemberId>(random),
    joinId: idFrom(random),
    secret: random(32),
    mailbox: id32<MailboxId>(),
    relay: 'https://relay.example',
  };
  const link = formatInvite(invite);
  const [device, adminNonce, deviceNonce] = [random(60), random(32), random(32)];
  const commitment = deviceCommitment(device, deviceNonce);
  const [sigKey, kemKey] = [random(65), random(1_216)];
  const other = formatToken({ ...token, scalar: random(32) });
  const bad = (name: string, value: string): Named[number] => [
    `token-${name}`,
    { name: `machine token: ${name.replaceAll('-', ' ')}`, spec: `${spec}#token`, kind: 'token', text: value, code: 'E_TOKEN_FORMAT' },
  ];
  return [
    [
      'token-valid',
      {
        name: 'machine token',
        spec: `${spec}#token`,
        kind: 'token',
        text,
        fields: { org: token.org, token: token.token, scalar: toHex(token.scalar), publicKey: toHex(token.publicKey), relay: token.relay },
      },
    ],
    bad('typing-error', text.slice(0, 30) + (text[30] === 'A' ? 'B' : 'A') + text.slice(31)),
    bad('cut', text.slice(0, -3)),
    bad('other-prefix', text.replace('svt1_', 'svt2_')),
    bad('empty', ''),
    [
      'join-packet-valid',
      {
        name: 'packet behind a token',
        spec: `${spec}#packet`,
        kind: 'join-packet',
        token: text,
        mail: toHex(mail),
        epoch: 2,
        mk: toHex(mk),
        pin,
        mailbox: joinMailbox(token),
      },
    ],
    [
      'join-packet-other-token',
      { name: 'packet of another token', spec: `${spec}#packet`, kind: 'join-packet', token: other, mail: toHex(mail), code: 'E_OPEN' },
    ],
    [
      'invite-valid',
      {
        name: 'invitation of a device',
        spec: `${spec}#device`,
        kind: 'invite',
        text: link,
        fields: {
          org: invite.org,
          seq: 5,
          eh: invite.head.eh,
          member: invite.member,
          joinId: invite.joinId,
          secret: toHex(invite.secret),
          mailbox: invite.mailbox,
          relay: invite.relay,
        },
      },
    ],
    ['invite-cut', { name: 'invitation: cut', spec: `${spec}#device`, kind: 'invite', text: link.slice(0, -4), code: 'E_TOKEN_FORMAT' }],
    [
      'words-machine',
      {
        name: 'fingerprint words of a machine',
        spec: `${spec}#words`,
        kind: 'words',
        org: token.org,
        sigKey: toHex(sigKey),
        kemKey: toHex(kemKey),
        words: fingerprintWords(token.org, sigKey, kemKey),
      },
    ],
    [
      'sas-device',
      {
        name: 'short authentication of a new device',
        spec: `${spec}#device`,
        kind: 'sas',
        invite: link,
        device: toHex(device),
        adminNonce: toHex(adminNonce),
        deviceNonce: toHex(deviceNonce),
        commitment,
        ...shortAuthentication(invite, commitment, device, adminNonce, deviceNonce),
      },
    ],
  ];
}

function mailboxes(): Named {
  const seed = random(32);
  const day = Date.UTC(2026, 0, 5);
  return [
    ['mailbox-first-ms', day],
    ['mailbox-last-ms', day + 86_399_999],
    ['mailbox-next-day', day + 86_400_000],
  ].map(
    ([name, ts]) =>
      [
        name as string,
        {
          name: `mailbox of a day: ${String(name)}`,
          spec: '09-release.md#mail',
          kind: 'mailbox',
          seed: toHex(seed),
          ts: ts as number,
          mailbox: mailboxOn(seed, ts as number),
        },
      ] as Named[number],
  ); // as just written
}

async function wireVectors(): Promise<Named> {
  const spec = '08-relay.md';
  const signer = await signerOf(random(32));
  const [org, stream, mailbox] = [id32<OrgId>(), id32<StreamId>(), id32<MailboxId>()];
  const record = { stream, seq: 1, prev: id32<Hash>(), eh: id32<Hash>(), blob: random(30) };
  const head = { stream, seq: 1, eh: record.eh };
  const mail = { id: 9, mailbox, body: random(10), postedAt: 1_767_614_400_000 };
  const unsigned = {
    org,
    publicKey: signer.publicKey,
    audience: 'https://relay.example',
    ts: 1_767_614_400_000,
    nonce: random(16),
    signUp: true,
    signUpToken: 'token',
  };
  const messages: Readonly<Record<string, Uint8Array>> = {
    SessionOpen: wire.encode(wire.sessionOpenCodec, { ...unsigned, signature: await signer.sign(wire.sessionStatement(unsigned)) }),
    Session: wire.encode(wire.sessionCodec, { token: random(32), expiresAt: 2, serverTime: 1 }),
    KeyRegister: wire.encode(wire.keyRegisterCodec, { publicKey: signer.publicKey, grade: 'join', expiresAt: 5 }),
    KeyRevoke: wire.encode(wire.keyRevokeCodec, { keyId: signer.keyId }),
    StreamRecord: wire.encode(wire.streamRecordCodec, record),
    StreamHead: wire.encode(wire.streamHeadCodec, { stream, seq: -1 }),
    StreamRead: wire.encode(wire.streamReadCodec, { stream, from: 0, limit: 500 }),
    StreamPage: wire.encode(wire.streamPageCodec, { head, records: [record] }),
    BlobPut: wire.encode(wire.blobPutCodec, { blobs: [random(5), random(6)] }),
    BlobNames: wire.encode(wire.blobNamesCodec, { hashes: [blobHash(random(5))] }),
    Blobs: wire.encode(wire.blobsCodec, { blobs: [random(5), new Uint8Array(0)] }),
    MailPost: wire.encode(wire.mailPostCodec, { mails: [{ mailbox, body: random(4), ttlS: 60 }] }),
    MailPosted: wire.encode(wire.mailPostedCodec, { ids: [1, 2] }),
    MailRead: wire.encode(wire.mailReadCodec, { mailboxes: [mailbox], after: 8, limit: 200, waitMs: 25_000 }),
    MailPage: wire.encode(wire.mailPageCodec, { mails: [mail], next: 9 }),
    LiveHello: wire.encode(wire.liveHelloCodec, { token: random(32), mailboxes: [mailbox], streams: [stream], after: 3 }),
    LiveEvent: wire.encode(wire.liveEventCodec, { mail }),
    RelayFailure: wire.encode(wire.relayFailureCodec, { code: 'E_RELAY_CONFLICT', message: 'moved', head }),
  };
  const vectorOf = (name: string, message: string, bytes: Uint8Array, code?: Vector['code']): Named[number] => [
    `wire-${name}`,
    { name: `relay message ${message}: ${code ?? 'valid'}`, spec, kind: 'wire', message, bytes: toHex(bytes), ...(code ? { code } : {}) },
  ];
  const slug = (message: string): string => message.replace(/(?<!^)[A-Z]/g, (letter) => `-${letter}`).toLowerCase();
  const accepted = wireMessages.map((message) => vectorOf(slug(message), message, found(messages[message], message)));
  // Every message is a map: an unknown key must be refused, whatever the message.
  const unknown = wireMessages.map((message) => vectorOf(`${slug(message)}-unknown-field`, message, encodeItem(new Map([[99, 0]])), 'E_FIELD'));
  return [
    ...accepted,
    ...unknown,
    vectorOf('session-open-short-signature', 'SessionOpen', rewrite(found(messages['SessionOpen'], 'message'), 6, random(63)), 'E_FIELD'),
    vectorOf('stream-read-limit-501', 'StreamRead', rewrite(found(messages['StreamRead'], 'message'), 3, 501), 'E_FIELD'),
    vectorOf(
      'stream-record-too-large',
      'StreamRecord',
      rewrite(found(messages['StreamRecord'], 'message'), 5, new Uint8Array(limits.recordBytes + 1)),
      'E_FIELD',
    ),
    vectorOf('mail-read-waits-too-long', 'MailRead', rewrite(found(messages['MailRead'], 'message'), 4, 25_001), 'E_FIELD'),
    vectorOf('key-register-unknown-grade', 'KeyRegister', rewrite(found(messages['KeyRegister'], 'message'), 2, 5), 'E_FIELD'),
    vectorOf('stream-head-below-empty', 'StreamHead', rewrite(found(messages['StreamHead'], 'message'), 2, -2), 'E_FIELD'),
  ];
}

function rewrite(bytes: Uint8Array, key: number, value: number | Uint8Array): Uint8Array {
  const map = wire.decode(
    { toItem: (item: ReadonlyMap<number, never>) => item, fromItem: (item) => item as ReadonlyMap<number, never> },
    bytes,
    limits.wireBytes,
  ); // messages are maps
  return encodeItem(new Map<number, number | Uint8Array>([...map, [key, value]]));
}
