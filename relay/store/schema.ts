// Tables of the SQLite store and how an older file becomes today's (spec/08-relay.md §store).
// Forward only: a migration that was released is never edited, a new one is appended.

/** Migration n brings a file from schema n to n + 1. */
export const migrations: readonly string[] = [
  `CREATE TABLE orgs (
     id INTEGER PRIMARY KEY, org BLOB NOT NULL UNIQUE, created_at INTEGER NOT NULL,
     bytes INTEGER NOT NULL DEFAULT 0, records INTEGER NOT NULL DEFAULT 0, mails INTEGER NOT NULL DEFAULT 0, last_mail INTEGER NOT NULL DEFAULT 0
   ) STRICT;
   CREATE TABLE keys (
     org INTEGER NOT NULL REFERENCES orgs, key_id BLOB NOT NULL, public_key BLOB NOT NULL, grade TEXT NOT NULL CHECK (grade IN ('device', 'machine', 'join')),
     created_at INTEGER NOT NULL, expires_at INTEGER, revoked_at INTEGER, registered_by BLOB NOT NULL, PRIMARY KEY (org, key_id)
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX keys_by_expiry ON keys (expires_at) WHERE expires_at IS NOT NULL;
   CREATE TABLE nonces (key_id BLOB NOT NULL, nonce BLOB NOT NULL, expires_at INTEGER NOT NULL, PRIMARY KEY (key_id, nonce)) STRICT, WITHOUT ROWID;
   CREATE INDEX nonces_by_expiry ON nonces (expires_at);
   CREATE TABLE records (
     org INTEGER NOT NULL REFERENCES orgs, stream BLOB NOT NULL, seq INTEGER NOT NULL, prev BLOB NOT NULL, eh BLOB NOT NULL, blob BLOB NOT NULL,
     UNIQUE (org, stream, seq)
   ) STRICT;
   CREATE TABLE blobs (org INTEGER NOT NULL REFERENCES orgs, hash BLOB NOT NULL, size INTEGER NOT NULL, bytes BLOB NOT NULL, UNIQUE (org, hash)) STRICT;
   CREATE TABLE mails (
     org INTEGER NOT NULL REFERENCES orgs, id INTEGER NOT NULL, mailbox BLOB NOT NULL, posted_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,
     size INTEGER NOT NULL, body BLOB NOT NULL, UNIQUE (org, id)
   ) STRICT;
   CREATE INDEX mails_by_box ON mails (org, mailbox, id, expires_at, size);
   CREATE INDEX mails_by_expiry ON mails (expires_at);
   CREATE TABLE probe (id INTEGER PRIMARY KEY, room BLOB NOT NULL) STRICT;`,
  // The grade `guest`, and what a join key has appended. A CHECK is changed by making the table again.
  `CREATE TABLE keys_next (
     org INTEGER NOT NULL REFERENCES orgs, key_id BLOB NOT NULL, public_key BLOB NOT NULL,
     grade TEXT NOT NULL CHECK (grade IN ('device', 'machine', 'join', 'guest')), created_at INTEGER NOT NULL, expires_at INTEGER, revoked_at INTEGER,
     registered_by BLOB NOT NULL, appended INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (org, key_id)
   ) STRICT, WITHOUT ROWID;
   INSERT INTO keys_next (org, key_id, public_key, grade, created_at, expires_at, revoked_at, registered_by)
     SELECT org, key_id, public_key, grade, created_at, expires_at, revoked_at, registered_by FROM keys;
   DROP TABLE keys;
   ALTER TABLE keys_next RENAME TO keys;
   CREATE INDEX keys_by_expiry ON keys (expires_at) WHERE expires_at IS NOT NULL;`,
];
