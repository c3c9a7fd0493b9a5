// The log verifier: (state, entry bytes, now) -> verified entry, fail closed, in the order of spec/05-org-log.md §verify.
// The same build runs in daemon and console.
import { ProtocolError, check } from '../errors.ts';
import { type DeviceId, type Hash, type KeyId, type MachineId, type OrgId, type TokenId } from '../hash.ts';
import { keyIdOf, verifySignature, verifySigningKey } from '../keys.ts';
import { limits } from '../limits.ts';
import { verifyKemKey } from '../seal.ts';
import { type Envelope, type EnvelopeSignature, parseEnvelope, payloadTypeOf, preAuthEncode, verifyEnvelopeSignature } from '../sign.ts';
import { type Passkey, verifyAssertion } from '../webauthn.ts';
import { challengeFrom } from '../gesture.ts';
import type { DeviceAdd } from './bodies.ts';
import { type Intent, encodeIntent, intentHash } from './draft.ts';
import { type Entry, type SignerRef, entryHash, parseEntry, zeroHash } from './entry.ts';
import { type Device, type OrgState, activeDevice, activeMachine } from './state.ts';

declare const verified: unique symbol;
/** An entry whose signatures, place and time are right; minted by verifyEntry only. Roles and body are judged by applyEntry. */
export interface VerifiedEntry {
  readonly [verified]: true;
  readonly entry: Entry;
  readonly eh: Hash;
}

interface Voice {
  readonly signer: SignerRef;
  readonly publicKey: Uint8Array;
  /** Present where a person must have been verified. */
  readonly passkey?: Passkey;
}

/** Bytes that were signed, their hash (which a person's gesture is over), and the signatures. */
interface Signed {
  readonly message: Uint8Array;
  readonly hash: Hash;
  readonly signatures: readonly EnvelopeSignature[];
  readonly later?: Later | undefined;
}

/** Takes checks of signatures that are under way: nothing that was read counts before all of them have resolved. */
export type Later = (proof: Promise<void>) => void;

/** Throws a coded ProtocolError on the first thing that is not right. `state` is undefined for genesis only. */
export async function verifyEntry(state: OrgState | undefined, bytes: Uint8Array, now: number, later?: Later): Promise<VerifiedEntry> {
  const envelope = parseEnvelope('entry', bytes, limits.entryBytes);
  const eh = entryHash(envelope.payload);
  const signed: Signed = { message: preAuthEncode(envelope.payloadType, envelope.payload), hash: eh, signatures: envelope.signatures, later };
  const known = state ? await verifyKnown(state, signed) : new Map<KeyId, Voice>();
  check(state === undefined || known.size > 0, 'E_SIGNERS', 'no signer of this organisation');
  const entry = parseEntry(envelope.payload);
  check((entry.type === 'genesis') === (state === undefined), 'E_CHAIN', 'genesis is the first entry and only the first');
  if (state) verifyPlace(state, entry, eh);
  else check(entry.seq === 0 && entry.prev === zeroHash && orgIdOf(zeroHash) === entry.org, 'E_CHAIN', 'not a first entry');
  verifyTime(state, entry, now);
  const endorsed = endorsedIn(entry, envelope, later);
  check(entry.signers.length === signed.signatures.length, 'E_SIGNERS', 'signatures missing or added');
  const agreed = state && endorsed ? await verifyKnown(state, endorsed) : new Map<KeyId, Voice>();
  await verifyIntroduced(state, entry, [{ signed, voices: known }, ...(endorsed ? [{ signed: endorsed, voices: agreed }] : [])]);
  verifySigners(
    [...entry.signers, ...(entry.draft?.endorsers ?? [])],
    [...signed.signatures.map(({ keyId }) => known.get(keyId)), ...(endorsed?.signatures.map(({ keyId }) => agreed.get(keyId)) ?? [])],
  );
  await verifyAdmittedKeys(entry);
  return { entry, eh } as VerifiedEntry; // the one place where it is minted
}

// What a draft's endorsers signed is made again from the entry; the entry names them, so that none can be added or taken away.
function endorsedIn({ org, draft }: Entry, envelope: Envelope, later: Later | undefined): Signed | undefined {
  check((draft !== undefined) === (envelope.endorsements !== undefined), 'E_SIGNERS', 'endorsements without a draft, or a draft without');
  if (!draft || !envelope.endorsements) return undefined;
  const intent: Intent = { org, authority: draft.authority, items: draft.items, expiresAt: draft.expiresAt };
  return { ...signedIntent(intent, envelope.endorsements), later };
}

