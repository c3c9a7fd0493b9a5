// Wraps for those who came later: what is still to be given, and what a dishonest holder can do (spec/07-custody.md §rewrap).
import { describe, expect, test } from 'bun:test';
import { codeOf } from '../testing/code-of.ts';
import { World, found } from '../testing/world.ts';
import { shareOf } from '../testing/world-release.ts';
import { openShare, rewrapForDevice } from './custody.ts';
import { blobHash } from './hash.ts';
import type { RewrapItem } from './org-log/bodies.ts';
import { policyFor } from './policy.ts';
import { stillWaiting } from './rewrap.ts';

/** ada and ben approve alone; ben has a laptop that waits. */
async function waiting(): Promise<{
  world: World;
  laptop: Awaited<ReturnType<World['addDevice']>>;
  wrap: (share?: Uint8Array, bytes?: Uint8Array) => Promise<RewrapItem>;
}> {
  const world = new World('rewrap');
  await world.genesis();
  await world.addMember('ben', ['approver']);
  await world.addMachine('server');
  await world.approvers('prod/db', 1, ['ada', 'ben']);
  await world.put('prod/db', 'value');
  const laptop = await world.addDevice('ben');
  const wrap = async (share?: Uint8Array, bytes?: Uint8Array): Promise<RewrapItem> => {
    const secret = world.secret('prod/db');
    const own = await shareOf(world, world.device('ada'), secret);
    const made = await rewrapForDevice(world.state, secret, laptop.id, own.x, share ?? own.share);
    const blob = bytes ?? made.blob;
    world.blobs.set(blobHash(blob), blob);
    const policyEh = found(policyFor(world.state, secret.path), 'policy').eh;
    return { secret: secret.id, putEh: secret.putEh, policyEh, shares: [], wraps: [{ ...made.entry, wrap: blobHash(blob) }] };
  };
  return { world, laptop, wrap };
}

describe('what is still to be given under the log of now', () => {
  test('nothing where somebody was faster, a new version came, or the recipient is given none any more', async () => {
    const { world, wrap } = await waiting();
    const item = await wrap();
    expect(stillWaiting(world.state, item)).toEqual(item);
    const renewed = await waiting();
    await renewed.world.put('prod/db', 'newer');
    expect(stillWaiting(renewed.world.state, item)).toBeUndefined();
    const revoked = await waiting();
    const late = await revoked.wrap();
    await revoked.world.append('device.revoke', { device: revoked.laptop.id, exposed: [] });
    expect(stillWaiting(revoked.world.state, late)).toBeUndefined();
    await world.append('secret.rewrap', { items: [item] }, [world.device('ada')]);
    expect(stillWaiting(world.state, item)).toBeUndefined();
  });

  test('another policy that gives the same: under that one, and what others gave is left out', async () => {
    const { world, laptop, wrap } = await waiting();
    const item = await wrap();
    const tablet = await world.addDevice('ada', 'ada’s tablet');
    const secret = world.secret('prod/db');
    const own = await shareOf(world, world.device('ada'), secret);
    const both = { ...item, wraps: [...item.wraps, (await rewrapForDevice(world.state, secret, tablet.id, own.x, own.share)).entry] };
    await world.approvers('prod/db', 1, ['ada', 'ben'], { maxTtlS: 60 });
    await world.append('secret.rewrap', { items: [found(stillWaiting(world.state, item), 'item')] }, [world.device('ada')]);
    const left = stillWaiting(world.state, both);
    expect(left?.wraps.map(({ recipient }) => recipient)).toEqual([tablet.id]);
    expect(left?.policyEh).toBe(found(policyFor(world.state, 'prod/db'), 'policy').eh);
    expect(laptop.id).not.toBe(tablet.id);
  });
});

describe('a holder that wraps something else for a device', () => {
  const lies = [
    ['another share', 'E_SHARE_COMMIT', { share: new Uint8Array(32).fill(7), bytes: undefined }],
    ['noise', 'E_OPEN', { share: undefined, bytes: new Uint8Array(1_200).fill(7) }],
  ] as const;
  test.each(lies)('%s: the recipient says so, nobody can give it another one, the next version mends it', async (_what, code, { share, bytes }) => {
    const { world, laptop, wrap } = await waiting();
    await world.append('secret.rewrap', { items: [await wrap(share, bytes)] }, [world.device('ada')]);
    const open = (): Promise<unknown> => {
      const secret = world.secret('prod/db');
      const own = found(secret.wraps.find(({ recipient }) => recipient === laptop.id)?.wrap, 'wrap');
      return openShare(world.state.org, secret, laptop.member, laptop.id, laptop.custody, world.blob(own));
    };
    expect(await codeOf(open())).toBe(code);
    expect(await codeOf(world.judge(await world.draft('secret.rewrap', { items: [await wrap()] }, [world.device('ada')])))).toBe('E_RECIPIENTS');
    await world.put('prod/db', 'renewed');
    expect(await codeOf(open())).toBe('accepted');
  });
});
