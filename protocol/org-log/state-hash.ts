// Hash of everything a state says, the same in every client and language: what a checkpoint restates (spec/05-org-log.md §checkpoint).
import { type Hash, hash } from '../hash.ts';
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

/** For who wants to hash a large state in slices: what has been hashed before costs nothing in stateHash. */
export function leafHash({ of, item }: Leaf): Hash {
  const before = known.get(of);
  if (before !== undefined) return before;
  const leaf = hash('state', item());
  known.set(of, leaf);
  return leaf;
}
