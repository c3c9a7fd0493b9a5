// Every entry type against every kind of signer and number of admins: who may do what (spec/05-org-log.md §rules).
import { describe, expect, test } from 'bun:test';
import { codeOf } from '../../testing/code-of.ts';
import { type Speaker, World, found } from '../../testing/world.ts';
import { enrolmentOf, idFrom, makeDevice, makeKit, makeMachine } from '../../testing/world-people.ts';
import { mkCommitment } from './record.ts';
import { sealSecret } from '../custody.ts';
import type { GroupId, MemberId, SecretId } from '../hash.ts';
import type { EntryType } from './bodies.ts';
import { entryTypes } from './body-codecs.ts';
import { zeroHash } from './entry.ts';
import { stateHash } from './state-hash.ts';

// Two admins are needed for what widens. ada, ben: admins; eve: approver; wil: writer; a laptop, a machine that waits, a token, the kit.
const world = new World('transitions');
await world.genesis({ tAdmin: 2, withRecovery: true, roles: ['admin', 'approver'] });
const ada = world.device('ada');
const kit = found(world.kit, 'kit');
// A use of the kit whose delay is over; recovery.finish has been possible since.
const lostPhone = await makeDevice(world.random, ada.member, 'ada’s new phone');
await world.append('recovery.use', { reason: '', member: { member: ada.member, name: 'ada', roles: ['admin'] }, device: lostPhone.facts }, [kit, lostPhone]);
const use = world.state.head.eh;
world.clock.advance(kit.facts.delayMs);
await world.addMember('ben', ['admin', 'approver']);
const ben = world.device('ben');
await world.addMember('eve', ['approver'], [ben]);
await world.addMember('wil', ['writer'], [ben]);
const [eve, wil] = [world.device('eve'), world.device('wil')];
const laptop = await world.addMachine('laptop');
const waiting = await world.enrolMachine('waiting');
const token = await world.issueToken();
const group = idFrom<GroupId>(world.random);
await world.append('group.set', { group, name: 'on call', members: [world.member('ada').id, world.member('eve').id] }, [ada, ben]);
const policyBefore = found([...world.state.policies.values()][0], 'policy');
const secret = await world.put('prod/db', 'value', wil);
const late = await world.enrolMachine('late', await world.issueToken());
await world.append('machine.admit', { machine: late.id, groups: [] });

const voices: Readonly<Record<string, readonly Speaker[]>> = {
  'one admin': [ada],
  'two admins': [ada, ben],
  'two admins, the other first': [ben, ada],
  'an approver': [eve],
  'a writer': [wil],
  'an admin and an approver': [ada, eve],
  'an admin and a machine': [ada, laptop],
  'a machine': [laptop],
  'a waiting machine': [waiting],
  'a token': [token],
  'the kit': [kit],
};
type Cells = Readonly<Partial<Record<keyof typeof voices, string>>>;
/** Where only members may sign: nobody else, whatever the number of admins. */
const strangers: Cells = {
  'an admin and a machine': 'E_ROLE',
  'a machine': 'E_ROLE',
  'a waiting machine': 'E_MACHINE_REVOKED',
  'a token': 'E_ROLE',
  'the kit': 'E_ROLE',
};
const oneAdmin: Cells = {
  ...strangers,
  'one admin': 'accepted',
  'two admins': 'accepted',
  'two admins, the other first': 'accepted',
  'an approver': 'E_ROLE',
  'a writer': 'E_ROLE',
  'an admin and an approver': 'accepted',
};
const twoAdmins: Cells = { ...oneAdmin, 'one admin': 'E_THRESHOLD', 'an admin and an approver': 'E_THRESHOLD' };
const writer: Cells = {
  ...strangers,
  'one admin': 'E_ROLE',
  'two admins': 'E_ROLE',
  'two admins, the other first': 'E_ROLE',
  'an approver': 'E_ROLE',
  'a writer': 'accepted',
  'an admin and an approver': 'E_ROLE',
};
const never = (code: string): Cells => Object.fromEntries(Object.keys(voices).map((name) => [name, name === 'a waiting machine' ? 'E_MACHINE_REVOKED' : code]));

