// An organisation of any size, really signed: people in teams, machines, secrets, versions, rewraps. For benches and the tests of scale. Never shipped.
import { toHex } from '../protocol/bytes.ts';
import type { GroupId, Hash, PolicyId, SecretId } from '../protocol/hash.ts';
import { applyEntry } from '../protocol/org-log/apply.ts';
import { recipientsOf } from '../protocol/org-log/apply-secret.ts';
import type { Bodies, EntryType, WrapEntry } from '../protocol/org-log/bodies.ts';
import { type Entry, encodeEntry, entryHash, zeroHash } from '../protocol/org-log/entry.ts';
import type { OrgState, Secret } from '../protocol/org-log/state.ts';
import type { VerifiedEntry } from '../protocol/org-log/verify.ts';
import { stateHash } from '../protocol/org-log/state-hash.ts';
import { policyFor } from '../protocol/policy.ts';
import { leaveSnapshot } from './checkpoints.ts';
import { createMemoryRelay } from './memory-relay.ts';
import { type Speaker, World, signAs } from './world.ts';
import { type WorldDevice, type WorldMachine, enrolmentOf, idFrom, makeDevice, makeMachine, makeToken } from './world-people.ts';

export interface ScaleSize {
  readonly members: number;
  readonly machines: number;
  readonly secrets: number;
  /** At least; versions of secrets fill what people, machines and rewraps leave. */
  readonly entries: number;
}
export const fullSize: ScaleSize = { members: 500, machines: 500, secrets: 10_000, entries: 100_000 };

export interface ScaleEntry {
  readonly seq: number;
  readonly eh: Hash;
  readonly bytes: Uint8Array;
}
export interface ScaleOrg {
  readonly world: World;
  readonly state: OrgState;
  readonly entries: readonly ScaleEntry[];
  readonly founder: WorldDevice;
  /** The first machine of the first team. */
  readonly machine: ScaleMachine;
  /** The snapshot of the checkpoint, where the log is long enough for one. */
  readonly blobs: ReadonlyMap<Hash, Uint8Array>;
}
export type ScaleMachine = Pick<WorldMachine, 'id' | 'name' | 'voice' | 'sig' | 'kem' | 'mailboxSeed'>;

const approversMax = 5;
/** Entries after the checkpoint: between the fewest and the most that a newcomer meets. */
const afterCheckpoint = 1_500;
const waves = 3;

