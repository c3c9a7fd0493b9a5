// Changes that need several admins: endorsed here or elsewhere, passed around, signed by whoever completes them (spec/05-org-log.md §drafts).
import { type Codec, array, decode, encode, record, time } from '../../protocol/codec.ts';
import {
  type Draft,
  type DraftLetter,
  countEndorsements,
  draftCodec,
  draftId,
  endorse,
  intentOf,
  isStale,
  signDraft,
  verifyDraftLetter,
} from '../../protocol/draft.ts';
import { ProtocolError, check } from '../../protocol/errors.ts';
import { type DeviceId, type Hash, deviceIdCodec } from '../../protocol/hash.ts';
import { limits } from '../../protocol/limits.ts';
import { sealLetter } from '../../protocol/notice.ts';
import { adminThreshold, memberOf } from '../../protocol/org-log/authority.ts';
import type { Entry, Proposed, SignerRef } from '../../protocol/org-log/entry.ts';
import { mailboxOn } from '../../protocol/org-log/record.ts';
import type { EnvelopeSignature } from '../../protocol/sign.ts';
import { type Device, type OrgState, activeDevice, devicesOf, hasRole, liveAdmins } from '../../protocol/org-log/state.ts';
import type { Outcome } from '../app.ts';
import type { DraftRow } from '../app-people.ts';
import { RelayClientError } from '../../relay-client/client.ts';
import { ConsoleError } from '../platform/console-error.ts';
import { type Plan, appendSigned, placed } from './entries.ts';
import { draftLines } from './change-words.ts';
import { signerName } from './log-rows.ts';
import { newMeta } from './machines.ts';
import { type Session, myDevice, requireRole } from './session.ts';
import { unlock } from './unlock.ts';

export interface Drafts {
  /**
   * Does the change with one gesture where this admin is enough, else proposes it to the other admins with one gesture.
   * `plan` is asked anew on the newest state and names only what is still to be done.
   */
  change(plan: (state: OrgState) => readonly Proposed[] | Promise<readonly Proposed[]>, note: string): Promise<Outcome>;
  /**
   * A device that comes in where this admin is not enough, or this member no admin: `items` end with its device.add. One gesture here; then
   * `askDevice` has the new device endorse the same intent, and the other admins get it.
   */
  introduce(items: readonly Proposed[], note: string, askDevice: (draft: Draft) => Promise<EnvelopeSignature>): Promise<void>;
  /** One gesture: completes the draft where this is the last word it needs, else passes it on. */
  agree(id: Hash): Promise<Outcome>;
  /** No gesture: tells the others, and puts it away here. */
  refuse(id: Hash): Promise<void>;
  receive(letter: Uint8Array): Promise<void>;
  /** Puts away what the log has by now. */
  review(entries: readonly Entry[]): Promise<void>;
  rows(): readonly DraftRow[];
}

/** A draft as this device keeps it. */
interface Known {
  readonly draft: Draft;
  readonly by: DeviceId;
  readonly at: number;
  readonly refusals: readonly DeviceId[];
}
const knownCodec: Codec<Known> = record<Known>({
  draft: [1, draftCodec],
  by: [2, deviceIdCodec],
  at: [3, time],
  refusals: [4, array(deviceIdCodec, limits.admins * 4)],
});
const wordsOfRefusal: readonly DraftLetter['word'][] = ['declined', 'withdrawn'];
const prefix = 'draft/';
const lifeMs = 3 * 86_400_000;
/** Drafts that this device keeps at a time, of everybody and of one member: more comes from somebody who floods. */
const keptMax = 256;
const keptOfOne = 12;
const keptBytes = 2 * limits.draftBytes;

