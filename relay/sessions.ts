// Sessions: one hour, in memory only; after a restart clients open new ones (spec/08-relay.md §access).
import type { Grade, KeyId, OrgId } from '../protocol/wire.ts';

/** One object per session, shared by its calls and its live sockets. */
export interface RelaySession {
  readonly token: string;
  readonly org: OrgId;
  readonly keyId: KeyId;
  readonly grade: Grade;
  /** Name of the key's bucket: per org, because the same key may stand in several. */
  readonly bucket: string;
  readonly expiresAt: number;
}

export interface Sessions {
  open(key: Pick<RelaySession, 'org' | 'keyId' | 'grade'>, keyExpiresAt: number | undefined): { readonly session: RelaySession; readonly token: Uint8Array };
  /** The session of a bearer token, or undefined where it ended or never was. */
  find(token: string): RelaySession | undefined;
  isLive(session: RelaySession): boolean;
  /** Ends every session of a key at once. */
  endKey(org: OrgId, keyId: KeyId): void;
  sweep(): void;
}

const lifeMs = 3_600_000;
/** Tabs, reconnects and restarts of one device; the oldest goes first. */
const perKey = 32;

export function createSessions(now: () => number, randomBytes: (length: number) => Uint8Array): Sessions {
  const byToken = new Map<string, RelaySession>();
  const byKey = new Map<string, RelaySession[]>();

  const end = (session: RelaySession): void => {
    byToken.delete(session.token);
    const left = (byKey.get(session.bucket) ?? []).filter((other) => other !== session);
    if (left.length > 0) byKey.set(session.bucket, left);
    else byKey.delete(session.bucket);
  };
  const isLive = (session: RelaySession): boolean => session.expiresAt > now() && byToken.get(session.token) === session;

  return {
    open: ({ org, keyId, grade }, keyExpiresAt = Number.MAX_SAFE_INTEGER) => {
      const token = randomBytes(32);
      const bucket = bucketName(org, keyId);
      const session: RelaySession = { token: tokenName(token), org, keyId, grade, bucket, expiresAt: Math.min(now() + lifeMs, keyExpiresAt) };
      const others = byKey.get(bucket) ?? [];
      if (others.length >= perKey && others[0]) end(others[0]);
      byKey.set(bucket, [...(byKey.get(bucket) ?? []), session]);
      byToken.set(session.token, session);
      return { session, token };
    },
    find: (token) => {
      const session = byToken.get(token);
      return session && session.expiresAt > now() ? session : undefined;
    },
    isLive,
    endKey: (org, keyId) => {
      for (const session of byKey.get(bucketName(org, keyId)) ?? []) end(session);
    },
    sweep: () => {
      for (const session of byToken.values()) if (!isLive(session)) end(session);
    },
  };
}

/** The form in which a token travels in `authorization`. */
export function tokenName(token: Uint8Array): string {
  return Buffer.from(token).toString('base64url');
}

function bucketName(org: OrgId, keyId: KeyId): string {
  // One character per byte: half the memory of hex.
  return Buffer.from(org + keyId, 'hex').toString('latin1');
}
