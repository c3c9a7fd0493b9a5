// POST /v1/mail, /v1/mail/read: sealed messages that expire; reading may wait (spec/08-relay.md §mail).
import { type MailRead, type ReceivedMail, decode, encode, limits, mailPageCodec, mailPostCodec, mailPostedCodec, mailReadCodec } from '../../protocol/wire.ts';
import { RelayError } from '../relay-error.ts';
import { type RelayParts, type SessionCall, type SessionRoute, everyGrade, frameBytes } from './call.ts';

const readBody = 4_096;

export const postMail: SessionRoute = {
  kind: 'session',
  maxBytes: limits.wireBytes,
  grades: everyGrade,
  run: async ({ store, live, now }, body, { session }) => {
    const { mails } = decode(mailPostCodec, body, limits.wireBytes);
    const postedAt = now();
    const ids = await store.postMail(session.org, mails, postedAt);
    if (ids === 'quota') throw new RelayError('E_RELAY_QUOTA', 'the org has as much waiting mail as this relay allows');
    mails.forEach(({ mailbox, body: sealed }, index) => live.mailCame(session.org, { id: ids[index] ?? 0, mailbox, body: sealed, postedAt }));
    return encode(mailPostedCodec, { ids });
  },
};

export const readMail: SessionRoute = {
  kind: 'session',
  maxBytes: readBody,
  grades: everyGrade,
  run: async (parts, body, call) => {
    const wanted = decode(mailReadCodec, body, readBody);
    const mails = (wanted.waitMs ?? 0) > 0 ? await awaitMail(parts, wanted, call) : await mailNow(parts, wanted, call);
    return encode(mailPageCodec, { mails, next: mails.at(-1)?.id ?? wanted.after });
  },
};

function mailNow({ store, now }: RelayParts, { mailboxes, after, limit }: MailRead, { session }: SessionCall): Promise<readonly ReceivedMail[]> {
  return store.readMail(session.org, mailboxes, after, limit, now(), limits.wireBytes - frameBytes);
}

// Listens before it reads, so that no mail falls between the two.
async function awaitMail(parts: RelayParts, wanted: MailRead, call: SessionCall): Promise<readonly ReceivedMail[]> {
  using arrival = parts.live.awaitMail(call.session, wanted.mailboxes, wanted.waitMs ?? 0, call.signal);
  const mails = await mailNow(parts, wanted, call);
  if (mails.length > 0) return mails;
  await arrival.came;
  // The key may have been revoked while the call was held.
  if (!parts.sessions.isLive(call.session)) throw new RelayError('E_RELAY_AUTH', 'the session has ended');
  return mailNow(parts, wanted, call);
}
