// Rules of the recovery kit: announced, delayed, stopped by a freeze, then one admin comes in (spec/18-recovery.md).
import { check } from '../errors.ts';
import { verifyName } from '../text.ts';
import { addDevice, claimRecovery } from './admit.ts';
import { verifyRoles } from './apply-org.ts';
import { type Context, adminThreshold, requireAdmins } from './authority.ts';
import type { RecoveryFinish, RecoveryKeys, RecoveryUse } from './org-bodies.ts';
import type { OrgState } from './state.ts';

export function applyRecoverySet(state: OrgState, body: RecoveryKeys, context: Context): OrgState {
  requireAdmins(state, context, adminThreshold(state));
  return claimRecovery(state, body);
}

export function applyRecoveryUse(state: OrgState, body: RecoveryUse, context: Context): OrgState {
  verifySigners(body, context);
  check(state.recovery !== undefined, 'E_RECOVERY', 'the organisation has no recovery kit');
  verifyName(body.reason);
  bringIn(state, body); // refused now rather than when the delay is over
  return { ...state, recovering: { ...body, eh: context.eh, ts: context.ts, delayMs: state.recovery.delayMs } };
}

export function applyRecoveryFinish(state: OrgState, body: RecoveryFinish, context: Context): OrgState {
  const { recovering } = state;
  check(recovering !== undefined && recovering.eh === body.use, 'E_RECOVERY', 'no such use of the kit is under way: it was stopped, or is over');
  verifySigners(recovering, context);
  check(context.ts >= recovering.ts + recovering.delayMs, 'E_RECOVERY_WAIT', 'the delay is not over');
  return { ...bringIn(state, recovering), recovering: undefined };
}

function verifySigners({ device }: RecoveryUse, { signers }: Context): void {
  const isBoth = signers.some(({ kind }) => kind === 'recovery') && signers.some(({ kind, id }) => kind === 'device' && id === device.device);
  check(signers.length === 2 && isBoth, 'E_ROLE', 'signed by the kit and the new device, nobody else');
}

// A new member, or a new device of one that is there; an admin in both cases.
function bringIn(state: OrgState, { member: { member, name, roles }, device }: RecoveryUse): OrgState {
  check(device.member === member, 'E_SIGNERS', 'the device of somebody else');
  check(roles.includes('admin'), 'E_ROLE', 'what a kit brings in is an admin');
  verifyRoles(roles);
  verifyName(name);
  const before = state.members.get(member);
  check(before === undefined || !before.removed, 'E_ID_REUSED', 'a member who was removed');
  check(before === undefined || before.name === name, 'E_FIELD', 'another name than that member has');
  return addDevice({ ...state, members: state.members.set(member, { id: member, name, roles, removed: false }) }, device);
}
