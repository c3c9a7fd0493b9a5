// What a draft would do, a line each, from its entries and this device's own log: never from somebody's words (spec/05-org-log.md §drafts).
import { toHex } from '../../protocol/bytes.ts';
import { type ChangeLine, alikeMembers, changeLines } from '../../protocol/change-lines.ts';
import type { Proposed } from '../../protocol/org-log/entry.ts';
import type { OrgSet } from '../../protocol/org-log/org-bodies.ts';
import type { OrgState } from '../../protocol/org-log/state.ts';
import type { Difference } from '../../protocol/policy-diff.ts';
import { groupName, memberName } from '../../protocol/policy-words.ts';
import { formatAaguid } from './models.ts';

export function draftLines(state: OrgState, items: readonly Proposed[]): readonly ChangeLine[] {
  let shadow = state;
  return items.map((item) => {
    // Somebody whom the same draft adds is not in the log yet.
    if (item.type === 'member.add')
      shadow = { ...shadow, members: shadow.members.set(item.body.member, { ...item.body, id: item.body.member, removed: false }) };
    if (item.type === 'group.set') shadow = { ...shadow, groups: shadow.groups.set(item.body.group, item.body) };
    return lineOf(state, shadow, item);
  });
}

function lineOf(state: OrgState, names: OrgState, item: Proposed): ChangeLine {
  const { type } = item;
  if (type === 'member.add') {
    const { member, name, roles } = item.body;
    return line(`Add ${name}`, [widens(`as ${roles.join(', ') || 'a member without a role'}`)], alikeMembers(names, member, name));
  }
  if (type === 'device.add') {
    const { backupEligible } = item.body.passkey;
    const kind = widens(backupEligible ? 'its passkey is synced' : 'its passkey stays on the device');
    return line(`Let ${item.body.name} of ${memberName(names, item.body.member)} in`, [kind]);
  }
  if (type === 'token.issue') {
    const groups = item.body.groups.map((group) => groupName(state, group)).join(', ');
    return line(
      'Make a machine token',
      item.body.autoAdmit ? [widens(`whoever has it puts one machine into group ${groups}, and nobody compares its words`)] : [],
    );
  }
  if (type === 'org.set') return line('Terms of the organisation', termsDifferences(state, item.body));
  if (type === 'recovery.set') {
    const { t, m, delayMs } = item.body;
    return line('Recovery kit', [widens(`any ${t} of ${m} shares let somebody in as admin ${Math.round(delayMs / 3_600_000)} h after it was announced`)]);
  }
  const isProposable =
    type === 'policy.set' ||
    type === 'group.set' ||
    type === 'member.set' ||
    type === 'member.remove' ||
    type === 'device.revoke' ||
    type === 'org.freeze' ||
    type === 'org.unfreeze';
  // A group's own line is about what it was. Nothing else waits for several admins.
  return (isProposable && changeLines(type === 'group.set' ? { ...names, groups: state.groups } : names, [item])[0]) || line(type, []);
}

const widens = (words: string): Difference => ({ effect: 'widens', words });
const narrows = (words: string): Difference => ({ effect: 'narrows', words });
const line = (what: string, differences: readonly Difference[], warnings: readonly string[] = []): ChangeLine => ({ what, differences, terms: [], warnings });

/** Only what differs from the terms in force. */
function termsDifferences(state: OrgState, { name, tAdmin, origins, rpIds, authenticators: next }: OrgSet): readonly Difference[] {
  const now = state.authenticators;
  const list = (title: string, before: readonly string[], after: readonly string[]): readonly Difference[] => [
    ...after.filter((one) => !before.includes(one)).map((one) => widens(`${title} ${one} is added`)),
    ...before.filter((one) => !after.includes(one)).map((one) => narrows(`${title} ${one} is taken away`)),
  ];
  const turned = (was: boolean, is: boolean, on: string, off: string): readonly Difference[] => (was === is ? [] : [is ? narrows(on) : widens(off)]);
  const models = (of: OrgSet['authenticators']): readonly string[] => of.aaguids.map(toHex).sort();
  const [had, has] = [models(now), models(next)];
  const isTighter = has.length > 0 && (had.length === 0 || has.every((one) => had.includes(one)));
  return [
    ...(name !== undefined && name !== state.name ? [{ effect: 'neutral', words: `renamed to ${name}` } as const] : []),
    ...(tAdmin === state.tAdmin ? [] : [(tAdmin > state.tAdmin ? narrows : widens)(`${tAdmin} admins must agree, instead of ${state.tAdmin}`)]),
    ...list('the address', state.origins, origins),
    ...list('the passkey name', state.rpIds, rpIds),
    ...turned(now.deviceBoundOnly, next.deviceBoundOnly, 'new devices: no synced passkeys', 'new devices: synced passkeys again'),
    ...turned(now.attested, next.attested, 'new devices: only with a proven model', 'new devices: no proof of the model any more'),
    ...(had.join() === has.join()
      ? []
      : [(isTighter ? narrows : widens)(has.length === 0 ? 'new devices: any model' : `new devices: only ${has.map(formatAaguid).join(', ')}`)]),
  ];
}
