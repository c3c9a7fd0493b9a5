// The fake world: an organisation in memory with people, machines, policies and secrets, real keys and a clock that tests set. Never shipped.
import { type SecretValue, sealSecret } from '../protocol/custody.ts';
import { type GroupId, type Hash, type MemberId, type PolicyId, type SecretId, blobHash } from '../protocol/hash.ts';
import { advance } from '../protocol/org-log/apply.ts';
import type { Bodies, EntryType, Genesis, Policy, Role } from '../protocol/org-log/bodies.ts';
import { type Entry, encodeEntry, entryHash, zeroHash } from '../protocol/org-log/entry.ts';
import { type NewEpoch, mkCommitment, sealMkWraps } from '../protocol/org-log/record.ts';
import { type OrgState, type Secret, secretAt } from '../protocol/org-log/state.ts';
import { orgIdOf } from '../protocol/org-log/verify.ts';
import { policyFor } from '../protocol/policy.ts';
import type { Random } from '../protocol/random.ts';
import { signEnvelope } from '../protocol/sign.ts';
import type { AssertionFacts } from './authenticator.ts';
import { seededRandom } from './seeded.ts';
import {
  type Voice,
  type WorldDevice,
  type WorldKit,
  type WorldMachine,
  type WorldMember,
  type WorldToken,
  enrolmentOf,
  idFrom,
  makeDevice,
  makeKit,
  makeMachine,
  makeToken,
  origin,
  rpId,
} from './world-people.ts';

export interface WorldEntry {
  readonly bytes: Uint8Array;
  readonly eh: Hash;
  readonly type: EntryType;
  readonly mkEpoch: number;
}
export interface Clock {
  now: () => number;
  set(ts: number): void;
  advance(ms: number): void;
}
/** Has a voice: a device, machine, token or kit. */
export interface Speaker {
  readonly voice: Voice;
}
/** What a hostile signer changes. */
export interface Doctored {
  readonly frame?: Partial<Pick<Entry, 'org' | 'seq' | 'prev' | 'ts' | 'signers'>>;
  readonly assertion?: Partial<AssertionFacts>;
}

export interface GenesisOptions {
  readonly founder?: string;
  readonly roles?: readonly Role[];
  readonly tAdmin?: number;
  readonly policies?: readonly Partial<Policy>[];
  readonly withRecovery?: boolean;
}

const start = Date.UTC(2026, 0, 5, 12);
export const everyRole: readonly Role[] = ['admin', 'approver', 'writer'];

/** One organisation, empty until `genesis`. The same seed gives the same ids and keys. */
export class World {
  readonly random: Random;
  readonly clock: Clock;
  readonly entries: WorldEntry[] = [];
  /** What the relay would hold: bodies and wraps by hash. */
  readonly blobs: Map<Hash, Uint8Array> = new Map();
  /** Metadata key of each epoch. */
  readonly mk: Map<number, Uint8Array> = new Map();
  readonly members: Map<string, WorldMember> = new Map();
  readonly machines: Map<string, WorldMachine> = new Map();
  /** By id. */
  readonly tokens: Map<string, WorldToken> = new Map();
  /** What the first record of an epoch carries besides its entry. */
  readonly rotations: Map<Hash, NewEpoch> = new Map();
  kit: WorldKit | undefined;
  private current: OrgState | undefined;

  constructor(seed = 'world') {
    this.random = seededRandom(seed);
    let now = start;
    this.clock = { now: () => now, set: (ts) => void (now = ts), advance: (ms) => void (now += ms) };
  }

  get state(): OrgState {
    if (!this.current) throw new Error('the world has no genesis yet');
    return this.current;
  }

  /** Entry hash at a seq of this log. */
  readonly history = (seq: number): Hash | undefined => this.entries[seq]?.eh;

  member(name: string): WorldMember {
    return found(this.members.get(name), name);
  }

  /** The first device of a member. */
  device(name: string): WorldDevice {
    return found(this.member(name).devices[0], `a device of ${name}`);
  }

  machine(name: string): WorldMachine {
    return found(this.machines.get(name), name);
  }

  secret(path: string): Secret {
    return found(secretAt(this.state, path), path);
  }

  blob(hash: Hash): Uint8Array {
    return found(this.blobs.get(hash), 'the blob');
  }

  // --- Entries -----------------------------------------------------------------------------------------

