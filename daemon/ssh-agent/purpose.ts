// What a signature is for, read from the bytes to be signed and the sessions that were bound (RFC 4252 §7, PROTOCOL.sshsig, PROTOCOL.agent).
import { fingerprint, verifySignature } from './public-key.ts';
import { createReader, isSame, SshError } from './wire.ts';

/** A session that the agent's client proved to be with this host: the host key signed its identifier. */
export interface Session {
  readonly hostKey: Uint8Array;
  readonly id: Uint8Array;
  /** The agent was forwarded to that host: later messages may come from there. */
  readonly forwarded: boolean;
}

/** As in OpenSSH. */
const maxSessions = 16;
const userauthRequest = 50;
const sshsig = Buffer.from('SSHSIG');

/** `session-bind@openssh.com`. Throws SshError; whoever catches it must refuse everything that follows on that connection. */
export function bindSession(sessions: readonly Session[], contents: Uint8Array): readonly Session[] {
  const reader = createReader(contents);
  const [hostKey, id, signature] = [reader.bytes(), reader.bytes(), reader.bytes()];
  const forwarded = reader.byte() !== 0;
  reader.end();
  if (id.length === 0 || id.length > 128) throw new SshError('malformed', 'not a session');
  verifySignature(hostKey, signature, id);
  for (const known of sessions) {
    if (!known.forwarded) throw new SshError('unbound', 'this connection already belongs to a login');
    if (!isSame(known.id, id)) continue;
    if (isSame(known.hostKey, hostKey)) return sessions;
    throw new SshError('unbound', 'this session belongs to another host');
  }
  if (sessions.length >= maxSessions) throw new SshError('unbound', 'too many sessions on one connection');
  return [...sessions, { hostKey, id, forwarded }];
}

/**
 * One line for the approver, or a refusal: what is neither a login nor a signature of a known kind is not signed, since nobody could tell what
 * they say yes to. Throws SshError.
 */
export function purposeOf(data: Uint8Array, key: Uint8Array, sessions: readonly Session[]): string {
  if (isSame(data.subarray(0, sshsig.length), sshsig)) return signaturePurpose(data, sessions);
  return loginPurpose(data, key, sessions);
}

function signaturePurpose(data: Uint8Array, sessions: readonly Session[]): string {
  const reader = createReader(data.subarray(sshsig.length));
  const namespace = reader.text();
  reader.bytes();
  const hash = reader.text();
  const digest = reader.bytes();
  reader.end();
  if (!/^[\x21-\x7e]{1,32}$/.test(namespace) || !/^sha(?:256|512)$/.test(hash)) throw new SshError('malformed', 'not a signature request of a known kind');
  const what = namespace === 'git' ? 'sign a git commit or tag' : namespace === 'file' ? 'sign a file' : `sign for ${namespace}`;
  return `${forwarding(sessions)}${what} (SSHSIG namespace ${namespace}, ${hash} ${Buffer.from(digest).toString('hex').slice(0, 12)})`;
}

function loginPurpose(data: Uint8Array, key: Uint8Array, sessions: readonly Session[]): string {
  const request = readUserauth(data);
  if (!isSame(request.key, key)) throw new SshError('refused', 'a login with another key than is asked for');
  const [last] = sessions.slice(-1);
  const user = request.user.replace(/[^\x21-\x7e]/gu, '?').slice(0, 24);
  // The host is proven only where the session of the login is the one that was bound last, and was not bound for forwarding.
  if (last === undefined) return `log in as ${user} to a host that is NOT PROVEN`;
  if (request.hostKey !== undefined && !isSame(request.hostKey, last.hostKey))
    throw new SshError('unbound', 'a login to another host than the one that is proven');
  if (isSame(last.id, request.session)) return `${forwarding(sessions.slice(0, -1))}log in as ${user} to host key ${fingerprint(last.hostKey)}`;
  if (!last.forwarded) throw new SshError('unbound', 'a login in another session than the one that is proven');
  return `${forwarding(sessions)}log in as ${user} to a host that is NOT PROVEN`;
}

interface Userauth {
  readonly session: Uint8Array;
  readonly user: string;
  readonly key: Uint8Array;
  readonly hostKey: Uint8Array | undefined;
}

function readUserauth(data: Uint8Array): Userauth {
  const unknown = (): SshError => new SshError('refused', 'neither a login nor a signature of a known kind: nobody could tell what they approve');
  try {
    const reader = createReader(data);
    const session = reader.bytes();
    if (reader.byte() !== userauthRequest) throw unknown();
    const user = reader.text();
    if (reader.text() !== 'ssh-connection') throw unknown();
    const method = reader.text();
    const isBound = method === 'publickey-hostbound-v00@openssh.com';
    if ((method !== 'publickey' && !isBound) || reader.byte() !== 1) throw unknown();
    reader.text(); // the algorithm
    const key = reader.bytes();
    const hostKey = isBound ? reader.bytes() : undefined;
    reader.end();
    return { session, user, key, hostKey };
  } catch (cause) {
    if (cause instanceof SshError && cause.code === 'refused') throw cause;
    throw unknown();
  }
}

/** First in the line, so that nothing can push it out of sight: whoever is root where the agent was forwarded to could ask. */
function forwarding(sessions: readonly Session[]): string {
  return sessions.some(({ forwarded }) => forwarded) ? 'FORWARDED agent: ' : '';
}
