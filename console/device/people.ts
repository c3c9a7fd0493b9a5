// People, groups and the organisation's own terms: roles, removal, thresholds, which passkeys are let in (spec/05-org-log.md §rules).
import { check } from '../../protocol/errors.ts';
import type { DeviceId, GroupId, MemberId } from '../../protocol/hash.ts';
import type { Role } from '../../protocol/org-log/bodies.ts';
import { lossOf, lossOfDevice } from '../../protocol/org-log/loss.ts';
import { type Member, type OrgState, isActiveMember } from '../../protocol/org-log/state.ts';
import { RelayClientError } from '../../relay-client/client.ts';
import { newId } from '../../relay-client/org-log.ts';
import type { OrgTerms, Outcome } from '../app.ts';
import type { LossRow, PeopleApp } from '../app-people.ts';
import type { Drafts } from './drafts.ts';
import { type Plan, appendSigned } from './entries.ts';
import { newMeta } from './machines.ts';
import { type Session, requireRole } from './session.ts';

export function setRoles(drafts: Drafts, member: MemberId, roles: readonly Role[]): Promise<Outcome> {
  return drafts.change((state) => {
    const { name, roles: before } = found(state, member);
    return before.join() === roles.join() ? [] : [{ type: 'member.set', body: { member, name, roles } }];
  }, '');
}

/** What the input does not name stays as it was. */
export function setTerms(drafts: Drafts, terms: Partial<OrgTerms>): Promise<Outcome> {
  return drafts.change(({ tAdmin, origins, rpIds, authenticators }) => [{ type: 'org.set', body: { tAdmin, origins, rpIds, authenticators, ...terms } }], '');
}

export function setGroup({ platform }: Pick<Session, 'platform'>, drafts: Drafts, input: Parameters<PeopleApp['setGroup']>[0]): Promise<Outcome> {
  const group = input.group ?? newId<GroupId>(platform.random);
  const shown = input.shown ?? [];
  return drafts.change((state) => {
    // What was changed here is changed there: what another admin did meanwhile stays done.
    const kept = (state.groups.get(group)?.members ?? []).filter((member) => input.members.includes(member) || !shown.includes(member));
    const added = input.members.filter((member) => !shown.includes(member));
    return [{ type: 'group.set', body: { group, name: input.name, members: [...new Set([...kept, ...added])].sort() } }];
  }, '');
}

/** The removal and the new metadata key that no device of theirs gets, with one gesture. Can be repeated where the second was lost. */
export async function removeMember(session: Session, member: MemberId): Promise<void> {
  const state = await appendSigned(session, (before) => {
    requireRole(session, before, 'admin');
    const exposed = lossOf(before, member)
      .exposed.map(({ id }) => id)
      .slice(0, 1_024);
    const remove: Plan = { draft: { type: 'member.remove', body: { member, exposed } } };
    return isActiveMember(before, member) ? [remove, newMeta(session)] : [newMeta(session)];
  });
  // The relay lets a device be shut out only by one that it came from; what counts is the log.
  for (const { keyIds } of [...state.devices.values()].filter((device) => device.member === member))
    await session.client.revokeKey(keyIds.presence).catch((error: unknown) => {
      if (!(error instanceof RelayClientError) || !['E_RELAY_NOT_FOUND', 'E_RELAY_FORBIDDEN'].includes(error.code)) throw error;
    });
}

/** Before somebody signs. */
export function lossRow(state: OrgState, of: { readonly member: MemberId } | { readonly device: DeviceId }): LossRow {
  const { policies, unreachable, exposed, machines, lastAdmin } = 'member' in of ? lossOf(state, of.member) : lossOfDevice(state, of.device);
  const paths = (secrets: typeof exposed): readonly string[] => secrets.map(({ path }) => path);
  return {
    rules: policies.map(({ pattern }) => pattern),
    unreachable: paths(unreachable),
    exposed: paths(exposed),
    machines: machines.map(({ name }) => name),
    lastAdmin,
  };
}

function found(state: OrgState, id: MemberId): Member {
  const member = state.members.get(id);
  check(member !== undefined && isActiveMember(state, id), 'E_UNKNOWN_ID', 'no such member');
  return member;
}