/** Bodies name wraps that nobody made: nothing here is ever opened. Everything else holds, and every signature is real. */
export async function makeScaleOrg(
  size: ScaleSize,
  own?: (org: OrgState['org']) => Promise<ScaleMachine>,
  progress: (entries: number) => void = () => undefined,
): Promise<ScaleOrg> {
  const world = new World('scale');
  world.clock.set(Date.now() - 86_400_000);
  await world.genesis({ policies: [] });
  const founder = world.device('ada');
  let state = world.state;
  const signing: Promise<Uint8Array>[] = [Promise.resolve(world.entries[0]?.bytes ?? new Uint8Array(0))];
  const hashes: Hash[] = [state.head.eh];
  const rest: { bytes: Uint8Array }[] = [];

  async function add<T extends EntryType>(type: T, body: Bodies[T], by: readonly Speaker[] = [founder]): Promise<void> {
    const { org, head } = state;
    world.clock.advance(100);
    const entry = { org, seq: head.seq + 1, prev: head.eh, ts: world.clock.now(), signers: by.map(({ voice }) => voice.ref), type, body } as Entry; // type and body are of one T
    const payload = encodeEntry(entry);
    const eh = entryHash(payload);
    state = applyEntry(state, { entry, eh } as VerifiedEntry); // signed in the line below
    signing.push(signAs(payload, by));
    hashes.push(eh);
    if (signing.length % 512 > 0) return;
    await Promise.all(signing);
    progress(signing.length);
  }

  const teams = Math.max(1, Math.ceil(size.members / 10));
  const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));
  const devices: WorldDevice[] = [founder];
  const teamOf: GroupId[] = Array.from({ length: teams }, () => idFrom<GroupId>(random));
  for (let index = 1; index < size.members; index++) {
    const member = idFrom<WorldDevice['member']>(random);
    await add('member.add', { member, name: `Person ${index}`, roles: index < 5 ? ['admin', 'approver', 'writer'] : ['approver', 'writer'] });
    const device = await makeDevice(random, member, `phone of person ${index}`);
    await add('device.add', device.facts, [founder, device]);
    devices.push(device);
  }
  for (const [team, group] of teamOf.entries()) {
    const members = devices.filter((_, index) => index % teams === team).slice(0, approversMax);
    await add('group.set', { group, name: `Team ${team}`, members: members.map(({ member }) => member) });
    const clauses = [{ k: 1, members: [], groups: [group] }];
    const machines = { any: false, machines: [], groups: [group] };
    await add('policy.set', world.policy({ policy: idFrom<PolicyId>(random), pattern: `team-${team}/**`, clauses, machines }));
  }

  const machines: (readonly [team: number, machine: ScaleMachine])[] = [];
  async function enrol(team: number, given?: ScaleMachine): Promise<void> {
    const token = await makeToken(random, { expiresAt: world.clock.now() + 3_600_000, autoAdmit: true, groups: [teamOf[team] ?? idFrom(random)] });
    await add('token.issue', token.facts);
    const machine = given ?? (await makeMachine(random, `host-${machines.length}`));
    await add('machine.enrol', enrolmentOf(machine, token.id), [token, machine]);
    machines.push([team, machine]);
  }
  const late = waves * teams < size.machines ? waves * teams : 0;
  for (let index = 0; index < size.machines - late; index++) await enrol(index % teams, index === 0 ? await own?.(state.org) : undefined);

  // A team's secrets go to the same recipients: asked once for each of them.
  let known = new Map<number, ReturnType<typeof recipientsOf>>();
  function slotsOf(team: number): ReturnType<typeof recipientsOf> {
    const policy = policyFor(state, `team-${team}/x`);
    const found = known.get(team) ?? (policy ? recipientsOf(state, policy) : []);
    known.set(team, found);
    return found;
  }
  const secretIds = Array.from({ length: size.secrets }, () => idFrom<SecretId>(random));
  const randomHash = (): Hash => toHex(random(32)) as Hash; // names what nobody made
  const wrapFor = ({ kind, recipient, keyId }: ReturnType<typeof recipientsOf>[number]): WrapEntry => ({ kind, recipient, keyId, wrap: randomHash() });
  const quorums = new Map<number, readonly Secret['shares'][number]['member'][]>();
  async function put(index: number): Promise<void> {
    const [team, secret] = [index % teams, secretIds[index] ?? idFrom<SecretId>(random)];
    const path = `team-${team}/service-${Math.floor(index / teams) % 20}/key-${index}`;
    const [before, policy] = [state.secrets.get(secret), policyFor(state, path)];
    const members = quorums.get(team) ?? [...(state.groups.get(teamOf[team] ?? idFrom(random))?.members ?? [])].sort();
    quorums.set(team, members);
    const commitment = randomHash();
    await add('secret.put', {
      secret,
      path,
      ver: (before?.put.ver ?? 0) + 1,
      prevVerEh: before?.putEh ?? zeroHash,
      policyEh: policy?.eh ?? zeroHash,
      salt: random(32),
      keyCommitment: randomHash(),
      body: randomHash(),
      k: 1,
      shares: members.map((member) => ({ member, x: 0, commitment })),
      wraps: slotsOf(team).map(wrapFor),
      fields: [],
      description: `key ${index} of team ${team}`,
    });
  }
  for (let index = 0; index < size.secrets; index++) await put(index);
  for (let wave = 0; wave < waves && late > 0; wave++) {
    for (let team = 0; team < teams; team++) await enrol(team);
    known = new Map();
    const newest = new Map(machines.slice(-teams).map(([team, { id }]) => [team, id as string])); // compared with recipients of all kinds
    for (const [index, secret] of secretIds.entries()) {
      const team = index % teams;
      const before = state.secrets.get(secret);
      const slot = slotsOf(team).find(({ recipient }) => recipient === newest.get(team));
      const holder = machines[team];
      if (!before || !slot || !holder) throw new Error('the org has no team for this secret');
      const item = { secret, putEh: before.putEh, policyEh: before.put.policyEh, shares: [], wraps: [wrapFor(slot)] };
      await add('secret.rewrap', { items: [item] }, [holder[1]]);
    }
  }
  const relay = createMemoryRelay(world.clock.now);
  for (let index = 0; hashes.length < size.entries; index++) {
    await put(index % size.secrets);
    if (hashes.length !== size.entries - afterCheckpoint) continue;
    const snapshot = await leaveSnapshot(relay.client(state.org), world.mk, state, random);
    await add('checkpoint', { stateHash: stateHash(state), snapshot });
  }
  for (const bytes of await Promise.all(signing)) rest.push({ bytes });
  const machine = machines[0]?.[1];
  if (!machine) throw new Error('an org without machines');
  return { world, state, founder, machine, blobs: relay.blobs, entries: rest.map(({ bytes }, seq) => ({ seq, eh: hashes[seq] ?? zeroHash, bytes })) };
}
