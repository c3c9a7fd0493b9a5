// Who waits for a wrap of a secret, and who still has one that policy gives no longer (spec/07-custody.md §rewrap, §exposure).
import type { DeviceId, MachineId } from '../hash.ts';
import { keyIdOf } from '../keys.ts';
import { clauseMembers, entitledMachines, policyFor, quorumOf, rememberFor, satisfies } from '../policy.ts';
import { type RecipientSlot, recipientsOf, recoveryRecipient } from './apply-secret.ts';
import type { Policy, WrapEntry } from './bodies.ts';
import { type OrgState, type Secret, activeDevice, activeMachine, devicesOf } from './state.ts';

/** Who can end the wait: a machine that has B, an approver's device that has A, another device of the same member; or nobody, and the next version does. */
export type ServedBy = 'machine' | 'approver' | 'own' | 'version';
export interface WaitingSlot extends RecipientSlot {
  readonly servedBy: ServedBy;
}

/** Recipients that policy gives and that have no wrap of the newest version. None where nobody could make the quorum: nothing is wrapped then. */
export function waitingFor(state: OrgState, secret: Secret): readonly WaitingSlot[] {
  const policy = secret.retired ? undefined : policyFor(state, secret.path);
  const slots = policy && slotsOf(state, policy);
  if (!slots) return [];
  const have = new Set(secret.wraps.map(({ recipient }) => recipient));
  const waiting = slots.filter(({ recipient }) => !have.has(recipient));
  return waiting.map((slot) => ({ ...slot, servedBy: servedBy(state, secret, slot) }));
}

const slotsOf: (state: OrgState, policy: Policy) => readonly RecipientSlot[] | undefined = rememberFor(givenParts, (state, policy) =>
  canBeMet(state, policy) ? recipientsOf(state, policy) : undefined,
);

// What policy gives somebody follows from these.
function givenParts({ members, devices, groups, machines, recovery }: OrgState): readonly unknown[] {
  return [members, devices, groups, machines, recovery];
}

function servedBy(state: OrgState, { wraps, put }: Secret, slot: RecipientSlot): ServedBy {
  if (slot.kind === 'recovery') return 'version';
  const holders = wraps.filter(({ kind }) => kind === slot.kind);
  if (slot.kind === 'machine') return holders.some(({ recipient }) => activeMachine(state, recipient as MachineId)) ? 'machine' : 'version'; // kind decides the brand
  const owners = holders.map(({ recipient }) => activeDevice(state, recipient as DeviceId)?.member); // kind decides the brand
  const member = activeDevice(state, slot.recipient as DeviceId)?.member; // kind decides the brand
  if (owners.includes(member)) return put.k === 1 ? 'approver' : 'own';
  return put.k === 1 && owners.some((owner) => owner !== undefined) ? 'approver' : 'version';
}

/** Why the newest version is to be replaced: these wraps are held by somebody who is given none now; or policy asks for more people than it opens with. */
export interface Exposure {
  readonly holders: readonly WrapEntry[];
  readonly weaker: boolean;
}

/** Undefined where there is nothing to renew. Follows from the log alone: a next version ends it. */
export function exposureOf(state: OrgState, secret: Secret): Exposure | undefined {
  if (secret.retired) return undefined;
  const policy = policyFor(state, secret.path);
  const given = policy ? givenBy(state, policy) : undefined;
  const holders = secret.wraps.filter((wrap) => (given ? !given.has(slotName(wrap)) : !isLive(state, wrap)));
  const weaker = policy !== undefined && policy.clauses.reduce((sum, { k }) => sum + k, 0) > secret.put.k;
  return holders.length > 0 || weaker ? { holders, weaker } : undefined;
}

/** What the state of custody asks for, counted. */
export interface CustodySummary {
  /** Secrets that somebody waits for, and who waits. */
  readonly waiting: number;
  readonly machines: number;
  readonly devices: number;
  /** Secrets to renew, those weaker than their policy included. */
  readonly exposed: number;
}

const summaries = new WeakMap<OrgState['secrets'], { readonly parts: readonly unknown[]; readonly summary: CustodySummary }>();

/** Looks at every secret: remembered for as long as the log says the same. */
export function custodySummary(state: OrgState): CustodySummary {
  const parts = [state.policies, ...givenParts(state)];
  const before = summaries.get(state.secrets);
  if (before?.parts.every((part, index) => part === parts[index])) return before.summary;
  const who = { machine: new Set<string>(), device: new Set<string>(), recovery: new Set<string>() };
  let [waiting, exposed] = [0, 0];
  for (const secret of state.secrets.values()) {
    const slots = waitingFor(state, secret);
    for (const { kind, recipient } of slots) who[kind].add(recipient);
    if (slots.length > 0) waiting++;
    if (exposureOf(state, secret)) exposed++;
  }
  const summary = { waiting, machines: who.machine.size, devices: who.device.size, exposed };
  summaries.set(state.secrets, { parts, summary });
  return summary;
}

// As recipientsOf, but also where nobody could make the quorum: a revoked holder has what it has.
const givenBy: (state: OrgState, policy: Policy) => ReadonlySet<string> = rememberFor(givenParts, (state, policy) => {
  const people = policy.clauses.flatMap((clause) => clauseMembers(state, clause));
  const devices = people.flatMap((member) => devicesOf(state, member)).map(({ device, keyIds }) => `${device}:${keyIds.custody}`);
  const machines = entitledMachines(state, policy).map((id) => `${id}:${state.machines.get(id)?.keyIds.kem}`);
  return new Set([...devices, ...machines, ...kitName(state)]);
});

const slotName = ({ recipient, keyId }: RecipientSlot): string => `${recipient}:${keyId}`;
// Each kit is known by its key: one that was replaced has both halves.
const kitName = ({ recovery }: OrgState): readonly string[] => (recovery ? [`${recoveryRecipient}:${keyIdOf('X-Wing', recovery.kemKey)}`] : []);

// Where no policy governs, nobody is given anything and nothing can be stored: only those who left count.
function isLive(state: OrgState, wrap: WrapEntry): boolean {
  if (wrap.kind === 'machine') return activeMachine(state, wrap.recipient as MachineId) !== undefined; // kind decides the brand
  if (wrap.kind === 'device') return activeDevice(state, wrap.recipient as DeviceId) !== undefined; // kind decides the brand
  return kitName(state).includes(slotName(wrap));
}

export function canBeMet(state: OrgState, policy: Policy): boolean {
  try {
    return quorumOf(state, policy).k >= 1;
  } catch {
    return false;
  }
}

/** True where those who have a share of the newest version can still make the quorum, and an entitled machine has the other half. */
export function canBeReleased(state: OrgState, secret: Secret): boolean {
  const policy = policyFor(state, secret.path);
  if (!policy || !canBeMet(state, policy)) return false;
  const quorum = quorumOf(state, policy);
  const holding = new Set(secret.wraps.map(({ recipient }) => activeDevice(state, recipient as DeviceId)?.member)); // any id may be looked up
  const people = quorum.members.filter((member) => holding.has(member));
  const machines = new Set<string>(entitledMachines(state, policy));
  return people.length >= secret.put.k && satisfies(quorum, people) && secret.wraps.some(({ recipient }) => machines.has(recipient));
}
