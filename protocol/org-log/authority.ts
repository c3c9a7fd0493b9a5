// Who stands behind an entry's signatures, and whether that is enough (spec/05-org-log.md §rules).
import { check } from '../errors.ts';
import type { DeviceId, Hash, MachineId, MemberId } from '../hash.ts';
import type { SignerRef } from './entry.ts';
import { type OrgState, activeDevice, hasRole, liveAdmins } from './state.ts';

export interface Context {
  readonly signers: readonly SignerRef[];
  readonly ts: number;
  readonly eh: Hash;
}
/** The member behind a device's signature. */
export function memberOf(state: OrgState, signer: SignerRef): MemberId | undefined {
  return signer.kind === 'device' ? activeDevice(state, signer.id as DeviceId)?.member : undefined; // a device signer's id is a device id
}

/** The machine behind a machine's signature. */
export function machineOf(signer: SignerRef): MachineId | undefined {
  return signer.kind === 'machine' ? (signer.id as MachineId) : undefined; // a machine signer's id is a machine id
}

/** Admins who must sign what increases authority: tAdmin, or all there are while an org is being founded. */
export function adminThreshold(state: OrgState): number {
  return Math.max(1, Math.min(state.tAdmin, liveAdmins(state).length));
}

/** `needed` different admins signed, and nobody but admins. Counted in members, not in devices. */
export function requireAdmins(state: OrgState, { signers }: Pick<Context, 'signers'>, needed: number): void {
  const members = signers.map((signer) => memberOf(state, signer));
  for (const member of members) check(member !== undefined && state.members.has(member), 'E_ROLE', 'signed by somebody who is no member');
  const admins = new Set(members.filter((member) => member !== undefined && hasRole(state, member, 'admin')));
  check(admins.size >= 1, 'E_ROLE', 'only an admin may do this');
  check(needed >= 1 && admins.size >= needed, 'E_THRESHOLD', `this needs ${needed} admins`);
}
