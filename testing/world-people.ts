// The parties of the fake world: devices with software passkeys, machines, tokens, a recovery kit. Every key is real. Never shipped.
import { fromHex, toHex } from '../protocol/bytes.ts';
import type { DeviceId, MachineId, MemberId, TokenId } from '../protocol/hash.ts';
import type { Signer } from '../protocol/keys.ts';
import type { DeviceAdd, MachineEnrol, TokenIssue } from '../protocol/org-log/bodies.ts';
import type { RecoveryKeys } from '../protocol/org-log/org-bodies.ts';
import type { SignerRef } from '../protocol/org-log/entry.ts';
import type { Random } from '../protocol/random.ts';
import { type KemKey, kemKeyFrom } from '../protocol/seal.ts';
import type { Assertion } from '../protocol/sign.ts';
import { type AssertionFacts, assertWith } from './authenticator.ts';
import { signerOf } from './seeded.ts';

export const origin = 'https://console.example';
export const rpId = 'console.example';

/** Somebody who can sign an entry; people also assert with a passkey. */
export interface Voice {
  readonly ref: SignerRef;
  readonly signer: Signer;
  readonly assert?: (challenge: string, wrong?: Partial<AssertionFacts>) => Promise<Assertion>;
}
export interface WorldDevice {
  readonly id: DeviceId;
  readonly member: MemberId;
  readonly voice: Voice;
  /** Opened by a gesture in real life. */
  readonly sig: Signer;
  readonly presence: Signer;
  readonly inbox: KemKey;
  readonly custody: KemKey;
  readonly passkey: Signer;
  readonly facts: DeviceAdd;
  /** Private parts, for programs under test that want to hold them. */
  readonly scalars: { readonly sig: Uint8Array; readonly presence: Uint8Array; readonly passkey: Uint8Array };
  readonly seeds: { readonly inbox: Uint8Array; readonly custody: Uint8Array };
}
export interface WorldMember {
  readonly id: MemberId;
  readonly name: string;
  readonly devices: WorldDevice[];
}
export interface WorldMachine {
  readonly id: MachineId;
  readonly name: string;
  readonly voice: Voice;
  readonly sig: Signer;
  readonly kem: KemKey;
  readonly scalar: Uint8Array;
  readonly seed: Uint8Array;
  readonly mailboxSeed: Uint8Array;
  readonly bootId: Uint8Array;
  /** Counter of the last request. */
  ctr: number;
}
export interface WorldToken {
  readonly id: TokenId;
  readonly voice: Voice;
  readonly scalar: Uint8Array;
  readonly facts: TokenIssue;
}
export interface WorldKit {
  readonly voice: Voice;
  readonly kem: KemKey;
  readonly seed: Uint8Array;
  readonly facts: RecoveryKeys;
}

export function idFrom<T extends string>(random: Random): T {
  return toHex(random(16)) as T; // an id of the fake world is minted here
}

export async function makeDevice(random: Random, member: MemberId, name: string): Promise<WorldDevice> {
  const id = idFrom<DeviceId>(random);
  const scalars = { sig: random(32), presence: random(32), passkey: random(32) };
  const seeds = { inbox: random(32), custody: random(32) };
  const [sig, presence, passkey] = [await signerOf(scalars.sig), await signerOf(scalars.presence), await signerOf(scalars.passkey)];
  const [inbox, custody] = [await kemKeyFrom(seeds.inbox.slice()), await kemKeyFrom(seeds.custody.slice())];
  const facts: DeviceAdd = {
    device: id,
    member,
    name,
    sigKey: sig.publicKey,
    presenceKey: presence.publicKey,
    inboxKey: inbox.publicKey,
    custodyKey: custody.publicKey,
    passkey: {
      credentialId: random(16),
      publicKey: passkey.publicKey,
      rpId,
      aaguid: new Uint8Array(16),
      backupEligible: true,
      backedUp: true,
      attestationDigest: new Uint8Array(32),
    },
    mailboxSeed: random(32),
  };
  const assert: Voice['assert'] = (challenge, wrong = {}) => assertWith(passkey, { rpId, origin, challenge: fromHex(challenge), ...wrong });
  return { id, member, voice: { ref: { kind: 'device', id }, signer: sig, assert }, sig, presence, inbox, custody, passkey, facts, scalars, seeds };
}

export async function makeMachine(random: Random, name: string): Promise<WorldMachine> {
  const id = idFrom<MachineId>(random);
  const [scalar, seed] = [random(32), random(32)];
  const sig = await signerOf(scalar);
  return {
    id,
    name,
    voice: { ref: { kind: 'machine', id }, signer: sig },
    sig,
    kem: await kemKeyFrom(seed.slice()),
    scalar,
    seed,
    mailboxSeed: random(32),
    bootId: random(16),
    ctr: 0,
  };
}

export function enrolmentOf(machine: Pick<WorldMachine, 'id' | 'name' | 'sig' | 'kem' | 'mailboxSeed'>, token: TokenId): MachineEnrol {
  return { machine: machine.id, token, name: machine.name, sigKey: machine.sig.publicKey, kemKey: machine.kem.publicKey, mailboxSeed: machine.mailboxSeed };
}

export async function makeToken(random: Random, facts: Omit<TokenIssue, 'token' | 'tokenKey'>): Promise<WorldToken> {
  const id = idFrom<TokenId>(random);
  const scalar = random(32);
  const signer = await signerOf(scalar);
  return { id, voice: { ref: { kind: 'token', id }, signer }, scalar, facts: { token: id, tokenKey: signer.publicKey, ...facts } };
}

export async function makeKit(random: Random): Promise<WorldKit> {
  const signer = await signerOf(random(32));
  const seed = random(32);
  const kem = await kemKeyFrom(seed.slice());
  return {
    voice: { ref: { kind: 'recovery', id: '00'.repeat(16) }, signer },
    kem,
    seed,
    facts: { sigKey: signer.publicKey, kemKey: kem.publicKey, delayMs: 86_400_000, t: 2, m: 3 },
  };
}
