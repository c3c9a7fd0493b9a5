// Snapshots of checkpoints at the relay: leaving one, and reading one (spec/05-org-log.md §checkpoint).
import { check } from '../protocol/errors.ts';
import { type Hash, type OrgId, blobHash } from '../protocol/hash.ts';
import { limits } from '../protocol/limits.ts';
import type { MetaKeys } from '../protocol/org-log/record.ts';
import { decodeIndex, encodeIndex, itemsIn, openSnapshot, piecesOf, sealSnapshot, stateOf } from '../protocol/org-log/snapshot.ts';
import type { GivenItem } from '../protocol/org-log/state-items.ts';
import type { OrgState } from '../protocol/org-log/state.ts';
import { leafHash } from '../protocol/org-log/state-hash.ts';
import type { Random } from '../protocol/random.ts';
import type { RelayClient } from './client.ts';

/** The pieces of a state lie at the relay. A checkpoint of a later one needs only what is new since. */
export interface Prepared {
  readonly state: OrgState;
  readonly pieces: readonly Hash[];
}
export interface LeaveDeps {
  readonly client: RelayClient;
  readonly keys: MetaKeys;
  readonly random: Random;
  /** Between two slices of the work: others have their turn. */
  readonly pause: () => Promise<void>;
}

/** Seals and leaves the pieces of `state`, slice by slice; what stateHash needs is hashed on the way. Throws where the relay does not take them. */
export async function preparePieces(deps: LeaveDeps, state: OrgState, before?: Prepared): Promise<Prepared> {
  const pieces: Hash[] = [...(before?.pieces ?? [])];
  for (const content of piecesOf(state, before?.state, leafHash)) {
    if (content) pieces.push(await leave(deps, state, content));
    else await deps.pause();
  }
  check(pieces.length <= limits.snapshotPieces, 'E_LIMIT', `a snapshot of more than ${limits.snapshotPieces} pieces`);
  return { state, pieces };
}

/** Address for the checkpoint that follows `state`. */
export async function leaveIndex(deps: LeaveDeps, { state, pieces }: Prepared): Promise<Hash> {
  return leave(deps, state, encodeIndex(state, pieces));
}

async function leave({ client, keys, random }: LeaveDeps, { org, mkEpoch }: OrgState, content: Uint8Array): Promise<Hash> {
  const mk = keys.get(mkEpoch);
  check(mk !== undefined, 'E_MK_EPOCH', 'the metadata key is not held here');
  const blob = await sealSnapshot(org, mkEpoch, mk, content, random);
  await client.putBlobs([blob]);
  return blobHash(blob);
}

/** As its maker says; the checkpoint's own verification tells whether it is right. Throws E_CHECKPOINT_STATE, E_RELAY_GARBAGE, E_MK_EPOCH, E_LIMIT, E_BLOB_MISSING. */
export async function readSnapshot(client: RelayClient, org: OrgId, keys: MetaKeys, address: Hash): Promise<OrgState> {
  const open = async (hash: Hash): Promise<Uint8Array> => openSnapshot(org, keys, (await client.getBlobs([hash]))[0] ?? new Uint8Array(0));
  const index = decodeIndex(await open(address));
  const items: GivenItem[] = [];
  for (const hash of index.pieces) items.push(...itemsIn(await open(hash)));
  return stateOf(index, items);
}