function signedIntent(intent: Intent, signatures: readonly EnvelopeSignature[]): Signed {
  return { message: preAuthEncode(payloadTypeOf('intent'), encodeIntent(intent)), hash: intentHash(intent), signatures };
}

// Signatures by keys that the state knows, over the exact bytes, before anything in them is parsed.
async function verifyKnown(state: OrgState, signed: Signed): Promise<Map<KeyId, Voice>> {
  const voices = new Map<KeyId, Voice>();
  for (const signature of signed.signatures) {
    const voice = voiceOf(state, signature.keyId);
    if (!voice) continue;
    await verifyVoice(voice, signed, signature, state.origins);
    voices.set(signature.keyId, voice);
  }
  return voices;
}

function voiceOf(state: OrgState, keyId: KeyId): Voice | undefined {
  const holder = state.keys.get(keyId);
  if (!holder || holder.use !== 'sig') return undefined;
  if (holder.kind === 'device') {
    const device = activeDevice(state, holder.id as DeviceId); // ids in `keys` are of the kind they name
    check(device !== undefined, 'E_REVOKED', 'signed by a device that is not active');
    return { signer: holder, publicKey: device.sigKey, passkey: device.passkey };
  }
  if (holder.kind === 'machine') {
    const machine = activeMachine(state, holder.id as MachineId); // as above
    check(machine !== undefined, 'E_MACHINE_REVOKED', 'signed by a machine that is not active');
    return { signer: holder, publicKey: machine.sigKey };
  }
  if (holder.kind === 'recovery' && state.recovery) return { signer: holder, publicKey: state.recovery.sigKey };
  const token = state.tokens.get(holder.id as TokenId); // as above
  check(token !== undefined, 'E_UNKNOWN_ID', 'signed by an unknown token');
  check(token.usedBy === undefined, 'E_TOKEN_USED', 'the token was used before');
  return { signer: holder, publicKey: token.tokenKey };
}

async function verifyVoice(voice: Voice, signed: Signed, signature: EnvelopeSignature, origins: readonly string[]): Promise<void> {
  const proof = proveVoice(voice, signed, signature, origins);
  if (signed.later) signed.later(proof);
  else await proof;
}

async function proveVoice(voice: Voice, signed: Signed, signature: EnvelopeSignature, origins: readonly string[]): Promise<void> {
  await verifySignature(voice.publicKey, signed.message, signature.signature);
  check(
    (signature.assertion !== undefined) === (voice.passkey !== undefined),
    'E_WEBAUTHN',
    'user verification is missing, or made by something that is no person',
  );
  check(signature.path === undefined || voice.passkey !== undefined, 'E_WEBAUTHN', 'a gesture by something that is no person');
  if (voice.passkey && signature.assertion) await verifyAssertion(signature.assertion, challengeFrom(signed.hash, signature.path), voice.passkey, origins);
}

function verifyPlace(state: OrgState, entry: Entry, eh: Hash): void {
  check(entry.org === state.org, 'E_ORG', 'an entry of another organisation');
  const { seq, eh: head } = state.head;
  check(entry.seq <= seq + 1, 'E_CHAIN_GAP', 'entries are missing before this one');
  check(entry.seq !== seq || eh === head, 'E_FORK', 'two entries claim one place');
  check(entry.seq === seq + 1 && entry.prev === head, 'E_CHAIN', 'does not follow the head');
}

function verifyTime(state: OrgState | undefined, entry: Entry, now: number): void {
  check(entry.ts <= now + limits.clockSkewMs, 'E_CLOCK', 'from the future: compare the clocks');
  check(state === undefined || entry.ts >= state.ts - limits.clockSkewMs, 'E_CLOCK', 'older than the entry before it');
}

/** Who endorsed a draft by this signature: a device of the log, or the one that the draft brings. Throws like verifyEntry. */
export async function verifyEndorsement(state: OrgState, intent: Intent, signature: EnvelopeSignature, introduced?: DeviceAdd): Promise<SignerRef> {
  const voice = introduced && keyIdOf('ES256', introduced.sigKey) === signature.keyId ? voiceOfNew(introduced) : voiceOf(state, signature.keyId);
  check(voice?.signer.kind === 'device', 'E_SIGNERS', 'endorsed by nobody of this organisation');
  await verifyVoice(voice, signedIntent(intent, [signature]), signature, state.origins);
  return voice.signer;
}

