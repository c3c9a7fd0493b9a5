// Checkpoints with snapshots for tests and benches: honest ones, and what somebody who is not honest would leave. Never shipped.
import type { Hash } from '../protocol/hash.ts';
import type { MetaKeys } from '../protocol/org-log/record.ts';
import type { OrgState } from '../protocol/org-log/state.ts';
import { stateHash } from '../protocol/org-log/state-hash.ts';
import type { Random } from '../protocol/random.ts';
import { leaveIndex, preparePieces } from '../relay-client/checkpoint.ts';
import type { RelayClient } from '../relay-client/client.ts';
import type { Speaker, World } from './world.ts';

/** The address of the snapshot of `state`. */
export async function leaveSnapshot(client: RelayClient, keys: MetaKeys, state: OrgState, random: Random): Promise<Hash> {
  const deps = { client, keys, random, pause: () => Promise.resolve() };
  return leaveIndex(deps, await preparePieces(deps, state));
}

/** The next entry: a checkpoint, with a snapshot of `shown` where that is another state than the world's. */
export async function appendCheckpoint(world: World, client: RelayClient, shown: OrgState = world.state, by?: readonly Speaker[]): Promise<OrgState> {
  const snapshot = await leaveSnapshot(client, world.mk, shown, world.random);
  return world.append('checkpoint', { stateHash: stateHash(world.state), snapshot }, by);
}
