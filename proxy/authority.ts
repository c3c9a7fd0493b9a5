// The certificate authority of one run: its key lives in this process alone and cannot be exported (spec/16-proxy.md §authority).
import 'reflect-metadata'; // before the library, whose container needs it
import { isIP } from 'node:net';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { bounds } from './bounds.ts';

export interface Leaf {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
}
export interface Authority {
  /** PEM, public. */
  readonly cert: string;
  /** For a name or an address, as a URL writes it. */
  leafFor(hostname: string): Promise<Leaf>;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
/** Clocks of containers and hosts differ a little. */
const backdatedMs = 300_000;

export async function createAuthority(random: (length: number) => Uint8Array, now: () => number): Promise<Authority> {
  const serialNumber = (): string => Buffer.from([0x40 | ((random(1)[0] ?? 0) & 0x3f), ...random(15)]).toString('hex'); // positive, never short
  const keys = await crypto.subtle.generateKey(algorithm, false, ['sign', 'verify']);
  // One key for all leaves: they are all ours, and live as long as this process.
  const leafKeys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const leafKey = pem('PRIVATE KEY', Buffer.from(await crypto.subtle.exportKey('pkcs8', leafKeys.privateKey)));
  const started = now();
  const authority = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: `CN=Stillvault proxy of one run ${Buffer.from(random(4)).toString('hex')}`,
    notBefore: new Date(started - backdatedMs),
    notAfter: new Date(started + bounds.authorityMs),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });

  const leaves = new Map<string, { readonly made: Promise<Leaf>; readonly untilMs: number }>();
  const makeLeaf = async (hostname: string, from: number): Promise<Leaf> => {
    const address = hostname.replace(/^\[|\]$/g, '');
    const leaf = await X509CertificateGenerator.create({
      serialNumber: serialNumber(),
      subject: '', // the name stands in the extension, where it has no limit of 64 letters
      issuer: authority.subject,
      notBefore: new Date(from - backdatedMs),
      notAfter: new Date(Math.min(from + bounds.leafMs, started + bounds.authorityMs)),
      signingAlgorithm: algorithm,
      publicKey: leafKeys.publicKey,
      signingKey: keys.privateKey,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
        new SubjectAlternativeNameExtension([isIP(address) === 0 ? { type: 'dns', value: hostname } : { type: 'ip', value: address }], true),
        await AuthorityKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    return { cert: leaf.toString('pem'), key: leafKey };
  };

  return {
    cert: `${authority.toString('pem')}\n`,
    leafFor(hostname) {
      const known = leaves.get(hostname);
      if (known !== undefined && now() < known.untilMs) return known.made;
      const from = now();
      const made = makeLeaf(hostname, from);
      leaves.delete(hostname);
      const [oldest] = leaves.keys();
      if (leaves.size >= bounds.leaves && oldest !== undefined) leaves.delete(oldest);
      leaves.set(hostname, { made, untilMs: from + bounds.leafMs / 2 });
      return made;
    },
  };
}

function pem(name: string, bytes: Buffer): string {
  return `-----BEGIN ${name}-----\n${bytes.toString('base64').replace(/.{1,64}/g, '$&\n')}-----END ${name}-----\n`;
}
