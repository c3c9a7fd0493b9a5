// Orgs and what each uses (spec/08-relay.md §limits).
import type { Database } from 'bun:sqlite';
import type { OrgId } from '../../protocol/wire.ts';
import { RelayError } from '../relay-error.ts';

export interface OrgRow {
  readonly id: number;
  readonly bytes: number;
  readonly records: number;
  readonly mails: number;
  readonly last_mail: number;
}
/** What a row costs beside its content, so that many small rows are paid for too. */
export const rowBytes = 128;

export interface Orgs {
  find(org: OrgId): OrgRow | undefined;
  /** As find; an org with a session exists, so its absence is a fault of the store. */
  get(org: OrgId): OrgRow;
  create(org: OrgId, now: number): OrgRow;
  use(id: number, bytes: number, records: number, mails: number): void;
  setLastMail(id: number, lastMail: number): void;
}

export function createOrgs(db: Database): Orgs {
  const find = db.query<OrgRow, [Uint8Array]>('SELECT id, bytes, records, mails, last_mail FROM orgs WHERE org = ?');
  const insert = db.query<OrgRow, [Uint8Array, number]>('INSERT INTO orgs (org, created_at) VALUES (?, ?) RETURNING id, bytes, records, mails, last_mail');
  const use = db.query<null, [number, number, number, number]>('UPDATE orgs SET bytes = bytes + ?, records = records + ?, mails = mails + ? WHERE id = ?');
  const lastMail = db.query<null, [number, number]>('UPDATE orgs SET last_mail = ? WHERE id = ?');
  const present = (row: OrgRow | null): OrgRow => {
    if (row === null) throw new RelayError('E_RELAY_STORE', 'an org with a session is not in the store');
    return row;
  };
  return {
    find: (org) => find.get(idBytes(org)) ?? undefined,
    get: (org) => present(find.get(idBytes(org))),
    create: (org, now) => present(insert.get(idBytes(org), now)),
    use: (id, bytes, records, mails) => void use.run(bytes, records, mails, id),
    setLastMail: (id, last) => void lastMail.run(last, id),
  };
}

/** Ids travel as hex in memory and are kept as bytes. */
export function idBytes(id: string): Uint8Array {
  return Buffer.from(id, 'hex');
}
