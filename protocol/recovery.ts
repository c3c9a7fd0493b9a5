// The recovery kit: made, printed as words, put together again, checked against the log (spec/18-recovery.md).
import { KEM_DHKEM_P256_HKDF_SHA256 } from '@panva/hpke-noble';
import { wordlist } from '@scure/bip39/wordlists/english.js';
import { AEAD_AES_256_GCM, CipherSuite, KDF_HKDF_SHA256 } from 'hpke';
import { combine as shamirCombine, split as shamirSplit } from 'shamir-secret-sharing';
import { concat, equalBytes, fromHex, toHex, wipe } from './bytes.ts';
import { ProtocolError, check } from './errors.ts';
import { derive, hash, hashBytes } from './hash.ts';
import { type Signer, importSigner } from './keys.ts';
import { limits } from './limits.ts';
import { recoveryRecipient } from './org-log/apply-secret.ts';
import type { RecoveryKeys } from './org-log/org-bodies.ts';
import { mkCommitment, openMkWrap } from './org-log/record.ts';
import type { OrgState } from './org-log/state.ts';
import type { Random } from './random.ts';
import { type KemKey, kemKeyFrom } from './seal.ts';

/** What one sheet of paper holds. */
export interface KitShare {
  /** First 4 bytes of a hash of the kit's public key, as hex. */
  readonly kit: string;
  readonly t: number;
  readonly m: number;
  readonly x: number;
  readonly share: Uint8Array;
}
export interface KitKeys {
  readonly signer: Signer;
  readonly kem: KemKey;
}
export interface NewKit {
  readonly facts: Omit<RecoveryKeys, 'delayMs'>;
  /** m of them; each for another sheet and another place. */
  readonly shares: readonly KitShare[];
}

/** A kit of which `t` of `m` shares are enough. Throws E_QUORUM on a threshold that cannot be met. */
export async function createKit(random: Random, t: number, m: number): Promise<NewKit> {
  check(Number.isInteger(t) && Number.isInteger(m) && t >= 1 && t <= m && m <= limits.kitShares, 'E_QUORUM', `1 to ${limits.kitShares} shares`);
  const secret = random(32);
  try {
    const { signer, kem } = await kitKeys(secret);
    const kit = kitId(signer.publicKey);
    const points = await pointsOf(secret, t, m);
    return { facts: { sigKey: signer.publicKey, kemKey: kem.publicKey, t, m }, shares: points.map(({ x, share }) => ({ kit, t, m, x, share })) };
  } finally {
    wipe(secret);
  }
}

// t = 1: every share is the secret. Else Shamir over GF(2^8); the library puts the point in the last byte.
async function pointsOf(secret: Uint8Array, t: number, m: number): Promise<readonly { readonly x: number; readonly share: Uint8Array }[]> {
  if (t === 1) return Array.from({ length: m }, (_, index) => ({ x: index + 1, share: secret.slice() }));
  return (await shamirSplit(secret, m, t)).map((share) => ({ x: share[32] ?? 0, share: share.slice(0, 32) }));
}

/** Both keys follow from the secret: there is nothing else to keep. */
export async function kitKeys(secret: Uint8Array): Promise<KitKeys> {
  const none = new Uint8Array(0);
  const [sigSeed, kemSeed] = [derive('kit', secret, none, ['sig']), derive('kit', secret, none, ['kem'])];
  const { scalar, publicKey } = await signingKeyFrom(sigSeed);
  try {
    return { signer: await importSigner(scalar, publicKey), kem: await kemKeyFrom(kemSeed.slice()) };
  } finally {
    wipe(sigSeed, kemSeed, scalar);
  }
}

const p256 = new CipherSuite(KEM_DHKEM_P256_HKDF_SHA256, KDF_HKDF_SHA256, AEAD_AES_256_GCM);

