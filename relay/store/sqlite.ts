// The embedded store (spec/08-relay.md §store): puts the parts together over one database.
import { limits } from '../../protocol/wire.ts';
import { type Committer, createCommitter } from './group-commit.ts';
import { type OpenDatabase, openDatabase } from './open-sqlite.ts';
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
  const room = db.query<null, [number]>('INSERT OR REPLACE INTO probe (id, room) VALUES (1, zeroblob(?))');
  return {
    ...keys,
    ...createContentTables(tables),
    ...mail,
    expire: (now, most) => committer.write(() => keys.expireKeys(now, most) + mail.expireMail(now, most)),
    probe: async () => {
      alive.get();
      // After a failed write: is there room again for a record of the largest size?
      if (committer.broken) await committer.write(() => room.run(2 * limits.recordBytes));
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
