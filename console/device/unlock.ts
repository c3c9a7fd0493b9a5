// One user-verified gesture: an assertion over a challenge and the device's opened keys, for one act (spec/02-keys.md §device).
import { concat, encodeUtf8, equalBytes, fromHex, wipe } from '../../protocol/bytes.ts';
import { type KekInput, openDeviceKeys } from '../../protocol/device-keys.ts';
import { check } from '../../protocol/errors.ts';
import type { Hash } from '../../protocol/hash.ts';
import type { Signer } from '../../protocol/keys.ts';
import type { KemKey } from '../../protocol/seal.ts';
import type { Assertion } from '../../protocol/sign.ts';
import type { LocalKeys } from '../platform/platform.ts';
import type { Session } from './session.ts';

export interface Opened {
  readonly sig: Signer;
  readonly custody: KemKey;
  readonly assertion: Assertion;
}

/**
 * Asks for the gesture, opens the keys, does `act`, forgets the keys.
 * Throws E_DEVICE_BIND before the gesture where this browser lost its local key, E_PRF_KCV where the passkey gives other bytes than at enrolment.
 */
export async function unlock<T>(session: Pick<Session, 'platform' | 'keys' | 'me'>, challenge: Hash, act: (opened: Opened) => Promise<T>): Promise<T> {
  const { platform, keys, me } = session;
  check(equalBytes(await bindCheck(keys), me.bindCheck), 'E_DEVICE_BIND', 'this browser does not hold the key that binds the device to it');
  const { assertion, prf } = await platform.authenticator.get({
    rpId: me.rpId,
    credentialId: me.credentialId,
    transports: me.transports,
    challenge: fromHex(challenge),
    prf: { first: me.prfFirst, second: me.prfSecond },
  });
  const local = await keys.mac(concat(me.prfFirst, me.prfSecond));
  const input: KekInput = { org: me.org, device: me.device, rpId: me.rpId, credentialId: me.credentialId, prf, local };
  try {
    return await act({ ...(await openDeviceKeys(input, me.sealedKeys)), assertion });
  } finally {
    wipe(prf.first, prf.second, local);
  }
}

/** What the local key says to a fixed text; stored at enrolment. */
export function bindCheck(keys: LocalKeys): Promise<Uint8Array> {
  return keys.mac(encodeUtf8('stillvault/1/local bind check'));
}
