// Mail: durable until it expires (spec/08-relay.md §mail).
import type { MailboxId, ReceivedMail } from '../../protocol/wire.ts';
import { idBytes, rowBytes } from './sqlite-orgs.ts';
import type { Tables } from './sqlite.ts';
import type { Store } from './store.ts';

type MailTable = Pick<Store, 'postMail' | 'readMail'> & { expireMail(now: number, most: number): number };

export function createMailTable({ db, orgs, quotas, write }: Tables): MailTable {
  const insert = db.query<null, [number, number, Uint8Array, number, number, number, Uint8Array]>(
    'INSERT INTO mails (org, id, mailbox, posted_at, expires_at, size, body) VALUES (?, ?, ?, ?, ?, ?, ?)',
  );
  // Answered from the index alone; bodies are read only for those that fit the page.
  const waiting = db.query<{ id: number; size: number }, [number, Uint8Array, number, number, number]>(
    'SELECT id, size FROM mails INDEXED BY mails_by_box WHERE org = ? AND mailbox = ? AND id > ? AND expires_at > ? ORDER BY id LIMIT ?',
  );
  const byId = db.query<{ posted_at: number; body: Uint8Array }, [number, number]>('SELECT posted_at, body FROM mails WHERE org = ? AND id = ?');
  const drop = db.query<{ org: number; size: number }, [number, number]>(
    'DELETE FROM mails WHERE rowid IN (SELECT rowid FROM mails WHERE expires_at <= ? LIMIT ?) RETURNING org, size',
  );

  return {
    postMail: (org, mails, now) =>
      write(() => {
        const row = orgs.get(org);
        const bytes = mails.reduce((sum, mail) => sum + mail.body.length + rowBytes, 0);
        if (row.mails + mails.length > quotas.orgMails || row.bytes + bytes > quotas.orgBytes) return 'quota';
        const ids = mails.map((mail, index) => {
          const id = row.last_mail + 1 + index;
          insert.run(row.id, id, idBytes(mail.mailbox), now, now + mail.ttlS * 1_000, mail.body.length, mail.body);
          return id;
        });
        orgs.use(row.id, bytes, 0, mails.length);
        orgs.setLastMail(row.id, row.last_mail + mails.length);
        return ids;
      }),

    readMail: (org, mailboxes, after, limit, now, maxBytes) => {
      const { id: orgRow } = orgs.get(org);
      const found: { readonly id: number; readonly size: number; readonly mailbox: MailboxId }[] = [];
      for (const mailbox of new Set(mailboxes)) {
        for (const row of waiting.all(orgRow, idBytes(mailbox), after, now, limit)) found.push({ ...row, mailbox });
      }
      found.sort((a, b) => a.id - b.id);
      const mails: ReceivedMail[] = [];
      let bytes = 0;
      for (const { id, size, mailbox } of found.slice(0, limit)) {
        bytes += size + rowBytes;
        const row = bytes > maxBytes ? null : byId.get(orgRow, id);
        if (!row) break;
        mails.push({ id, mailbox, body: row.body, postedAt: row.posted_at });
      }
      return Promise.resolve(mails);
    },

    expireMail: (now, most) => {
      const gone = drop.all(now, most);
      const perOrg = new Map<number, { bytes: number; mails: number }>();
      for (const { org, size } of gone) {
        const sum = perOrg.get(org) ?? { bytes: 0, mails: 0 };
        perOrg.set(org, { bytes: sum.bytes + size + rowBytes, mails: sum.mails + 1 });
      }
      for (const [org, sum] of perOrg) orgs.use(org, -sum.bytes, 0, -sum.mails);
      return gone.length;
    },
  };
}
