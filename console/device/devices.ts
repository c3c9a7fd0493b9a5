// Devices of people from this one: revocation with new metadata keys (spec/05-org-log.md §bodies).
import { check } from '../../protocol/errors.ts';
import type { DeviceId } from '../../protocol/hash.ts';
import { type Device, type OrgState, hasRole } from '../../protocol/org-log/state.ts';
import { RelayClientError } from '../../relay-client/client.ts';
import { ConsoleError } from '../platform/console-error.ts';
import { type Plan, appendSigned } from './entries.ts';
import { heldBy, newMeta } from './machines.ts';
import { type Session, requireRole } from './session.ts';

/**
 * By an admin: the revocation and the new metadata key that the device no longer gets. Can be repeated where the second was lost.
 * By a member who is no admin, of their own: the revocation alone; it reads names until an admin's next renewal.
 */
export async function revokeDevice(session: Session, id: DeviceId): Promise<void> {
  if (id === session.me.device) throw new ConsoleError('E_NO_ROLE', 'a device that is in use is revoked by another one');
  const state = await appendSigned(session, (before) => {
    const { revoked, member } = found(before, id);
    const isAdmin = hasRole(before, session.me.member, 'admin');
    if (member !== session.me.member) requireRole(session, before, 'admin');
    const revoke: Plan = { draft: { type: 'device.revoke', body: { device: id, exposed: heldBy(before, id) } } };
    return [...(revoked ? [] : [revoke]), ...(isAdmin ? [newMeta(session)] : [])];
  });
  // The relay lets a device be shut out only by one that it came from; what counts is the log.
  await session.client.revokeKey(found(state, id).keyIds.presence).catch((error: unknown) => {
    if (!(error instanceof RelayClientError) || !['E_RELAY_NOT_FOUND', 'E_RELAY_FORBIDDEN'].includes(error.code)) throw error;
  });
}

function found(state: OrgState, id: DeviceId): Device {
  const device = state.devices.get(id);
  check(device !== undefined, 'E_UNKNOWN_ID', 'no such device');
  return device;
}