// WebCrypto makes no point from a scalar: DeriveKeyPair of RFC 9180 §7.1.3 gives both, with its own rejection of scalars that are none.
async function signingKeyFrom(seed: Uint8Array): Promise<{ readonly scalar: Uint8Array; readonly publicKey: Uint8Array }> {
  const pair = await p256.DeriveKeyPair(seed, true);
  return { scalar: await p256.SerializePrivateKey(pair.privateKey), publicKey: await p256.SerializePublicKey(pair.publicKey) };
}

/** Names a kit on its sheets; tells nothing of its secret. */
export function kitId(sigKey: Uint8Array): string {
  return hash('kit', ['id', sigKey]).slice(0, 8);
}

// --- Words: version 1 ‖ kit 4 ‖ (t − 1, m − 1) 1 ‖ x 1 ‖ share 32 ‖ checksum 5, eleven bits a word ----------

const kitVersion = 1;
const bodyBytes = 39;
const checksumBytes = 5;
/** Words of one share. */
export const shareWords = 32;

export function formatShare({ kit, t, m, x, share }: KitShare): string {
  const body = concat(Uint8Array.of(kitVersion), fromHex(kit), Uint8Array.of(((t - 1) << 4) | (m - 1), x), share);
  const bytes = concat(body, checksumOf(body));
  const words = Array.from({ length: shareWords }, (_, index) => wordlist[bitsAt(bytes, index * 11)] ?? '');
  wipe(body, bytes);
  return words.join(' ');
}

/** From paper: any case and separators, words whole or by their first four letters. Throws E_KIT_FORMAT, which says what is wrong, never the words. */
export function parseShare(text: string): KitShare {
  check(text.length <= 1_024, 'E_KIT_FORMAT', 'too long for a share');
  const words = text.toLowerCase().match(/[a-z]+/g) ?? [];
  check(words.length === shareWords, 'E_KIT_FORMAT', `a share has ${shareWords} words, this has ${words.length}`);
  const numbers = words.map(wordNumber);
  check(!numbers.includes(-1), 'E_KIT_FORMAT', `word ${numbers.indexOf(-1) + 1} is none of the list`);
  const bytes = bytesOf(numbers);
  const body = bytes.subarray(0, bodyBytes);
  check(equalBytes(bytes.subarray(bodyBytes), checksumOf(body)), 'E_KIT_FORMAT', 'the checksum does not fit: a word is wrong, or two are exchanged');
  check(body[0] === kitVersion, 'E_KIT_FORMAT', 'a kit of another version');
  const [terms = 0, x = 0] = body.subarray(5, 7);
  const share = { kit: toHex(body.subarray(1, 5)), t: (terms >> 4) + 1, m: (terms & 15) + 1, x, share: body.slice(7) };
  wipe(bytes);
  check(share.t <= share.m && x >= 1, 'E_KIT_FORMAT', 'no share that a kit has');
  return share;
}

/** Up to `most` words of the list that begin so: for whoever types from paper. */
export function completeWord(start: string, most = 4): readonly string[] {
  const from = start.toLowerCase();
  return from === '' ? [] : wordlist.filter((word) => word.startsWith(from)).slice(0, most);
}

/**
 * Where the checksum does not fit: the place, from 1, of the one word that is wrong, or of the first of two neighbours that are exchanged.
 * Undefined where no single slip explains it. Tries every word in every place, a second or two of work: for a person who is stuck, not for a reader.
 */
export function wrongWord(text: string): number | undefined {
  const words = text.toLowerCase().match(/[a-z]+/g) ?? [];
  if (words.length !== shareWords) return undefined;
  const numbers = words.map(wordNumber);
  if (numbers.includes(-1)) return numbers.indexOf(-1) + 1;
  const fits = (tried: readonly number[]): boolean => {
    const bytes = bytesOf(tried);
    const isRight = equalBytes(bytes.subarray(bodyBytes), checksumOf(bytes.subarray(0, bodyBytes)));
    wipe(bytes);
    return isRight;
  };
  for (let at = 0; at + 1 < shareWords; at++) if (fits(numbers.with(at, numbers[at + 1] ?? 0).with(at + 1, numbers[at] ?? 0))) return at + 1;
  for (let at = 0; at < shareWords; at++) for (let word = 0; word < wordlist.length; word++) if (fits(numbers.with(at, word))) return at + 1;
  return undefined;
}

