// Versions that a machine proposes, fetched and checked before they are shown, and countersigned with one gesture (spec/09-release.md §proposal).
import { check } from '../../protocol/errors.ts';
import { limits } from '../../protocol/limits.ts';
import type { SecretPut } from '../../protocol/org-log/bodies.ts';
import { openRecord } from '../../protocol/org-log/record.ts';
import { type OrgState, hasRole } from '../../protocol/org-log/state.ts';
import { parseProposal, proposalStream } from '../../protocol/proposal.ts';
import type { VerifiedRequest } from '../../protocol/request.ts';
import { verifyFieldName, verifyText } from '../../protocol/text.ts';
import { type Plan, appendSigned, placed } from './entries.ts';
import { type Session, requireRole } from './session.ts';

/** The puts of a proposal, those that replace a version first; undefined for a request that asks for something else. Throws where one of them is not exactly what the machine signed, or could not be stored. */
export async function loadProposal(session: Session, state: OrgState, { request, machine }: VerifiedRequest): Promise<readonly SecretPut[] | undefined> {
  const { proposal } = request;
  if (!proposal) return undefined;
  check(hasRole(state, session.me.member, 'writer'), 'E_NOT_ELIGIBLE', 'only a writer countersigns a proposal');
  const [blob] = await session.client.getBlobs([proposal.blob]);
  check(blob !== undefined, 'E_BLOB_MISSING', 'the proposal is not at the relay');
  const place = { org: state.org, stream: proposalStream(request.requestId) };
  const puts = parseProposal(proposal, await openRecord(place, session.log.keys, blob));
  for (const put of puts) {
    check(put.proposedBy === machine.machine, 'E_BIND', 'another machine than the request’s');
    verifyText(put.description, limits.descriptionBytes);
    for (const field of put.fields) verifyFieldName(field);
  }
  // What the log would refuse is refused before a person is asked.
  await placed(session, state, left(state, puts));
  return puts.toSorted((a, b) => Number(b.ver > 1) - Number(a.ver > 1));
}

/** All of them with one gesture; the log tells the machine. */
export async function countersign(session: Session, puts: readonly SecretPut[]): Promise<void> {
  // Body and wraps are really there: a version that nobody can open would replace one that works.
  await session.client.getBlobs(puts.flatMap(({ body, wraps }) => [body, ...wraps.map(({ wrap }) => wrap)]));
  await appendSigned(session, (state) => {
    requireRole(session, state, 'writer');
    return left(state, puts);
  });
}

/** The log has this very version. */
export function isStored(state: OrgState, { secret, body }: SecretPut): boolean {
  return state.secrets.get(secret)?.put.body === body;
}

function left(state: OrgState, puts: readonly SecretPut[]): readonly Plan[] {
  return puts.filter((put) => !isStored(state, put)).map((body) => ({ draft: { type: 'secret.put', body } }));
}
