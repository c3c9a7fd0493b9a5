// How a need stands, as programs are told (spec/09-release.md §needs): from what was signed, what became of it, and the newest log.
import type { OrgState } from '../../protocol/org-log/state.ts';
import type { NeedSummary } from '../../protocol/local-api.ts';
import { hasRole, secretAt } from '../../protocol/org-log/state.ts';
import type { Outcome } from '../../protocol/receipt.ts';
import { matchCode, verifyPastRequest } from '../../protocol/request.ts';
import type { StoredNeed } from '../vault/store.ts';

export interface EndedNeed {
  readonly state: 'filled' | 'declined' | 'withdrawn' | 'expired' | 'failed';
  readonly at: number;
  readonly by?: string;
  readonly note?: string;
}
/** What the people who were asked learn of it. */
export const needOutcomes: Readonly<Record<EndedNeed['state'], Outcome>> = {
  filled: 'stored',
  declined: 'denied',
  withdrawn: 'withdrawn',
  expired: 'expired',
  failed: 'failed',
};

/** Undefined while it is open. */
export function parseEnd({ end }: StoredNeed): EndedNeed | undefined {
  return end === '' ? undefined : (JSON.parse(end) as EndedNeed); // as the daemon wrote it
}

/** Undefined where nobody asked for this path, and there is nothing. */
export async function summaryOf(state: OrgState, path: string, stored: StoredNeed | undefined): Promise<NeedSummary | undefined> {
  const secret = secretAt(state, path);
  const base = { path, reference: `stillvault://${path}` };
  if (!stored) return secret && { ...base, state: 'exists', fields: secret.put.fields, reason: '', where: '', writers: [] };
  const { request, rh } = await verifyPastRequest(state, stored.request);
  const ended = parseEnd(stored);
  return {
    ...base,
    state: ended?.state ?? (secret ? 'filled' : 'open'),
    fields: secret?.put.fields ?? request.need?.fields ?? [],
    reason: request.claimed.reason,
    where: request.need?.where ?? '',
    asked_at: new Date(request.issuedAt).toISOString(),
    expires_at: new Date(request.expiresAt).toISOString(),
    code: matchCode(rh),
    writers: [...state.members.values()].filter(({ id }) => hasRole(state, id, 'writer')).map(({ name }) => name),
    ...(ended?.by === undefined ? {} : { by: ended.by }),
    ...(ended?.note === undefined ? {} : { note: ended.note }),
  };
}
