// Changes that a machine proposes to people: a closed list of entry types, sealed under the metadata key, named in a signed request (spec/09-release.md §changes).
import { type Codec, array, decode, encode, record } from './codec.ts';
import { check } from './errors.ts';
import { type Hash, type RequestId, hash, hashCodec } from './hash.ts';
import { limits } from './limits.ts';
import { proposedCodec } from './draft.ts';
import type { EntryType, Role } from './org-log/bodies.ts';
import type { Proposed } from './org-log/entry.ts';
import type { StreamId } from './wire.ts';

/** Where the sealed list lies, and its hash. What a person reads comes from the list, never from the request. */
export interface Changes {
  readonly blob: Hash;
  readonly digest: Hash;
}
export const changesCodec: Codec<Changes> = record<Changes>({ blob: [1, hashCodec], digest: [2, hashCodec] });

/** Several at once: what admins agree to together. */
const together = ['member.set', 'group.set', 'policy.set', 'org.freeze', 'org.unfreeze'] as const;
/** One at a time: each takes something away, with what belongs to it done by the device. */
const alone = ['member.remove', 'device.revoke', 'machine.set', 'machine.revoke', 'secret.retire'] as const;
/** All that a machine may propose. Keys, people and devices come in through the console, where two people compare. */
export type Proposable = Extract<Proposed, { readonly type: (typeof together)[number] | (typeof alone)[number] }>;

const listCodec: Codec<readonly Proposed[]> = array(proposedCodec, limits.draftItems, 1);

/** Throws E_LIMIT. */
export function encodeChanges(items: readonly Proposed[]): Uint8Array {
  const encoded = encode(listCodec, items);
  check(encoded.length <= limits.changesBytes, 'E_LIMIT', 'too much at once: propose it in parts');
  return encoded;
}

/** Throws E_LIMIT, E_CBOR, E_TYPE_UNKNOWN, E_FIELD. */
export function parseChanges(encoded: Uint8Array): readonly Proposable[] {
  return verifyProposable(decode(listCodec, encoded, limits.changesBytes));
}

/** Only what a machine may ask for: E_FIELD. */
export function verifyProposable(items: readonly Proposed[]): readonly Proposable[] {
  const isOf = (types: readonly EntryType[]): boolean => items.every(({ type }) => types.includes(type));
  check(items.length > 0 && (isOf(together) || (items.length === 1 && isOf(alone))), 'E_FIELD', 'not changes that a machine may propose together');
  for (const { body } of items) check(!('exposed' in body) || body.exposed.length === 0, 'E_FIELD', 'what is exposed is the device’s to say');
  return items as readonly Proposable[]; // each type was compared with the lists that make this type
}

/** Whose countersignature it takes. */
export function roleFor(items: readonly Proposable[]): Role {
  return items.some(({ type }) => type === 'secret.retire') ? 'writer' : 'admin';
}

/** Of the encoded list, for Changes.digest. */
export function changesDigest(encoded: Uint8Array): Hash {
  return hash('req', ['changes', encoded]);
}

export function changesStream(request: RequestId): StreamId {
  return hash('stream', ['changes', request]) as string as StreamId; // a stream id is a hash with this use
}
