// Log entries signed by this device with one gesture, on the newest head (spec/05-org-log.md §entry, spec/03-envelopes.md §gestures).
import type { Hash } from '../../protocol/hash.ts';
import { gestureOver } from '../../protocol/gesture.ts';
import { foresee } from '../../protocol/org-log/apply.ts';
import { type DraftRef, type Entry, type Proposed, encodeEntry } from '../../protocol/org-log/entry.ts';
import type { NewEpoch } from '../../protocol/org-log/record.ts';
import type { OrgState } from '../../protocol/org-log/state.ts';
import { type EnvelopeSignature, signEnvelope } from '../../protocol/sign.ts';
import { RelayClientError } from '../../relay-client/client.ts';
import { checkpointAfter, prepareCheckpoint } from './checkpoints.ts';
import type { Session } from './session.ts';
import { unlock } from './unlock.ts';

/** With meta.rotate: the new key and what its first record carries. */
export interface Rotation {
  readonly epoch: number;
  readonly mk: Uint8Array;
  readonly opens: NewEpoch;
}
/** One entry to be signed. */
export interface Plan {
  readonly draft: Proposed;
  readonly rotation?: Rotation;
  /** Where others agreed before (spec/05-org-log.md §drafts). */
  readonly endorsed?: { readonly ref: DraftRef; readonly endorsements: readonly EnvelopeSignature[] };
}
/** A plan, or how to make it from what the log will say by then; nothing where there is nothing to add. */
export type Step = Plan | ((state: OrgState) => Promise<Plan | undefined> | Plan | undefined);

const attempts = 3;

/**
 * Syncs, plans on the newest state, asks for one gesture, appends all in order. Where somebody was faster, what is left is planned and signed again:
 * a signature is for one place only, so each attempt is a gesture. `plan` is asked anew each time and names only what is still to be done.
 * `onAppended` is told of each entry that is in, and stops those after it by throwing.
 */
export async function appendSigned(
  session: Session,
  plan: (state: OrgState) => Promise<Plan | readonly Step[]> | Plan | readonly Step[],
  onAppended?: (plan: Plan) => void,
): Promise<OrgState> {
  for (let attempt = 1; ; attempt++) {
    const state = await session.log.sync();
    const planned = await plan(state);
    const steps = 'draft' in planned ? [planned] : planned;
    if (steps.length === 0) return state;
    const entries = await placed(session, state, [...steps, (after) => checkpointAfter(session, after)]);
    const last = entries.findLast(({ plan: { draft } }) => draft.type !== 'checkpoint');
    if (!last) return state;
    const { challenge, paths } = gestureOver(entries.map(({ eh }) => eh));
    try {
      const done = await unlock(session, challenge, async ({ sig, assertion }) => {
        let after = state;
        for (const [index, { payload, plan: one }] of entries.entries()) {
          const signing = { signer: sig, assertion, path: paths[index] ?? [] };
          const appending = session.log.append(await signEnvelope('entry', payload, [signing], one.endorsed?.endorsements), one.rotation);
          // What the person wanted is in by then.
          after = one.draft.type === 'checkpoint' ? await appending.catch(() => after) : await appending;
          onAppended?.(one);
        }
        return after;
      });
      prepareCheckpoint(session, done);
      return done;
    } catch (error) {
      if (!(error instanceof RelayClientError)) throw error;
      // The answer may be what was lost, not the entry.
      const after = await session.log.sync().catch(() => undefined);
      if (after && session.log.history(last.seq) === last.eh) return after;
      if (error.code !== 'E_RELAY_CONFLICT' || attempt >= attempts) throw error;
    }
  }
}

export interface Placed {
  readonly plan: Plan;
  readonly payload: Uint8Array;
  readonly seq: number;
  readonly eh: Hash;
}

/** Each entry in its place after the one before. Throws what would be refused, before anybody is asked for a gesture. */
export async function placed(session: Session, before: OrgState, steps: readonly Step[]): Promise<readonly Placed[]> {
  const entries: Placed[] = [];
  let state = before;
  for (const step of steps) {
    const plan = typeof step === 'function' ? await step(state) : step;
    if (!plan) continue;
    const entry = frame(session, state, plan);
    const payload = encodeEntry(entry);
    state = foresee(state, entry);
    entries.push({ plan, payload, seq: entry.seq, eh: state.head.eh });
  }
  return entries;
}

function frame({ me, platform }: Session, state: OrgState, { draft, endorsed }: Plan): Entry {
  const place = { org: state.org, seq: state.head.seq + 1, prev: state.head.eh, ts: platform.now(), signers: [{ kind: 'device', id: me.device }] as const };
  return { ...place, ...(endorsed ? { draft: endorsed.ref } : {}), ...draft };
}
