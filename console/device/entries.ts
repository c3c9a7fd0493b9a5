// A log entry signed by this device with one gesture, on the newest head (spec/05-org-log.md §entry).
import type { Bodies, EntryType } from '../../protocol/org-log/bodies.ts';
import { type Entry, encodeEntry, entryHash } from '../../protocol/org-log/entry.ts';
import type { NewEpoch } from '../../protocol/org-log/record.ts';
import type { OrgState } from '../../protocol/org-log/state.ts';
import { signEnvelope } from '../../protocol/sign.ts';
import { RelayClientError } from '../../relay-client/client.ts';
import type { Session } from './session.ts';
import { unlock } from './unlock.ts';

/** Type and body of an entry to be signed. */
export type Draft = { readonly [T in EntryType]: { readonly type: T; readonly body: Bodies[T] } }[EntryType];
/** With meta.rotate: the new key and what its first record carries. */
export interface Rotation {
  readonly epoch: number;
  readonly mk: Uint8Array;
  readonly opens: NewEpoch;
}
export interface Plan {
  readonly draft: Draft;
  readonly rotation?: Rotation;
}

const attempts = 3;

/**
 * Syncs, plans on the newest state, asks for the gesture, appends. Where somebody was faster it is planned and signed again:
 * a signature is for one head only, so each attempt is a gesture.
 */
export async function appendSigned(session: Session, plan: (state: OrgState) => Promise<Plan> | Plan): Promise<OrgState> {
  for (let attempt = 1; ; attempt++) {
    const state = await session.log.sync();
    const { draft, rotation } = await plan(state);
    const payload = encodeEntry(frame(session, state, draft));
    const eh = entryHash(payload);
    try {
      return await unlock(session, eh, async ({ sig, assertion }) =>
        session.log.append(await signEnvelope('entry', payload, [{ signer: sig, assertion }]), rotation),
      );
    } catch (error) {
      if (!(error instanceof RelayClientError)) throw error;
      // The answer may be what was lost, not the entry.
      const after = await session.log.sync().catch(() => undefined);
      if (after && session.log.history(state.head.seq + 1) === eh) return after;
      if (error.code !== 'E_RELAY_CONFLICT' || attempt >= attempts) throw error;
    }
  }
}

function frame(session: Session, state: OrgState, draft: Draft): Entry {
  const { me, platform } = session;
  return { org: state.org, seq: state.head.seq + 1, prev: state.head.eh, ts: platform.now(), signers: [{ kind: 'device', id: me.device }], ...draft };
}
