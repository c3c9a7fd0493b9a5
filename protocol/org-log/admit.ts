// How a device or a kit comes in: ids and keys that the log has never seen, and a passkey of the kind that the organisation takes (spec/05-org-log.md §rules).
import { equalBytes } from '../bytes.ts';
import { check } from '../errors.ts';
import type { DeviceId, KeyId, MachineId } from '../hash.ts';
import { keyIdOf } from '../keys.ts';
import { limits } from '../limits.ts';
import { verifyName } from '../text.ts';
import { recoveryRecipient } from './apply-secret.ts';
import type { DeviceAdd, PasskeyFacts } from './bodies.ts';
import type { SignerRef } from './entry.ts';
import type { Authenticators, RecoveryKeys } from './org-bodies.ts';
import type { Device, KeyUse, OrgState } from './state.ts';

export function addDevice(state: OrgState, body: DeviceAdd): OrgState {
  check(isNewId(state, body.device), 'E_ID_REUSED', 'device id used before');
  check(state.devices.size < limits.devices, 'E_LIMIT', `more than ${limits.devices} devices`);
  check(state.rpIds.includes(body.passkey.rpId), 'E_WEBAUTHN', 'a passkey of another relying party');
  verifyAuthenticator(state.authenticators, body.passkey);
  verifyName(body.name);
  const keyIds: Device['keyIds'] = {
    sig: keyIdOf('ES256', body.sigKey),
    presence: keyIdOf('ES256', body.presenceKey),
    inbox: keyIdOf('X-Wing', body.inboxKey),
    custody: keyIdOf('X-Wing', body.custodyKey),
  };
  const holder = { kind: 'device', id: body.device } as const;
  let next: OrgState = { ...state, devices: state.devices.set(body.device, { ...body, keyIds, revoked: false }) };
  next = claimKey(next, body.sigKey, holder, 'sig');
  next = claimKey(next, body.presenceKey, holder, 'presence');
  next = claimKey(next, body.passkey.publicKey, holder, 'passkey');
  return claimKemKey(claimKemKey(next, body.inboxKey, holder), body.custodyKey, holder);
}

// Facts that the new device states; where they must be proven, the admin's device verifies the attestation whose digest this is.
function verifyAuthenticator(rule: Authenticators, { backupEligible, aaguid, attestationDigest }: PasskeyFacts): void {
  check(!rule.deviceBoundOnly || !backupEligible, 'E_AUTHENTICATOR', 'a passkey that a cloud account can copy');
  check(rule.aaguids.length === 0 || rule.aaguids.some((listed) => equalBytes(listed, aaguid)), 'E_AUTHENTICATOR', 'a model that is not on the list');
  check(!rule.attested || attestationDigest.some((byte) => byte !== 0), 'E_AUTHENTICATOR', 'no attestation');
}

// Devices and machines choose their own ids, and wraps name both alike: none may take another's, nor the kit's.
export function isNewId(state: OrgState, id: string): boolean {
  return id !== recoveryRecipient && !state.devices.has(id as DeviceId) && !state.machines.has(id as MachineId); // looked up as either
}

/** The kit from now on; one that was about to be used is not any more. */
export function claimRecovery(state: OrgState, body: RecoveryKeys): OrgState {
  check(body.t <= body.m, 'E_QUORUM', 'a kit of fewer shares than it needs');
  const holder = { kind: 'recovery', id: recoveryRecipient } as const;
  return claimKemKey(claimKey({ ...state, recovery: body, recovering: undefined }, body.sigKey, holder, 'sig'), body.kemKey, holder);
}

export function claimKey(state: OrgState, publicKey: Uint8Array, holder: SignerRef, use: 'sig' | 'presence' | 'passkey'): OrgState {
  return claim(state, keyIdOf('ES256', publicKey), { ...holder, use });
}

export function claimKemKey(state: OrgState, publicKey: Uint8Array, holder: SignerRef): OrgState {
  return claim(state, keyIdOf('X-Wing', publicKey), { ...holder, use: 'kem' });
}

function claim(state: OrgState, keyId: KeyId, holder: SignerRef & { readonly use: KeyUse }): OrgState {
  check(!state.keys.has(keyId), 'E_KEY_REUSED', 'a key that the log has seen before');
  return { ...state, keys: state.keys.set(keyId, holder) };
}