const newMember = { member: idFrom<MemberId>(world.random), name: 'new', roles: [] };
const terms = { tAdmin: 2, origins: world.state.origins, rpIds: world.state.rpIds, authenticators: world.state.authenticators };
const newDevice = await makeDevice(world.random, world.member('eve').id, 'second');
const newMachine = await makeMachine(world.random, 'new');
const newKit = await makeKit(world.random);
const { eh: _, ...policy } = policyBefore;
const sealed = await sealSecret(
  world.state,
  {
    secret: idFrom<SecretId>(world.random),
    path: 'prod/new',
    ver: 1,
    prevVerEh: zeroHash,
    value: { kind: 'value', value: new Uint8Array(3) },
    description: '',
  },
  world.random,
);

interface Row {
  readonly name: string;
  readonly type: EntryType;
  readonly make: (by: readonly Speaker[]) => Promise<Uint8Array>;
  readonly cells: Cells;
}
const rows: readonly Row[] = [
  {
    name: 'genesis',
    type: 'genesis',
    make: (by) => world.draft('genesis', world.genesisBody(world.member('ada'), ada, [], 1, []), by),
    cells: never('E_CHAIN'),
  },
  { name: 'member.add', type: 'member.add', make: (by) => world.draft('member.add', newMember, by), cells: twoAdmins },
  {
    name: 'member.remove',
    type: 'member.remove',
    make: (by) => world.draft('member.remove', { member: world.member('wil').id, exposed: [] }, by),
    cells: oneAdmin,
  },
  {
    name: 'member.set, one more role',
    type: 'member.set',
    make: (by) => world.draft('member.set', { member: eve.member, name: 'eve', roles: ['approver', 'writer'] }, by),
    cells: twoAdmins,
  },
  {
    name: 'member.set, another name',
    type: 'member.set',
    make: (by) => world.draft('member.set', { member: eve.member, name: 'eva', roles: ['approver'] }, by),
    cells: twoAdmins,
  },
  {
    name: 'member.set, one role less',
    type: 'member.set',
    make: (by) => world.draft('member.set', { member: eve.member, name: 'eve', roles: [] }, by),
    cells: { ...oneAdmin, 'an approver': 'accepted' },
  },
  {
    name: 'device.add, the member’s own device signing or not',
    type: 'device.add',
    make: (by) => world.draft('device.add', newDevice.facts, [...by, newDevice]),
    cells: {
      ...strangers,
      'one admin': 'E_THRESHOLD',
      'two admins': 'accepted',
      'two admins, the other first': 'accepted',
      'an approver': 'E_ROLE',
      'a writer': 'E_ROLE',
      'an admin and an approver': 'accepted',
    },
  },
  {
    name: 'device.revoke of another',
    type: 'device.revoke',
    make: (by) => world.draft('device.revoke', { device: wil.id, exposed: [] }, by),
    cells: { ...oneAdmin, 'a writer': 'accepted' },
  },
  {
    name: 'device.revoke of the approver’s',
    type: 'device.revoke',
    make: (by) => world.draft('device.revoke', { device: eve.id, exposed: [] }, by),
    cells: { ...oneAdmin, 'an approver': 'accepted' },
  },
  {
    name: 'token.issue',
    type: 'token.issue',
    make: async (by) => world.draft('token.issue', { ...token.facts, token: idFrom(world.random), tokenKey: (await makeKit(world.random)).facts.sigKey }, by),
    cells: oneAdmin,
  },
  {
    name: 'token.issue that admits by itself',
    type: 'token.issue',
    make: async (by) =>
      world.draft(
        'token.issue',
        { ...token.facts, token: idFrom(world.random), tokenKey: (await makeKit(world.random)).facts.sigKey, autoAdmit: true, groups: [group] },
        by,
      ),
    cells: twoAdmins,
  },
  {
    name: 'machine.enrol',
    type: 'machine.enrol',
    make: (by) => world.draft('machine.enrol', enrolmentOf(newMachine, token.id), [...by, newMachine]),
    cells: { ...never('E_TOKEN_SCOPE'), 'a token': 'accepted' },
  },
  { name: 'machine.admit', type: 'machine.admit', make: (by) => world.draft('machine.admit', { machine: waiting.id, groups: [] }, by), cells: oneAdmin },
  { name: 'machine.set', type: 'machine.set', make: (by) => world.draft('machine.set', { machine: laptop.id, groups: [group] }, by), cells: oneAdmin },
  { name: 'org.set', type: 'org.set', make: (by) => world.draft('org.set', terms, by), cells: twoAdmins },
  { name: 'machine.revoke', type: 'machine.revoke', make: (by) => world.draft('machine.revoke', { machine: laptop.id, exposed: [] }, by), cells: oneAdmin },
  {
    name: 'group.set, new',
    type: 'group.set',
    make: (by) => world.draft('group.set', { group: idFrom(world.random), name: 'new', members: [] }, by),
    cells: twoAdmins,
  },
  {
    name: 'group.set, one more',
    type: 'group.set',
    make: (by) => world.draft('group.set', { group, name: 'on call', members: [world.member('ada').id, world.member('eve').id, world.member('ben').id] }, by),
    cells: twoAdmins,
  },
  {
    name: 'group.set, one less',
    type: 'group.set',
    make: (by) => world.draft('group.set', { group, name: 'on call', members: [world.member('ada').id] }, by),
    cells: oneAdmin,
  },
  { name: 'policy.set, new', type: 'policy.set', make: (by) => world.draft('policy.set', world.policy({ pattern: 'test/*' }), by), cells: twoAdmins },
  { name: 'policy.set, wider', type: 'policy.set', make: (by) => world.draft('policy.set', { ...policy, maxTtlS: 901 }, by), cells: twoAdmins },
  { name: 'policy.set, narrower', type: 'policy.set', make: (by) => world.draft('policy.set', { ...policy, maxTtlS: 899 }, by), cells: oneAdmin },
  { name: 'policy.set, retired', type: 'policy.set', make: (by) => world.draft('policy.set', { ...policy, retired: true }, by), cells: twoAdmins },
  { name: 'secret.put', type: 'secret.put', make: (by) => world.draft('secret.put', sealed.put, by), cells: writer },
  {
    name: 'secret.rewrap for a machine',
    type: 'secret.rewrap',
    make: (by) =>
      world.draft(
        'secret.rewrap',
        {
          items: [
            {
              secret: secret.id,
              putEh: secret.putEh,
              policyEh: policyBefore.eh,
              shares: [],
              wraps: [{ kind: 'machine', recipient: late.id, keyId: late.kem.keyId, wrap: zeroHash }],
            },
          ],
        },
        by,
      ),
    cells: {
      'one admin': 'E_RECIPIENTS',
      'two admins': 'E_ROLE',
      'two admins, the other first': 'E_ROLE',
      'an approver': 'E_ROLE',
      'a writer': 'E_ROLE',
      'an admin and an approver': 'E_ROLE',
      'an admin and a machine': 'E_ROLE',
      'a machine': 'accepted',
      'a waiting machine': 'E_MACHINE_REVOKED',
      'a token': 'E_ROLE',
      'the kit': 'E_ROLE',
    },
  },
  { name: 'secret.retire', type: 'secret.retire', make: (by) => world.draft('secret.retire', { secret: secret.id }, by), cells: writer },
  {
    name: 'meta.rotate',
    type: 'meta.rotate',
    make: (by) => world.draft('meta.rotate', { epoch: 1, commitment: mkCommitment(world.random(32)), wraps: zeroHash }, by),
    cells: oneAdmin,
  },
  { name: 'org.freeze', type: 'org.freeze', make: (by) => world.draft('org.freeze', { reason: 'stop' }, by), cells: oneAdmin },
  { name: 'org.unfreeze', type: 'org.unfreeze', make: (by) => world.draft('org.unfreeze', { reason: '' }, by), cells: twoAdmins },
  { name: 'recovery.set', type: 'recovery.set', make: (by) => world.draft('recovery.set', newKit.facts, by), cells: twoAdmins },
  {
    name: 'recovery.use, with the new device',
    type: 'recovery.use',
    make: (by) =>
      world.draft('recovery.use', { reason: '', member: { member: eve.member, name: 'eve', roles: ['admin'] }, device: newDevice.facts }, [...by, newDevice]),
    cells: { ...never('E_ROLE'), 'the kit': 'accepted' },
  },
  {
    name: 'recovery.finish, with the new device',
    type: 'recovery.finish',
    make: (by) => world.draft('recovery.finish', { use }, [...by, lostPhone]),
    cells: { ...never('E_ROLE'), 'the kit': 'accepted' },
  },
  {
    name: 'checkpoint',
    type: 'checkpoint',
    make: (by) => world.draft('checkpoint', { stateHash: stateHash(world.state) }, by),
    cells: {
      ...strangers,
      'one admin': 'accepted',
      'two admins': 'accepted',
      'two admins, the other first': 'accepted',
      'an approver': 'accepted',
      'a writer': 'accepted',
      'an admin and an approver': 'accepted',
    },
  },
];

