// The snapshot that a checkpoint names: the items of its state in sealed pieces at the relay, for those who come (spec/05-org-log.md §checkpoint).
import { type Codec, type Item, anyItem, array, bytes, bytesUpTo, count, decode, decodeItem, encode, encodeItem, record } from '../codec.ts';
import { ProtocolError, check } from '../errors.ts';
import { type Hash, type OrgId, derive, hashCodec } from '../hash.ts';
import { limits } from '../limits.ts';
import type { Random } from '../random.ts';
import { openOnce, sealOnce } from '../seal.ts';
import type { MetaKeys } from './record.ts';
import type { OrgState } from './state.ts';
import { knowLeaf } from './state-hash.ts';
import { type GivenItem, stateFrom, stateLeaves, topItem } from './state-items.ts';

interface Sealed {
  readonly epoch: number;
  readonly salt: Uint8Array;
  readonly sealed: Uint8Array;
}
const sealedCodec: Codec<Sealed> = record<Sealed>({ epoch: [1, count], salt: [2, bytes(16)], sealed: [3, bytesUpTo(limits.blobBytes)] });

/** What the checkpoint names by its address. */
export interface SnapshotIndex {
  readonly top: Item;
  /** Addresses; of several items about one thing the last counts. */
  readonly pieces: readonly Hash[];
}
const indexCodec: Codec<SnapshotIndex> = record<SnapshotIndex>({ top: [1, anyItem], pieces: [2, array(hashCodec, limits.snapshotPieces)] });
const pieceCodec: Codec<readonly Uint8Array[]> = array(bytesUpTo(limits.snapshotItemBytes), limits.cborItems - 1);

/** Items of one piece, well under a blob and under the items of one message. */
const piece = { bytes: 1_048_576, items: 4_096 } as const;

/** What `before` does not say already, in pieces ready to be sealed; gives a turn to others after each `slice` items. */
export function* piecesOf(
  state: OrgState,
  before: OrgState | undefined,
  look: (leaf: Parameters<typeof leafBytes>[0]) => void,
): Generator<Uint8Array | undefined> {
  let items: Uint8Array[] = [];
  let size = 0;
  let seen = 0;
  for (const leaf of stateLeaves(state, before)) {
    const item = leafBytes(leaf);
    look(leaf);
    if (size + item.length > piece.bytes || items.length === piece.items) {
      yield encode(pieceCodec, items);
      [items, size] = [[], 0];
    }
    items.push(item);
    size += item.length;
    if (++seen % slice === 0) yield undefined;
  }
  if (items.length > 0) yield encode(pieceCodec, items);
}
const slice = 100;

function leafBytes({ item }: { readonly item: () => readonly Item[]; readonly of: object }): Uint8Array {
  return encodeItem(item());
}

export function encodeIndex(state: OrgState, pieces: readonly Hash[]): Uint8Array {
  return encode(indexCodec, { top: topItem(state), pieces });
}

/** Throws E_CHECKPOINT_STATE and what decoding throws. */
export function decodeIndex(content: Uint8Array): SnapshotIndex {
  return decode(indexCodec, content, limits.blobBytes);
}

/** The items of an opened piece. */
export function itemsIn(content: Uint8Array): readonly GivenItem[] {
  return decode(pieceCodec, content, limits.blobBytes).map((bytesOf) => ({ bytes: bytesOf, item: decodeItem(bytesOf, limits.snapshotItemBytes) }));
}

/** As its maker says: whether it is the state of the checkpoint, the checkpoint's own verification tells. */
export function stateOf({ top }: SnapshotIndex, items: Iterable<GivenItem>): OrgState {
  return stateFrom(top, items, knowLeaf);
}

export async function sealSnapshot(org: OrgId, epoch: number, mk: Uint8Array, content: Uint8Array, random: Random): Promise<Uint8Array> {
  const salt = random(16);
  return encode(sealedCodec, { epoch, salt, sealed: await sealOnce(keyOf(org, mk, salt), ['snapshot', org, epoch], content) });
}

/** Throws E_MK_EPOCH, E_RELAY_GARBAGE on what nobody of this organisation made. */
export async function openSnapshot(org: OrgId, keys: MetaKeys, blob: Uint8Array): Promise<Uint8Array> {
  try {
    const { epoch, salt, sealed } = decode(sealedCodec, blob, limits.blobBytes);
    const mk = keys.get(epoch);
    check(mk !== undefined, 'E_MK_EPOCH', 'the metadata key of this snapshot is not held here');
    return await openOnce(keyOf(org, mk, salt), ['snapshot', org, epoch], sealed);
  } catch (cause) {
    if (cause instanceof ProtocolError && cause.code === 'E_MK_EPOCH') throw cause;
    throw new ProtocolError('E_RELAY_GARBAGE', 'a piece of a snapshot that does not open', { cause });
  }
}

function keyOf(org: OrgId, mk: Uint8Array, salt: Uint8Array): Uint8Array {
  return derive('snapshot', mk, salt, ['checkpoint', org]);
}