  /** A signed entry on the head of this world's log, not applied. Signed by the founder where nobody is named. */
  async draft<T extends EntryType>(
    type: T,
    body: Bodies[T],
    by: readonly Speaker[] = [this.founder()],
    { frame = {}, assertion }: Doctored = {},
  ): Promise<Uint8Array> {
    const head = this.current?.head;
    const place = { org: this.current?.org ?? orgIdOf(zeroHash), seq: head ? head.seq + 1 : 0, prev: head?.eh ?? zeroHash, ts: this.clock.now() };
    const entry = { ...place, signers: by.map(({ voice }) => voice.ref), ...frame, type, body } as Entry; // type and body are of one T
    return signAs(encodeEntry(entry), by, assertion);
  }

  /** Signs and applies. */
  async append<T extends EntryType>(type: T, body: Bodies[T], by?: readonly Speaker[]): Promise<OrgState> {
    return this.accept(await this.draft(type, body, by), type);
  }

  /** Applies a signed entry to this world's log. */
  async accept(bytes: Uint8Array, type: EntryType = 'checkpoint'): Promise<OrgState> {
    const next = await advance(this.current, bytes, this.clock.now());
    this.current = next;
    this.entries.push({ bytes, eh: next.head.eh, type, mkEpoch: next.mkEpoch });
    return next;
  }

  /** What `advance` would say of an entry, without keeping it. */
  async judge(bytes: Uint8Array): Promise<OrgState> {
    return advance(this.current, bytes, this.clock.now());
  }

  // --- People and machines -----------------------------------------------------------------------------

  async genesis({ founder = 'ada', roles = everyRole, tAdmin = 1, policies = [{}], withRecovery = false }: GenesisOptions = {}): Promise<OrgState> {
    const member = this.register(founder);
    const device = await makeDevice(this.random, member.id, `${founder}’s phone`);
    member.devices.push(device);
    if (withRecovery) this.kit = await makeKit(this.random);
    this.mk.set(0, this.random(32));
    return this.append('genesis', this.genesisBody(member, device, roles, tAdmin, policies), [device]);
  }

  genesisBody(member: WorldMember, device: WorldDevice, roles: readonly Role[], tAdmin: number, policies: readonly Partial<Policy>[]): Genesis {
    return {
      name: 'Analytical Engines',
      founder: { member: member.id, name: member.name, roles },
      device: device.facts,
      tAdmin,
      origins: [origin],
      rpIds: [rpId],
      ...(this.kit ? { recovery: this.kit.facts } : {}),
      policies: policies.map((policy) => this.policy({ clauses: [{ k: 1, members: [member.id], groups: [] }], ...policy })),
      mkCommitment: mkCommitment(found(this.mk.get(0), 'the first metadata key')),
      salt: this.random(32),
    };
  }

  /** A member with one device. Signed by the founder and `admins`. */
  async addMember(name: string, roles: readonly Role[] = everyRole, admins: readonly Speaker[] = []): Promise<WorldMember> {
    const member = this.register(name);
    await this.append('member.add', { member: member.id, name, roles }, [this.founder(), ...admins]);
    await this.addDevice(name, `${name}’s phone`, [this.founder(), ...admins]);
    return member;
  }

  /** Signed by `admins` (the founder) and the new device. */
  async addDevice(name: string, label = `${name}’s laptop`, admins: readonly Speaker[] = [this.founder()]): Promise<WorldDevice> {
    const member = this.member(name);
    const device = await makeDevice(this.random, member.id, label);
    await this.append('device.add', device.facts, [...admins, device]);
    member.devices.push(device);
    return device;
  }

  /** Enrolled with a token and admitted by the founder. */
  async addMachine(name: string, { groups = [], owner }: { readonly groups?: readonly GroupId[]; readonly owner?: MemberId } = {}): Promise<WorldMachine> {
    const machine = await this.enrolMachine(name);
    await this.append('machine.admit', { machine: machine.id, groups, ...(owner === undefined ? {} : { owner }) });
    return machine;
  }

  async issueToken(facts: Partial<WorldToken['facts']> = {}): Promise<WorldToken> {
    const token = await makeToken(this.random, { expiresAt: this.clock.now() + 3_600_000, autoAdmit: false, groups: [], ...facts });
    await this.append('token.issue', token.facts);
    this.tokens.set(token.id, token);
    return token;
  }

