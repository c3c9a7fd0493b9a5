// Rules that change a member, a machine or the organisation's own terms (spec/05-org-log.md §rules).
import { check } from '../errors.ts';
import type { GroupId } from '../hash.ts';
import { verifyName } from '../text.ts';
import { type Context, adminThreshold, memberOf, requireAdmins } from './authority.ts';
import type { MachineAdmit, MemberAdd, Role } from './bodies.ts';
import type { OrgSet } from './org-bodies.ts';
import { type OrgState, activeDevice, isActiveMember, liveAdmins } from './state.ts';

export function applyMemberSet(state: OrgState, body: MemberAdd, context: Context): OrgState {
  const before = state.members.get(body.member);
  check(before !== undefined && !before.removed, 'E_UNKNOWN_ID', 'no such member');
  const narrows = body.name === before.name && body.roles.every((role) => before.roles.includes(role));
  const own = context.signers.length === 1 && context.signers.every((signer) => memberOf(state, signer) === body.member);
  if (!narrows || !own) requireAdmins(state, context, narrows ? 1 : adminThreshold(state));
  verifyName(body.name);
  verifyRoles(body.roles);
  return { ...state, members: state.members.set(before.id, { ...before, name: body.name, roles: body.roles }) };
}

export function verifyRoles(roles: readonly Role[]): void {
  check(new Set(roles).size === roles.length, 'E_FIELD', 'a role twice');
}

export function applyMachineSet(state: OrgState, body: MachineAdmit, context: Context): OrgState {
  requireAdmins(state, context, 1);
  const machine = state.machines.get(body.machine);
  check(machine !== undefined && machine.status !== 'revoked', 'E_UNKNOWN_ID', 'no such machine');
  return { ...state, machines: state.machines.set(body.machine, withTerms(state, machine, body)) };
}

/** The machine with the groups and the owner that an admin gives it. */
export function withTerms<T extends { readonly owner?: MachineAdmit['owner'] }>(
  state: OrgState,
  { owner: _, ...machine }: T,
  { groups, owner }: MachineAdmit,
): Omit<T, 'owner'> & Omit<MachineAdmit, 'machine'> {
  verifyGroups(state, groups);
  check(owner === undefined || isActiveMember(state, owner), 'E_UNKNOWN_ID', 'no such member');
  return { ...machine, groups, ...(owner === undefined ? {} : { owner }) };
}

export function verifyGroups(state: OrgState, groups: readonly GroupId[]): void {
  for (const group of groups) check(state.groups.has(group), 'E_UNKNOWN_ID', 'no such group');
}

export function applyOrgSet(state: OrgState, body: OrgSet, context: Context): OrgState {
  requireAdmins(state, context, adminThreshold(state));
  if (body.name !== undefined) verifyName(body.name);
  for (const text of [...body.origins, ...body.rpIds]) verifyName(text);
  // While an org is founded the threshold may stand above its admins; nobody puts it there later.
  check(body.tAdmin === state.tAdmin || body.tAdmin <= liveAdmins(state).length, 'E_MIN_ADMINS', 'a threshold that the admins could not meet');
  for (const { device, passkey } of state.devices.values()) {
    if (!activeDevice(state, device)) continue;
    const isServed = body.rpIds.includes(passkey.rpId) && body.origins.some((origin) => isWithin(origin, passkey.rpId));
    check(isServed, 'E_WEBAUTHN', 'a device in use could not sign any more');
  }
  const { name = state.name, tAdmin, origins, rpIds, authenticators } = body;
  return { ...state, name, tAdmin, origins, rpIds, authenticators };
}

// What a browser asks of a page that uses a relying party's passkeys: its host is that domain or below it.
function isWithin(origin: string, rpId: string): boolean {
  const host = /^[a-z][a-z0-9+.-]*:\/\/([^/:]+)(?::\d+)?$/.exec(origin)?.[1];
  return host !== undefined && (host === rpId || host.endsWith(`.${rpId}`));
}
