// Machine tokens, the packet behind them, fingerprint words (spec/11-enrolment.md).
import { wordlist } from '@scure/bip39/wordlists/english.js';
import { concat, fromBase64Url, fromHex, toBase64Url } from './bytes.ts';
import { type Codec, bytes, bytesUpTo, count, decode, encode, hexId, record, text } from './codec.ts';
import { ProtocolError, check } from './errors.ts';
import { type Hash, type MemberId, type OrgId, type TokenId, derive, hash, hashBytes, orgIdCodec, tokenIdCodec } from './hash.ts';
import { publicKeyCodec } from './keys.ts';
import { type Pin, pinCodec } from './org-log/pin.ts';
import type { Random } from './random.ts';
import { openOnce, sealOnce } from './seal.ts';
import { type MailboxId, mailboxIdCodec } from './wire.ts';

/** What `stillvault join` gets: names the org, so nobody can substitute it, and holds the key that signs machine.enrol. */
export interface JoinToken {
  readonly org: OrgId;
  readonly token: TokenId;
  readonly scalar: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly relay: string;
}
const tokenCodec: Codec<JoinToken> = record<JoinToken>({
  org: [1, orgIdCodec],
  token: [2, tokenIdCodec],
  scalar: [3, bytes(32)],
  publicKey: [4, publicKeyCodec],
  relay: [5, text(253, 8)],
});
const prefix = 'svt1_';

export function formatToken(token: JoinToken): string {
  const body = encode(tokenCodec, token);
  return prefix + toBase64Url(concat(body, checksum(body)));
}

/** Throws E_TOKEN_FORMAT on a typing error, a truncated copy or another kind of token. */
export function parseToken(text: string): JoinToken {
  try {
    check(text.startsWith(prefix) && text.length < 1_024, 'E_TOKEN_FORMAT', 'not a machine token');
    const raw = fromBase64Url(text.slice(prefix.length));
    const body = raw.subarray(0, -4);
    check(toBase64Url(raw.subarray(-4)) === toBase64Url(checksum(body)), 'E_TOKEN_FORMAT', 'the checksum does not fit: copied incompletely?');
    return decode(tokenCodec, body, 1_024);
  } catch (cause) {
    throw cause instanceof ProtocolError && cause.code === 'E_TOKEN_FORMAT' ? cause : new ProtocolError('E_TOKEN_FORMAT', 'not a machine token', { cause });
  }
}

function checksum(body: Uint8Array): Uint8Array {
  return hashBytes('join', ['checksum', body]).subarray(0, 4);
}

/** The newest metadata key, left for the holder of a token, and how far the one who left it has verified the log. */
export interface JoinPacket {
  readonly epoch: number;
  readonly mk: Uint8Array;
  readonly pin: Pin;
}
const packetCodec: Codec<JoinPacket> = record<JoinPacket>({ epoch: [1, count], mk: [2, bytes(32)], pin: [3, pinCodec] });
interface SealedPacket {
  readonly salt: Uint8Array;
  readonly sealed: Uint8Array;
}
const sealedPacketCodec: Codec<SealedPacket> = record<SealedPacket>({ salt: [1, bytes(16)], sealed: [2, bytesUpTo(256)] });

export function joinMailbox(token: Pick<JoinToken, 'org' | 'token' | 'scalar'>): MailboxId {
  return hash('mailbox', ['join', token.org, token.token, token.scalar]) as string as MailboxId; // a mailbox id is a hash with this use
}

export async function sealJoinPacket(token: Pick<JoinToken, 'org' | 'token' | 'scalar'>, packet: JoinPacket, random: Random): Promise<Uint8Array> {
  const salt = random(16);
  return encode(sealedPacketCodec, {
    salt,
    sealed: await sealOnce(derive('join', token.scalar, salt, [token.org, token.token]), [token.org, token.token], encode(packetCodec, packet)),
  });
}

export async function openJoinPacket(token: JoinToken, mail: Uint8Array): Promise<JoinPacket> {
  const { salt, sealed } = decode(sealedPacketCodec, mail, 512);
  return decode(packetCodec, await openOnce(derive('join', token.scalar, salt, [token.org, token.token]), [token.org, token.token], sealed), 256);
}

/** Five words (55 bits) that machine and console compute for themselves and a person compares. */
export function fingerprintWords(org: OrgId, sigKey: Uint8Array, kemKey: Uint8Array): string {
  const digest = hashBytes('fingerprint', [org, sigKey, kemKey]);
  return wordsOf(digest, 5);
}

function wordsOf(digest: Uint8Array, howMany: number): string {
  return Array.from({ length: howMany }, (_, index) => wordlist[(((digest[2 * index] ?? 0) << 8) | (digest[2 * index + 1] ?? 0)) & 2_047]).join(' ');
}

// --- A further device (spec/11-enrolment.md §device): link, commit, reveal, compare -------------------

/** What the link or QR of an admin's device holds in its fragment. */
export interface DeviceInvite {
  readonly org: OrgId;
  readonly head: { readonly seq: number; readonly eh: Hash };
  readonly member: MemberId;
  readonly joinId: string;
  readonly secret: Uint8Array;
  readonly mailbox: MailboxId;
  readonly relay: string;
}
interface InviteFields {
  readonly org: OrgId;
  readonly seq: number;
  readonly eh: Hash;
  readonly member: MemberId;
  readonly joinId: string;
  readonly secret: Uint8Array;
  readonly mailbox: MailboxId;
  readonly relay: string;
}
const inviteCodec: Codec<InviteFields> = record<InviteFields>({
  org: [1, orgIdCodec],
  seq: [2, count],
  eh: [3, hexId<Hash>(32)],
  member: [4, hexId<MemberId>(16)],
  joinId: [5, hexId(16)],
  secret: [6, bytes(32)],
  mailbox: [7, mailboxIdCodec],
  relay: [8, text(253, 8)],
});

export function formatInvite({ head, ...rest }: DeviceInvite): string {
  return toBase64Url(encode(inviteCodec, { ...rest, seq: head.seq, eh: head.eh }));
}

export function parseInvite(text: string): DeviceInvite {
  try {
    const { seq, eh, ...rest } = decode(inviteCodec, fromBase64Url(text), 1_024);
    return { ...rest, head: { seq, eh } };
  } catch (cause) {
    throw new ProtocolError('E_TOKEN_FORMAT', 'not an invitation link', { cause });
  }
}

/** Six digits and three words over the whole transcript; each side computes its own. */
export function shortAuthentication(
  invite: DeviceInvite,
  commitment: Hash,
  device: Uint8Array,
  adminNonce: Uint8Array,
  deviceNonce: Uint8Array,
): { readonly digits: string; readonly words: string } {
  const digest = hashBytes('sas', [
    invite.org,
    invite.head.seq,
    invite.head.eh,
    invite.member,
    invite.joinId,
    invite.secret,
    commitment,
    device,
    adminNonce,
    deviceNonce,
  ]);
  const number = new DataView(digest.buffer, digest.byteOffset).getUint32(16) % 1_000_000;
  return { digits: String(number).padStart(6, '0'), words: wordsOf(digest, 3) };
}

/** Commitment of the new device to its keys and nonce, made before it sees the other side's nonce. */
export function deviceCommitment(device: Uint8Array, deviceNonce: Uint8Array): Hash {
  return hash('sas', ['commit', device, deviceNonce]);
}

/** Key that both sides hold because of the link: seals every message of the join. */
export function inviteKey(invite: DeviceInvite, direction: 'to-admin' | 'to-device', step: number): Uint8Array {
  return derive('join', invite.secret, fromHex(invite.joinId), [invite.org, direction, step]);
}
