// Changes that a machine proposes: fetched, checked, shown from the entries themselves, and signed by this device (spec/09-release.md §changes).
import { type ChangeLine, changeLines } from '../../protocol/change-lines.ts';
import { type Proposable, changesDigest, changesStream, parseChanges, roleFor } from '../../protocol/changes.ts';
import { ProtocolError, check } from '../../protocol/errors.ts';
import { adminThreshold } from '../../protocol/org-log/authority.ts';
import { openRecord } from '../../protocol/org-log/record.ts';
import { type OrgState, activeDevice, hasRole, isActiveMember } from '../../protocol/org-log/state.ts';
import { policyDiff } from '../../protocol/policy-diff.ts';
import type { VerifiedRequest } from '../../protocol/request.ts';
import type { Outcome } from '../app.ts';
import { revokeDevice } from './devices.ts';
import type { Drafts } from './drafts.ts';
import { appendSigned, placed } from './entries.ts';
import { revokeMachine } from './machines.ts';
import { removeMember } from './people.ts';
import { type Session, requireRole } from './session.ts';

/** What was shown, and what is signed: the same list. */
export interface LoadedChanges {
  readonly items: readonly Proposable[];
  readonly lines: readonly ChangeLine[];
  /** People who must agree. */
  readonly needed: number;
}

/** The changes of a request; undefined for one that asks for something else. Throws where they are not exactly what the machine signed, or could not be signed here. */
export async function loadChanges(session: Session, state: OrgState, { request }: VerifiedRequest): Promise<LoadedChanges | undefined> {
  const { changes } = request;
  if (!changes) return undefined;
  const [blob] = await session.client.getBlobs([changes.blob]);
  check(blob !== undefined, 'E_BLOB_MISSING', 'the changes are not at the relay');
  const encoded = await openRecord({ org: state.org, stream: changesStream(request.requestId) }, session.log.keys, blob);
  check(changesDigest(encoded) === changes.digest, 'E_BIND', 'other changes than the machine signed');
  const items = parseChanges(encoded);
  check(hasRole(state, session.me.member, roleFor(items)), 'E_NOT_ELIGIBLE', 'this member could not sign these changes');
  return { items, lines: changeLines(state, items), needed: await neededFor(session, state, items) };
}

/** Throws what the log would refuse, before a person is asked. */
async function neededFor(session: Session, state: OrgState, items: readonly Proposable[]): Promise<number> {
  const left = items.filter((item) => !isInForce(state, item));
  try {
    await placed(
      session,
      state,
      left.map((draft) => ({ draft })),
    );
    return 1;
  } catch (error) {
    if (error instanceof ProtocolError && error.code === 'E_THRESHOLD') return adminThreshold(state);
    throw error;
  }
}

/** One gesture: signs what was shown, or passes it on to the other admins. Throws E_DRAFT where it would do something else by now. */
export async function signChanges(session: Session, drafts: Drafts, { items, lines }: LoadedChanges, note: string): Promise<Outcome> {
  const [first] = items;
  verifyAsShown(session.log.requireState(), items, lines);
  // What these take away comes with a new metadata key and is shut out at the relay.
  if (first?.type === 'member.remove') await removeMember(session, first.body.member);
  else if (first?.type === 'device.revoke') await revokeDevice(session, first.body.device);
  else if (first?.type === 'machine.revoke') await revokeMachine(session, first.body.machine);
  else if (first?.type === 'machine.set' || first?.type === 'secret.retire')
    await appendSigned(session, (state) => {
      requireRole(session, state, roleFor(items));
      return verifyAsShown(state, items, lines).map((draft) => ({ draft }));
    });
  else return drafts.change((state) => verifyAsShown(state, items, lines), note);
  return 'done';
}

/** What is left to do, each as it was shown. Somebody else may have changed the same thing since. */
function verifyAsShown(state: OrgState, items: readonly Proposable[], shown: readonly ChangeLine[]): readonly Proposable[] {
  const now = changeLines(state, items);
  return items.filter((item, index) => {
    if (isInForce(state, item)) return false;
    check(
      JSON.stringify(now[index]) === JSON.stringify(shown[index]),
      'E_DRAFT',
      'somebody changed the same thing meanwhile: this would do something else than the card says',
    );
    return true;
  });
}

/** The log says so already. */
export function isInForce(state: OrgState, item: Proposable): boolean {
  switch (item.type) {
    case 'policy.set': {
      const before = state.policies.get(item.body.policy);
      return before !== undefined && (item.body.retired ? before.retired : policyDiff(state, before, item.body).length === 0);
    }
    case 'group.set': {
      const before = state.groups.get(item.body.group);
      return before?.name === item.body.name && isSame(before.members, item.body.members);
    }
    case 'member.set': {
      const before = state.members.get(item.body.member);
      return before?.name === item.body.name && isSame(before.roles, item.body.roles);
    }
    case 'machine.set': {
      const before = state.machines.get(item.body.machine);
      return before !== undefined && before.owner === item.body.owner && isSame(before.groups, item.body.groups);
    }
    case 'member.remove':
      return !isActiveMember(state, item.body.member);
    case 'device.revoke':
      return activeDevice(state, item.body.device) === undefined;
    case 'machine.revoke':
      return state.machines.get(item.body.machine)?.status === 'revoked';
    case 'secret.retire':
      return state.secrets.get(item.body.secret)?.retired === true;
    case 'org.freeze':
      return state.frozen;
    case 'org.unfreeze':
      return !state.frozen;
  }
}

const isSame = (a: readonly string[], b: readonly string[]): boolean => a.length === b.length && a.every((one) => b.includes(one));
