// New versions that a machine proposes: one or several sealed secret.puts in one request (spec/09-release.md §proposal).
import { type Codec, array, bytesUpTo, decode, encode, record, text } from './codec.ts';
import { check } from './errors.ts';
import { type Hash, type RequestId, hash, hashCodec } from './hash.ts';
import { limits } from './limits.ts';
import { type SecretPut, secretPutCodec } from './org-log/bodies.ts';
import { verifyPath } from './text.ts';
import type { StreamId } from './wire.ts';

/** Where the sealed list lies, and each of its secret.puts in that order: whoever reads the log later knows which are of this request. */
export interface Proposal {
  readonly blob: Hash;
  readonly puts: readonly { readonly path: string; readonly digest: Hash }[];
}
export const proposalCodec: Codec<Proposal> = record<Proposal>({
  blob: [1, hashCodec],
  puts: [2, array(record<Proposal['puts'][number]>({ path: [1, text(limits.pathBytes, 1)], digest: [2, hashCodec] }), limits.putsPerRequest, 1)],
});

// Each by itself, as it is hashed: an entry's bounds hold for each of them.
const listCodec: Codec<readonly Uint8Array[]> = array(bytesUpTo(limits.entryBytes, 1), limits.putsPerRequest, 1);

/** What lies in the blob, and what the request says of it. Throws E_LIMIT. */
export function encodeProposal(puts: readonly SecretPut[]): { readonly encoded: Uint8Array; readonly named: Proposal['puts'] } {
  check(puts.length <= limits.putsPerRequest, 'E_LIMIT', 'too much at once: store it in parts');
  const each = puts.map((put) => encode(secretPutCodec, put));
  const encoded = encode(listCodec, each);
  check(encoded.length <= limits.entryBytes, 'E_LIMIT', 'too much at once: store it in parts');
  return { encoded, named: puts.map(({ path }, at) => ({ path, digest: proposalDigest(each[at] ?? new Uint8Array(0)) })) };
}

/** Exactly what the request names, in its order. Throws E_BIND, and what decoding throws. */
export function parseProposal({ puts: named }: Proposal, encoded: Uint8Array): readonly SecretPut[] {
  const each = decode(listCodec, encoded, limits.entryBytes);
  check(each.length === named.length, 'E_BIND', 'more or fewer versions than the machine signed');
  return named.map(({ path, digest }, at) => {
    const one = each[at] ?? new Uint8Array(0);
    check(proposalDigest(one) === digest, 'E_BIND', 'another proposal than the machine signed');
    const put = decode(secretPutCodec, one, limits.entryBytes);
    check(put.path === path, 'E_BIND', 'another path than the request names');
    return put;
  });
}

/** Valid paths, each once: what is shown once cannot be written twice. Throws E_TEXT, E_FIELD. */
export function verifyProposal({ puts }: Proposal): void {
  for (const { path } of puts) verifyPath(path);
  check(new Set(puts.map(({ path }) => path)).size === puts.length, 'E_FIELD', 'one path twice');
}

/** Hash of a proposed secret.put. */
export function proposalDigest(encodedPut: Uint8Array): Hash {
  return hash('req', ['put', encodedPut]);
}

export function proposalStream(request: RequestId): StreamId {
  return hash('stream', ['proposal', request]) as string as StreamId; // a stream id is a hash with this use
}
