// Vectors of what changes the organisation itself and of its recovery: entries that must be refused, each for one reason. Never shipped.
import { toHex } from '../../protocol/bytes.ts';
import type { ProtocolCode } from '../../protocol/errors.ts';
import type { GroupId, MemberId } from '../../protocol/hash.ts';
import type { Bodies, EntryType } from '../../protocol/org-log/bodies.ts';
import type { OrgSet } from '../../protocol/org-log/org-bodies.ts';
import { zeroHash } from '../../protocol/org-log/entry.ts';
import { type Speaker, World, found } from '../world.ts';
import { idFrom, makeDevice, makeKit, origin, rpId } from '../world-people.ts';
import type { Vector } from '../vector.ts';
import { logOf } from './logs.ts';
import type { Named } from './primitives.ts';

export async function settingsVectors(): Promise<Named> {
  return [...(await settings()), ...(await recovery())];
}

function collector(world: World, log: string): { readonly out: [string, Vector][]; readonly add: Add } {
  const out: [string, Vector][] = [];
  const add: Add = async (name, code, type, body, by) => {
    const entry = toHex(await world.draft(type, body, by));
    const section = type.startsWith('recovery') ? '18-recovery.md#in-the-log' : '05-org-log.md#rules';
    out.push([`entry-${name}`, { name: `entry: ${name.replaceAll('-', ' ')}`, spec: section, kind: 'entry', log, now: world.clock.now(), entry, code }]);
  };
  return { out, add };
}
type Add = <T extends EntryType>(name: string, code: ProtocolCode, type: T, body: Bodies[T], by?: readonly Speaker[]) => Promise<void>;

async function settings(): Promise<Named> {
  const world = new World('vectors of settings');
  await world.genesis({ tAdmin: 2 });
  await world.addMember('ben');
  const both = [world.device('ada'), world.device('ben')];
  await world.addMember('eve', ['approver'], [world.device('ben')]);
  const laptop = await world.addMachine('laptop');
  const terms: OrgSet = { tAdmin: 2, origins: [origin], rpIds: [rpId], authenticators: { deviceBoundOnly: true, aaguids: [], attested: false } };
  await world.append('org.set', terms, both);
  const eve = { member: world.member('eve').id, name: 'eve', roles: [] };
  const synced = await makeDevice(world.random, eve.member, 'synced');

  const { out, add } = collector(world, 'log-settings');
  await add('member-set-widens', 'E_THRESHOLD', 'member.set', { ...eve, roles: ['approver', 'writer'] });
  await add('member-set-renames-alone', 'E_ROLE', 'member.set', { ...eve, name: 'eva' }, [world.device('eve')]);
  await add('member-set-last-admins', 'E_MIN_ADMINS', 'member.set', { member: world.member('ben').id, name: 'ben', roles: [] }, [world.device('ben')]);
  await add('member-set-role-twice', 'E_FIELD', 'member.set', { ...eve, roles: ['approver', 'approver'] });
  await add('member-set-unknown', 'E_UNKNOWN_ID', 'member.set', { ...eve, member: idFrom<MemberId>(world.random) }, both);
  await add('machine-set-group-unknown', 'E_UNKNOWN_ID', 'machine.set', { machine: laptop.id, groups: [idFrom<GroupId>(world.random)] });
  await add('machine-set-no-admin', 'E_ROLE', 'machine.set', { machine: laptop.id, groups: [] }, [world.device('eve')]);
  await add('org-set-one-admin', 'E_THRESHOLD', 'org.set', { ...terms, name: 'x' });
  await add('org-set-threshold-too-high', 'E_MIN_ADMINS', 'org.set', { ...terms, tAdmin: 3 }, both);
  await add('org-set-relying-party-in-use', 'E_WEBAUTHN', 'org.set', { ...terms, rpIds: ['other.example'] }, both);
  await add('org-set-origin-in-use', 'E_WEBAUTHN', 'org.set', { ...terms, origins: ['https://notconsole.example'] }, both);
  await add('device-synced', 'E_AUTHENTICATOR', 'device.add', synced.facts, [world.device('ada'), world.device('eve'), synced]);
  return [['log-settings', logOf(world, 'a log of an org that takes device-bound passkeys only')], ...out];
}

async function recovery(): Promise<Named> {
  const world = new World('vectors of recovery');
  await world.genesis({ withRecovery: true });
  const kit = found(world.kit, 'kit');
  const phone = await makeDevice(world.random, world.member('ada').id, 'ada’s new phone');
  const member = { member: phone.member, name: 'ada', roles: ['admin'] } as const;
  const use: Bodies['recovery.use'] = { reason: '', member, device: phone.facts };
  await world.append('recovery.use', use, [kit, phone]);
  const { eh } = world.state.head;
  world.clock.advance(kit.facts.delayMs - 1);

  const { out, add } = collector(world, 'log-recovering');
  await add('recovery-finish-early', 'E_RECOVERY_WAIT', 'recovery.finish', { use: eh }, [kit, phone]);
  await add('recovery-finish-other-use', 'E_RECOVERY', 'recovery.finish', { use: zeroHash }, [kit, phone]);
  await add('recovery-finish-without-kit', 'E_ROLE', 'recovery.finish', { use: eh }, [world.device('ada'), phone]);
  await add('recovery-finish-other-device', 'E_SIGNERS', 'recovery.finish', { use: eh }, [kit, await makeDevice(world.random, phone.member, 'other')]);
  await add('recovery-use-without-device', 'E_SIGNERS', 'recovery.use', use, [kit]);
  await add('recovery-use-no-admin', 'E_ROLE', 'recovery.use', { ...use, member: { ...member, roles: ['approver'] } }, [kit, phone]);
  await add('recovery-use-other-name', 'E_FIELD', 'recovery.use', { ...use, member: { ...member, name: 'mallory' } }, [kit, phone]);
  await add('recovery-kit-signs-else', 'E_ROLE', 'org.freeze', { reason: '' }, [kit]);
  await add('recovery-set-too-few-shares', 'E_QUORUM', 'recovery.set', { ...(await makeKit(world.random)).facts, t: 3, m: 2 });
  return [['log-recovering', logOf(world, 'a log in which the kit is being used')], ...out];
}
