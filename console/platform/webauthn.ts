// Passkeys of the browser: user verification and key derivation in one call (spec/02-keys.md §device, WebAuthn Level 3 with PRF).
// A credential object is never serialised: its toJSON() would hold the PRF outputs.
import { equalBytes, fromHex, toBase64Url } from '../../protocol/bytes.ts';
import { check } from '../../protocol/errors.ts';
import type { Random } from '../../protocol/random.ts';
import { ConsoleError } from './console-error.ts';
import type { Authenticator, CreateAsk, CreatedPasskey, GetAnswer, GetAsk } from './platform.ts';

const timeoutMs = 120_000;
const es256 = -7;
/** SubjectPublicKeyInfo of an uncompressed P-256 point, up to the point. */
const spkiHead = fromHex('3059301306072a8648ce3d020106082a8648ce3d030107034200');

export function createWebAuthn(deps: { readonly now: () => number; readonly random: Random }): Authenticator {
  // The browser tells a refusal and a time-out by one name: the clock tells them apart.
  async function attempt<T>(act: () => Promise<T>): Promise<T> {
    const started = deps.now();
    try {
      return await act();
    } catch (cause) {
      throw explained(cause, deps.now() - started >= timeoutMs);
    }
  }

  return {
    checkSupport,
    create: async (ask) => {
      const created = await attempt(() => navigator.credentials.create({ publicKey: creationOptions(ask, ask.attest ?? deps.random(32)) }));
      return attempt(() => readCreated(ask.rpId, created));
    },
    get: async (ask) => readAssertion(ask, await attempt(() => navigator.credentials.get({ publicKey: requestOptions(ask) }))),
  };
}

async function checkSupport(): Promise<void> {
  if (!window.isSecureContext) throw new ConsoleError('E_INSECURE_ORIGIN', 'passkeys need https, or localhost');
  if (isIpAddress(window.location.hostname)) throw new ConsoleError('E_INSECURE_ORIGIN', 'passkeys need a name, not a number, in the address');
  if (typeof PublicKeyCredential !== 'function' || !navigator.credentials) throw new ConsoleError('E_NO_WEBAUTHN', 'this browser has no passkeys');
  // Where the browser does not tell, the first passkey does.
  if (typeof PublicKeyCredential.getClientCapabilities !== 'function') return;
  const capabilities: Readonly<Record<string, boolean>> = await PublicKeyCredential.getClientCapabilities().catch(() => ({}));
  if (capabilities['extension:prf'] === false) throw new ConsoleError('E_NO_PRF', 'passkeys of this browser cannot derive keys');
}

function isIpAddress(host: string): boolean {
  return /^[\d.]+$/.test(host) || host.includes(':');
}

function creationOptions(ask: CreateAsk, challenge: Uint8Array): PublicKeyCredentialCreationOptions {
  return {
    rp: { id: ask.rpId, name: ask.rpName },
    user: { id: copy(ask.userId), name: ask.userName, displayName: ask.userName },
    challenge: copy(challenge),
    pubKeyCredParams: [{ type: 'public-key', alg: es256 }],
    authenticatorSelection: { residentKey: 'preferred', userVerification: 'required' },
    attestation: ask.attest ? 'direct' : 'none',
    timeout: timeoutMs,
    extensions: { prf: { eval: { first: copy(ask.prfInput) } } },
  };
}

async function readCreated(rpId: string, credential: Credential | null): Promise<CreatedPasskey> {
  if (!(credential instanceof PublicKeyCredential) || !(credential.response instanceof AuthenticatorAttestationResponse))
    throw new ConsoleError('E_PASSKEY', 'the browser made something that is no passkey');
  const { response } = credential;
  const credentialId = new Uint8Array(credential.rawId);
  if (credential.getClientExtensionResults().prf?.enabled !== true) {
    await forget(rpId, credentialId);
    throw new ConsoleError('E_NO_PRF', 'the passkey that was made cannot derive keys');
  }
  const data = new Uint8Array(response.getAuthenticatorData());
  const flags = data[32] ?? 0;
  if ((flags & 0x04) === 0) throw new ConsoleError('E_NO_USER_VERIFICATION', 'the passkey did not verify who is there');
  return {
    credentialId,
    publicKey: pointOf(response),
    aaguid: data.slice(37, 53),
    backupEligible: (flags & 0x08) !== 0,
    backedUp: (flags & 0x10) !== 0,
    attestation: { object: new Uint8Array(response.attestationObject), clientDataJSON: new Uint8Array(response.clientDataJSON) },
    transports: response.getTransports(),
  };
}

