// The certificates behind an attestation: the model's own signs, a root of the operator's list vouches for it (WebAuthn Level 3 §8.2.1).
// Loaded only where the organisation wants proof; the library is the one that knows ASN.1.
import 'reflect-metadata'; // before the library, whose container needs it
import { BasicConstraintsExtension, KeyUsageFlags, KeyUsagesExtension, X509Certificate } from '@peculiar/x509';
import type { AttestedModel } from '../../protocol/attestation.ts';
import { equalBytes } from '../../protocol/bytes.ts';
import { ProtocolError, check } from '../../protocol/errors.ts';
import { verifySignature } from '../../protocol/keys.ts';
import { rawSignature } from '../../protocol/webauthn.ts';

/** id-fido-gen-ce-aaguid */
const aaguidExtension = '1.3.6.1.4.1.45724.1.1.4';
const attestationUnit = 'Authenticator Attestation';

/** Throws E_ATTESTATION. `roots`: DER certificates that the operator trusts for this very model. */
export async function verifyModel(model: AttestedModel, roots: readonly Uint8Array[], now: number): Promise<void> {
  const chain = model.certificates.map(parse);
  const [own] = chain;
  check(own !== undefined, 'E_ATTESTATION', 'no certificate');
  const point = new Uint8Array(own.publicKey.rawData).slice(-65);
  await verifySignature(point, model.message, rawSignature(model.signature)).catch(refuse('the statement is not signed by the key of its certificate'));
  verifyOwn(own, model.aaguid);
  await verifyChain(chain, roots.map(parse), new Date(now));
}

// §8.2.1: for authenticators only, never an authority, and of this model where it names one.
function verifyOwn(own: X509Certificate, aaguid: Uint8Array): void {
  const units = own.subjectName.getField('OU');
  check(units.length === 1 && units[0] === attestationUnit, 'E_ATTESTATION', 'a certificate that is not for authenticators');
  for (const field of ['C', 'O', 'CN']) check(own.subjectName.getField(field).length > 0, 'E_ATTESTATION', `a certificate without ${field}`);
  check(own.getExtension(BasicConstraintsExtension)?.ca === false, 'E_ATTESTATION', 'an authority instead of an authenticator');
  const extension = own.getExtension(aaguidExtension);
  if (!extension) return;
  const value = new Uint8Array(extension.value);
  check(!extension.critical && value.length === 18 && value[0] === 0x04 && value[1] === 16, 'E_ATTESTATION', 'a certificate whose model cannot be read');
  check(equalBytes(value.subarray(2), aaguid), 'E_ATTESTATION', 'a certificate of another model');
}

/** Each is signed by the next, which is an authority; the last by a root, or it is one. */
async function verifyChain(chain: readonly X509Certificate[], roots: readonly X509Certificate[], date: Date): Promise<void> {
  for (const [index, one] of chain.entries()) {
    check(one.notBefore <= date && date <= one.notAfter, 'E_ATTESTATION', 'a certificate that is not valid now');
    check(index === 0 || mayIssue(one), 'E_ATTESTATION', 'certified by something that is no authority');
    // The list may name the authenticator's own certificate, or one between.
    if (roots.some((root) => root.equal(one))) return;
    for (const root of roots) if (mayIssue(root) && root.notBefore <= date && date <= root.notAfter && (await isSignedBy(one, root))) return;
    const next = chain[index + 1];
    check(next !== undefined && (await isSignedBy(one, next)), 'E_ATTESTATION', 'not certified by a root of the list for this model');
  }
}

function mayIssue(one: X509Certificate): boolean {
  const usages = one.getExtension(KeyUsagesExtension);
  return one.getExtension(BasicConstraintsExtension)?.ca === true && (!usages || (usages.usages & KeyUsageFlags.keyCertSign) !== 0);
}

// A key of a kind that this browser cannot verify vouches for nothing.
async function isSignedBy(one: X509Certificate, issuer: X509Certificate): Promise<boolean> {
  if (one.issuer !== issuer.subject) return false;
  return one.verify({ publicKey: issuer.publicKey, signatureOnly: true }, crypto).catch(() => false);
}

function parse(der: Uint8Array): X509Certificate {
  try {
    return new X509Certificate(new Uint8Array(der));
  } catch (cause) {
    return refuse('not a certificate')(cause);
  }
}

function refuse(why: string): (cause: unknown) => never {
  return (cause) => {
    throw new ProtocolError('E_ATTESTATION', why, { cause });
  };
}