describe('INV-LOG-ROLES who may sign what', () => {
  for (const { name, make, cells } of rows) {
    test.each(Object.keys(voices).map((voice) => [voice] as const))(`${name} by %s`, async (voice) => {
      expect(await codeOf(world.judge(await make(found(voices[voice], voice))))).toBe(found(cells[voice], `cell for ${voice}`));
    });
  }
  test('the table has every entry type', () => expect(new Set(rows.map(({ type }) => type))).toEqual(new Set(entryTypes)));
});

describe('INV-LOG-FROZEN while frozen only what reduces authority, and unfreezing', () => {
  const allowed: readonly string[] = [
    'member.remove',
    'device.revoke of another',
    'device.revoke of the approver’s',
    'machine.revoke',
    'meta.rotate',
    'org.freeze',
    'org.unfreeze',
    'checkpoint',
  ];
  const best = ({ cells }: Row): readonly Speaker[] =>
    found(
      voices[
        found(
          Object.entries(cells).find(([, code]) => code === 'accepted'),
          'signer',
        )[0]
      ],
      'voice',
    );
  test.each(rows.filter(({ cells }) => Object.values(cells).includes('accepted')).map((row) => [row.name, row] as const))('%s', async (name, row) => {
    const before = world.state;
    try {
      Reflect.set(world, 'current', { ...before, frozen: true }); // as after org.freeze, without another log
      const bytes = await row.make(best(row));
      expect(await codeOf(world.judge(bytes))).toBe(allowed.includes(name) ? 'accepted' : 'E_FROZEN');
    } finally {
      Reflect.set(world, 'current', before);
    }
  });
});

