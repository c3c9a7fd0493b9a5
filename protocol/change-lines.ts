// Proposable changes as a person reads them: made from the entries and this client's own log, never from somebody's words (spec/09-release.md §changes). Pure.
import type { Proposable } from './changes.ts';
import type { MemberId } from './hash.ts';
import type { Bodies, Role } from './org-log/bodies.ts';
import { lossOf, lossOfDevice, lossOfMachine, lossWords } from './org-log/loss.ts';
import { type OrgState, isActiveMember } from './org-log/state.ts';
import { looksLike } from './need.ts';
import { type Difference, policyDiff } from './policy-diff.ts';
import { groupName, machineName, memberName, policyTerms } from './policy-words.ts';
import { mixesScripts } from './text.ts';

export interface ChangeLine {
  /** E.g. `Rule prod/**`. */
  readonly what: string;
  readonly differences: readonly Difference[];
  /** Of a rule that was not in force: all its terms. */
  readonly terms: readonly string[];
  /** What a hurried eye would miss: a name that looks like another, what would be lost with somebody. */
  readonly warnings: readonly string[];
}

/** One for each item, as it will read once those before it are in the log. */
export function changeLines(state: OrgState, items: readonly Proposable[]): readonly ChangeLine[] {
  let shadow = state;
  return items.map((item) => {
    shadow = withNames(shadow, item);
    return lineOf(state, shadow, item);
  });
}

// Names that an item brings: a rule after it may use them.
function withNames(state: OrgState, item: Proposable): OrgState {
  if (item.type === 'group.set') return { ...state, groups: state.groups.set(item.body.group, item.body) };
  const member = item.type === 'member.set' ? state.members.get(item.body.member) : undefined;
  return member && item.type === 'member.set' ? { ...state, members: state.members.set(member.id, { ...member, name: item.body.name }) } : state;
}

function lineOf(state: OrgState, names: OrgState, item: Proposable): ChangeLine {
  switch (item.type) {
    case 'policy.set': {
      const before = state.policies.get(item.body.policy);
      const wasInForce = before !== undefined && !before.retired;
      const terms = wasInForce || item.body.retired ? [] : policyTerms(names, item.body).map(({ words }) => words);
      return line(
        `${before ? (item.body.retired ? 'Retire the rule' : 'Rule') : 'New rule'} ${item.body.pattern}`,
        policyDiff(names, before, item.body),
        alikePatterns(state, item.body),
        terms,
      );
    }
    case 'group.set':
      return groupLine(state, names, item.body);
    case 'member.set':
      return memberLine(state, item.body);
    case 'member.remove':
      return line(
        `Remove ${memberName(state, item.body.member)} and renew the metadata key`,
        [narrows('approves, writes and administers nothing more')],
        lossWords(lossOf(state, item.body.member)),
      );
    case 'device.revoke': {
      const device = state.devices.get(item.body.device);
      return line(
        `Revoke ${device?.name ?? 'an unknown device'} of ${device ? memberName(state, device.member) : 'nobody'}`,
        [narrows('signs and reads nothing more')],
        lossWords(lossOfDevice(state, item.body.device)),
      );
    }
    case 'machine.revoke':
      return line(
        `Revoke the machine ${machineName(state, item.body.machine)}`,
        [narrows('asks for nothing more')],
        lossWords(lossOfMachine(state, item.body.machine)),
      );
    case 'machine.set':
      return machineLine(state, item.body);
    case 'secret.retire':
      return line(`Retire the secret ${state.secrets.get(item.body.secret)?.path ?? 'unknown'}`, [
        narrows('no program gets it any more; this cannot be undone'),
      ]);
    case 'org.freeze':
      return line(`Freeze everything: “${item.body.reason}”`, [narrows('nothing is released anywhere, every lease ends')]);
    case 'org.unfreeze':
      return line(`Unfreeze: “${item.body.reason}”`, [widens('releases go on')]);
  }
}

