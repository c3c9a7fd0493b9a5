// Whether a new device's passkey is what the organisation's terms want it to be: judged by the admin's device that invites it (spec/11-enrolment.md §attestation).
import { type AttestationProof, attestationChallenge, verifyAttestationFacts } from '../../protocol/attestation.ts';
import { toHex } from '../../protocol/bytes.ts';
import type { DeviceInvite } from '../../protocol/enrolment.ts';
import { ProtocolError, check } from '../../protocol/errors.ts';
import type { DeviceAdd } from '../../protocol/org-log/bodies.ts';
import type { OrgState } from '../../protocol/org-log/state.ts';
import type { Platform } from '../platform/platform.ts';
import { readModels } from './models.ts';

/** The new device asks its authenticator for a statement: without one, browsers hide the model. */
export function wantsAttestation({ authenticators }: OrgState): boolean {
  return authenticators.attested || authenticators.aaguids.length > 0;
}

/** Where the terms want a proof. Throws E_ATTESTATION. */
export async function verifyAttestation(
  platform: Pick<Platform, 'storage' | 'now'>,
  state: Pick<OrgState, 'authenticators' | 'origins'>,
  invite: Pick<DeviceInvite, 'org' | 'joinId' | 'secret'>,
  { passkey }: DeviceAdd,
  proof: AttestationProof | undefined,
): Promise<void> {
  if (!state.authenticators.attested) return;
  if (!proof) throw new ProtocolError('E_ATTESTATION', 'the new device sent no attestation');
  const attested = verifyAttestationFacts(proof, passkey, attestationChallenge(invite), state.origins);
  const model = (await readModels(platform.storage)).find(({ aaguid }) => aaguid === toHex(passkey.aaguid));
  check(model !== undefined && model.roots.length > 0, 'E_ATTESTATION', 'this device has no root certificates for that model: load the metadata first');
  const { verifyModel } = await import('./certificates.ts');
  await verifyModel(attested, model.roots, platform.now());
}
