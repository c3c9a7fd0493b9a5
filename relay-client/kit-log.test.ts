// Somebody who lost everything but the kit reads the log at the relay, whatever else lies there (spec/18-recovery.md §use; design rows 78, 94).
import { describe, expect, test } from 'bun:test';
import { codeOf } from '../testing/code-of.ts';
import { type MemoryRelay, createMemoryRelay, publish } from '../testing/memory-relay.ts';
import { World, found } from '../testing/world.ts';
import { makeKit } from '../testing/world-people.ts';
import { type Hash, blobHash } from '../protocol/hash.ts';
import { orgStream, sealMkWraps, sealRecord } from '../protocol/org-log/record.ts';
import type { KitKeys } from '../protocol/recovery.ts';
import type { StreamRecord } from '../protocol/wire.ts';
import { openLogWithKit } from './kit-log.ts';
import type { OrgLog } from './org-log.ts';

const empty = { load: () => Promise.resolve(undefined), persist: () => Promise.resolve(), read: () => Promise.resolve([]) };
function read(world: World, relay: MemoryRelay, kit: KitKeys): Promise<OrgLog> {
  const { org } = world.state;
  return openLogWithKit({ org, client: relay.client(org), newStore: () => empty, now: world.clock.now, random: world.random }, kit);
}
const kitOf = (world: World): KitKeys => {
  const { voice, kem } = found(world.kit, 'kit');
  return { signer: voice.signer, kem };
};
/** An org with a kit from epoch 1 on, and some life before and after. */
async function org(): Promise<{ readonly world: World; readonly relay: MemoryRelay }> {
  const world = new World('kit log');
  await world.genesis();
  await world.addMember('ben');
  world.kit = await makeKit(world.random);
  await world.append('recovery.set', world.kit.facts);
  await world.rotate();
  await world.addMachine('laptop');
  await world.rotate();
  await world.put('prod/db', 'value');
  return { world, relay: createMemoryRelay(world.clock.now) };
}
async function atRelay(): Promise<{ readonly world: World; readonly relay: MemoryRelay }> {
  const made = await org();
  await publish(made.world, made.relay.client(made.world.state.org));
  return made;
}

describe('INV-RECOVERY-READ the kit alone reads the log, from genesis to its newest entry', () => {
  test('all of it, in pages, through every epoch', async () => {
    const { world, relay } = await atRelay();
    relay.pageSize = 3;
    const log = await read(world, relay, kitOf(world));
    expect(log.requireState().head).toEqual(world.state.head);
    expect(new Set(log.keys.keys())).toEqual(new Set([0, 1, 2]));
  });
  test('another kit, one that was replaced, and one whose key was never renewed', async () => {
    const { world, relay } = await atRelay();
    expect(await codeOf(read(world, relay, kitOf(Object.assign(new World('other'), { kit: await makeKit(world.random) }))))).toBe('E_MK_EPOCH');
    const old = kitOf(world);
    await world.append('recovery.set', (await makeKit(world.random)).facts);
    await publish(world, relay.client(world.state.org));
    expect(await codeOf(read(world, relay, old))).toBe('E_KIT_MIX');
    const alone = new World('never renewed');
    await alone.genesis({ withRecovery: true });
    const bare = createMemoryRelay(alone.clock.now);
    await publish(alone, bare.client(alone.state.org));
    expect(await codeOf(read(alone, bare, kitOf(alone)))).toBe('E_MK_EPOCH');
  });
  test('row 94: epochs that somebody sealed to the kit hide nothing, wherever they stand', async () => {
    for (const [at, epochs] of [
      [1, [1]],
      [5, [1, 3]],
      [99, [3]],
    ] as const) {
      const { world, relay } = await atRelay();
      const { org: id } = world.state;
      const stream = orgStream(id);
      for (const epoch of epochs) {
        const mk = world.random(32);
        const wraps = await sealMkWraps(world.state, epoch, mk);
        relay.blobs.set(blobHash(wraps), wraps);
        const previous = found(world.mk.get(epoch - 1), 'metadata key');
        const blob = await sealRecord({ org: id, stream }, epoch, mk, world.random(300), world.random, { wraps: blobHash(wraps), previous });
        const records: StreamRecord[] = found(relay.streams.get(stream), 'stream');
        records.splice(at, 0, { stream, seq: 0, prev: '11'.repeat(32) as Hash, eh: '22'.repeat(32) as Hash, blob });
        relay.streams.set(
          stream,
          records.map((record, seq) => ({ ...record, seq })),
        );
      }
      expect((await read(world, relay, kitOf(world))).requireState().head).toEqual(world.state.head);
    }
  });
  test('a relay that names epochs without end is read to a bound', async () => {
    const { world, relay } = await atRelay();
    const { org: id } = world.state;
    const honest = relay.client(id);
    const { records } = await honest.read(orgStream(id), 0);
    const endless: typeof honest.read = async (stream, from) => {
      await Promise.resolve();
      return { head: { stream, seq: from + 100_000, eh: '22'.repeat(32) as Hash }, records: Array.from({ length: 100 }, () => records).flat() };
    };
    const deps = { org: id, client: { ...honest, read: endless }, newStore: () => empty, now: world.clock.now, random: world.random };
    expect(await codeOf(openLogWithKit(deps, kitOf(world)))).toBe('E_RELAY_GARBAGE');
  });
  test('a relay that is away is not a kit that fits nothing', async () => {
    const { world, relay } = await atRelay();
    relay.bend = () => {
      throw new Error('away');
    };
    await expect(read(world, relay, kitOf(world))).rejects.toThrow('away');
  });
});
