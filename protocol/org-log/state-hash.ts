// Hash of everything a state says, the same in every client and language: what a checkpoint restates (spec/05-org-log.md §checkpoint).
import { sha256 } from '@noble/hashes/sha2.js';
import { concat, toHex } from '../bytes.ts';
import { type Hash, hash, label } from '../hash.ts';
import type { OrgState } from './state.ts';
import { type Leaf, stateLeaves, topItem } from './state-items.ts';

/** Linear in what the state holds; what did not change since an earlier state is not hashed again. */
export function stateHash(state: OrgState): Hash {
  const leaves: Hash[] = [];
  for (const leaf of stateLeaves(state)) leaves.push(leafHash(leaf));
  return hash('state', ['org', topItem(state), leaves.sort()]);
}

// States are immutable and share what did not change: each object is hashed once.
const known = new WeakMap<object, Hash>();

/**
 * For something that was read from `bytes`, the one encoding of its item. Where the hash over all then is that of a state, the bytes are those
 * of its items, since nobody finds others with that hash: making them again from what was read would only cost time.
 */
export function knowLeaf(of: object, bytes: Uint8Array): void {
  known.set(of, toHex(sha256(concat(label('state'), bytes))) as Hash); // as hash() mints it
}

/** Hashes a large state in slices: stateHash finds the rest done. */
export function* hashSlices(state: OrgState): Generator<void, void> {
  let seen = 0;
  for (const leaf of stateLeaves(state)) {
    leafHash(leaf);
    if (++seen % sliceLeaves === 0) yield;
  }
}
const sliceLeaves = 64;

/** What has been hashed before costs nothing. */
export function leafHash({ of, item }: Leaf): Hash {
  const before = known.get(of);
  if (before !== undefined) return before;
  const leaf = hash('state', item());
  known.set(of, leaf);
  return leaf;
}