describe('INV-LOG-THRESHOLD the threshold grows with the admins while an org is founded and never falls again', () => {
  test('one founder acts alone, two admins do not', async () => {
    const org = new World('founding');
    await org.genesis({ tAdmin: 2 });
    await org.addMember('ben');
    expect(await codeOf(org.draft('member.add', { member: idFrom<MemberId>(org.random), name: 'eve', roles: [] }).then((bytes) => org.judge(bytes)))).toBe(
      'E_THRESHOLD',
    );
  });
  const ways: readonly (readonly [what: string, make: (org: World) => Promise<Uint8Array>])[] = [
    ['removing an admin', (org) => org.draft('member.remove', { member: org.member('ben').id, exposed: [] })],
    ['revoking an admin’s last device', (org) => org.draft('device.revoke', { device: org.device('ben').id, exposed: [] })],
    ['an admin’s own last device', (org) => org.draft('device.revoke', { device: org.device('ben').id, exposed: [] }, [org.device('ben')])],
  ];
  test.each(ways)('row 76: %s below the threshold is refused', async (_what, make) => {
    const org = new World('founding');
    await org.genesis({ tAdmin: 2 });
    await org.addMember('ben');
    expect(await codeOf(org.judge(await make(org)))).toBe('E_MIN_ADMINS');
    await org.addMember('eve', ['admin'], [org.device('ben')]);
    expect(await codeOf(org.judge(await make(org)))).toBe('accepted');
  });
  test('recovery keys do not excuse it', async () => {
    const org = new World('founding');
    await org.genesis({ tAdmin: 2, withRecovery: true });
    await org.addMember('ben');
    expect(await codeOf(org.judge(await org.draft('member.remove', { member: org.member('ben').id, exposed: [] })))).toBe('E_MIN_ADMINS');
  });
  test('row 76: the last admin cannot be removed, nor the last device', async () => {
    const org = new World('alone');
    await org.genesis();
    expect(await codeOf(org.judge(await org.draft('member.remove', { member: org.member('ada').id, exposed: [] })))).toBe('E_MIN_ADMINS');
    expect(await codeOf(org.judge(await org.draft('device.revoke', { device: org.device('ada').id, exposed: [] })))).toBe('E_MIN_ADMINS');
  });
  test('a founder who is no admin founds nothing', async () => {
    expect(await codeOf(new World('none').genesis({ roles: ['approver'] }))).toBe('E_MIN_ADMINS');
  });
});
