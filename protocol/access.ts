// Why somebody may have a path or not, in words: which policy governs, who may ask, who must approve (spec/06-policy.md §explain). Pure.
// What it says is what a release would be judged by; it decides nothing.
import { ProtocolError } from './errors.ts';
import type { Hash, MachineId } from './hash.ts';
import { limits } from './limits.ts';
import type { Policy } from './org-log/bodies.ts';
import { type Machine, type OrgState, type PolicyInForce, activeMachine, hasRole, secretAt } from './org-log/state.ts';
import { entitledMachines, machineEntitled, matches, policyFor, quorumOf, satisfies, verifyReachable, withinHours } from './policy.ts';
import { hoursWords, leaseLimitWords, machineName, machineWords, quorumWords, tierWords } from './policy-words.ts';

export interface AccessAsk {
  readonly machine?: MachineId;
  readonly exeHash?: Hash;
  readonly uid?: number;
  readonly now: number;
}
/** `depends`: on what the question leaves open. */
export type Verdict = 'yes' | 'no' | 'depends';
export interface Reason {
  readonly about: 'organisation' | 'rule' | 'secret' | 'machine' | 'program' | 'user' | 'hours' | 'people' | 'lease' | 'care' | 'asker' | 'reveal' | 'hosts';
  readonly verdict: Verdict;
  readonly words: string;
}
export interface Access {
  readonly path: string;
  /** Could it be released, once the people agree? */
  readonly verdict: Verdict;
  /** The pattern that governs, and the others that match, in the order in which they would follow. */
  readonly pattern?: string;
  readonly others: readonly string[];
  readonly reasons: readonly Reason[];
}

export function explainAccess(state: OrgState, path: string, ask: AccessAsk): Access {
  const policy = policyFor(state, path);
  const others = matchingAfter(state, path, policy);
  const reasons = policy
    ? [
        ...orgReasons(state),
        ruleReason(policy, path, others),
        ...askerReasons(state, path, policy, ask),
        ...peopleReasons(state, policy, ask),
        ...termReasons(policy),
      ]
    : [...orgReasons(state), no('rule', `no rule covers ${path}: nobody may have it`)];
  const verdict = reasons.some((reason) => reason.verdict === 'no') ? 'no' : reasons.some((reason) => reason.verdict === 'depends') ? 'depends' : 'yes';
  return { path, verdict, ...(policy ? { pattern: policy.pattern } : {}), others, reasons };
}

const reason =
  (verdict: Verdict) =>
  (about: Reason['about'], words: string): Reason => ({ about, verdict, words });
const [yes, no, depends] = [reason('yes'), reason('no'), reason('depends')];

/** Each asked what would govern once those before it were gone. */
function matchingAfter(state: OrgState, path: string, first: PolicyInForce | undefined): readonly string[] {
  const order: string[] = [];
  let left = state.policies;
  for (let policy = first; policy; policy = policyFor({ ...state, policies: left }, path)) {
    if (policy !== first) order.push(policy.pattern);
    left = left.set(policy.policy, { ...policy, retired: true });
    if (![...left.values()].some(({ pattern, retired }) => !retired && matches(pattern, path))) break;
  }
  return order;
}

function orgReasons({ frozen }: OrgState): readonly Reason[] {
  return frozen ? [no('organisation', 'the organisation is frozen: nothing is released anywhere')] : [];
}

function ruleReason({ pattern }: PolicyInForce, path: string, others: readonly string[]): Reason {
  if (others.length === 0) return yes('rule', pattern === path ? 'the rule for exactly this path' : `${pattern} is the only rule that matches`);
  return yes('rule', `${pattern} is more specific than ${others.join(', ')}, which ${others.length === 1 ? 'matches' : 'match'} too`);
}

function askerReasons(state: OrgState, path: string, policy: PolicyInForce, { machine, exeHash, uid, now }: AccessAsk): readonly Reason[] {
  const secret = secretAt(state, path);
  return [
    secret ? yes('secret', `version ${secret.put.ver} is stored`) : no('secret', 'there is no secret at this path yet'),
    machine === undefined ? someMachine(state, policy) : oneMachine(state, path, policy, machine),
    programReason(policy, exeHash),
    yes(
      'user',
      uid === undefined
        ? 'any user of the machine: rules name machines and programs'
        : `uid ${uid}, as any user of the machine: rules name machines and programs`,
    ),
    hoursReason(policy, now),
  ];
}

function someMachine(state: OrgState, policy: PolicyInForce): Reason {
  const who = machineWords(state, policy.machines);
  return entitledMachines(state, policy).length === 0 ? no('machine', `${who} may ask, and none is active`) : depends('machine', `${who} may ask`);
}

