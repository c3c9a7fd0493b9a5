// A device's keys at rest: the right passkey on the right browser, or an error that says so (spec/02-keys.md §device; rows 57, 59, 61).
import { describe, expect, test } from 'bun:test';
import { codeOf } from '../testing/code-of.ts';
import { seededRandom, signerOf } from '../testing/seeded.ts';
import { idFrom } from '../testing/world-people.ts';
import { toHex } from './bytes.ts';
import { type KekInput, openDeviceKeys, sealDeviceKeys } from './device-keys.ts';
import type { DeviceId, OrgId } from './hash.ts';
import { verifySignature } from './keys.ts';
import { kemKeyFrom, sealTo } from './seal.ts';

const random = seededRandom('device-keys');
const scalar = random(32);
const signer = await signerOf(scalar);
const seed = random(32);
const input: KekInput = {
  org: toHex(random(32)) as OrgId,
  device: idFrom<DeviceId>(random),
  rpId: 'console.example',
  credentialId: random(16),
  prf: { first: random(32), second: random(32) },
  local: random(32),
}; // an org of this test only
const stored = await sealDeviceKeys(input, { sigScalar: scalar, sigPublic: signer.publicKey, custodySeed: seed }, random);

describe('INV-DEV-KEK', () => {
  test('the same passkey and browser open the same keys, as often as they are asked', async () => {
    for (let round = 0; round < 2; round++) {
      const { sig, custody } = await openDeviceKeys(input, stored);
      const message = random(10);
      await verifySignature(signer.publicKey, message, await sig.sign(message));
      const sealed = await sealTo((await kemKeyFrom(seed.slice())).publicKey, 'wrap-share', input.org, [1], message);
      expect(await custody.open('wrap-share', input.org, [1], sealed)).toEqual(message);
    }
  });
  const other = (bytes: Uint8Array): Uint8Array => bytes.map((byte) => byte ^ 1);
  const wrong: readonly (readonly [what: string, input: KekInput, code: string])[] = [
    ['row 61: other PRF bytes first', { ...input, prf: { ...input.prf, first: other(input.prf.first) } }, 'E_PRF_KCV'],
    ['row 61: other PRF bytes second', { ...input, prf: { ...input.prf, second: other(input.prf.second) } }, 'E_PRF_KCV'],
    ['PRF outputs exchanged', { ...input, prf: { first: input.prf.second, second: input.prf.first } }, 'E_PRF_KCV'],
    ['row 59: a synced passkey in another browser: another local key', { ...input, local: other(input.local) }, 'E_PRF_KCV'],
    ['another org', { ...input, org: 'ab'.repeat(32) as OrgId }, 'E_PRF_KCV'],
    ['another device', { ...input, device: idFrom<DeviceId>(random) }, 'E_PRF_KCV'],
    ['another relying party', { ...input, rpId: 'evil.example' }, 'E_PRF_KCV'],
    ['another credential', { ...input, credentialId: random(16) }, 'E_PRF_KCV'],
    ['no PRF output', { ...input, prf: { ...input.prf, first: new Uint8Array(0) } }, 'E_PRF_MISSING'],
    ['no second PRF output', { ...input, prf: { ...input.prf, second: new Uint8Array(0) } }, 'E_PRF_MISSING'],
    ['no local key', { ...input, local: new Uint8Array(0) }, 'E_PRF_MISSING'],
  ];
  test.each(wrong)('%s', async (_what, kek, code) => expect(await codeOf(openDeviceKeys(kek, stored))).toBe(code));
  test('changed storage is refused', async () => {
    for (const at of [5, 40, 80, stored.length - 1])
      expect(
        await codeOf(
          openDeviceKeys(
            input,
            stored.map((byte, index) => (index === at ? byte ^ 1 : byte)),
          ),
        ),
      ).toMatch(/^E_(?:PRF_KCV|OPEN|CBOR|FIELD|CANONICAL)$/);
    expect(await codeOf(openDeviceKeys(input, new Uint8Array(0)))).toBe('E_CBOR');
  });
  test('row 57: nothing of the keys is stored in plain, and two seals differ', async () => {
    for (const secret of [scalar, seed]) expect(Buffer.from(stored).includes(Buffer.from(secret))).toBe(false);
    expect(await sealDeviceKeys(input, { sigScalar: scalar, sigPublic: signer.publicKey, custodySeed: seed }, random)).not.toEqual(stored);
  });
});
