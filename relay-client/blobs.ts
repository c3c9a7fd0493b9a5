// Many blobs of which the relay may have lost or changed some: the others are no less wanted (spec/08-relay.md §blobs).
import type { Hash } from '../protocol/hash.ts';
import { type RelayClient, RelayClientError } from './client.ts';

/** In order; undefined for what the relay does not have, or not as it was. Throws what else getBlobs throws. */
export async function getKnownBlobs(client: Pick<RelayClient, 'getBlobs'>, hashes: readonly Hash[]): Promise<readonly (Uint8Array | undefined)[]> {
  try {
    return hashes.length === 0 ? [] : await client.getBlobs(hashes);
  } catch (error) {
    if (!(error instanceof RelayClientError) || (error.code !== 'E_BLOB_MISSING' && error.code !== 'E_RELAY_ANSWER')) throw error;
    if (hashes.length === 1) return [undefined];
    const half = Math.ceil(hashes.length / 2);
    return [...(await getKnownBlobs(client, hashes.slice(0, half))), ...(await getKnownBlobs(client, hashes.slice(half)))];
  }
}
