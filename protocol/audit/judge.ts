// Whether one receipt is proved by what it carries and by the log where it stands (spec/15-audit.md §receipts). Shared by CLI and console.
import { type Evidence, verifyEvidence } from '../approval.ts';
import { ProtocolError, type ProtocolCode } from '../errors.ts';
import type { Hash, MemberId } from '../hash.ts';
import { limits } from '../limits.ts';
import { type OrgState, activeDevice, hasRole } from '../org-log/state.ts';
import { compareHead } from '../org-log/verify.ts';
import { machineEntitled, policyFor, quorumOf, satisfies } from '../policy.ts';
import type { Receipt } from '../receipt.ts';
import { type LeaseTerms, type Request, verifyLease, verifyPastRequest } from '../request.ts';

export interface Fault {
  readonly code: ProtocolCode;
  readonly why: string;
}
export interface Judged {
  readonly faults: readonly Fault[];
  readonly request?: Request;
  /** People whose signature proves what became of it. */
  readonly members: readonly MemberId[];
}
/** Entry hash at a seq of the log that the receipt is judged with. */
export type LogHistory = (seq: number) => Hash | undefined;

/** `state` is that of the receipt's own head; where only a newer one is at hand (`isLater`), what may have changed since is not judged. */
export async function judgeReceipt(state: OrgState, history: LogHistory, receipt: Receipt, isLater = false): Promise<Judged> {
  const faults: Fault[] = [];
  const test = async (act: () => unknown): Promise<boolean> => {
    try {
      await act();
      return true;
    } catch (error) {
      faults.push(faultOf(error));
      return false;
    }
  };
  await test(() => requireKnown(history, state, receipt.head));
  let request: Request | undefined;
  if (receipt.request) await test(async () => void (request = await requestIn(state, receipt)));
  else if (receipt.outcome !== 'used' && receipt.outcome !== 'ended') faults.push({ code: 'E_BIND', why: 'the signed request is missing' });
  const approvals: Evidence[] = [];
  const denials = new Set<MemberId>();
  for (const evidence of receipt.evidence) {
    const holds = await test(async () => {
      await verifyEvidence(state, receipt.rh, evidence);
      requireKnown(history, state, evidence.head);
    });
    if (holds && evidence.decision === 'approve') approvals.push(evidence);
    if (holds && evidence.decision === 'deny') denials.add(evidence.member);
  }
  if (receipt.outcome === 'released') {
    if (request)
      await test(() => (isLater ? requireSome(state, request as Request, approvals) : verifyReleased(state, receipt, request as Request, approvals))); // set in a callback, which the compiler cannot see
    if (request) await test(() => verifyGrant(receipt, request as Request, approvals)); // as above
  }
  if (receipt.outcome === 'denied' && denials.size === 0) faults.push({ code: 'E_NO_APPROVAL', why: 'told as denied, and nobody’s signature says so' });
  const members = receipt.outcome === 'denied' ? denials : new Set(approvals.map(({ member }) => member));
  return { faults, members: [...members], ...(request ? { request } : {}) };
}

export function faultOf(error: unknown): Fault {
  if (!(error instanceof ProtocolError)) throw error;
  return { code: error.code, why: error.message.replace(/^E_[A-Z_]+: /, '') };
}

function fault(code: ProtocolCode, why: string): never {
  throw new ProtocolError(code, why);
}

/** Throws E_FORK, or E_HEAD_AHEAD where the log at hand ends before what was seen: it is cut off. */
function requireKnown(history: LogHistory, { head }: OrgState, seen: { readonly seq: number; readonly eh: Hash }): void {
  if (compareHead(history, head, seen) === 'ahead') fault('E_HEAD_AHEAD', `somebody has seen entry ${seen.seq} of the log, which is not here`);
}

async function requestIn(state: OrgState, receipt: Receipt): Promise<Request> {
  const { request, rh } = await verifyPastRequest(state, receipt.request ?? new Uint8Array(0));
  const isRelease = receipt.outcome === 'released' || receipt.lease !== undefined;
  if (isRelease !== request.items.length > 0 && (isRelease || receipt.outcome === 'stored'))
    fault('E_BIND', 'the request asks for something else than became of it');
  if (rh !== receipt.rh || request.requestId !== receipt.requestId || request.machine !== receipt.machine) fault('E_BIND', 'the request is another one');
  return request;
}

/** What can be said with a later state: an approval for everything, and all of them where the version is still the newest. */
function requireSome(state: OrgState, request: Request, approvals: readonly Evidence[]): void {
  const people = new Set(approvals.map(({ member }) => member)).size;
  for (const { secret, putEh } of request.items) {
    const known = state.secrets.get(secret);
    if (people < (known?.putEh === putEh ? known.put.k : 1)) fault('E_NO_APPROVAL', 'released with fewer approvals than were needed');
  }
}

/** As the daemon had to judge it, at the head that the receipt names (spec/09-release.md §daemon). */
function verifyReleased(state: OrgState, receipt: Receipt, request: Request, approvals: readonly Evidence[]): void {
  if (state.frozen) fault('E_FROZEN', 'released while the organisation was frozen');
  if (receipt.ts > request.expiresAt + limits.clockSkewMs) fault('E_EXPIRED', 'released after the request had expired');
  for (const item of request.items) {
    const secret = state.secrets.get(item.secret);
    if (!secret || secret.retired || secret.putEh !== item.putEh) fault('E_VERSION', 'not the newest version of a secret');
    const policy = policyFor(state, secret.path);
    if (!policy || policy.eh !== item.policyEh) fault('E_POLICY_CHANGED', `not under the policy in force for ${secret.path}`);
    if (!machineEntitled(state, policy, receipt.machine)) fault('E_NOT_ENTITLED', `this machine may not ask for ${secret.path}`);
    const isOwner = (member: MemberId): boolean => state.machines.get(receipt.machine)?.owner === member;
    const counted = approvals.filter(
      ({ member, device }) => activeDevice(state, device) && hasRole(state, member, 'approver') && !(policy.separationOfDuties && isOwner(member)),
    );
    const people = [...new Set(counted.map(({ member }) => member))];
    if (!satisfies(quorumOf(state, policy), people) || people.length < secret.put.k)
      fault('E_NO_APPROVAL', `released with fewer approvals than the policy of ${secret.path} wants`);
    if (receipt.lease) verifyLease(receipt.lease.terms, policy);
  }
}

const scopes: readonly LeaseTerms['scope'][] = ['process', 'exe', 'machine'];
const within = (given: LeaseTerms, most: LeaseTerms): boolean =>
  given.ttlS <= most.ttlS && given.uses <= most.uses && scopes.indexOf(given.scope) <= scopes.indexOf(most.scope);

/** A lease is the narrowest that anybody gave, and no longer. */
function verifyGrant({ lease, ts }: Receipt, request: Request, approvals: readonly Evidence[]): void {
  if (!lease) return;
  const { terms, until } = lease;
  const isWithin = within(terms, request.lease) && approvals.every((approval) => within(terms, approval.lease));
  if (!isWithin || until > ts + terms.ttlS * 1_000 + limits.clockSkewMs) fault('E_LEASE_BOUNDS', 'a longer or wider lease than the approvers gave');
}