function wordNumber(word: string): number {
  return wordlist.findIndex((listed) => listed === word || (word.length === 4 && listed.startsWith(word)));
}

function bytesOf(numbers: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(bodyBytes + checksumBytes);
  for (const [index, number] of numbers.entries()) for (let bit = 0; bit < 11; bit++) setBit(bytes, index * 11 + bit, (number >> (10 - bit)) & 1);
  return bytes;
}

function checksumOf(body: Uint8Array): Uint8Array {
  return hashBytes('kit', ['share', body]).subarray(0, checksumBytes);
}

function bitsAt(bytes: Uint8Array, at: number): number {
  let value = 0;
  for (let bit = at; bit < at + 11; bit++) value = (value << 1) | (((bytes[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1);
  return value;
}

function setBit(bytes: Uint8Array, at: number, bit: number): void {
  bytes[at >> 3] = (bytes[at >> 3] ?? 0) | (bit << (7 - (at & 7)));
}

// --- Together again ----------------------------------------------------------------------------------------

/** The kit's secret; the caller wipes it. Throws E_KIT_MIX on shares that do not belong together, E_QUORUM on too few. */
export async function combineKit(shares: readonly KitShare[]): Promise<Uint8Array> {
  const [first] = shares;
  check(first !== undefined, 'E_QUORUM', 'no share');
  const { kit, t, m } = first;
  check(
    shares.every((share) => share.kit === kit && share.t === t && share.m === m),
    'E_KIT_MIX',
    'shares of different kits',
  );
  check(new Set(shares.map(({ x }) => x)).size === shares.length, 'E_KIT_MIX', 'one share twice');
  check(shares.length >= t, 'E_QUORUM', `this kit needs ${t} shares, here are ${shares.length}`);
  const used = shares.slice(0, t);
  const points = used.map(({ x, share }) => concat(share, Uint8Array.of(x)));
  const secret = t === 1 ? first.share.slice() : await shamirCombine(points);
  wipe(...points);
  const { signer } = await kitKeys(secret);
  if (kitId(signer.publicKey) === kit) return secret;
  wipe(secret);
  throw new ProtocolError('E_KIT_MIX', 'these shares give another kit than they name');
}

/** Throws E_RECOVERY where the org has no kit, E_KIT_MIX where it has another one than this. */
export function verifyKit(state: OrgState, { signer, kem }: KitKeys): void {
  check(state.recovery !== undefined, 'E_RECOVERY', 'the organisation has no recovery kit');
  const isThis = equalBytes(state.recovery.sigKey, signer.publicKey) && equalBytes(state.recovery.kemKey, kem.publicKey);
  check(isThis, 'E_KIT_MIX', 'an older kit, or one of another organisation');
}

/**
 * The drill: these shares give the keys that the log names, and what is sealed to them opens. Changes nothing.
 * `wraps`: the blob with the wraps of the newest metadata key. Throws also E_REVOKED where the kit was left out of it: rotate the key.
 */
export async function drillKit(state: OrgState, shares: readonly KitShare[], wraps: Uint8Array): Promise<void> {
  const secret = await combineKit(shares);
  const kit = await kitKeys(secret).finally(() => wipe(secret));
  verifyKit(state, kit);
  const mk = await openKitMetaKey(state.org, state.mkEpoch, kit, wraps);
  const isKey = mkCommitment(mk) === state.mkCommitment;
  wipe(mk);
  check(isKey, 'E_MK_EPOCH', 'another metadata key than the log names');
}

/** The metadata key of an epoch, with which a kit begins to read the log. */
export function openKitMetaKey(org: OrgState['org'], epoch: number, { kem }: KitKeys, wraps: Uint8Array): Promise<Uint8Array> {
  return openMkWrap(org, epoch, recoveryRecipient, kem, wraps);
}
