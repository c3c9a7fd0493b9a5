// People and the organisation's own terms: roles, removal, thresholds, which passkeys are let in (spec/05-org-log.md §rules).
import { check } from '../../protocol/errors.ts';
import type { MemberId } from '../../protocol/hash.ts';
import type { Role } from '../../protocol/org-log/bodies.ts';
import { type Member, type OrgState, isActiveMember } from '../../protocol/org-log/state.ts';
import type { OrgTerms, Outcome } from '../app.ts';
import type { Drafts } from './drafts.ts';

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

function found(state: OrgState, id: MemberId): Member {
  const member = state.members.get(id);
  check(member !== undefined && isActiveMember(state, id), 'E_UNKNOWN_ID', 'no such member');
  return member;
}
