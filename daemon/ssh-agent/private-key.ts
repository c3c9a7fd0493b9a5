// Private SSH keys in memory (PROTOCOL.key of OpenSSH, PKCS#8, PKCS#1, SEC 1): read, used for one signature, forgotten. Never written.
import { createPrivateKey, type KeyObject, sign } from 'node:crypto';
import { publicBlob } from './public-key.ts';
import { concat, createReader, isSame, mpint, SshError, string } from './wire.ts';

export interface PrivateKey {
  readonly key: KeyObject;
  /** Its public half, as the agent lists it. */
  readonly blob: Uint8Array;
}

const opensshBegin = '-----BEGIN OPENSSH PRIVATE KEY-----';
const magic = 'openssh-key-v1\0';

/** Throws SshError; its message never quotes the key. */
export function parsePrivateKey(bytes: Uint8Array): PrivateKey {
  const isOpenssh = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(opensshBegin);
  const key = isOpenssh ? parseOpenssh(bytes) : parsePem(bytes);
  return { key, blob: publicBlob(key) };
}

/** The signature as the agent answers it. `flags` of the request choose RSA's hash: SHA-1 is refused. */
export function signWith({ key }: PrivateKey, data: Uint8Array, flags: number): Uint8Array {
  const { asymmetricKeyType: type } = key;
  if (type === 'ed25519') return concat(string('ssh-ed25519'), string(sign(null, data, key)));
  if (type === 'ec') {
    const both = sign('sha256', data, { key, dsaEncoding: 'ieee-p1363' });
    return concat(string('ecdsa-sha2-nistp256'), string(concat(mpint(both.subarray(0, 32)), mpint(both.subarray(32)))));
  }
  if (type !== 'rsa') throw new SshError('unsupported', 'the agent signs with ed25519, ecdsa-sha2-nistp256 and RSA keys');
  const [name, hash] = (flags & 4) !== 0 ? ['rsa-sha2-512', 'sha512'] : (flags & 2) !== 0 ? ['rsa-sha2-256', 'sha256'] : [];
  if (name === undefined || hash === undefined) throw new SshError('unsupported', 'RSA with SHA-1 is refused');
  return concat(string(name), string(sign(hash, data, key)));
}

function parsePem(bytes: Uint8Array): KeyObject {
  const pem = Buffer.from(bytes);
  try {
    return createPrivateKey(pem);
  } catch {
    throw new SshError('unsupported', 'the secret is no private key without a passphrase, in the form of OpenSSH, PKCS#8, PKCS#1 or SEC 1'); // its cause could quote
  } finally {
    pem.fill(0);
  }
}

function parseOpenssh(pem: Uint8Array): KeyObject {
  const text = Buffer.from(pem.buffer, pem.byteOffset, pem.length).toString('latin1');
  const body = text.slice(text.indexOf(opensshBegin) + opensshBegin.length).split('-----END')[0] ?? '';
  const bytes = Buffer.from(body.replace(/\s/g, ''), 'base64');
  let der: Uint8Array | undefined;
  try {
    der = derOf(bytes);
    return createPrivateKey({ key: Buffer.from(der.buffer, der.byteOffset, der.length), format: 'der', type: 'pkcs8' });
  } catch (error) {
    if (error instanceof SshError) throw error;
    throw new SshError('malformed', 'the secret is no OpenSSH private key');
  } finally {
    bytes.fill(0);
    der?.fill(0);
  }
}

function derOf(bytes: Uint8Array): Uint8Array {
  const outer = createReader(bytes);
  if (Buffer.from(outer.skip(magic.length)).toString('latin1') !== magic) throw new SshError('malformed', 'the secret is no OpenSSH private key');
  if (outer.text() !== 'none')
    throw new SshError('unsupported', 'the key in the secret has a passphrase: store it without one (ssh-keygen -p), since Stillvault guards it');
  outer.text();
  outer.bytes();
  if (outer.u32() !== 1) throw new SshError('unsupported', 'the secret holds several keys');
  outer.bytes();
  const inner = createReader(outer.bytes());
  if (inner.u32() !== inner.u32()) throw new SshError('malformed', 'the secret is a damaged OpenSSH private key');
  const type = inner.text();
  if (type === 'ssh-ed25519') {
    const listed = inner.bytes();
    const both = inner.bytes();
    if (both.length !== 64 || !isSame(both.subarray(32), listed)) throw new SshError('malformed', 'the secret is a damaged OpenSSH private key');
    return concat(ed25519Prefix, both.subarray(0, 32));
  }
  if (type === 'ecdsa-sha2-nistp256') {
    inner.text();
    inner.bytes();
    const d = inner.bytes();
    const padded = new Uint8Array(32);
    const plain = d.subarray(Math.max(0, d.length - 32));
    padded.set(plain, 32 - plain.length);
    const der = concat(p256Prefix, padded);
    padded.fill(0);
    return der;
  }
  if (type === 'ssh-rsa') {
    const [n, e, d, iqmp, p, q] = [inner.bytes(), inner.bytes(), inner.bytes(), inner.bytes(), inner.bytes(), inner.bytes()];
    return rsaDer(n, e, d, iqmp, p, q);
  }
  throw new SshError('unsupported', 'the agent signs with ed25519, ecdsa-sha2-nistp256 and RSA keys');
}

// PrivateKeyInfo up to the number that follows (RFC 8410 §7, RFC 5915).
const ed25519Prefix = Buffer.from('302e020100300506032b657004220420', 'hex');
const p256Prefix = Buffer.from('3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420', 'hex');
const rsaAlgorithm = Buffer.from('300d06092a864886f70d0101010500', 'hex');

/** RFC 8017 §A.1.2 in RFC 5208: OpenSSH leaves out the two exponents that follow from the others. */
function rsaDer(n: Uint8Array, e: Uint8Array, d: Uint8Array, iqmp: Uint8Array, p: Uint8Array, q: Uint8Array): Uint8Array {
  const exponent = (prime: Uint8Array): Uint8Array => {
    const hex = (numberOf(d) % (numberOf(prime) - 1n)).toString(16);
    return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  };
  const numbers = [new Uint8Array(1), n, e, d, p, q, exponent(p), exponent(q), iqmp].map((number) => der(0x02, positive(number)));
  const key = der(0x30, concat(...numbers));
  const info = der(0x30, concat(der(0x02, new Uint8Array(1)), rsaAlgorithm, der(0x04, key)));
  key.fill(0);
  for (const number of numbers) number.fill(0);
  return info;
}

function numberOf(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex') || '0'}`);
}

function positive(bytes: Uint8Array): Uint8Array {
  return (bytes[0] ?? 0) >= 0x80 ? concat(new Uint8Array(1), bytes) : bytes;
}

function der(tag: number, content: Uint8Array): Uint8Array {
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return concat(new Uint8Array([tag, ...size]), content);
}
