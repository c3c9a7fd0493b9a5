// A draft on its way to the other admins: what is proposed, and who endorsed it so far (spec/05-org-log.md §drafts).
import { type Codec, type Item, anyItem, array, count, decode, encode, int, oneOf, record, text, time } from './codec.ts';
import { ProtocolError, check } from './errors.ts';
import { type DeviceId, type Hash, type OrgId, deviceIdCodec, hashCodec, orgIdCodec } from './hash.ts';
import type { Signer } from './keys.ts';
import { limits } from './limits.ts';
import type { Bodies, DeviceAdd, EntryType } from './org-log/bodies.ts';
import { bodyCodecs, entryTypes } from './org-log/body-codecs.ts';
import { type Intent, changesAuthority, encodeIntent, intentHash, itemDigest } from './org-log/draft.ts';
import { type Proposed, type SignerRef, protocolSuite, protocolVersion } from './org-log/entry.ts';
import type { Device, OrgState } from './org-log/state.ts';
import { verifyEndorsement, verifyPresence } from './org-log/verify.ts';
import { type EnvelopeSignature, type Signing, envelopeSignatureCodec, parseEnvelope, signEnvelope, signPayload } from './sign.ts';
import { verifyName, verifyText } from './text.ts';

/** What admins pass around until enough of them have agreed. Its identity is the hash of its intent. */
export interface Draft {
  readonly authority: Hash;
  readonly items: readonly Proposed[];
  readonly expiresAt: number;
  /** Why, in the words of whoever began it; one line. */
  readonly note: string;
  readonly endorsements: readonly EnvelopeSignature[];
}
/** `withdrawn`: who sends this wants it no longer. A courtesy: what was endorsed stays valid until it expires or authority changes. */
export interface DraftLetter {
  readonly org: OrgId;
  readonly device: DeviceId;
  readonly ts: number;
  readonly draft: Draft;
  readonly word: 'endorsed' | 'declined' | 'withdrawn';
}

/** A change without its place: number of its type, and its body. Its text is safe to show: E_TEXT. */
export const proposedCodec: Codec<Proposed> = {
  toItem: ({ type, body }): Item => {
    const codec = bodyCodecs[type] as Codec<Bodies[EntryType]>; // the codec of that very type
    return rawProposed.toItem({ type: entryTypes.indexOf(type) + 1, body: codec.toItem(body) });
  },
  fromItem: (item) => {
    const raw = rawProposed.fromItem(item);
    const type = entryTypes[raw.type - 1];
    if (type === undefined) throw new ProtocolError('E_TYPE_UNKNOWN', 'an entry type that this version does not know: update Stillvault');
    verifyTexts(raw.body); // it is shown before it is judged as an entry, or where it never becomes one
    return { type, body: bodyCodecs[type].fromItem(raw.body) } as Proposed; // decoded by the codec of that type
  },
};
const rawProposed = record<{ readonly type: number; readonly body: Item }>({ type: [1, int(0, 65_535)], body: [2, anyItem] });
export const draftCodec: Codec<Draft> = record<Draft>({
  authority: [1, hashCodec],
  items: [2, array(proposedCodec, limits.draftItems, 1)],
  expiresAt: [3, time],
  note: [4, text(limits.descriptionBytes)],
  endorsements: [5, array(envelopeSignatureCodec, limits.admins)],
});
type Versioned = DraftLetter & { readonly v: number; readonly suite: number };
const letterCodec: Codec<Versioned> = record<Versioned>({
  v: [1, count],
  suite: [2, count],
  org: [3, orgIdCodec],
  device: [4, deviceIdCodec],
  ts: [5, time],
  draft: [6, draftCodec],
  word: [7, oneOf<DraftLetter['word']>(['endorsed', 'declined', 'withdrawn'])],
});

export function intentOf(org: OrgId, { authority, items, expiresAt }: Pick<Draft, 'authority' | 'items' | 'expiresAt'>): Intent {
  return { org, authority, items: items.map(itemDigest), expiresAt };
}