function pointOf(response: AuthenticatorAttestationResponse): Uint8Array {
  const key = response.getPublicKey();
  const spki = new Uint8Array(key ?? new ArrayBuffer(0));
  const isP256 = response.getPublicKeyAlgorithm() === es256 && spki.length === spkiHead.length + 65 && equalBytes(spki.subarray(0, spkiHead.length), spkiHead);
  if (!isP256) throw new ConsoleError('E_PASSKEY', 'the passkey has a key of another kind than ES256');
  return spki.slice(-65);
}

function requestOptions({ rpId, credentialId, transports, challenge, prf }: GetAsk): PublicKeyCredentialRequestOptions {
  const values = (): AuthenticationExtensionsPRFValues => ({ first: copy(prf.first), second: copy(prf.second) });
  return {
    rpId,
    challenge: copy(challenge),
    allowCredentials: [{ type: 'public-key', id: copy(credentialId), transports: transports.filter(isTransport) }],
    userVerification: 'required',
    timeout: timeoutMs,
    extensions: { prf: { eval: values(), evalByCredential: { [toBase64Url(credentialId)]: values() } } },
  };
}

function readAssertion(ask: GetAsk, credential: Credential | null): GetAnswer {
  if (!(credential instanceof PublicKeyCredential) || !(credential.response instanceof AuthenticatorAssertionResponse))
    throw new ConsoleError('E_PASSKEY', 'the browser answered with something that is no passkey');
  const { authenticatorData, clientDataJSON, signature } = credential.response;
  const results = credential.getClientExtensionResults().prf?.results;
  const credentialId = new Uint8Array(credential.rawId);
  check(equalBytes(credentialId, ask.credentialId), 'E_WEBAUTHN', 'another passkey answered');
  check(results?.first !== undefined && results.second !== undefined, 'E_PRF_MISSING', 'the passkey gave no key');
  return {
    assertion: { authenticatorData: new Uint8Array(authenticatorData), clientDataJSON: new Uint8Array(clientDataJSON), signature: new Uint8Array(signature) },
    prf: { first: viewOf(results.first), second: viewOf(results.second) },
    credentialId,
  };
}

/** The browser's own buffer, so that wiping it leaves no copy of ours behind. */
function viewOf(source: BufferSource): Uint8Array {
  return source instanceof ArrayBuffer ? new Uint8Array(source) : new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
}

function copy(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}

function isTransport(value: string): value is AuthenticatorTransport {
  return ['ble', 'hybrid', 'internal', 'nfc', 'usb'].includes(value);
}

/** A passkey that cannot be used is taken out of the user's list where the browser can do that. */
async function forget(rpId: string, credentialId: Uint8Array): Promise<void> {
  if (typeof PublicKeyCredential.signalUnknownCredential !== 'function') return;
  await PublicKeyCredential.signalUnknownCredential({ rpId, credentialId: toBase64Url(credentialId) }).catch(() => undefined);
}

function explained(cause: unknown, isLate: boolean): unknown {
  if (!(cause instanceof DOMException)) return cause;
  const names: Readonly<Record<string, ConsoleError>> = {
    NotAllowedError: isLate
      ? new ConsoleError('E_TIMEOUT', 'nobody answered the passkey prompt in time', { cause })
      : new ConsoleError('E_CANCELLED', 'the passkey prompt was closed, or nobody was verified', { cause }),
    AbortError: new ConsoleError('E_CANCELLED', 'the passkey prompt was closed', { cause }),
    SecurityError: new ConsoleError('E_INSECURE_ORIGIN', 'passkeys do not work at this address', { cause }),
    NotSupportedError: new ConsoleError('E_NO_WEBAUTHN', 'this device cannot make such a passkey', { cause }),
    ConstraintError: new ConsoleError('E_NO_USER_VERIFICATION', 'this device has no fingerprint, face or PIN set up', { cause }),
  };
  return names[cause.name] ?? new ConsoleError('E_PASSKEY', 'the passkey prompt failed', { cause });
}
