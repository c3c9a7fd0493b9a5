// What a card of changes must not leave out, and names that would forge its words (spec/09-release.md §changes).
import { expect, test } from 'bun:test';
import { World } from '../testing/world.ts';
import { idFrom } from '../testing/world-people.ts';
import { changeLines } from './change-lines.ts';
import type { GroupId } from './hash.ts';

const world = new World('change-lines');
await world.genesis();
await world.addMember('ben');

test('a rule that comes back into force shows all its terms: nobody remembers those of a retired one', async () => {
  const lax = world.policy({ pattern: 'old/**', revealAllowed: true, clauses: [{ k: 1, members: [world.member('ben').id], groups: [] }] });
  await world.append('policy.set', lax);
  await world.append('policy.set', { ...lax, retired: true });
  const [line] = changeLines(world.state, [{ type: 'policy.set', body: lax }]);
  expect(line?.differences).toEqual([{ effect: 'widens', words: 'the rule is in force again' }]);
  expect(line?.terms).toContain('ben');
  expect(line?.terms).toContain('the value may be shown on a terminal');
});

test('a name that reads like several, or like a term, is flagged', () => {
  const warnings = (name: string): readonly string[] =>
    changeLines(world.state, [{ type: 'group.set', body: { group: idFrom<GroupId>(world.random), name, members: [] } }]).flatMap((line) => line.warnings);
  for (const name of ['on-call and one of group security', 'a, b', 'x; any admitted machine', 'ops”: nothing', '2 of ben'])
    expect(warnings(name)).toEqual(['reads like more than a name']);
  for (const name of ['on-call', 'R&D', 'O’Brien', 'Team Berlin (Nord)', 'land-office', 'Äther']) expect(warnings(name)).toEqual([]);
});