/** Identity of a draft: what its endorsements are over. */
export function draftId(org: OrgId, draft: Pick<Draft, 'authority' | 'items' | 'expiresAt'>): Hash {
  return intentHash(intentOf(org, draft));
}

/** Nobody can use it any more: it has expired, or authority has changed, other than by its own first entries. */
export function isStale(state: OrgState, draft: Draft, now: number): boolean {
  return now > draft.expiresAt || (draft.authority !== state.authority && state.drafted?.intent !== draftId(state.org, draft));
}

/** An endorsement; the gesture in `signing` is over `intentHash(intent)`. */
export function endorse(intent: Intent, signing: Signing): Promise<EnvelopeSignature> {
  return signPayload('intent', encodeIntent(intent), signing);
}

/** Signed by the sender's presence key. Throws E_LIMIT where it would not fit a mail. */
export async function signDraft(letter: DraftLetter, presence: Signer): Promise<Uint8Array> {
  const bytes = await signEnvelope('draft', encode(letterCodec, { v: protocolVersion, suite: protocolSuite, ...letter }), [{ signer: presence }]);
  check(bytes.length <= limits.draftBytes, 'E_LIMIT', 'too much for one draft: propose it in parts');
  return bytes;
}

export interface VerifiedDraft {
  readonly from: Device;
  readonly word: DraftLetter['word'];
  readonly ts: number;
  readonly draft: Draft;
  /** Identity of the draft. */
  readonly id: Hash;
  /** Whose endorsement counts today, in the order of `draft.endorsements`; the others were left out of it. */
  readonly endorsers: readonly SignerRef[];
  /** Authority has changed since, or it has expired: nobody can use it any more. */
  readonly stale: boolean;
}

/** By an active device of this org; its text is safe to show. Throws a coded error; whether what it proposes may be is judged when it becomes an entry. */
export async function verifyDraftLetter(state: OrgState, signed: Uint8Array, now: number): Promise<VerifiedDraft> {
  const envelope = parseEnvelope('draft', signed, limits.draftBytes);
  const from = await verifyPresence(state, envelope);
  const { v, suite, org, device, ts, word, draft } = decode(letterCodec, envelope.payload, limits.draftBytes);
  check(v === protocolVersion && suite === protocolSuite, 'E_SUITE', 'another version or suite');
  check(org === state.org && device === from.device, 'E_ORG', 'a draft of another organisation or device');
  check(ts <= now + limits.clockSkewMs && draft.expiresAt - ts <= limits.draftLifeMs, 'E_CLOCK', 'from the future, or lives too long');
  check(draft.items.every(changesAuthority), 'E_DRAFT', 'a draft of something that needs no second admin');
  if (draft.note !== '') verifyText(draft.note, limits.descriptionBytes);
  const counted = await countEndorsements(state, draft);
  return {
    from,
    word,
    ts,
    id: draftId(org, draft),
    draft: { ...draft, endorsements: counted.map(({ signature }) => signature) },
    endorsers: counted.map(({ signer }) => signer),
    stale: isStale(state, draft, now),
  };
}

function verifyTexts(item: Item): void {
  if (typeof item === 'string') verifyName(item);
  else if (Array.isArray(item) || item instanceof Map) for (const part of item.values() as Iterable<Item>) verifyTexts(part); // of either
}

/** Those endorsements that count today, each device once. One that does not (a device revoked since) takes no other with it. */
export async function countEndorsements(
  state: OrgState,
  draft: Draft,
): Promise<readonly { readonly signer: SignerRef; readonly signature: EnvelopeSignature }[]> {
  const intent = intentOf(state.org, draft);
  const introduced: DeviceAdd | undefined = draft.items.flatMap((item) => (item.type === 'device.add' ? [item.body] : []))[0];
  const counted: { signer: SignerRef; signature: EnvelopeSignature }[] = [];
  for (const signature of draft.endorsements) {
    const signer = await verifyEndorsement(state, intent, signature, introduced).catch(() => undefined);
    if (signer && !counted.some((other) => other.signer.id === signer.id)) counted.push({ signer: { kind: signer.kind, id: signer.id }, signature });
  }
  return counted;
}
