// A machine that joins gets its half of every secret from one that has it, many in one entry (spec/07-custody.md §rewrap).
import { expect, test } from 'bun:test';
import { openMachineHalf, openSecret } from '../../protocol/custody.ts';
import { limits } from '../../protocol/limits.ts';
import { parseEntry } from '../../protocol/org-log/entry.ts';
import { parseEnvelope } from '../../protocol/sign.ts';
import { startLive, until } from '../../testing/live-daemon.ts';
import { found, textOf } from '../../testing/world.ts';
import { shareOf } from '../../testing/world-release.ts';

test('INV-SECRET-BATCH a machine that joins has its half of 70 secrets after two entries, and the values open with it', async () => {
  const names = Array.from({ length: 70 }, (_, n) => `prod/s${n}`);
  await using live = await startLive({ secrets: Object.fromEntries(names.map((name) => [name, `value of ${name}`])) });
  const { world, org } = live;
  const late = await world.addMachine('late');
  const before = world.entries.length;
  await org.sync();
  const isServed = (name: string): boolean => world.secret(name).wraps.some(({ recipient }) => recipient === late.id);
  await until(async () => (await org.sync(), names.every(isServed)), 'every secret is wrapped for it');

  const sizes = world.entries.slice(before).map(({ bytes }) => {
    const entry = parseEntry(parseEnvelope('entry', bytes, limits.entryBytes).payload);
    return entry.type === 'secret.rewrap' ? entry.body.items.length : entry.type;
  });
  expect(sizes).toEqual([64, 6]);
  const device = world.device('ada');
  for (const name of ['prod/s0', 'prod/s69']) {
    const secret = world.secret(name);
    const wrap = found(secret.wraps.find(({ recipient }) => recipient === late.id)?.wrap, 'wrap');
    const [sealed] = await org.client.getBlobs([wrap]);
    const b = await openMachineHalf(world.state.org, secret, late.id, late.kem, found(sealed, 'blob'));
    const share = { member: device.member, ...(await shareOf(world, device, secret)) };
    expect(textOf(await openSecret(world.state.org, secret, [share], b, world.blob(secret.put.body)))).toBe(`value of ${name}`);
  }
  expect(live.daemon.problems()).toEqual([]);
});
