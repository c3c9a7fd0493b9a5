// Lines of history from the entries of the verified log; names as the newest state has them.
import type { DeviceId, MachineId, MemberId } from '../../protocol/hash.ts';
import type { Entry, Proposed, SignerRef } from '../../protocol/org-log/entry.ts';
import type { OrgState } from '../../protocol/org-log/state.ts';
import type { HistoryRow } from '../app.ts';

export function rowOfEntry(state: OrgState, entry: Entry): HistoryRow {
  const machine = machineIn(state, entry);
  return {
    at: entry.ts,
    kind: entry.type === 'secret.put' ? 'stored' : 'log',
    what: whatOf(state, entry),
    who: [...new Set([...entry.signers, ...(entry.draft?.endorsers ?? [])].map((signer) => signerName(state, signer)))],
    proof: 'verified',
    ...(machine === undefined ? {} : { machine }),
  };
}

/** What a change does, in words. */
function whatOf(state: OrgState, entry: Proposed): string {
  const member = (id: MemberId): string => state.members.get(id)?.name ?? 'somebody';
  const machine = (id: MachineId): string => state.machines.get(id)?.name ?? 'a machine';
  switch (entry.type) {
    case 'genesis':
      return `created ${entry.body.name}`;
    case 'member.add':
      return `added ${entry.body.name} (${entry.body.roles.join(', ')})`;
    case 'member.remove':
      return `removed ${member(entry.body.member)}`;
    case 'device.add':
      return `added ${entry.body.name} of ${member(entry.body.member)}`;
    case 'device.revoke':
      return `revoked ${state.devices.get(entry.body.device)?.name ?? 'a device'}`;
    case 'token.issue':
      return 'made a machine token';
    case 'machine.enrol':
      return `${entry.body.name} asked to join`;
    case 'machine.admit':
      return `admitted ${machine(entry.body.machine)}`;
    case 'machine.revoke':
      return `revoked ${machine(entry.body.machine)}`;
    case 'group.set':
      return `set group ${entry.body.name}`;
    case 'policy.set':
      return `${entry.body.retired ? 'retired' : 'set'} policy ${entry.body.pattern}`;
    case 'secret.put':
      return `stored ${entry.body.path} version ${entry.body.ver}${entry.body.proposedBy === undefined ? '' : `, proposed by ${machine(entry.body.proposedBy)}`}`;
    case 'secret.rewrap':
      return `shared ${entry.body.items.map(({ secret, wraps }) => `${state.secrets.get(secret)?.path ?? 'a secret'} with ${wraps.length} more`).join(', ')}`;
    case 'secret.retire':
      return `retired ${state.secrets.get(entry.body.secret)?.path ?? 'a secret'}`;
    case 'meta.rotate':
      return 'renewed the metadata key';
    case 'org.freeze':
      return `froze: ${entry.body.reason}`;
    case 'org.unfreeze':
      return `unfroze: ${entry.body.reason}`;
    case 'recovery.set':
      return 'set the recovery kit';
    case 'recovery.use':
      return `used the recovery kit, so that ${entry.body.member.name} comes in on ${entry.body.device.name}: “${entry.body.reason}”`;
    case 'recovery.finish':
      return 'let an admin in by the recovery kit';
    case 'member.set':
      return `made ${entry.body.name} ${entry.body.roles.join(', ') || 'a member without a role'}`;
    case 'machine.set':
      return `changed ${machine(entry.body.machine)}`;
    case 'org.set':
      return 'changed the organisation’s terms';
    case 'checkpoint':
      return 'confirmed the state of the log';
  }
}

export function signerName(state: OrgState, signer: SignerRef): string {
  if (signer.kind === 'machine') return state.machines.get(signer.id as MachineId)?.name ?? 'a machine'; // a machine signer's id
  if (signer.kind === 'token') return 'a token';
  if (signer.kind === 'recovery') return 'the recovery kit';
  const member = state.devices.get(signer.id as DeviceId)?.member; // a device signer's id
  return (member && state.members.get(member)?.name) ?? 'somebody';
}

function machineIn(state: OrgState, entry: Entry): string | undefined {
  const id = entry.type === 'machine.enrol' || entry.type === 'machine.admit' || entry.type === 'machine.revoke' ? entry.body.machine : undefined;
  return id && state.machines.get(id)?.name;
}
