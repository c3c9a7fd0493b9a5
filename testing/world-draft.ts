// Drafts in the fake world: endorsed by some admins, signed by another, one entry after the other. Never shipped.
import { endorse, intentOf } from '../protocol/draft.ts';
import type { Hash } from '../protocol/hash.ts';
import { intentHash } from '../protocol/org-log/draft.ts';
import { type DraftRef, type Entry, type Proposed, encodeEntry, entryHash } from '../protocol/org-log/entry.ts';
import { type EnvelopeSignature, signEnvelope } from '../protocol/sign.ts';
import type { World } from './world.ts';
import type { Voice } from './world-people.ts';

interface Speaker {
  readonly voice: Voice;
}
/** A draft as it stands on this world's authority, with the endorsements of `by`. */
export interface WorldDraft {
  readonly items: readonly Proposed[];
  readonly ref: Omit<DraftRef, 'index'>;
  readonly endorsements: readonly EnvelopeSignature[];
}

export async function endorsed(
  world: World,
  items: readonly Proposed[],
  by: readonly Speaker[],
  changes: { readonly authority?: Hash; readonly expiresAt?: number } = {},
): Promise<WorldDraft> {
  const intent = intentOf(world.state.org, { authority: world.state.authority, items, expiresAt: world.clock.now() + 3_600_000, ...changes });
  const endorsements: EnvelopeSignature[] = [];
  for (const { voice } of by) {
    endorsements.push(await endorse(intent, { signer: voice.signer, ...(voice.assert ? { assertion: await voice.assert(intentHash(intent)) } : {}) }));
  }
  const { authority, expiresAt } = intent;
  return { items, ref: { authority, items: intent.items, expiresAt, endorsers: by.map(({ voice }) => voice.ref) }, endorsements };
}

/** The entry for item `index` on the head, signed by `by`; `wrong` is what a hostile signer writes instead. */
export async function entryOf(
  world: World,
  draft: WorldDraft,
  index: number,
  by: readonly Speaker[],
  wrong: { readonly ref?: Partial<DraftRef>; readonly item?: Proposed; readonly endorsements?: readonly EnvelopeSignature[]; readonly ts?: number } = {},
): Promise<Uint8Array> {
  const { state, clock } = world;
  const item = wrong.item ?? draft.items[index];
  if (!item) throw new Error('the draft has no such item');
  const entry: Entry = {
    org: state.org,
    seq: state.head.seq + 1,
    prev: state.head.eh,
    ts: wrong.ts ?? clock.now(),
    signers: by.map(({ voice }) => voice.ref),
    draft: { ...draft.ref, index, ...wrong.ref },
    ...item,
  };
  const payload = encodeEntry(entry);
  const eh = entryHash(payload);
  const signings = await Promise.all(by.map(async ({ voice }) => ({ signer: voice.signer, ...(voice.assert ? { assertion: await voice.assert(eh) } : {}) })));
  return signEnvelope('entry', payload, signings, wrong.endorsements ?? draft.endorsements);
}
