// Public halves of SSH keys (RFC 4253 §6.6, RFC 5656, RFC 8709): read, named, and asked whether they signed.
import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';
import { concat, createReader, mpint, type Reader, SshError, string } from './wire.ts';

const curves: Readonly<Record<string, { readonly crv: string; readonly bytes: number; readonly hash: string }>> = {
  nistp256: { crv: 'P-256', bytes: 32, hash: 'sha256' },
  nistp384: { crv: 'P-384', bytes: 48, hash: 'sha384' },
  nistp521: { crv: 'P-521', bytes: 66, hash: 'sha512' },
};
const rsaHashes: Readonly<Record<string, string>> = { 'rsa-sha2-256': 'sha256', 'rsa-sha2-512': 'sha512' };
const certified = '-cert-v01@openssh.com';

/** `SHA256:…` as OpenSSH shows it. */
export function fingerprint(blob: Uint8Array): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}

/** Throws SshError unless the key made that signature over those bytes. Also takes the key of a host certificate. */
export function verifySignature(blob: Uint8Array, signature: Uint8Array, data: Uint8Array): void {
  const { type, key } = readPublicKey(blob);
  const reader = createReader(signature);
  const algorithm = reader.text();
  const bytes = reader.bytes();
  reader.end();
  if (!isSigned(type, key, algorithm, bytes, data)) throw new SshError('unbound', 'the signature is not of that key');
}

function isSigned(type: string, key: KeyObject, algorithm: string, signature: Uint8Array, data: Uint8Array): boolean {
  if (type === 'ssh-ed25519') return algorithm === type && verify(null, data, key, signature);
  if (type === 'ssh-rsa') {
    const hash = rsaHashes[algorithm];
    return hash !== undefined && verify(hash, data, key, signature);
  }
  const curve = curves[type.slice('ecdsa-sha2-'.length)];
  if (curve === undefined || algorithm !== type) return false;
  const inner = createReader(signature);
  const parts = [inner.bytes(), inner.bytes()].map((part) => fixed(part, curve.bytes));
  inner.end();
  return verify(curve.hash, data, { key, dsaEncoding: 'ieee-p1363' }, concat(...parts));
}

/** Throws SshError for kinds that we do not know. */
function readPublicKey(blob: Uint8Array): { readonly type: string; readonly key: KeyObject } {
  const reader = createReader(blob);
  const named = reader.text();
  const isCertificate = named.endsWith(certified);
  const type = isCertificate ? named.slice(0, -certified.length) : named;
  if (isCertificate) reader.bytes(); // its nonce
  const jwk = readJwk(type, reader);
  if (!isCertificate) reader.end();
  try {
    return { type, key: createPublicKey({ key: jwk, format: 'jwk' }) };
  } catch (cause) {
    throw new SshError('malformed', 'not a public key', { cause });
  }
}

function readJwk(type: string, reader: Reader): Readonly<Record<string, string>> {
  const encode = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
  if (type === 'ssh-ed25519') return { kty: 'OKP', crv: 'Ed25519', x: encode(reader.bytes()) };
  if (type === 'ssh-rsa') {
    const e = withoutZeros(reader.bytes());
    return { kty: 'RSA', e: encode(e), n: encode(withoutZeros(reader.bytes())) };
  }
  const curve = curves[type.slice('ecdsa-sha2-'.length)];
  if (!type.startsWith('ecdsa-sha2-') || curve === undefined) throw new SshError('unsupported', 'a kind of key that this agent does not know');
  if (`ecdsa-sha2-${reader.text()}` !== type) throw new SshError('malformed', 'a key of another curve than it says');
  const point = reader.bytes();
  if (point.length !== 1 + 2 * curve.bytes || point[0] !== 4) throw new SshError('malformed', 'not a point of its curve');
  return { kty: 'EC', crv: curve.crv, x: encode(point.subarray(1, 1 + curve.bytes)), y: encode(point.subarray(1 + curve.bytes)) };
}

/** The public half of one of our own keys. Throws SshError where the agent does not sign with such a key. */
export function publicBlob(key: KeyObject): Uint8Array {
  const { kty, crv, x = '', y = '', n = '', e = '' } = createPublicKey(key).export({ format: 'jwk' });
  const decode = (text: string): Uint8Array => Buffer.from(text, 'base64url');
  if (kty === 'OKP' && crv === 'Ed25519') return concat(string('ssh-ed25519'), string(decode(x)));
  if (kty === 'EC' && crv === 'P-256')
    return concat(string('ecdsa-sha2-nistp256'), string('nistp256'), string(concat(new Uint8Array([4]), decode(x), decode(y))));
  if (kty === 'RSA') return concat(string('ssh-rsa'), mpint(decode(e)), mpint(decode(n)));
  throw new SshError('unsupported', 'the agent signs with ed25519, ecdsa-sha2-nistp256 and RSA keys');
}

/** The key of a line of a `.pub` file. Throws SshError. */
export function parseLine(line: string): { readonly blob: Uint8Array; readonly comment: string } {
  const [type = '', key = '', ...comment] = line.split(' ');
  const blob = Buffer.from(key, 'base64');
  if (blob.toString('base64') !== key || createReader(blob).text() !== type) throw new SshError('malformed', 'not a line of a public key file');
  readPublicKey(blob);
  return { blob, comment: comment.join(' ') };
}

function withoutZeros(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(
    Math.max(
      0,
      bytes.findIndex((byte) => byte !== 0),
    ),
  );
}

/** Left-padded to a size. */
function fixed(bytes: Uint8Array, size: number): Uint8Array {
  const plain = withoutZeros(bytes);
  if (plain.length > size) throw new SshError('malformed', 'a number of a signature is too large');
  const padded = new Uint8Array(size);
  padded.set(plain, size - plain.length);
  return padded;
}
