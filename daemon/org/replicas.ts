// The machine's own copies of sealed blobs: a relay that loses or changes them cannot stop a release (spec/09-release.md §replicas).
import { type Hash, blobHash } from '../../protocol/hash.ts';
import type { OrgState } from '../../protocol/org-log/state.ts';
import { getKnownBlobs } from '../../relay-client/blobs.ts';
import { RelayClientError } from '../../relay-client/client.ts';
import type { MachineIdentity } from '../vault/machine-key.ts';
import type { DaemonStore } from '../vault/store.ts';
import type { OrgLink } from './link.ts';

/**
 * Fetches body and own wrap of every secret that this machine holds a half of, and drops what no secret names any more. `kept`: what it has seen here
 * before, so that each look at a large org costs only what is new; a copy that is damaged later shows when it is used.
 */
export async function keepReplicas(
  { machine, link, store }: { readonly machine: MachineIdentity; readonly link: Pick<OrgLink, 'client'>; readonly store: DaemonStore },
  state: OrgState,
  kept: Set<Hash>,
): Promise<void> {
  const wanted = new Set<Hash>();
  for (const { retired, wraps, put } of state.secrets.values()) {
    const own = wraps.find(({ recipient }) => recipient === machine.machine);
    if (!retired && own) wanted.add(put.body).add(own.wrap);
  }
  const fresh = [...wanted].filter((hash) => !kept.has(hash));
  if (fresh.length === 0 && kept.size === wanted.size) return;
  let lost = 0;
  for (let at = 0; at < fresh.length; at += atOnce) {
    const some = fresh.slice(at, at + atOnce);
    const missing = some.filter((hash) => !isWhole(store, hash));
    for (const hash of some) kept.add(hash);
    for (const [index, bytes] of (await getKnownBlobs(link.client, missing)).entries()) {
      const hash = missing[index];
      if (hash === undefined) continue;
      if (bytes) store.addBlob(hash, bytes);
      else if (kept.delete(hash)) lost++;
    }
  }
  store.keepBlobs(wanted);
  for (const hash of kept) if (!wanted.has(hash)) kept.delete(hash);
  if (lost > 0) throw new RelayClientError('E_BLOB_MISSING', 'the relay does not have something that the log names');
}

function isWhole(store: DaemonStore, hash: Hash): boolean {
  const own = store.blob(hash);
  return own !== undefined && blobHash(own) === hash;
}

/** Wraps and bodies in memory at a time. */
const atOnce = 256;

/** Blobs that the log names, from the machine's own copy where that is whole, else from the relay. Throws RelayClientError. */
export async function fetchBlobs(link: Pick<OrgLink, 'client'>, store: DaemonStore, hashes: readonly Hash[]): Promise<readonly Uint8Array[]> {
  const found = new Map<Hash, Uint8Array>();
  for (const hash of hashes) {
    const own = store.blob(hash);
    if (own && blobHash(own) === hash) found.set(hash, own);
  }
  const missing = [...new Set(hashes)].filter((hash) => !found.has(hash));
  const fetched = missing.length > 0 ? await link.client.getBlobs(missing) : [];
  for (const [index, hash] of missing.entries()) {
    const bytes = fetched[index] ?? new Uint8Array(0);
    store.addBlob(hash, bytes);
    found.set(hash, bytes);
  }
  return hashes.map((hash) => found.get(hash) ?? new Uint8Array(0));
}
