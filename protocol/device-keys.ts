// Keys of a device at rest: opened by PRF outputs of its passkey and a key that never leaves the browser (spec/02-keys.md §device).
import { concat, equalBytes, fromHex, wipe } from './bytes.ts';
import { type Codec, bytes, bytesUpTo, decode, encode, record } from './codec.ts';
import { check } from './errors.ts';
import { type DeviceId, type Hash, type OrgId, derive, hash, hashCodec } from './hash.ts';
import { type Signer, importSigner, publicKeyCodec } from './keys.ts';
import type { Random } from './random.ts';
import { type KemKey, kemKeyFrom, openOnce, sealOnce } from './seal.ts';

/** The two PRF inputs of an org's device: both go into one get(). */
export interface PrfInputs {
  readonly first: Uint8Array;
  readonly second: Uint8Array;
}

export interface KekInput {
  readonly org: OrgId;
  readonly device: DeviceId;
  readonly rpId: string;
  readonly credentialId: Uint8Array;
  /** PRF outputs, 32 bytes each. */
  readonly prf: { readonly first: Uint8Array; readonly second: Uint8Array };
  /** HMAC-SHA256(local key, first ‖ second input): a synced passkey elsewhere lacks it. */
  readonly local: Uint8Array;
}

export interface DeviceSecrets {
  readonly sigScalar: Uint8Array;
  readonly sigPublic: Uint8Array;
  readonly custodySeed: Uint8Array;
}
const secretsCodec: Codec<DeviceSecrets> = record<DeviceSecrets>({ sigScalar: [1, bytes(32)], sigPublic: [2, publicKeyCodec], custodySeed: [3, bytes(32)] });

interface SealedKeys {
  readonly salt: Uint8Array;
  readonly check: Hash;
  readonly sealed: Uint8Array;
}
const sealedCodec: Codec<SealedKeys> = record<SealedKeys>({ salt: [1, bytes(32)], check: [2, hashCodec], sealed: [3, bytesUpTo(512)] });

function deriveKek({ org, device, rpId, credentialId, prf, local }: KekInput): Uint8Array {
  check(prf.first.length === 32 && prf.second.length === 32 && local.length === 32, 'E_PRF_MISSING', 'the passkey gave no PRF outputs');
  const input = concat(prf.first, prf.second, local);
  const kek = derive('device-kek', input, new Uint8Array(0), [org, device, rpId, credentialId]);
  wipe(input);
  return kek;
}

export async function sealDeviceKeys(input: KekInput, secrets: DeviceSecrets, random: Random): Promise<Uint8Array> {
  const kek = deriveKek(input);
  const salt = random(32);
  const plain = encode(secretsCodec, secrets);
  const sealed = await sealOnce(derive('local', kek, salt, ['device-keys']), [input.org, input.device], plain);
  const bytesOut = encode(sealedCodec, { salt, check: keyCheck(kek, salt), sealed });
  wipe(kek, plain);
  return bytesOut;
}

/** For one act; wipe `secrets` after it. Throws E_PRF_KCV where the passkey or the browser gave other bytes than at enrolment: never a silent new key. */
export async function openDeviceKeys(input: KekInput, stored: Uint8Array): Promise<{ readonly sig: Signer; readonly custody: KemKey }> {
  const { salt, check: expected, sealed } = decode(sealedCodec, stored, 1_024);
  const kek = deriveKek(input);
  let plain: Uint8Array | undefined;
  try {
    check(equalBytes(fromHex(keyCheck(kek, salt)), fromHex(expected)), 'E_PRF_KCV', 'the passkey opened with other bytes than when this device was enrolled');
    plain = await openOnce(derive('local', kek, salt, ['device-keys']), [input.org, input.device], sealed);
    const secrets = decode(secretsCodec, plain, 1_024);
    return { sig: await importSigner(secrets.sigScalar, secrets.sigPublic), custody: await kemKeyFrom(secrets.custodySeed.slice()) };
  } finally {
    wipe(kek, plain);
  }
}

function keyCheck(kek: Uint8Array, salt: Uint8Array): Hash {
  return hash('kcv', [derive('kcv', kek, salt, [])]);
}