const widens = (words: string): Difference => ({ effect: 'widens', words });
const narrows = (words: string): Difference => ({ effect: 'narrows', words });
const neutral = (words: string): Difference => ({ effect: 'neutral', words });

function line(what: string, differences: readonly Difference[], warnings: readonly string[] = [], terms: readonly string[] = []): ChangeLine {
  return { what, differences, warnings, terms };
}

function groupLine(state: OrgState, names: OrgState, body: Bodies['group.set']): ChangeLine {
  const before = state.groups.get(body.group);
  const came = body.members.filter((id) => !before?.members.includes(id)).map((id) => widens(`${memberName(names, id)} comes in`));
  const went = (before?.members ?? []).filter((id) => !body.members.includes(id)).map((id) => narrows(`${memberName(names, id)} goes out`));
  const renamed = before && before.name !== body.name ? [neutral(`renamed from ${before.name}`)] : [];
  const empty = before || body.members.length > 0 ? [] : [widens('a new group, with nobody in it yet')];
  const others = [...state.groups.values()].filter(({ group }) => group !== body.group).map(({ name }) => name);
  return line(`${before ? 'Group' : 'New group'} ${body.name}`, [...renamed, ...empty, ...came, ...went], alikeNames(body.name, others));
}

function memberLine(state: OrgState, { member, name, roles }: Bodies['member.set']): ChangeLine {
  const before = state.members.get(member);
  const had: readonly Role[] = before?.roles ?? [];
  return line(
    `Member ${name}`,
    [
      ...(before && before.name !== name ? [neutral(`renamed from ${before.name}`)] : []),
      ...roles.filter((role) => !had.includes(role)).map((role) => widens(`becomes ${role}`)),
      ...had.filter((role) => !roles.includes(role)).map((role) => narrows(`is no longer ${role}`)),
    ],
    before?.name === name ? [] : alikeMembers(state, member, name),
  );
}

// What a machine may ask for follows its groups; its owner matters where rules separate duties.
function machineLine(state: OrgState, { machine, groups, owner }: Bodies['machine.set']): ChangeLine {
  const before = state.machines.get(machine);
  const had = before?.groups ?? [];
  return line(`Machine ${machineName(state, machine)}`, [
    ...groups.filter((group) => !had.includes(group)).map((group) => widens(`comes into group ${groupName(state, group)}`)),
    ...had.filter((group) => !groups.includes(group)).map((group) => narrows(`leaves group ${groupName(state, group)}`)),
    // Where duties are separated an owner does not count: whoever owned it before counts again.
    ...(before?.owner === owner
      ? []
      : [(before?.owner === undefined ? narrows : widens)(owner === undefined ? 'belongs to nobody' : `belongs to ${memberName(state, owner)}`)]),
  ]);
}

/** What a hurried eye would miss in the name that `member` is to have. */
export function alikeMembers(state: OrgState, member: MemberId, name: string): readonly string[] {
  const others = [...state.members.values()].filter(({ id }) => id !== member && isActiveMember(state, id));
  return alikeNames(
    name,
    others.map((other) => other.name),
  );
}

function alikeNames(name: string, others: readonly string[]): readonly string[] {
  return [
    ...others.filter((other) => other === name).map((other) => `there is another one called ${other}`),
    ...others.filter((other) => looksLike(other, name)).map((other) => `looks like ${other}, which exists`),
    ...(mixesScripts(name) ? ['mixed alphabets in the name'] : []),
    // Words of ours put names together with these.
    ...(/[,;:“”]|\b(?:and|of|or)\b/i.test(name) ? ['reads like more than a name'] : []),
  ];
}

function alikePatterns({ policies }: OrgState, { policy, pattern }: Bodies['policy.set']): readonly string[] {
  const others = [...policies.values()].filter((other) => !other.retired && other.policy !== policy);
  return others.filter((other) => looksLike(other.pattern, pattern)).map((other) => `looks like ${other.pattern}, which has a rule`);
}
