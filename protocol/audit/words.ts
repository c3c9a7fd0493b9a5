// What a log entry changed and who signed it, in words for reading (spec/15-audit.md §rows). Names are those of the state it is read with.
import type { DeviceId, MachineId, SecretId } from '../hash.ts';
import type { Bodies, EntryType } from '../org-log/bodies.ts';
import type { Entry, SignerRef } from '../org-log/entry.ts';
import type { OrgState } from '../org-log/state.ts';

export function signerName(state: OrgState, { kind, id }: SignerRef): string {
  const device = kind === 'device' ? state.devices.get(id as DeviceId) : undefined; // an id of that kind
  if (device) return `${state.members.get(device.member)?.name ?? 'somebody'} (${device.name})`;
  return kind === 'machine' ? (state.machines.get(id as MachineId)?.name ?? 'a machine') : kind; // as above
}

/** What the entry is about: a name, a path, a reason; empty where its type says it all. */
export function subjectOf(state: OrgState, { type, body }: Entry): string {
  const words = subjects[type] as ((body: Entry['body'], state: OrgState) => string | undefined) | undefined; // the words of that very type
  return words?.(body, state) ?? '';
}

const ofMachine = ({ machine }: { readonly machine: MachineId }, state: OrgState): string | undefined => state.machines.get(machine)?.name;
const ofSecret = ({ secret }: { readonly secret: SecretId }, state: OrgState): string | undefined => state.secrets.get(secret)?.path;
const subjects: { readonly [T in EntryType]?: (body: Bodies[T], state: OrgState) => string | undefined } = {
  genesis: ({ name }) => name,
  'member.add': ({ name }) => name,
  'member.set': ({ name, roles }) => `${name} (${roles.join(', ')})`,
  'device.add': ({ name }) => name,
  'machine.enrol': ({ name }) => name,
  'group.set': ({ name }) => name,
  'policy.set': ({ pattern, retired }) => (retired ? `${pattern} (ended)` : pattern),
  'secret.put': ({ path, ver }) => `${path} v${ver}`,
  'secret.rewrap': ({ items }, state) => (items.length === 1 && items[0] ? ofSecret(items[0], state) : `${items.length} secrets`),
  'secret.retire': ofSecret,
  'machine.admit': ofMachine,
  'machine.set': ofMachine,
  'machine.revoke': ofMachine,
  'device.revoke': ({ device }, state) => state.devices.get(device)?.name,
  'member.remove': ({ member }, state) => state.members.get(member)?.name,
  'meta.rotate': ({ epoch }) => `epoch ${epoch}`,
  'org.freeze': ({ reason }) => reason,
  'org.unfreeze': ({ reason }) => reason,
  'org.set': ({ name }) => name,
  'recovery.use': ({ member, reason }) => `${member.name}: ${reason}`,
  'token.issue': ({ autoAdmit }) => (autoAdmit ? 'admits by itself' : ''),
};
