// Keys of an org and the nonces of their session statements (spec/08-relay.md §access).
import type { Grade } from '../../protocol/wire.ts';
import { idBytes } from './sqlite-orgs.ts';
import type { Tables } from './sqlite.ts';
import type { Store } from './store.ts';

interface KeyRow {
  readonly public_key: Uint8Array;
  readonly grade: Grade;
  readonly expires_at: number | null;
  readonly revoked_at: number | null;
  readonly registered_by: Uint8Array;
}

/** Revoked keys are kept; machines that come and go may leave this many behind for each that lives. */
const revokedPerLive = 16;

type KeyTable = Pick<Store, 'knowsOrg' | 'findKey' | 'admit' | 'registerKey' | 'revokeKey'> & { expireKeys(now: number, most: number): number };

export function createKeyTable({ db, orgs, quotas, write }: Tables): KeyTable {
  const find = db.query<KeyRow, [number, Uint8Array]>('SELECT public_key, grade, expires_at, revoked_at, registered_by FROM keys WHERE org = ? AND key_id = ?');
  const insert = db.query<null, [number, Uint8Array, Uint8Array, Grade, number, number | null, Uint8Array]>(
    'INSERT INTO keys (org, key_id, public_key, grade, created_at, expires_at, registered_by) VALUES (?, ?, ?, ?, ?, ?, ?)',
  );
  const revoke = db.query<null, [number, number, Uint8Array]>('UPDATE keys SET revoked_at = ? WHERE org = ? AND key_id = ?');
  const isLive = 'org = ?1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?2)';
  const countLive = db.query<{ n: number }, [number, number]>(`SELECT count(*) AS n FROM keys WHERE ${isLive}`);
  const countEver = db.query<{ n: number }, [number]>('SELECT count(*) AS n FROM keys WHERE org = ?');
  const countOtherDevices = db.query<{ n: number }, [number, number, Uint8Array]>(
    `SELECT count(*) AS n FROM keys WHERE ${isLive} AND grade = 'device' AND key_id <> ?3`,
  );
  const countRegisteredBy = db.query<{ n: number }, [number, Uint8Array]>('SELECT count(*) AS n FROM keys WHERE org = ? AND registered_by = ?');
  const useNonce = db.query<null, [Uint8Array, Uint8Array, number]>('INSERT OR IGNORE INTO nonces (key_id, nonce, expires_at) VALUES (?, ?, ?)');
  const dropNonces = db.query<null, [number, number]>(
    'DELETE FROM nonces WHERE (key_id, nonce) IN (SELECT key_id, nonce FROM nonces WHERE expires_at <= ? LIMIT ?)',
  );
  // A revoked key is never forgotten: it must not come back.
  const dropKeys = db.query<null, [number, number]>(
    'DELETE FROM keys WHERE (org, key_id) IN (SELECT org, key_id FROM keys WHERE expires_at <= ? AND revoked_at IS NULL LIMIT ?)',
  );

  // Itself, or registered by it or by one that came from it. The org's first key registered itself; one that expired can close a ring.
  const comesFrom = (org: number, keyId: Uint8Array, from: Uint8Array): boolean => {
    const seen = new Set<string>();
    for (let at: Uint8Array | undefined = keyId; at !== undefined && !seen.has(Buffer.from(at).toString('hex')); at = find.get(org, at)?.registered_by) {
      if (Buffer.from(at).equals(from)) return true;
      seen.add(Buffer.from(at).toString('hex'));
    }
    return false;
  };

  return {
    knowsOrg: (org) => Promise.resolve(orgs.find(org) !== undefined),

    findKey: (org, keyId) => {
      const row = orgs.find(org);
      const key = row && find.get(row.id, idBytes(keyId));
      if (!key) return Promise.resolve(undefined);
      return Promise.resolve({
        publicKey: key.public_key,
        grade: key.grade,
        revoked: key.revoked_at !== null,
        ...(key.expires_at === null ? {} : { expiresAt: key.expires_at }),
      });
    },

    admit: ({ org, keyId, nonce, nonceUntil, now, firstKey }) =>
      write(() => {
        const row = orgs.find(org);
        const key = row && find.get(row.id, idBytes(keyId));
        const stands = key && key.revoked_at === null && (key.expires_at ?? now + 1) > now;
        if (firstKey === undefined ? !stands : row !== undefined) return 'refused';
        if (useNonce.run(idBytes(keyId), nonce, nonceUntil).changes === 0) return 'replayed';
        if (firstKey !== undefined) insert.run(orgs.create(org, now).id, idBytes(keyId), firstKey, 'device', now, null, idBytes(keyId));
        return 'admitted';
      }),

    registerKey: (org, key, by, now) =>
      write(() => {
        const row = orgs.get(org);
        const known = find.get(row.id, idBytes(key.keyId));
        if (known) {
          const same = known.grade === key.grade && known.revoked_at === null && (known.expires_at ?? undefined) === key.expiresAt;
          return same ? 'registered' : 'differs';
        }
        if (by.grade === 'join' && (countRegisteredBy.get(row.id, idBytes(by.keyId))?.n ?? 0) > 0) return 'spent';
        if ((countLive.get(row.id, now)?.n ?? 0) >= quotas.orgKeys || (countEver.get(row.id)?.n ?? 0) >= revokedPerLive * quotas.orgKeys) return 'quota';
        insert.run(row.id, idBytes(key.keyId), key.publicKey, key.grade, now, key.expiresAt ?? null, idBytes(by.keyId));
        return 'registered';
      }),

    revokeKey: (org, keyId, by, now) =>
      write(() => {
        const row = orgs.get(org);
        const key = find.get(row.id, idBytes(keyId));
        if (!key) return 'unknown';
        if (key.revoked_at !== null) return 'revoked';
        if (key.grade === 'device' && !comesFrom(row.id, idBytes(keyId), idBytes(by))) return 'foreign';
        if (key.grade === 'device' && (countOtherDevices.get(row.id, now, idBytes(keyId))?.n ?? 0) === 0) return 'last';
        revoke.run(now, row.id, idBytes(keyId));
        return 'revoked';
      }),

    expireKeys: (now, most) => dropNonces.run(now, most).changes + dropKeys.run(now, most).changes,
  };
}
