// Attestation as authenticators make it: none, or packed with certificates of a made-up maker, right or deliberately wrong. Never shipped.
import 'reflect-metadata';
import { BasicConstraintsExtension, Extension, X509CertificateGenerator } from '@peculiar/x509';
import { sha256 } from '@noble/hashes/sha2.js';
import { encode as cborEncode } from 'cborg';
import { type AttestationProof, coseKey } from '../protocol/attestation.ts';
import { concat, encodeUtf8, toBase64Url, toHex } from '../protocol/bytes.ts';
import type { AuthenticatorModel } from '../console/device/models.ts';
import { derSignature } from './authenticator.ts';

export interface PasskeyMade {
  readonly rpId: string;
  readonly origin: string;
  readonly challenge: Uint8Array;
  readonly credentialId: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly aaguid: Uint8Array;
  readonly flags: number;
}
export type Attest = (made: PasskeyMade) => Promise<AttestationProof>;

/** User present and verified, a passkey made; synced. */
export const flagsSynced = 0x5d;
export const flagsDeviceBound = 0x45;

function framed(made: PasskeyMade): { readonly authData: Uint8Array; readonly clientDataJSON: Uint8Array } {
  const { rpId, flags, aaguid, credentialId, publicKey, challenge, origin } = made;
  const head = concat(sha256(encodeUtf8(rpId)), Uint8Array.of(flags, 0, 0, 0, 0), aaguid);
  return {
    authData: concat(head, Uint8Array.of(credentialId.length >> 8, credentialId.length & 0xff), credentialId, coseKey(publicKey)),
    clientDataJSON: encodeUtf8(JSON.stringify({ type: 'webauthn.create', challenge: toBase64Url(challenge), origin, crossOrigin: false })),
  };
}

export const noAttestation: Attest = (made) => {
  const { authData, clientDataJSON } = framed(made);
  return Promise.resolve({ object: cborEncode({ fmt: 'none', attStmt: {}, authData }), clientDataJSON });
};

export interface Maker {
  readonly model: AuthenticatorModel;
  /** What its authenticators say. `facts` replaces what the statement is about, `extension` the AAGUID in the certificate. */
  attest(wrong?: MakerFaults): Attest;
}
export interface MakerFaults {
  readonly facts?: Partial<PasskeyMade>;
  readonly extension?: Uint8Array;
  /** `none`: the passkey signs for itself; `other`: another maker's certificate. */
  readonly certificate?: 'none' | 'authority' | 'unit' | 'expired';
  readonly tamper?: boolean;
}

const es256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** A maker of authenticators with a root and a certificate for each. */
export async function createMaker(aaguid: Uint8Array, name = 'Soft Key 5'): Promise<Maker> {
  const rootKeys = await crypto.subtle.generateKey(es256, false, ['sign', 'verify']);
  const valid = { notBefore: new Date(Date.now() - 86_400_000), notAfter: new Date(Date.now() + 10 * 365 * 86_400_000) };
  const root = await X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: 'CN=Soft Root, O=Soft Keys, C=SE',
    keys: rootKeys,
    signingAlgorithm: es256,
    extensions: [new BasicConstraintsExtension(true, undefined, true)],
    ...valid,
  });
  const attest =
    (wrong: MakerFaults = {}): Attest =>
    async (made) => {
      const { authData, clientDataJSON } = framed({ ...made, aaguid, flags: flagsDeviceBound, ...wrong.facts });
      const keys = await crypto.subtle.generateKey(es256, false, ['sign', 'verify']);
      const own = await X509CertificateGenerator.create({
        serialNumber: '02',
        issuer: root.subject,
        subject: `CN=Soft Key, OU=${wrong.certificate === 'unit' ? 'Web Servers' : 'Authenticator Attestation'}, O=Soft Keys, C=SE`,
        publicKey: keys.publicKey,
        signingKey: rootKeys.privateKey,
        signingAlgorithm: es256,
        extensions: [
          new BasicConstraintsExtension(wrong.certificate === 'authority'),
          new Extension('1.3.6.1.4.1.45724.1.1.4', false, new Uint8Array(concat(Uint8Array.of(0x04, 16), wrong.extension ?? aaguid))),
        ],
        ...valid,
        ...(wrong.certificate === 'expired' ? { notAfter: new Date(Date.now() - 1_000) } : {}),
      });
      const message = new Uint8Array(concat(authData, sha256(clientDataJSON)));
      if (wrong.tamper === true) message[40] = (message[40] ?? 0) ^ 1;
      const sig = derSignature(new Uint8Array(await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, keys.privateKey, message)));
      const attStmt = { alg: -7, sig, ...(wrong.certificate === 'none' ? {} : { x5c: [new Uint8Array(own.rawData)] }) };
      return { object: cborEncode({ fmt: 'packed', attStmt, authData }), clientDataJSON };
    };
  return { model: { aaguid: toHex(aaguid), name, roots: [new Uint8Array(root.rawData)] }, attest };
}

/** As the operator would load it. */
export function metadataOf(models: readonly AuthenticatorModel[]): string {
  return JSON.stringify(models.map(({ aaguid, name, roots }) => ({ aaguid, name, roots: roots.map((der) => Buffer.from(der).toString('base64')) })));
}
