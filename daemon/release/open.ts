// From a complete quorum to the values: both halves, the body, the field that was asked for (spec/09-release.md §daemon).
import { wipe } from '../../protocol/bytes.ts';
import { type SecretValue, openMachineHalf, openSecret } from '../../protocol/custody.ts';
import { ProtocolError, check } from '../../protocol/errors.ts';
import type { VerifiedAnswer } from '../../protocol/approval.ts';
import type { VerifiedItem } from '../../protocol/request.ts';
import { RelayClientError } from '../../relay-client/client.ts';
import { type LockedBuffer, lockBuffer } from '../harden.ts';
import type { Libc } from '../intake/libc.ts';
import { type OrgLink, fetchBlobs } from '../org/link.ts';
import type { MachineIdentity } from '../vault/machine-key.ts';
import type { DaemonStore } from '../vault/store.ts';
import type { LeasedItem, LeasedValue } from '../leases/leases.ts';

export interface OpenDeps { readonly machine: MachineIdentity; readonly store: DaemonStore; readonly link: OrgLink; readonly os: Libc | undefined }

/** Fetches body and own wrap of every item; can run while people decide. Throws E_BLOB_MISSING. */
export async function fetchParts({ machine, store, link }: OpenDeps, items: readonly VerifiedItem[]): Promise<readonly { readonly body: Uint8Array; readonly wrap: Uint8Array }[]> {
  const hashes = items.flatMap(({ secret }) => [secret.put.body, secret.wraps.find(({ recipient }) => recipient === machine.machine)?.wrap ?? secret.put.body]);
  try {
    const blobs = await fetchBlobs(link, store, hashes);
    return items.map((_, index) => ({ body: blobs[2 * index] ?? new Uint8Array(0), wrap: blobs[2 * index + 1] ?? new Uint8Array(0) }));
  } catch (cause) {
    if (cause instanceof RelayClientError && (cause.code === 'E_BLOB_MISSING' || cause.code === 'E_RELAY_ANSWER')) throw new ProtocolError(cause.code === 'E_BLOB_MISSING' ? 'E_BLOB_MISSING' : 'E_BODY_HASH', 'the relay does not give what the log names', { cause });
    throw cause;
  }
}

/** Values in the items' order, in buffers that wipe themselves. */
export async function openItems({ machine, os }: OpenDeps, items: readonly VerifiedItem[], parts: Awaited<ReturnType<typeof fetchParts>>, approvals: readonly VerifiedAnswer[]): Promise<readonly LeasedItem[]> {
  const opened: LeasedItem[] = [];
  for (const [index, { item, secret, policy }] of items.entries()) {
    const part = parts[index];
    check(part !== undefined, 'E_BLOB_MISSING', 'the relay does not have something that the log names');
    const shares = approvals.map(({ shares: all }) => all[index]).filter((share) => share !== undefined);
    const b = await openMachineHalf(machine.org, secret, machine.machine, machine.kem, part.wrap);
    try {
      const value = await openSecret(machine.org, secret, shares, b, part.body);
      opened.push({ secret: secret.id, path: secret.path, version: secret.put.ver, putEh: secret.putEh, policyEh: policy.eh, values: pick(value, item.field, os), ...(item.field === undefined ? {} : { field: item.field }) });
    } finally {
      wipe(b);
    }
  }
  return opened;
}

// Only what was asked for stays; the other fields are wiped here.
function pick(value: SecretValue, field: string | undefined, os: Libc | undefined): readonly LeasedValue[] {
  const lock = (bytes: Uint8Array): LockedBuffer => lockBuffer(bytes, os);
  if (value.kind === 'value') return [{ value: lock(value.value) }];
  for (const other of value.fields) if (field !== undefined && other.name !== field) wipe(other.value);
  return value.fields.filter(({ name }) => field === undefined || name === field).map(({ name, value: bytes }) => ({ field: name, value: lock(bytes) }));
}

export function disposeItems(items: readonly LeasedItem[]): void {
  for (const item of items) for (const { value } of item.values) value[Symbol.dispose]();
}
