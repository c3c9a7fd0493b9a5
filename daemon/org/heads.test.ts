// What devices say of the log: who is believed, and for how long (spec/09-release.md §freshness).
import { expect, test } from 'bun:test';
import { ProtocolError } from '../../protocol/errors.ts';
import type { Hash } from '../../protocol/hash.ts';
import { World } from '../../testing/world.ts';
import { type Heads, createHeads } from './heads.ts';

const day = 86_400_000;
const other = 'ab'.repeat(32) as Hash;

async function start(): Promise<{ world: World; heads: Heads; say: (name: string, head?: { seq: number; eh: Hash }) => void; code: () => string }> {
  const world = new World('heads');
  await world.genesis();
  await world.addMember('ben');
  const heads = createHeads({ requireState: () => world.state, history: world.history }, world.clock.now);
  const say = (name: string, head = world.state.head): void =>
    heads.heard({ device: world.device(name).id, member: world.member(name).id, head, ts: world.clock.now() });
  const code = (): string => {
    try {
      heads.verifyAgreed();
      return 'agreed';
    } catch (error) {
      return error instanceof ProtocolError ? error.code : 'none';
    }
  };
  return { world, heads, say, code };
}

test('INV-HEAD-CLAIM another history is not taken back by a later word, and is believed for two days', async () => {
  const { world, say, code } = await start();
  say('ada');
  expect(code()).toBe('agreed');
  say('ben', { seq: 1, eh: other });
  expect(code()).toBe('E_FORK');
  world.clock.advance(1_000);
  say('ben');
  expect(code()).toBe('E_FORK');
  world.clock.advance(2 * day);
  expect(code()).toBe('agreed');
});

test('INV-HEAD-CLAIM a newer head holds back until the log confirms it, and ends as a fork where it does not', async () => {
  const { world, say, code } = await start();
  say('ben', { seq: world.state.head.seq + 1, eh: other });
  expect(code()).toBe('E_HEAD_AHEAD');
  await world.addDevice('ada');
  expect(code()).toBe('E_FORK');
  const { head } = world.state;
  const fresh = await start();
  fresh.say('ben', { seq: head.seq, eh: head.eh }); // the same seed: the same log
  expect(fresh.code()).toBe('E_HEAD_AHEAD');
  await fresh.world.addDevice('ada');
  expect(fresh.code()).toBe('agreed');
});

test('INV-HEAD-CLAIM the word of a device that an admin revoked does not count', async () => {
  const { world, say, code } = await start();
  say('ben', { seq: 1, eh: other });
  await world.append('device.revoke', { device: world.device('ben').id, exposed: [] });
  expect(code()).toBe('agreed');
});

test('the high tier: another member’s word within the policy’s time; two approvers are each other’s, a lone person needs none', async () => {
  const { world, heads, say } = await start();
  const [ada, ben] = [world.member('ada').id, world.member('ben').id];
  const policy = { tier: 'high', maxStalenessMs: 3_600_000 } as const;
  const fresh = (approvers: readonly (typeof ada)[], tier: 'high' | 'normal' = 'high'): string => {
    try {
      heads.verifyFresh(world.state, { ...policy, tier }, approvers);
      return 'fresh';
    } catch (error) {
      return error instanceof ProtocolError ? error.code : 'none';
    }
  };
  say('ada');
  expect([fresh([ada]), fresh([ada], 'normal'), fresh([ada, ben])]).toEqual(['E_LOG_STALE', 'fresh', 'fresh']);
  say('ben');
  world.clock.advance(3_600_000);
  expect(fresh([ada])).toBe('fresh');
  world.clock.advance(1);
  expect(fresh([ada])).toBe('E_LOG_STALE');
  await world.append('device.revoke', { device: world.device('ben').id, exposed: [] });
  expect(fresh([ada])).toBe('fresh'); // nobody else is there to confirm
});
