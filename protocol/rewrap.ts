// Wraps of many secrets in few entries (spec/05-org-log.md §secrets, spec/07-custody.md §rewrap).
import { encode } from './codec.ts';
import type { DeviceId } from './hash.ts';
import { limits } from './limits.ts';
import type { RewrapItem } from './org-log/bodies.ts';
import { rewrapItemCodec } from './org-log/body-codecs.ts';
import { waitingFor } from './org-log/holders.ts';
import type { OrgState } from './org-log/state.ts';
import { policyFor } from './policy.ts';

/** Of what was wrapped, what is still to be given under the log of now; undefined where that is nothing. */
export function stillWaiting(state: OrgState, item: RewrapItem): RewrapItem | undefined {
  const secret = state.secrets.get(item.secret);
  const policyEh = secret && policyFor(state, secret.path)?.eh;
  if (!secret || policyEh === undefined || secret.putEh !== item.putEh) return undefined;
  const slots = new Set(waitingFor(state, secret).map(({ recipient, keyId }) => `${recipient}:${keyId}`));
  const wraps = item.wraps.filter(({ recipient, keyId }) => slots.has(`${recipient}:${keyId}`));
  if (wraps.length === 0) return undefined;
  const owners = new Set(wraps.map(({ recipient }) => state.devices.get(recipient as DeviceId)?.member)); // any id may be looked up
  const shares = item.shares.filter(({ member }) => owners.has(member) && !secret.shares.some((share) => share.member === member));
  return { ...item, policyEh, shares, wraps };
}

// What an entry has beside its items: frame, signature, user verification, the way to a gesture over several.
const frameBytes = 6_144;

/** In order, each list as long as one entry takes. */
export function rewrapBatches(items: readonly RewrapItem[]): readonly (readonly RewrapItem[])[] {
  const batches: RewrapItem[][] = [];
  let room = 0;
  for (const item of items) {
    const size = encode(rewrapItemCodec, item).length;
    const last = batches.at(-1);
    if (last && size <= room && last.length < limits.rewrapItems) {
      last.push(item);
      room -= size;
    } else {
      batches.push([item]);
      room = limits.entryBytes - frameBytes - size;
    }
  }
  return batches;
}
