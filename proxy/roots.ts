// Which authorities the proxy believes about hosts: those of the system, and what the user added (spec/16-proxy.md §upstream).
import { existsSync, readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import { StillvaultError } from '../sdk/errors.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export interface Roots {
  /** PEM, of the system. */
  readonly system: string;
  /** PEM, of NODE_EXTRA_CA_CERTS and --ca. */
  readonly extra: string;
}

/** Debian and Alpine, Fedora, SUSE, macOS and the BSDs. */
const bundles = ['/etc/ssl/certs/ca-certificates.crt', '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem', '/etc/ssl/ca-bundle.pem', '/etc/ssl/cert.pem'];

/** Throws usage where a file that was named cannot be read or holds no certificate. */
export function readRoots(env: Environment, files: readonly string[]): Roots {
  const own = env['SSL_CERT_FILE'];
  const found = own !== undefined && own !== '' ? own : bundles.find((path) => existsSync(path));
  const system = found === undefined ? rootCertificates.join('\n') : readCertificates(found);
  const named = env['NODE_EXTRA_CA_CERTS'];
  const extra = [...(named === undefined || named === '' ? [] : [named]), ...files].map(readCertificates).join('\n');
  return { system, extra };
}

function readCertificates(path: string): string {
  let text = '';
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    throw new StillvaultError('usage', `the certificates in ${path} cannot be read`);
  }
  const found = text.match(/-----BEGIN CERTIFICATE-----[^]+?-----END CERTIFICATE-----/g);
  if (found === null) throw new StillvaultError('usage', `${path} holds no certificate in PEM`);
  return `${found.join('\n')}\n`; // and nothing else: a key beside a certificate stays where it is
}
