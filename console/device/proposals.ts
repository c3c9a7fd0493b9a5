// A machine's proposed version of a secret, fetched and checked before it is shown (spec/07-custody.md §proposals).
import { decode } from '../../protocol/codec.ts';
import { check } from '../../protocol/errors.ts';
import { hash } from '../../protocol/hash.ts';
import { limits } from '../../protocol/limits.ts';
import { type SecretPut, secretPutCodec } from '../../protocol/org-log/bodies.ts';
import { openRecord } from '../../protocol/org-log/record.ts';
import { type OrgState, hasRole, secretAt } from '../../protocol/org-log/state.ts';
import { type VerifiedRequest, proposalDigest } from '../../protocol/request.ts';
import { verifyFieldName, verifyPath, verifyText } from '../../protocol/text.ts';
import type { StreamId } from '../../protocol/wire.ts';
import type { Session } from './session.ts';

/** The put of a proposal; undefined for a request that asks for secrets. Throws where it is not exactly what the machine signed, or could not be stored. */
export async function loadProposal(session: Session, state: OrgState, { request, machine }: VerifiedRequest): Promise<SecretPut | undefined> {
  const { proposal } = request;
  if (!proposal) return undefined;
  check(hasRole(state, session.me.member, 'writer'), 'E_NOT_ELIGIBLE', 'only a writer countersigns a proposal');
  const [blob] = await session.client.getBlobs([proposal.blob]);
  check(blob !== undefined, 'E_BLOB_MISSING', 'the proposal is not at the relay');
  const place = { org: state.org, stream: hash('stream', ['proposal', request.requestId]) as string as StreamId }; // a stream id is a hash with this use
  const encoded = await openRecord(place, session.log.keys, blob);
  check(proposalDigest(encoded) === proposal.digest, 'E_BIND', 'another proposal than the machine signed');
  const put = decode(secretPutCodec, encoded, limits.entryBytes);
  check(put.path === proposal.path && put.proposedBy === machine.machine, 'E_BIND', 'another path or machine than the request names');
  verifyPut(state, put);
  return put;
}

// What the log would refuse anyway, before a person is asked.
function verifyPut(state: OrgState, put: SecretPut): void {
  verifyPath(put.path);
  verifyText(put.description, limits.descriptionBytes);
  for (const field of put.fields) verifyFieldName(field);
  const before = secretAt(state, put.path);
  check(put.ver === (before?.put.ver ?? 0) + 1 && (before === undefined || before.id === put.secret), 'E_VERSION', 'not the version after the newest');
}

/** Body and wraps are really there: a version that nobody can open would replace one that works. Throws E_BLOB_MISSING. */
export async function checkBlobs(session: Session, put: SecretPut): Promise<void> {
  await session.client.getBlobs([put.body, ...put.wraps.map(({ wrap }) => wrap)]);
}
