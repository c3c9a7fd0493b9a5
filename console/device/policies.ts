// Policies: the default, a change with one gesture, and how they read (spec/06-policy.md).
import type { PolicyId } from '../../protocol/hash.ts';
import { limits } from '../../protocol/limits.ts';
import type { Policy } from '../../protocol/org-log/bodies.ts';
import type { OrgState } from '../../protocol/org-log/state.ts';
import { verifyPattern } from '../../protocol/policy.ts';
import { durationWords, machineWords, quorumWords } from '../../protocol/policy-words.ts';
import { newId } from '../../relay-client/org-log.ts';
import { check } from '../../protocol/errors.ts';
import type { App, Outcome } from '../app.ts';
import type { Platform } from '../platform/platform.ts';
import type { Drafts } from './drafts.ts';

/** What a policy says where nobody said anything else. */
export const defaultPolicy: Omit<Policy, 'policy' | 'pattern' | 'clauses'> = {
  machines: { any: true, machines: [], groups: [] },
  maxTtlS: 3_600,
  maxUses: 1_000,
  scopes: ['process', 'exe', 'machine'],
  tier: 'normal',
  reasonRequired: false,
  matchRequired: false,
  separationOfDuties: false,
  revealAllowed: true,
  maxStalenessMs: limits.maxStalenessDefaultMs,
  exePins: [],
  hosts: [],
  retired: false,
};

export type PolicyInput = Parameters<App['setPolicy']>[0];

/** Replaces the policy of a pattern; what the input does not name stays as it was. */
export async function setPolicy({ random }: Platform, drafts: Drafts, input: PolicyInput): Promise<Outcome> {
  verifyPattern(input.pattern);
  check(input.k >= 1 && input.k <= input.approvers.length, 'E_QUORUM', 'fewer people than the quorum needs');
  return drafts.change((state) => {
    const before = [...state.policies.values()].find(({ pattern, retired }) => pattern === input.pattern && !retired);
    const { eh: _eh, ...kept } = before ?? { ...defaultPolicy, eh: undefined };
    const body: Policy = {
      ...kept,
      policy: before?.policy ?? newId<PolicyId>(random),
      pattern: input.pattern,
      clauses: [{ k: input.k, members: [...new Set(input.approvers)].sort(), groups: [] }],
      maxTtlS: input.maxTtlS,
      maxUses: input.maxUses,
      tier: input.tier,
    };
    return [{ type: 'policy.set', body }];
  }, '');
}

/** One line, e.g. `2 of ada, ben · any admitted machine · leases up to 1 h, 1000 uses · normal`. */
export function policyWords(state: OrgState, { clauses, machines, maxTtlS, maxUses, tier }: Policy): string {
  const lease = maxTtlS === 0 ? 'once only' : `leases up to ${durationWords(maxTtlS)}, ${maxUses} uses`;
  return [quorumWords(state, clauses), machineWords(state, machines), lease, tier].join(' · ');
}