function oneMachine(state: OrgState, path: string, policy: PolicyInForce, id: MachineId): Reason {
  const name = machineName(state, id);
  const machine = activeMachine(state, id);
  if (!machine) return no('machine', `${name} is no active machine`);
  if (!machineEntitled(state, policy, id)) return no('machine', `${name} may not ask: ${machineWords(state, policy.machines)} may`);
  const isMissing = secretAt(state, path)?.wraps.every(({ recipient }) => recipient !== id) ?? false;
  return isMissing
    ? no('machine', `${name} may ask, and has no part of the key yet: another machine gives it one`)
    : yes('machine', `${name} may ask: ${whyEntitled(state, policy, machine)}`);
}

function whyEntitled(state: OrgState, { machines: { any, machines, groups } }: PolicyInForce, { machine, groups: own }: Machine): string {
  if (any) return 'any admitted machine may';
  if (machines.includes(machine)) return 'the rule names it';
  return `it is in group ${own
    .filter((group) => groups.includes(group))
    .map((group) => state.groups.get(group)?.name ?? 'unknown')
    .join(', ')}`;
}

function programReason({ exePins }: PolicyInForce, exeHash: Hash | undefined): Reason {
  if (exePins.length === 0) return yes('program', 'any program may ask');
  if (exeHash === undefined)
    return depends('program', `only ${exePins.length === 1 ? 'one program' : `${exePins.length} programs`} may ask, by the hash of the file`);
  return exePins.includes(exeHash) ? yes('program', 'the rule names this program') : no('program', 'the rule names other programs');
}

function hoursReason(policy: PolicyInForce, now: number): Reason {
  if (!policy.hours) return yes('hours', 'at any hour');
  const when = `${new Date(now).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
  return (withinHours(policy, now) ? yes : no)('hours', `${hoursWords(policy.hours)}; asked for ${when}`);
}

function peopleReasons(state: OrgState, policy: PolicyInForce, { machine }: AccessAsk): readonly Reason[] {
  const who = quorumWords(state, policy.clauses);
  const owner = machine && state.machines.get(machine)?.owner;
  try {
    const quorum = quorumOf(state, policy);
    const count = quorum.k === 1 ? 'one person approves' : `${quorum.k} people approve`;
    const now = quorum.members.map((id) => state.members.get(id)?.name ?? 'somebody').join(', ');
    if (!policy.separationOfDuties || !owner || !quorum.members.includes(owner)) return [yes('people', `${count}: ${who} (today ${now})`)];
    const left = quorum.members.filter((member) => member !== owner);
    const words = `${count}: ${who}; ${state.members.get(owner)?.name ?? 'the owner'} owns the machine and does not count`;
    return [satisfies(quorum, left) ? yes('people', words) : no('people', `${words}, and the others are too few`)];
  } catch {
    return [no('people', `${who} must approve, and too few of them can today (at most ${limits.quorumN} people, each an approver with a device)`)];
  }
}

function termReasons(policy: PolicyInForce): readonly Reason[] {
  const { tier, reasonRequired, matchRequired, revealAllowed, hosts } = policy;
  return [
    yes('lease', leaseLimitWords(policy)),
    yes('care', tierWords[tier]),
    yes(
      'asker',
      [reasonRequired ? 'a reason must be given' : 'a reason may be given', ...(matchRequired || tier === 'high' ? ['the approver picks the code'] : [])].join(
        '; ',
      ),
    ),
    yes('reveal', revealAllowed ? 'the value may be shown on a terminal with --reveal' : 'the value is never shown on a terminal'),
    ...(hosts.length > 0 ? [yes('hosts', `to be sent to ${hosts.join(', ')} only`)] : []),
  ];
}

/** Why nobody could ever release what a rule covers, whatever devices they get; undefined where they could. */
export function unreachableWords(state: OrgState, policy: Policy): string | undefined {
  try {
    verifyReachable(state, policy);
    return undefined;
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
  }
  const { pattern, clauses } = policy;
  const named = clauses.flatMap(({ members, groups }) => [...members, ...groups.flatMap((group) => state.groups.get(group)?.members ?? [])]);
  const approvers = [...new Set(named)].filter((member) => hasRole(state, member, 'approver')).map((member) => state.members.get(member)?.name ?? '');
  const tooMany = approvers.length > limits.quorumN ? `that is more than ${limits.quorumN} people` : undefined;
  const who = approvers.length === 0 ? 'none of them is an approver' : `the only approvers among them are ${approvers.join(', ')}`;
  return `nobody could release ${pattern}: it takes ${quorumWords(state, clauses)}, and ${tooMany ?? who}`;
}
