// POST /v1/blobs, /v1/blobs/get: content by hash, per org (spec/08-relay.md §blobs).
import { type Hash, blobHash, blobNamesCodec, blobPutCodec, blobsCodec, decode, encode, limits } from '../../protocol/wire.ts';
import { RelayError } from '../relay-error.ts';
import { type SessionRoute, everyGrade, frameBytes, nothing } from './call.ts';

const namesBody = 40_960;

export const putBlobs: SessionRoute = {
  kind: 'session',
  maxBytes: limits.wireBytes,
  grades: ['device', 'machine'],
  run: async ({ store }, body, { session }) => {
    const { blobs } = decode(blobPutCodec, body, limits.wireBytes);
    const hashes = blobs.map(blobHash);
    const named = new Map<Hash, Uint8Array>(blobs.map((blob, index) => [hashes[index] ?? blobHash(blob), blob]));
    if ((await store.putBlobs(session.org, named)) === 'quota') throw new RelayError('E_RELAY_QUOTA', 'the org has used the room it has on this relay');
    return encode(blobNamesCodec, { hashes });
  },
};

export const getBlobs: SessionRoute = {
  kind: 'session',
  maxBytes: namesBody,
  grades: everyGrade,
  run: async ({ store }, body, { session }) => {
    const { hashes } = decode(blobNamesCodec, body, namesBody);
    const found = await store.getBlobs(session.org, hashes, limits.wireBytes - frameBytes);
    if (found === 'too large') throw new RelayError('E_RELAY_LIMIT', 'these blobs together pass the size of one answer: ask for fewer');
    return encode(blobsCodec, { blobs: found.map((blob) => blob ?? nothing) });
  },
};
