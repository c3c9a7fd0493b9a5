// Why somebody may have a path or not (spec/06-policy.md §explain): the answer is that of the rules which decide a release.
import { describe, expect, test } from 'bun:test';
import { World, found } from '../testing/world.ts';
import { idFrom } from '../testing/world-people.ts';
import type { GroupId, Hash, MachineId } from './hash.ts';
import { type AccessAsk, type Reason, explainAccess } from './access.ts';

const world = new World('access');
await world.genesis({ policies: [] });
await world.addMember('ben');
const [ada, ben] = [world.member('ada').id, world.member('ben').id];
const servers = idFrom<GroupId>(world.random);
await world.append('group.set', { group: servers, name: 'servers', members: [] });
const web = await world.addMachine('web-1', { groups: [servers], owner: ada });
const other = await world.addMachine('laptop');
const pin = 'ab'.repeat(32) as Hash; // as a SHA-256 is written
const clause = (...members: (typeof ada)[]) => [{ k: 1, members, groups: [] }];
const office = { days: [1, 2, 3, 4, 5], fromMinute: 480, toMinute: 1_080 };
for (const policy of [
  world.policy({ pattern: '**', clauses: clause(ada) }),
  world.policy({
    pattern: 'prod/**',
    clauses: clause(ada),
    machines: { any: false, machines: [], groups: [servers] },
    exePins: [pin],
    hours: office,
    separationOfDuties: true,
  }),
  world.policy({ pattern: 'prod/open', clauses: clause(ada, ben) }),
])
  await world.append('policy.set', policy);
await world.put('prod/open', 'x');
await world.put('prod/db', 'x');

const monday = Date.UTC(2026, 0, 5, 12);
const explain = (path: string, ask: Partial<AccessAsk> = {}) => explainAccess(world.state, path, { now: monday, ...ask });
const why = (path: string, about: Reason['about'], ask: Partial<AccessAsk> = {}): Reason | undefined =>
  explain(path, ask).reasons.find((reason) => reason.about === about);

describe('the rule', () => {
  test('the most specific one, and which would follow', () => {
    expect(explain('prod/open')).toMatchObject({ pattern: 'prod/open', others: ['prod/**', '**'] });
    expect(why('prod/db', 'rule')?.words).toBe('prod/** is more specific than **, which matches too');
  });
  test('none: nobody may have it', () => {
    const empty = new World('none');
    return empty.genesis({ policies: [] }).then((state) => {
      expect(explainAccess(state, 'dev/x', { now: monday })).toMatchObject({ verdict: 'no', others: [], reasons: [{ verdict: 'no', about: 'rule' }] });
    });
  });
});

describe('who asks', () => {
  test('named by its group, or not', () => {
    expect(why('prod/open', 'machine', { machine: web.id })).toMatchObject({ verdict: 'yes', words: 'web-1 may ask: any admitted machine may' });
    expect(why('prod/db', 'machine', { machine: web.id })).toMatchObject({ verdict: 'yes', words: 'web-1 may ask: it is in group servers' });
    expect(why('prod/db', 'machine', { machine: other.id })).toMatchObject({ verdict: 'no', words: 'laptop may not ask: machines of group servers may' });
    expect(why('prod/db', 'machine', { machine: '00'.repeat(16) as MachineId })).toMatchObject({ verdict: 'no' }); // an id that no machine has
    expect(why('prod/db', 'machine')).toMatchObject({ verdict: 'depends' });
  });
  test('program and hours', () => {
    expect(why('prod/db', 'program', { exeHash: pin })).toMatchObject({ verdict: 'yes' });
    expect(why('prod/db', 'program', { exeHash: 'cd'.repeat(32) as Hash })).toMatchObject({ verdict: 'no' }); // another one
    expect(why('prod/db', 'program')).toMatchObject({ verdict: 'depends' });
    expect(why('prod/db', 'hours')).toMatchObject({ verdict: 'yes' });
    expect(why('prod/db', 'hours', { now: Date.UTC(2026, 0, 4, 12) })).toMatchObject({
      verdict: 'no',
      words: 'Monday, Tuesday, Wednesday, Thursday, Friday from 08:00 to 18:00 UTC; asked for 2026-01-04 12:00 UTC',
    });
  });
  test('a machine whose owner is the only approver, where duties are separated', () => {
    expect(why('prod/db', 'people', { machine: web.id })).toMatchObject({ verdict: 'no' });
    expect(why('prod/open', 'people', { machine: web.id })).toMatchObject({ verdict: 'yes', words: 'one person approves: any of ada, ben (today ada, ben)' });
  });
});

test('the verdict is the worst of its reasons; frozen, it is no', async () => {
  expect(explain('prod/open', { machine: web.id }).verdict).toBe('yes');
  expect(explain('prod/open').verdict).toBe('depends');
  expect(explain('prod/unknown', { machine: web.id }).verdict).toBe('no');
  const at = new World('frozen');
  await at.genesis();
  await at.append('org.freeze', { reason: 'drill' });
  expect(found(explainAccess(at.state, 'prod/db', { now: monday }).reasons[0], 'reason')).toMatchObject({ about: 'organisation', verdict: 'no' });
});
