// Names of members, devices, machines and groups, as a person at a terminal gives them: one thing each, or a refusal that helps (spec/10-local-api.md §administration).
import type { DeviceId, GroupId, MachineId, MemberId } from '../../protocol/hash.ts';
import { type OrgState, activeDevice } from '../../protocol/org-log/state.ts';
import { DaemonError } from '../errors.ts';
import type { Lookup } from './terms.ts';

export interface Names extends Lookup {
  device(name: string): DeviceId;
}

interface Named<T extends string> {
  readonly id: T;
  readonly name: string;
}

/** `nearest` finds the word that was probably meant. `added`: groups that the same proposal makes. */
export function createNames(
  state: OrgState,
  nearest: (word: string, known: readonly string[]) => string | undefined,
  added: readonly Named<GroupId>[] = [],
): Names {
  const members = [...state.members.values()].filter(({ removed }) => !removed);
  const devices = [...state.devices.values()].filter(({ device }) => activeDevice(state, device)).map(({ device, name }) => ({ id: device, name }));
  const machines = [...state.machines.values()].filter(({ status }) => status !== 'revoked').map(({ machine, name }) => ({ id: machine, name }));
  const groups = [...state.groups.values()].map(({ group, name }) => ({ id: group, name }));
  function find<T extends string>(kind: string, known: readonly Named<T>[], word: string): T {
    const found = known.filter(({ id, name }) => name === word || id === word);
    const [only, ...others] = found;
    if (only && others.length === 0) return only.id;
    const next = `stillvault ${kind} ls`;
    if (only)
      throw new DaemonError('usage', 'E_UNKNOWN_ID', `there are ${found.length} called ${word}: give the id, one of ${found.map(({ id }) => id).join(', ')}`, {
        next,
      });
    const near = nearest(
      word,
      known.map(({ name }) => name),
    );
    throw new DaemonError('not_found', 'E_UNKNOWN_ID', `there is no ${kind} ${word}${near === undefined ? '' : `: did you mean ${near}?`}`, { next });
  }
  return {
    member: (word): MemberId => find('member', members, word),
    device: (word): DeviceId => find('device', devices, word),
    machine: (word): MachineId => find('machine', machines, word),
    group: (word): GroupId => find('group', [...groups, ...added], word),
  };
}
