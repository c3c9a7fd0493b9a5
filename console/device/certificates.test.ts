// Certificates that vouch for nothing though each is signed by the next (WebAuthn Level 3 §8.2.1; spec/11-enrolment.md §attestation).
import 'reflect-metadata';
import { expect, test } from 'bun:test';
import { BasicConstraintsExtension, KeyUsageFlags, KeyUsagesExtension, type X509Certificate, X509CertificateGenerator } from '@peculiar/x509';
import { type AttestationProof, verifyAttestationFacts } from '../../protocol/attestation.ts';
import { encodeUtf8, fromHex, toHex } from '../../protocol/bytes.ts';
import { sha256 } from '@noble/hashes/sha2.js';
import { derSignature } from '../../testing/authenticator.ts';
import { createMaker, flagsDeviceBound } from '../../testing/soft-attestation.ts';
import { verifyModel } from './certificates.ts';

const es256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const aaguid = fromHex('ee882879721c491397753dfcce97072a');
const message = encodeUtf8('what the authenticator signed');
const day = 86_400_000;

interface Holder {
  readonly certificate: X509Certificate;
  readonly keys: CryptoKeyPair;
}
/** A certificate by `issuer`, or by itself. */
async function certify(
  name: string,
  issuer: Holder | undefined,
  isAuthority: boolean,
  { usage = undefined as KeyUsageFlags | undefined, ended = false } = {},
): Promise<Holder> {
  const keys = await crypto.subtle.generateKey(es256, false, ['sign', 'verify']);
  const extensions = [new BasicConstraintsExtension(isAuthority, undefined, true), ...(usage === undefined ? [] : [new KeyUsagesExtension(usage, true)])];
  const about = {
    serialNumber: '01',
    signingAlgorithm: es256,
    extensions,
    notBefore: new Date(Date.now() - 2 * day),
    notAfter: new Date(Date.now() + (ended ? -day : day)),
  };
  const subject = `CN=${name}, OU=Authenticator Attestation, O=Soft Keys, C=SE`;
  const certificate = issuer
    ? await X509CertificateGenerator.create({
        ...about,
        subject,
        issuer: issuer.certificate.subject,
        publicKey: keys.publicKey,
        signingKey: issuer.keys.privateKey,
      })
    : await X509CertificateGenerator.createSelfSigned({ ...about, name: subject, keys });
  return { certificate, keys };
}
const der = ({ certificate }: Holder): Uint8Array => new Uint8Array(certificate.rawData);
async function judge(own: Holder, between: readonly Holder[], root: Holder): Promise<void> {
  const signature = derSignature(new Uint8Array(await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, own.keys.privateKey, new Uint8Array(message))));
  await verifyModel({ aaguid, certificates: [own, ...between].map(der), message, signature }, [der(root)], Date.now());
}

test('row 80: one authenticator’s own key makes no others; neither does an authority that may not, nor a root that has ended', async () => {
  const root = await certify('root', undefined, true);
  const between = await certify('between', root, true);
  await judge(await certify('key', between, false), [between], root);

  const extracted = await certify('extracted', root, false);
  await expect(judge(await certify('made up', extracted, false), [extracted], root)).rejects.toThrow(/no authority/);
  const forTls = await certify('tls', root, true, { usage: KeyUsageFlags.digitalSignature });
  await expect(judge(await certify('made up', forTls, false), [forTls], root)).rejects.toThrow(/no authority/);
  const ended = await certify('ended', undefined, true, { ended: true });
  await expect(judge(await certify('key', ended, false), [], ended)).rejects.toThrow(/not certified by a root/);
});

test('row 80: a passkey made inside a frame of another origin', async () => {
  const maker = await createMaker(aaguid);
  const challenge = new Uint8Array(32).fill(1);
  const origin = 'https://vault.example';
  const publicKey = new Uint8Array(65).fill(4);
  const made = { rpId: 'vault.example', origin, challenge, credentialId: new Uint8Array(16).fill(9), publicKey, aaguid, flags: flagsDeviceBound };
  const proof = await maker.attest()(made);
  const facts = {
    rpId: made.rpId,
    credentialId: made.credentialId,
    publicKey,
    aaguid,
    backupEligible: false,
    backedUp: false,
    attestationDigest: sha256(proof.object),
  };
  const judgeFacts = (given: AttestationProof): unknown => verifyAttestationFacts(given, facts, challenge, [origin]);
  expect(toHex(verifyAttestationFacts(proof, facts, challenge, [origin]).aaguid)).toBe(toHex(aaguid));
  const text = new TextDecoder().decode(proof.clientDataJSON);
  for (const frame of ['"crossOrigin":true', '"crossOrigin":false,"topOrigin":"https://evil.example"'])
    expect(() => judgeFacts({ ...proof, clientDataJSON: encodeUtf8(text.replace('"crossOrigin":false', frame)) })).toThrow(/frame of another origin/);
});
