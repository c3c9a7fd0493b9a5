// The embedded store (spec/08-relay.md §store): puts the parts together over one database.
import { type Committer, createCommitter } from './group-commit.ts';
import { type OpenDatabase, openDatabase } from './open-sqlite.ts';
import { migrations } from './schema.ts';
import { createKeyTable } from './sqlite-keys.ts';
import { createContentTables } from './sqlite-content.ts';
import { createMailTable } from './sqlite-mail.ts';
import { type Orgs, createOrgs } from './sqlite-orgs.ts';
import type { Database } from 'bun:sqlite';
import type { Store, StoreQuotas } from './store.ts';

/** What each part of the store works with. */
export interface Tables {
  readonly db: Database;
  readonly orgs: Orgs;
  readonly quotas: StoreQuotas;
  readonly write: Committer['write'];
}

export function openSqliteStore(dataDir: string, quotas: StoreQuotas): Store {
  return createSqliteStore(openDatabase(dataDir), quotas);
}

export function createSqliteStore({ db, unlock }: OpenDatabase, quotas: StoreQuotas): Store {
  const committer = createCommitter(db);
  const tables: Tables = { db, orgs: createOrgs(db), quotas, write: committer.write };
  const keys = createKeyTable(tables);
  const mail = createMailTable(tables);
  const alive = db.query('SELECT 1');
  return {
    ...keys,
    ...createContentTables(tables),
    ...mail,
    expire: (now, most) => committer.write(() => keys.expireKeys(now, most) + mail.expireMail(now, most)),
    probe: async () => {
      alive.get();
      // Rewriting the version touches a page, so a full or read-only disk shows.
      if (committer.broken) await committer.write(() => db.run(`PRAGMA user_version = ${migrations.length}`));
    },
    close: () => {
      committer.close();
      db.run('PRAGMA wal_checkpoint(TRUNCATE)');
      db.close();
      unlock();
      return Promise.resolve();
    },
  };
}
