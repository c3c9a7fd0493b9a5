// What the organisation would lose with a person, a device or a machine: shown before an admin signs (spec/07-custody.md §exposure).
import type { DeviceId, MachineId, MemberId, PolicyId } from '../hash.ts';
import { canBeMet, canBeReleased, exposureOf } from './holders.ts';
import { type Machine, type OrgState, type PolicyInForce, type Secret, liveAdmins } from './state.ts';

export interface Loss {
  /** Policies whose quorum can be met now and could not after: nothing under them would be released or stored. */
  readonly policies: readonly PolicyInForce[];
  /** Secrets that could not be released after, whatever policy says: too few people would have a share, or no machine the other half. By path. */
  readonly unreachable: readonly Secret[];
  /** Secrets that become exposed: the one who goes has a wrap of their newest version. By path. */
  readonly exposed: readonly Secret[];
  /** Machines that this member owns: they stay. */
  readonly machines: readonly Machine[];
  /** The verifier would refuse: too few admins with a device would be left (E_MIN_ADMINS). */
  readonly lastAdmin: boolean;
}

/** Of member.remove. */
export function lossOf(state: OrgState, member: MemberId): Loss {
  const found = state.members.get(member);
  const after = found ? { ...state, members: state.members.set(member, { ...found, removed: true }) } : state;
  return { ...between(state, after), machines: [...state.machines.values()].filter(({ status, owner }) => status !== 'revoked' && owner === member) };
}

/** Of device.revoke. */
export function lossOfDevice(state: OrgState, device: DeviceId): Loss {
  const found = state.devices.get(device);
  return between(state, found ? { ...state, devices: state.devices.set(device, { ...found, revoked: true }) } : state);
}

/** Of machine.revoke. */
export function lossOfMachine(state: OrgState, machine: MachineId): Loss {
  const found = state.machines.get(machine);
  return between(state, found ? { ...state, machines: state.machines.set(machine, { ...found, status: 'revoked' }) } : state);
}

/** For who decides: a line for each thing that would be lost, none where nothing is. */
export function lossWords({ policies, unreachable, exposed, machines, lastAdmin }: Loss): readonly string[] {
  const some = (names: readonly string[]): string => `${names.slice(0, 3).join(', ')}${names.length > 3 ? ` and ${names.length - 3} more` : ''}`;
  const secrets = (list: readonly Secret[]): string => `${list.length === 1 ? '1 secret' : `${list.length} secrets`} (${some(list.map(({ path }) => path))})`;
  return [
    ...(lastAdmin ? ['too few admins would be left: refused'] : []),
    ...(policies.length > 0 ? [`too few people would be left for ${some(policies.map(({ pattern }) => pattern))}`] : []),
    ...(unreachable.length > 0 ? [`nobody could have ${secrets(unreachable)} any more: renew first`] : []),
    ...(exposed.length > 0 ? [`${secrets(exposed)} to renew afterwards: exposed until then`] : []),
    ...(machines.length > 0 ? [`owns ${some(machines.map(({ name }) => name))}, which stay`] : []),
  ];
}

// One state after the other: what policy gives is remembered for the state that was asked last.
function between(before: OrgState, after: OrgState): Loss {
  const secrets = [...before.secrets.values()].filter(({ retired }) => !retired).sort((a, b) => (a.path < b.path ? -1 : 1));
  const [had, left] = [facts(before, secrets), facts(after, secrets)];
  const admins = liveAdmins(after).length;
  return {
    policies: [...before.policies.values()].filter(({ retired, policy }) => !retired && had.met.has(policy) && !left.met.has(policy)),
    unreachable: secrets.filter((_, index) => had.reach[index] && !left.reach[index]),
    exposed: secrets.filter((_, index) => (left.held[index] ?? 0) > (had.held[index] ?? 0)),
    machines: [],
    lastAdmin: admins < 1 || (admins < after.tAdmin && admins < liveAdmins(before).length),
  };
}

interface Facts {
  readonly met: ReadonlySet<PolicyId>;
  readonly reach: readonly boolean[];
  readonly held: readonly number[];
}
function facts(state: OrgState, secrets: readonly Secret[]): Facts {
  return {
    met: new Set([...state.policies.values()].filter((policy) => canBeMet(state, policy)).map(({ policy }) => policy)),
    reach: secrets.map((secret) => canBeReleased(state, secret)),
    held: secrets.map((secret) => exposureOf(state, secret)?.holders.length ?? 0),
  };
}