export async function openDrafts(session: Session, onChange: () => void): Promise<Drafts> {
  const { platform, log, me, client } = session;
  const known = new Map<Hash, Known>();
  for (const [name, bytes] of await platform.storage.read(prefix)) known.set(name.slice(prefix.length) as Hash, decode(knownCodec, bytes, keptBytes)); // written under its id below

  async function keep(id: Hash, next: Known): Promise<void> {
    const bytes = encode(knownCodec, next);
    // Of many letters, each within its bound: what could not be read again would keep this device from starting.
    check(bytes.length <= keptBytes, 'E_LIMIT', 'more endorsements than a draft can have');
    await platform.storage.write(new Map([[prefix + id, bytes]]));
    known.set(id, next);
    onChange();
  }
  async function forget(ids: readonly Hash[]): Promise<void> {
    if (ids.length === 0) return;
    await platform.storage.write(
      new Map(),
      ids.map((id) => prefix + id),
    );
    for (const id of ids) known.delete(id);
    onChange();
  }
  function isFlood(state: OrgState, { member }: Device): boolean {
    const ofOne = [...known.values()].filter(({ by, draft }) => state.devices.get(by)?.member === member && !isStale(state, draft, platform.now()));
    return known.size >= keptMax || ofOne.length >= keptOfOne;
  }
  function find(id: Hash): Known {
    const found = known.get(id);
    if (!found) throw new ConsoleError('E_GONE', 'this draft is not here any more');
    return found;
  }

  /** Every other device of every admin gets it, whoever looks first; and whose it is, where that is no admin. */
  async function send(state: OrgState, draft: Draft, word: DraftLetter['word'], by: DeviceId): Promise<void> {
    const bytes = await signDraft({ org: me.org, device: me.device, ts: platform.now(), draft, word }, session.keys.presence);
    const author = activeDevice(state, by);
    const readers = new Set([...liveAdmins(state).flatMap((admin) => devicesOf(state, admin)), ...(author ? [author] : [])]);
    readers.delete(myDevice(session, state));
    const ttlS = Math.max(60, Math.min(604_800, Math.ceil((draft.expiresAt - platform.now()) / 1_000)));
    const mails = await Promise.all(
      [...readers].map(async (reader) => ({ mailbox: mailboxOn(reader.mailboxSeed, platform.now()), body: await letterFor(reader, bytes), ttlS })),
    );
    if (mails.length > 0) await client.post(mails);
  }
  const letterFor = (reader: Device, bytes: Uint8Array): Promise<Uint8Array> =>
    sealLetter(me.org, { id: reader.device, key: reader.inboxKey }, { kind: 'draft', bytes });

  async function endorseAndSend(state: OrgState, draft: Draft, by: DeviceId, askDevice?: (draft: Draft) => Promise<EnvelopeSignature>): Promise<void> {
    const intent = intentOf(me.org, draft);
    const id = draftId(me.org, draft);
    const mine = await unlock(session, id, ({ sig, assertion }) => endorse(intent, { signer: sig, assertion }));
    const endorsed = { ...draft, endorsements: [...draft.endorsements, mine] };
    const whole = askDevice ? { ...endorsed, endorsements: [...endorsed.endorsements, await askDevice(endorsed)] } : endorsed;
    check((await countEndorsements(state, whole)).length === whole.endorsements.length, 'E_SIGNERS', 'the new device signed something else');
    await keep(id, { draft: whole, by, at: platform.now(), refusals: known.get(id)?.refusals ?? [] });
    await send(state, whole, 'endorsed', by);
  }

  /** The relay learns the key of a device that the log has. Any admin does that: whoever signed it may have been cut off before. */
  async function letIn(state: OrgState, entries: readonly Proposed[]): Promise<void> {
    if (!hasRole(state, me.member, 'admin')) return;
    const added = entries.flatMap((entry) => (entry.type === 'device.add' ? (activeDevice(state, entry.body.device) ?? []) : []));
    for (const { presenceKey } of added) await client.registerKey(presenceKey, 'device');
  }

  return {
    change: async (plan, note) => {
      const state = await log.sync();
      requireRole(session, state, 'admin');
      const items = await plan(state);
      if (await isEnough(session, state, items.map(alone))) {
        await appendSigned(session, async (now) => (await plan(now)).map(alone));
        return 'done';
      }
      await endorseAndSend(state, { authority: state.authority, items, expiresAt: platform.now() + lifeMs, note, endorsements: [] }, me.device);
      return 'proposed';
    },
    introduce: async (items, note, askDevice) => {
      const state = await log.sync();
      await endorseAndSend(state, { authority: state.authority, items, expiresAt: platform.now() + lifeMs, note, endorsements: [] }, me.device, askDevice);
    },
    agree: async (id) => {
      const state = await log.sync();
      requireRole(session, state, 'admin');
      const { draft, by } = find(id);
      check(!isStale(state, draft, platform.now()), 'E_DRAFT', 'the draft can no longer be used');
      const plans = await endorsedPlans(session, state, draft);
      if (await isEnough(session, state, plans)) {
        // A device that waited may have missed a metadata key since it was invited: it gets the next one.
        const renewed = draft.items.some(({ type }) => type === 'device.add') ? [newMeta(session)] : [];
        await letIn(await appendSigned(session, async (now) => [...(await endorsedPlans(session, now, draft)), ...renewed]), draft.items);
        await forget([id]);
        return 'done';
      }
      const counted = await countEndorsements(state, draft);
      if (counted.some(({ signer }) => signer.id === me.device)) throw new ConsoleError('E_DECIDED', 'this device has agreed already');
      await endorseAndSend(state, { ...draft, endorsements: counted.map(({ signature }) => signature) }, by);
      return 'proposed';
    },
    refuse: async (id) => {
      const { draft, by } = find(id);
      await send(await log.sync(), { ...draft, endorsements: [] }, by === me.device ? 'withdrawn' : 'declined', by);
      await forget([id]);
    },
    receive: async (letter) => {
      // It may stand on an entry that has not come here yet.
      const state = await log.sync();
      const { id, draft, from, word, ts, stale } = await verifyDraftLetter(state, letter, platform.now());
      const before = known.get(id);
      if (!before && !hasRole(state, me.member, 'admin')) return;
      if (!hasRole(state, from.member, 'admin')) verifyOwnDevice(state, from, draft);
      if (word === 'withdrawn' && before?.by === from.device) return forget([id]);
      if (wordsOfRefusal.includes(word)) {
        if (before && !before.refusals.includes(from.device)) await keep(id, { ...before, refusals: [...before.refusals, from.device] });
        return;
      }
      if (stale || (!before && isFlood(state, from))) return;
      // The words stay those of whoever it came from first: no endorsement is over them.
      const merged = before ? { ...before.draft, endorsements: [...before.draft.endorsements, ...draft.endorsements] } : draft;
      const counted = await countEndorsements(state, merged);
      // Who sends it has made no gesture by that, and a new device does not stand behind itself.
      if (!counted.some(({ signer }) => mayVouch(state, signer, merged))) return;
      await keep(id, {
        by: before?.by ?? from.device,
        at: before?.at ?? ts,
        refusals: before?.refusals ?? [],
        draft: { ...merged, endorsements: counted.map(({ signature }) => signature) },
      });
    },
    review: async (entries) => {
      const done = entries.flatMap(({ draft, org }) => {
        if (draft?.index !== (draft?.items.length ?? 0) - 1) return [];
        return [...known].filter(([, { draft: mine }]) => draft !== undefined && intentOf(org, mine).items.join() === draft.items.join()).map(([id]) => id);
      });
      const old = [...known].filter(([, { draft }]) => platform.now() > draft.expiresAt).map(([id]) => id);
      await forget([...new Set([...done, ...old])]);
      await letIn(log.requireState(), entries).catch(unlessRelay);
    },
    rows: () => {
      const state = log.requireState();
      return [...known].map(([id, kept]) => rowOf(session, state, id, kept)).sort((a, b) => b.at - a.at);
    },
  };
}

