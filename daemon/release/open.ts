// From a complete quorum to the values: both halves, the body, the field that was asked for (spec/09-release.md §daemon).
import type { VerifiedAnswer } from '../../protocol/approval.ts';
import { wipe } from '../../protocol/bytes.ts';
import { type SecretValue, openMachineHalf, openSecret } from '../../protocol/custody.ts';
import { ProtocolError, check } from '../../protocol/errors.ts';
import type { VerifiedItem } from '../../protocol/request.ts';
import { RelayClientError } from '../../relay-client/client.ts';
import { type LockedBuffer, lockBuffer } from '../harden.ts';
import type { Libc } from '../intake/libc.ts';
import type { OrgLink } from '../org/link.ts';
import { fetchBlobs } from '../org/replicas.ts';
import type { MachineIdentity } from '../vault/machine-key.ts';
import type { DaemonStore } from '../vault/store.ts';
import { type OpenedItem, type OpenedValue, disposeItems } from './values.ts';

/** Per item the sealed body and this machine's wrap, with the hashes that the log names. */
export type Parts = readonly { readonly body: Uint8Array; readonly wrap: Uint8Array }[];

/** Nobody is asked for what is not there. Throws E_BLOB_MISSING, E_BODY_HASH, RelayClientError. */
export async function fetchParts(
  { machine, store, link }: { readonly machine: MachineIdentity; readonly store: DaemonStore; readonly link: Pick<OrgLink, 'client'> },
  items: readonly VerifiedItem[],
): Promise<Parts> {
  const names = items.flatMap(({ secret }) => {
    const own = secret.wraps.find(({ recipient }) => recipient === machine.machine);
    check(own !== undefined, 'E_NOT_ENTITLED', 'no wrap for this machine');
    return [secret.put.body, own.wrap];
  });
  const blobs = await fetchBlobs(link, store, names).catch((cause: unknown) => {
    throw cause instanceof RelayClientError ? (missingPart(cause) ?? cause) : cause;
  });
  return items.map((_, index) => ({ body: blobs[2 * index] ?? empty, wrap: blobs[2 * index + 1] ?? empty }));
}

/** What this machine can get ready while people look: per item the sealed body, and B. Wiped when disposed. */
export interface Prepared extends Disposable {
  readonly parts: readonly { readonly body: Uint8Array; readonly b: Uint8Array }[];
}

/** Throws E_WRAP_MIX, E_OPEN. */
export async function openHalves(machine: MachineIdentity, items: readonly VerifiedItem[], fetched: Parts): Promise<Prepared> {
  const parts: { readonly body: Uint8Array; readonly b: Uint8Array }[] = [];
  const wiped = (): void => wipe(...parts.map(({ b }) => b));
  try {
    for (const [index, { secret }] of items.entries()) {
      const { body, wrap } = fetched[index] ?? { body: empty, wrap: empty };
      parts.push({ body, b: await openMachineHalf(machine.org, secret, machine.machine, machine.kem, wrap) });
    }
  } catch (error) {
    wiped();
    throw error;
  }
  return { parts, [Symbol.dispose]: wiped };
}

const empty = new Uint8Array(0);

function missingPart(cause: RelayClientError): ProtocolError | undefined {
  if (cause.code === 'E_BLOB_MISSING') return new ProtocolError('E_BLOB_MISSING', 'the relay does not have something that the log names', { cause });
  return cause.code === 'E_RELAY_ANSWER' ? new ProtocolError('E_BODY_HASH', 'the relay gives other bytes than the log names', { cause }) : undefined;
}

/** Values in the items' order, in buffers that wipe themselves. All or none. */
export async function openItems(
  { machine, os }: { readonly machine: MachineIdentity; readonly os: Libc | undefined },
  items: readonly VerifiedItem[],
  { parts }: Prepared,
  approvals: readonly VerifiedAnswer[],
): Promise<readonly OpenedItem[]> {
  const opened: OpenedItem[] = [];
  try {
    for (const [index, { item, secret, policy }] of items.entries()) {
      const part = parts[index];
      check(part !== undefined, 'E_BLOB_MISSING', 'the relay does not have something that the log names');
      const shares = approvals.map(({ shares: all }) => all[index]).filter((share) => share !== undefined);
      const value = await openSecret(machine.org, secret, shares, part.b, part.body);
      const about = { secret: secret.id, path: secret.path, version: secret.put.ver, putEh: secret.putEh, policyEh: policy.eh };
      opened.push({ ...about, values: pick(value, item.field, os), ...(item.field === undefined ? {} : { field: item.field }) });
    }
    return opened;
  } catch (error) {
    disposeItems(opened);
    throw error;
  }
}

// Only what was asked for stays; the other fields are wiped here.
function pick(value: SecretValue, field: string | undefined, os: Libc | undefined): readonly OpenedValue[] {
  const lock = (bytes: Uint8Array): LockedBuffer => lockBuffer(inPlace(bytes), os);
  if (value.kind === 'value') return [{ value: lock(value.value) }];
  for (const other of value.fields) if (field !== undefined && other.name !== field) wipe(other.value);
  return value.fields.filter(({ name }) => field === undefined || name === field).map(({ name, value: bytes }) => ({ field: name, value: lock(bytes) }));
}

// A small array lies in the engine's heap and moves when its buffer is first asked for: what stayed behind would be neither locked nor wiped.
function inPlace(bytes: Uint8Array): Uint8Array {
  const own = new Uint8Array(new ArrayBuffer(bytes.length));
  own.set(bytes);
  wipe(bytes);
  return own;
}
