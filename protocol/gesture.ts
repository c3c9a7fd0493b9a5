// One gesture for many things: the challenge is the root of a hash tree over them (spec/03-envelopes.md §gestures).
import { type Codec, array, flag, record } from './codec.ts';
import { check } from './errors.ts';
import { type Hash, hash, hashCodec } from './hash.ts';
import { limits } from './limits.ts';

/** From a leaf towards the root: the neighbour at each level, and on which side it stands. */
export interface TreeStep {
  readonly left: boolean;
  readonly hash: Hash;
}
export const treePathCodec: Codec<readonly TreeStep[]> = array(record<TreeStep>({ left: [1, flag], hash: [2, hashCodec] }), limits.gestureDepth, 1);

export interface Gesture {
  /** What the passkey signs. For a single thing it is that thing's own hash. */
  readonly challenge: Hash;
  /** For each thing, in order, its way to the challenge. */
  readonly paths: readonly (readonly TreeStep[])[];
}

/** The challenge for all of `hashes`, at most 2^gestureDepth. Throws E_LIMIT. */
export function gestureOver(hashes: readonly Hash[]): Gesture {
  check(hashes.length >= 1 && hashes.length <= 2 ** limits.gestureDepth, 'E_LIMIT', 'too much for one gesture, or nothing');
  const paths: TreeStep[][] = hashes.map(() => []);
  // Who stands below each node of the level.
  let level = hashes.map((leaf, index) => ({ leaf, below: [index] }));
  while (level.length > 1) {
    const next: typeof level = [];
    for (let at = 0; at < level.length; at += 2) {
      const [left, right] = [level[at], level[at + 1]];
      if (!left) continue;
      if (!right) {
        next.push(left); // the odd one rises
        continue;
      }
      for (const index of left.below) paths[index]?.push({ left: false, hash: right.leaf });
      for (const index of right.below) paths[index]?.push({ left: true, hash: left.leaf });
      next.push({ leaf: node(left.leaf, right.leaf), below: [...left.below, ...right.below] });
    }
    level = next;
  }
  const root = level[0];
  check(root !== undefined, 'E_LIMIT', 'nothing to sign');
  return { challenge: root.leaf, paths };
}

/** The challenge that a gesture over `hash` and its neighbours had. */
export function challengeFrom(leaf: Hash, path: readonly TreeStep[] = []): Hash {
  return path.reduce((below, step) => (step.left ? node(step.hash, below) : node(below, step.hash)), leaf);
}

// Domain-separated from every hash that can be a leaf: a node never passes for a thing, nor a thing for a node.
function node(left: Hash, right: Hash): Hash {
  return hash('gesture', [left, right]);
}
