// POST /v1/session, /v1/keys, /v1/keys/revoke: who may use this relay for which org (spec/08-relay.md §access).
import { createHash, timingSafeEqual } from 'node:crypto';
import {
  type Grade,
  type SessionOpen,
  decode,
  encode,
  keyIdOf,
  keyRegisterCodec,
  keyRevokeCodec,
  limits,
  sessionCodec,
  sessionOpenCodec,
  sessionStatement,
  verifySignature,
} from '../../protocol/wire.ts';
import type { SignUp } from '../config.ts';
import { RelayError } from '../relay-error.ts';
import { type OpenRoute, type SessionRoute, nothing } from './call.ts';

/** Longer than a statement can be valid, past and future skew together. */
const nonceLifeMs = 2 * limits.clockSkewMs;
const smallBody = 4_096;

export const openSession: OpenRoute = {
  kind: 'open',
  maxBytes: smallBody,
  run: async (parts, body, payForSignUp) => {
    const { store, sessions } = parts;
    const open = decode(sessionOpenCodec, body, smallBody);
    const now = parts.now();
    if (!parts.audiences().includes(open.audience)) throw refused('the statement is for another relay');
    if (Math.abs(now - open.ts) > limits.clockSkewMs) throw refused('the clocks of client and relay differ by more than 5 minutes');

    const keyId = keyIdOf('ES256', open.publicKey);
    const known = await store.findKey(open.org, keyId);
    const isFirst = known === undefined && open.signUp === true && !(await store.knowsOrg(open.org));
    if (isFirst) {
      payForSignUp();
      checkSignUp(parts.config.signUp, open);
    } else if (known === undefined || known.revoked || (known.expiresAt ?? Number.MAX_SAFE_INTEGER) <= now) {
      throw refused('this key does not stand for this org here');
    }
    await verifySignature(open.publicKey, sessionStatement(open), open.signature).catch((cause: unknown) => {
      throw refused('the signature does not verify', cause);
    });

    const admitted = await store.admit({
      org: open.org,
      keyId,
      nonce: open.nonce,
      nonceUntil: now + nonceLifeMs,
      now,
      ...(isFirst ? { firstKey: open.publicKey } : {}),
    });
    if (admitted !== 'admitted') throw refused(admitted === 'replayed' ? 'the statement was used before' : 'this key does not stand for this org here');
    const { session, token } = sessions.open({ org: open.org, keyId, grade: known?.grade ?? 'device' }, known?.expiresAt);
    return { session, answer: encode(sessionCodec, { token, expiresAt: session.expiresAt, serverTime: now }) };
  },
};

export const registerKey: SessionRoute = {
  kind: 'session',
  maxBytes: smallBody,
  grades: ['device', 'join'],
  run: async ({ store, now }, body, { session }) => {
    const key = decode(keyRegisterCodec, body, smallBody);
    if (session.grade === 'join' && key.grade !== 'machine') throw new RelayError('E_RELAY_FORBIDDEN', 'a join key registers a machine key and nothing else');
    checkExpiry(key.grade, key.expiresAt, now());
    const result = await store.registerKey(session.org, { ...key, keyId: keyIdOf('ES256', key.publicKey) }, session, now());
    if (result === 'spent') throw new RelayError('E_RELAY_FORBIDDEN', 'this join key has registered its machine');
    if (result === 'differs') throw new RelayError('E_RELAY_FORBIDDEN', 'this key is revoked, or registered with another grade or expiry');
    if (result === 'quota') throw new RelayError('E_RELAY_QUOTA', 'the org has as many keys as this relay allows');
    return nothing;
  },
};

export const revokeKey: SessionRoute = {
  kind: 'session',
  maxBytes: smallBody,
  grades: ['device'],
  run: async ({ store, sessions, live, now }, body, { session }) => {
    const { keyId } = decode(keyRevokeCodec, body, smallBody);
    const result = await store.revokeKey(session.org, keyId, session.keyId, now());
    if (result === 'unknown') throw new RelayError('E_RELAY_NOT_FOUND', 'the org has no such key here');
    if (result === 'foreign') throw new RelayError('E_RELAY_FORBIDDEN', 'a device key is revoked by itself, or by a key that it came from');
    if (result === 'last') throw new RelayError('E_RELAY_FORBIDDEN', 'the last device key of an org cannot be revoked');
    sessions.endKey(session.org, keyId);
    live.closeEnded();
    return nothing;
  },
};

function checkSignUp(signUp: SignUp, open: SessionOpen): void {
  if (signUp.kind === 'closed') throw new RelayError('E_RELAY_CLOSED', 'this relay takes no new orgs');
  if (signUp.kind === 'token' && !isEqual(open.signUpToken ?? '', signUp.token))
    throw new RelayError('E_RELAY_CLOSED', 'this relay takes new orgs only with a sign-up token');
}

function checkExpiry(grade: Grade, expiresAt: number | undefined, now: number): void {
  const isPassing = grade === 'join' || grade === 'guest';
  if (isPassing && expiresAt === undefined) throw new RelayError('E_RELAY_REQUEST', `a ${grade} key needs an expiry`);
  if (expiresAt === undefined) return;
  if (expiresAt <= now) throw new RelayError('E_RELAY_REQUEST', 'the expiry is in the past');
  if (isPassing && expiresAt > now + limits.tokenLifeMs + limits.clockSkewMs) throw new RelayError('E_RELAY_REQUEST', `a ${grade} key lives at most 24 hours`);
}

// Compared as hashes: equal length, and the time tells nothing about the token.
function isEqual(a: string, b: string): boolean {
  const digest = (text: string): Uint8Array => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

function refused(what: string, cause?: unknown): RelayError {
  return new RelayError('E_RELAY_AUTH', what, { cause });
}