  async enrolMachine(name: string, token?: WorldToken): Promise<WorldMachine> {
    const with_ = token ?? (await this.issueToken());
    const machine = await makeMachine(this.random, name);
    await this.append('machine.enrol', enrolmentOf(machine, with_.id), [with_, machine]);
    this.machines.set(name, machine);
    return machine;
  }

  /** A new metadata key for those who are active now. */
  async rotate(): Promise<Uint8Array> {
    const epoch = this.state.mkEpoch + 1;
    const mk = this.random(32);
    const wraps = await sealMkWraps(this.state, epoch, mk);
    this.blobs.set(blobHash(wraps), wraps);
    const previous = found(this.mk.get(epoch - 1), 'metadata key');
    this.mk.set(epoch, mk);
    const { head } = await this.append('meta.rotate', { epoch, commitment: mkCommitment(mk), wraps: blobHash(wraps) });
    this.rotations.set(head.eh, { wraps: blobHash(wraps), previous });
    return mk;
  }

  // --- Policies and secrets ------------------------------------------------------------------------------

  /** A policy for all below `prod`, one approver, any machine, leases to 15 minutes, unless told otherwise. */
  policy(changes: Partial<Policy> = {}): Policy {
    return {
      policy: idFrom<PolicyId>(this.random),
      pattern: 'prod/**',
      clauses: [{ k: 1, members: [...this.members.values()].map(({ id }) => id).slice(0, 1), groups: [] }],
      machines: { any: true, machines: [], groups: [] },
      maxTtlS: 900,
      maxUses: 100,
      scopes: ['process'],
      tier: 'normal',
      reasonRequired: false,
      matchRequired: false,
      separationOfDuties: false,
      revealAllowed: false,
      maxStalenessMs: 86_400_000,
      exePins: [],
      hosts: [],
      retired: false,
      ...changes,
    };
  }

  /** `k` of the named members for the policy in force at `path`, other terms unchanged. */
  async approvers(path: string, k: number, names: readonly string[], changes: Partial<Policy> = {}): Promise<Policy> {
    const { eh: _, ...before } = found(policyFor(this.state, path), `a policy for ${path}`);
    const policy: Policy = { ...before, clauses: [{ k, members: names.map((name) => this.member(name).id), groups: [] }], ...changes };
    await this.append('policy.set', policy);
    return policy;
  }

  /** Stores a new version of the secret at `path`, by a writer (the founder). */
  async put(path: string, value: string | SecretValue, by: WorldDevice = this.founder(), description = ''): Promise<Secret> {
    const before = secretAt(this.state, path);
    const input = {
      secret: before?.id ?? idFrom<SecretId>(this.random),
      path,
      ver: (before?.put.ver ?? 0) + 1,
      prevVerEh: before?.putEh ?? zeroHash,
      value: typeof value === 'string' ? ({ kind: 'value', value: new TextEncoder().encode(value) } as const) : value,
      description,
    };
    const { put, blobs } = await sealSecret(this.state, input, this.random);
    for (const blob of blobs) this.blobs.set(blobHash(blob), blob);
    await this.append('secret.put', put, [by]);
    return this.secret(path);
  }

  private founder(): WorldDevice {
    const [first] = this.members.values();
    return found(first?.devices[0], 'a founder');
  }

  private register(name: string): WorldMember {
    const member: WorldMember = { id: idFrom<MemberId>(this.random), name, devices: [] };
    this.members.set(name, member);
    return member;
  }
}

/** Signs the payload of an entry with each voice; people assert user verification over the entry's hash. */
export async function signAs(payload: Uint8Array, by: readonly Speaker[], wrong?: Partial<AssertionFacts>): Promise<Uint8Array> {
  const eh = entryHash(payload);
  const signers = await Promise.all(
    by.map(async ({ voice }) => ({ signer: voice.signer, ...(voice.assert ? { assertion: await voice.assert(eh, wrong) } : {}) })),
  );
  return signEnvelope('entry', payload, signers);
}

/** The value, or a plain error: what a test expects to be there is missing. */
export function found<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`the world has no ${what}`);
  return value;
}

/** Text of a value without fields. */
export function textOf(value: SecretValue): string {
  if (value.kind !== 'value') throw new Error('a secret with fields');
  return new TextDecoder().decode(value.value);
}