/** What somebody who is no admin may propose: a further device of their own. Where passkeys must be attested an admin invites it, who sees the proof. */
function verifyOwnDevice(state: OrgState, from: Device, { items }: Pick<Draft, 'items'>): void {
  const [item] = items;
  const isOwn = items.length === 1 && item?.type === 'device.add' && item.body.member === from.member;
  check(isOwn && !state.authenticators.attested, 'E_ROLE', 'a draft by somebody who is no admin');
}

/** An admin, or where the draft is a member's own device that very member. */
function mayVouch(state: OrgState, signer: SignerRef, { items }: Pick<Draft, 'items'>): boolean {
  const member = memberOf(state, signer);
  return member !== undefined && (hasRole(state, member, 'admin') || items.every((item) => item.type === 'device.add' && item.body.member === member));
}

function unlessRelay(error: unknown): void {
  if (!(error instanceof RelayClientError)) throw error;
}

const alone = (draft: Proposed): Plan => ({ draft });

/** What is left of a draft, as entries of this device with the endorsements of the others. */
async function endorsedPlans({ me }: Session, state: OrgState, draft: Draft): Promise<readonly Plan[]> {
  const counted = (await countEndorsements(state, draft)).filter(({ signer }) => signer.id !== me.device);
  const { authority, expiresAt } = draft;
  const { items } = intentOf(me.org, draft);
  const from = state.drafted?.intent === draftId(me.org, draft) ? state.drafted.next : 0;
  if (counted.length === 0) return draft.items.map(alone);
  return draft.items.slice(from).map((item, at) => {
    // A device that the draft brings speaks for its own entry; before that nobody knows it.
    const voices = counted.filter(({ signer }) => item.type === 'device.add' || activeDevice(state, signer.id as DeviceId)); // endorsers are devices
    const endorsers = voices.map(({ signer }) => signer);
    return {
      draft: item,
      endorsed: { ref: { authority, items, index: from + at, expiresAt, endorsers }, endorsements: voices.map(({ signature }) => signature) },
    };
  });
}