// Keys that the entry itself brings must prove that they are held: a first device, a new device, a new machine.
async function verifyIntroduced(
  state: OrgState | undefined,
  entry: Entry,
  all: readonly { readonly signed: Signed; readonly voices: Map<KeyId, Voice> }[],
): Promise<void> {
  const voices: Voice[] = [];
  const device = deviceIn(entry) ?? (entry.type === 'recovery.finish' ? state?.recovering?.device : undefined);
  if (device) voices.push(voiceOfNew(device));
  if (entry.type === 'machine.enrol') voices.push({ signer: { kind: 'machine', id: entry.body.machine }, publicKey: entry.body.sigKey });
  const allowed = entry.type === 'genesis' ? entry.body.origins : (state?.origins ?? []);
  for (const voice of voices) {
    const keyId = keyIdOf('ES256', voice.publicKey);
    check(state?.keys.has(keyId) !== true, 'E_KEY_REUSED', 'a key that the log has seen before');
    let signs = false;
    for (const { signed, voices: known } of all) {
      const signature = signed.signatures.find((candidate) => candidate.keyId === keyId);
      if (!signature) continue;
      await verifyVoice(voice, signed, signature, allowed);
      known.set(keyId, voice);
      signs = true;
    }
    check(signs, 'E_SIGNERS', 'a new key must sign its own admission');
  }
}

function voiceOfNew({ device, sigKey, passkey }: DeviceAdd): Voice {
  return { signer: { kind: 'device', id: device }, publicKey: sigKey, passkey };
}

function deviceIn(entry: Entry): DeviceAdd | undefined {
  if (entry.type === 'genesis' || entry.type === 'recovery.use') return entry.body.device;
  return entry.type === 'device.add' ? entry.body : undefined;
}

// The signers that the signed bytes list are exactly those that signed, in that order, each once.
function verifySigners(listing: readonly SignerRef[], voices: readonly (Voice | undefined)[]): void {
  check(listing.length === voices.length, 'E_SIGNERS', 'signatures missing or added');
  const seen = new Set<string>();
  for (const [index, listed] of listing.entries()) {
    const voice = voices[index];
    check(voice !== undefined && voice.signer.kind === listed.kind && voice.signer.id === listed.id, 'E_SIGNERS', 'not the signer that the entry lists');
    check(!seen.has(listed.id), 'E_SIGNERS', 'one signer twice');
    seen.add(listed.id);
  }
}

async function verifyAdmittedKeys(entry: Entry): Promise<void> {
  const device = deviceIn(entry);
  if (device) {
    for (const key of [device.sigKey, device.presenceKey, device.passkey.publicKey]) await verifySigningKey(key);
    for (const key of [device.inboxKey, device.custodyKey]) await verifyKemKey(key);
  }
  if (entry.type === 'machine.enrol') {
    await verifySigningKey(entry.body.sigKey);
    await verifyKemKey(entry.body.kemKey);
  }
  if (entry.type === 'token.issue') await verifySigningKey(entry.body.tokenKey);
  const recovery = entry.type === 'recovery.set' ? entry.body : entry.type === 'genesis' ? entry.body.recovery : undefined;
  if (recovery) {
    await verifySigningKey(recovery.sigKey);
    await verifyKemKey(recovery.kemKey);
  }
}

/** Where a peer says its log stands, against `history` of my own (eh at seq). Throws E_FORK; answers how it relates. */
export function compareHead(
  history: (seq: number) => Hash | undefined,
  mine: { readonly seq: number },
  theirs: { readonly seq: number; readonly eh: Hash },
): 'same-or-behind' | 'ahead' {
  if (theirs.seq > mine.seq) return 'ahead';
  if (history(theirs.seq) !== theirs.eh) throw new ProtocolError('E_FORK', 'a signed head that is not in this log: somebody was shown another history');
  return 'same-or-behind';
}

/** The org id that a first entry makes. */
export function orgIdOf(genesis: Hash): OrgId {
  return genesis as string as OrgId; // by definition: the hash of genesis is the org id
}

/** Of a letter or notice: the active device whose presence key made its one signature. Throws E_SIGNATURE, E_REVOKED. */
export async function verifyPresence(state: OrgState, envelope: Envelope): Promise<Device> {
  const keyId = envelope.signatures[0]?.keyId;
  const holder = keyId && state.keys.get(keyId);
  check(
    holder?.kind === 'device' && holder.use === 'presence' && envelope.signatures.length === 1,
    'E_SIGNATURE',
    'not signed by a device of this organisation',
  );
  const device = activeDevice(state, holder.id as DeviceId); // a device holder's id
  check(device !== undefined && device.keyIds.presence === keyId, 'E_REVOKED', 'signed by a device that is not active');
  await verifyEnvelopeSignature(envelope, 0, device.presenceKey);
  return device;
}
