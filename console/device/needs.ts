// A need filled by a writer: their own entry, for exactly the path that the machine signed, and never over a secret that exists (spec/09-release.md §needs).
import { check } from '../../protocol/errors.ts';
import type { RequestId } from '../../protocol/hash.ts';
import type { OrgState } from '../../protocol/org-log/state.ts';
import { looksLike } from '../../protocol/need.ts';
import { type VerifiedRequest, verifyPastRequest } from '../../protocol/request.ts';
import { mixesScripts } from '../../protocol/text.ts';
import type { Inbox } from './inbox.ts';
import type { DeviceMemory } from './request-memory.ts';
import { type PutInput, putSecret } from './secrets.ts';
import { type Session, myDevice } from './session.ts';

export interface NeedDeps {
  readonly session: Session;
  readonly inbox: Inbox;
  readonly memory: DeviceMemory;
}

export async function fillNeed({ session, inbox, memory }: NeedDeps, request: RequestId, input: Omit<PutInput, 'path'>): Promise<void> {
  await session.log.sync();
  const { verified } = await inbox.recheck(request);
  const { need } = verified.request;
  check(need !== undefined, 'E_FIELD', 'not a need');
  await putSecret(session, { ...input, path: need.path }, true);
  const state = session.log.requireState();
  const by = state.members.get(myDevice(session, state).member)?.name ?? '';
  if (!inbox.find(request)?.card.outcome) inbox.settle(request, { kind: 'stored', by: [by], at: session.platform.now() });
  await memory.update(request, { decision: 'approve', decidedAt: session.platform.now(), settled: true });
}

/** What is unusual about a need, beside what is about any request. */
export function unusualNeed(state: OrgState, { request: { need } }: VerifiedRequest): readonly string[] {
  if (!need) return [];
  const alike = [...state.secrets.values()].filter(({ path, retired }) => !retired && looksLike(path, need.path)).map(({ path }) => path);
  return [...alike.map((path) => `looks like ${path}, which exists`), ...(mixesScripts(need.where) ? ['mixed alphabets in the place'] : [])];
}

/** A need that is posted again, or that was filled while this device was away: no attack, and nothing to show. */
export async function isOldNeed(state: OrgState, bytes: Uint8Array, code: string): Promise<boolean> {
  if (code !== 'E_REQ_SEEN' && code !== 'E_VERSION') return false;
  const past = await verifyPastRequest(state, bytes).catch(() => undefined);
  return past?.request.need !== undefined;
}
