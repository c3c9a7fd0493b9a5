// Drafts: what an admin agreed to before somebody signs the entry itself (spec/05-org-log.md §drafts).
// A signature on an entry binds its place, which moves on while people look. An endorsement binds what the entry does and the last change of
// authority, so that it lasts while secrets come and go, and can never be used twice.
import { type Codec, array, count, encode, record, time } from '../codec.ts';
import { check } from '../errors.ts';
import { type Hash, type OrgId, hash, hashCodec, orgIdCodec } from '../hash.ts';
import { limits } from '../limits.ts';
import { payloadHash } from '../sign.ts';
import type { Bodies, EntryType } from './bodies.ts';
import { bodyCodecs } from './body-codecs.ts';
import { type Entry, type Proposed, protocolSuite, protocolVersion } from './entry.ts';
import type { OrgState } from './state.ts';

/** What is endorsed: these changes, in this order, on this authority, until then. */
export interface Intent {
  readonly org: OrgId;
  /** Hash of the last entry that changed authority. */
  readonly authority: Hash;
  readonly items: readonly Hash[];
  readonly expiresAt: number;
}
const intentCodec: Codec<Intent & { readonly v: number; readonly suite: number }> = record<Intent & { readonly v: number; readonly suite: number }>({
  v: [1, count],
  suite: [2, count],
  org: [3, orgIdCodec],
  authority: [4, hashCodec],
  items: [5, array(hashCodec, limits.draftItems, 1)],
  expiresAt: [6, time],
});

export function encodeIntent({ org, authority, items, expiresAt }: Intent): Uint8Array {
  return encode(intentCodec, { v: protocolVersion, suite: protocolSuite, org, authority, items, expiresAt });
}

/** The challenge of an endorsement. */
export function intentHash(intent: Intent): Hash {
  return payloadHash('intent', 'intent', encodeIntent(intent));
}

/** One proposed change: hash of its type and body. */
export function itemDigest({ type, body }: Proposed): Hash {
  const codec = bodyCodecs[type] as Codec<Bodies[EntryType]>; // the codec of that very type
  return hash('intent', ['item', type, encode(codec, body)]);
}

/** Entries that change who may do what. Secrets, machines and keys of the log come and go without touching a draft. */
export function changesAuthority({ type, body }: Pick<Entry, 'type' | 'body'>): boolean {
  if (type === 'token.issue') return (body as Bodies['token.issue']).autoAdmit; // the body of that very type
  return /^(genesis|member|device|group|policy|org|recovery)\b/.test(type);
}

/** The draft that an entry carries, against the state before it: throws E_DRAFT unless it is that draft's next item, in time, on today's authority. */
export function verifyDraft(state: OrgState, entry: Entry): Intent | undefined {
  const { draft } = entry;
  if (!draft) return undefined;
  const intent: Intent = { org: entry.org, authority: draft.authority, items: draft.items, expiresAt: draft.expiresAt };
  check(changesAuthority(entry), 'E_DRAFT', 'a draft of something that needs no second admin');
  check(
    draft.endorsers.every(({ kind }) => kind === 'device'),
    'E_SIGNERS',
    'endorsed by something that is no person',
  );
  check(draft.items[draft.index] === itemDigest(entry), 'E_DRAFT', 'not what the draft proposed');
  check(entry.ts <= draft.expiresAt && draft.expiresAt - entry.ts <= limits.draftLifeMs, 'E_DRAFT', 'the draft has expired, or lives too long');
  const begins = draft.index === 0 && draft.authority === state.authority;
  const goesOn = state.drafted?.next === draft.index && state.drafted.intent === intentHash(intent);
  check(begins || goesOn, 'E_DRAFT', 'authority has changed since the draft was signed: sign it again');
  return intent;
}

/** What the state remembers of authority and of a draft under way. */
export function authorityAfter(state: OrgState | undefined, entry: Entry, eh: Hash): Pick<OrgState, 'authority' | 'drafted'> {
  if (state && !changesAuthority(entry)) return { authority: state.authority, drafted: state.drafted };
  const { draft } = entry;
  const more = draft && draft.index + 1 < draft.items.length;
  if (!more) return { authority: eh, drafted: undefined };
  return {
    authority: eh,
    drafted: { intent: intentHash({ org: entry.org, authority: draft.authority, items: draft.items, expiresAt: draft.expiresAt }), next: draft.index + 1 },
  };
}