/** Whether those behind the plans suffice; what fails for another reason fails here, before the gesture. */
async function isEnough(session: Session, state: OrgState, plans: readonly Plan[]): Promise<boolean> {
  try {
    await placed(session, state, plans);
    return true;
  } catch (error) {
    if (error instanceof ProtocolError && error.code === 'E_THRESHOLD') return false;
    throw error;
  }
}

function rowOf({ me, platform }: Session, state: OrgState, id: Hash, { draft, by, at, refusals }: Known): DraftRow {
  const nameOf = (device: DeviceId): string => signerName(state, { kind: 'device', id: device });
  // Counted when they came; a device revoked since counts no more.
  const agreed = draft.endorsements.flatMap(({ keyId }) => {
    const holder = state.keys.get(keyId);
    return holder?.kind === 'device' && activeDevice(state, holder.id as DeviceId) ? [holder] : []; // a device holder's id
  });
  const members = new Set(agreed.map(({ id: device }) => state.devices.get(device as DeviceId)?.member)); // as above
  // A member vouches for a further device of their own: one admin is enough then.
  const needed = draft.items.every((item) => item.type === 'device.add' && members.has(item.body.member)) ? 1 : adminThreshold(state);
  return {
    id,
    by: nameOf(by),
    mine: by === me.device,
    at,
    expiresAt: draft.expiresAt,
    note: draft.note,
    changes: draftLines(state, draft.items),
    items: draft.items,
    agreed: [...new Set(agreed.map((signer: SignerRef) => signerName(state, signer)))],
    refused: [...new Set(refusals.map(nameOf))],
    agreedByMe: members.has(me.member),
    missing: Math.max(0, needed - [...members].filter((member) => member !== undefined && hasRole(state, member, 'admin')).length),
    stale: isStale(state, draft, platform.now()),
  };
}
