// Who this browser is, as it lies in its storage (spec/02-keys.md).
import { type Codec, array, bytes, bytesUpTo, count, decode, encode, flag, oneOf, record, text, time } from '../../protocol/codec.ts';
import { type DeviceId, type Hash, type MemberId, type OrgId, deviceIdCodec, hashCodec, memberIdCodec, orgIdCodec } from '../../protocol/hash.ts';
import { type Pin, pinCodec } from '../../protocol/org-log/pin.ts';
import { limits } from '../../protocol/limits.ts';

export interface StoredDevice {
  /** `creating`: genesis may not be at the relay yet; `joining`: device.add may not be in the log yet; `recovering`: announced by the recovery kit. */
  readonly status: 'creating' | 'joining' | 'recovering' | 'ready';
  readonly org: OrgId;
  readonly member: MemberId;
  readonly device: DeviceId;
  /** Origin of the relay. */
  readonly relay: string;
  readonly rpId: string;
  readonly credentialId: Uint8Array;
  readonly transports: readonly string[];
  /** The two PRF inputs. */
  readonly prfFirst: Uint8Array;
  readonly prfSecond: Uint8Array;
  /** HMAC_local over a fixed text: tells a lost or other local key from a passkey that gives other bytes. */
  readonly bindCheck: Uint8Array;
  readonly inboxSeed: Uint8Array;
  /** sig_dev and kem_custody under the KEK. */
  readonly sealedKeys: Uint8Array;
  /** What is needed until the status is `ready`: the metadata key and, while creating, the signed first entry. */
  readonly start?: { readonly epoch: number; readonly mk: Uint8Array; readonly genesis?: Uint8Array };
  /** While recovering. */
  readonly use?: PendingUse;
  /** How far the one who let this device in had verified the log. */
  readonly pin?: Pin;
}
/** What this browser announced with the kit; nothing of the kit itself. */
export interface PendingUse {
  readonly eh: Hash;
  readonly at: number;
  readonly effectiveAt: number;
  readonly orgName: string;
  readonly name: string;
  readonly isNew: boolean;
  readonly device: string;
  readonly reason: string;
}

type Start = NonNullable<StoredDevice['start']>;
const startCodec: Codec<Start> = record<Start>({ epoch: [1, count], mk: [2, bytes(32)], genesis: [3, bytesUpTo(limits.entryBytes), 'optional'] });
const useCodec: Codec<PendingUse> = record<PendingUse>({
  eh: [1, hashCodec],
  at: [2, time],
  effectiveAt: [3, time],
  orgName: [4, text(limits.nameBytes)],
  name: [5, text(limits.nameBytes)],
  isNew: [6, flag],
  device: [7, text(limits.nameBytes)],
  reason: [8, text(limits.descriptionBytes)],
});
const codec: Codec<StoredDevice> = record<StoredDevice>({
  status: [1, oneOf<StoredDevice['status']>(['creating', 'joining', 'recovering', 'ready'])],
  org: [2, orgIdCodec],
  member: [3, memberIdCodec],
  device: [4, deviceIdCodec],
  relay: [5, text(253, 8)],
  rpId: [6, text(253, 1)],
  credentialId: [7, bytesUpTo(1_024, 1)],
  transports: [8, array(text(32), 8)],
  prfFirst: [9, bytes(32)],
  prfSecond: [10, bytes(32)],
  bindCheck: [11, bytes(32)],
  inboxSeed: [12, bytes(32)],
  sealedKeys: [13, bytesUpTo(1_024)],
  start: [14, startCodec, 'optional'],
  use: [15, useCodec, 'optional'],
  pin: [16, pinCodec, 'optional'],
});

export const deviceRecord = 'device';

export function encodeDevice(device: StoredDevice): Uint8Array {
  return encode(codec, device);
}
export function decodeDevice(stored: Uint8Array): StoredDevice {
  return decode(codec, stored, limits.entryBytes + 4_096);
}
