// Rules on this device: the default, a change with one gesture, what it would do, and how they read (spec/06-policy.md).
import { type Access, explainAccess, unreachableWords } from '../../protocol/access.ts';
import { ProtocolError, check } from '../../protocol/errors.ts';
import type { Hash, PolicyId } from '../../protocol/hash.ts';
import { limits } from '../../protocol/limits.ts';
import type { Policy } from '../../protocol/org-log/bodies.ts';
import { adminThreshold } from '../../protocol/org-log/authority.ts';
import type { OrgState } from '../../protocol/org-log/state.ts';
import { policyFor, verifyPattern } from '../../protocol/policy.ts';
import { policyDiff } from '../../protocol/policy-diff.ts';
import { durationWords, machineWords, policyTerms, quorumWords } from '../../protocol/policy-words.ts';
import { newId } from '../../relay-client/org-log.ts';
import type { PolicyRow, RuleInput, RulePreview, RulesApp, SeenProgram } from '../app-rules.ts';
import { ConsoleError } from '../platform/console-error.ts';
import type { OpenedDevice } from './opened.ts';

/** What a rule says where nobody said anything else. */
export const defaultPolicy: Omit<Policy, 'policy' | 'pattern' | 'clauses'> = {
  machines: { any: true, machines: [], groups: [] },
  maxTtlS: 3_600,
  maxUses: 1_000,
  scopes: ['process'],
  tier: 'normal',
  reasonRequired: false,
  matchRequired: false,
  separationOfDuties: false,
  revealAllowed: false,
  maxStalenessMs: limits.maxStalenessDefaultMs,
  exePins: [],
  hosts: [],
  retired: false,
};

type Act = <T>(run: () => Promise<T>) => Promise<T>;

export function createRuleActs(act: Act, opened: () => OpenedDevice): RulesApp {
  const state = (): OrgState => opened().session.log.requireState();
  return {
    previewRule: (rule) => previewRule(state(), rule),
    setPolicy: (rule) =>
      act(() => {
        const { drafts, session } = opened();
        verifyPattern(rule.pattern);
        const fresh = newId<PolicyId>(session.platform.random);
        return drafts.change((now) => {
          const { before, body } = bodyOf(now, rule, fresh);
          return before && !before.retired && policyDiff(now, before, body).length === 0 ? [] : [{ type: 'policy.set', body }];
        }, '');
      }),
    retirePolicy: (pattern) =>
      act(() =>
        opened().drafts.change((now) => {
          const before = inForce(now, pattern);
          return before ? [{ type: 'policy.set', body: { ...before, retired: true } }] : [];
        }, ''),
      ),
    explain: (path, ask): Access => explainAccess(state(), path, { now: opened().session.platform.now(), ...ask }),
    seenPrograms: () => seenPrograms(opened()),
  };
}

/** The rule as it would stand; one of that pattern is changed, not doubled. */
function bodyOf(state: OrgState, rule: RuleInput, fresh: PolicyId): { readonly before: Policy | undefined; readonly body: Policy } {
  const before = (rule.policy && state.policies.get(rule.policy)) ?? inForce(state, rule.pattern);
  if (rule.policy && before?.retired) throw new ConsoleError('E_GONE', 'this rule has been retired meanwhile');
  return { before, body: { ...rule, policy: before?.policy ?? fresh, retired: false } };
}

function inForce(state: OrgState, pattern: string): Policy | undefined {
  const found = [...state.policies.values()].find((policy) => policy.pattern === pattern && !policy.retired);
  if (!found) return undefined;
  const { eh: _, ...body } = found;
  return body;
}

function previewRule(state: OrgState, rule: RuleInput): RulePreview {
  const { before, body } = bodyOf(state, rule, '00'.repeat(16) as PolicyId); // of no rule: only compared here
  const differences = policyDiff(state, before, body);
  const needed = differences.some(({ effect }) => effect === 'widens') ? adminThreshold(state) : 1;
  const problem = problemOf(state, body);
  return { differences, needed, covers: problem === undefined ? coveredBy(state, body) : [], ...(problem === undefined ? {} : { problem }) };
}

/** What the log would refuse, in words. */
function problemOf(state: OrgState, body: Policy): string | undefined {
  try {
    verifyPattern(body.pattern);
    const clash = inForce(state, body.pattern);
    check(!clash || clash.policy === body.policy, 'E_POLICY', 'another rule has this pattern');
    return unreachableWords(state, body);
  } catch (error) {
    if (error instanceof ProtocolError) return error.message.replace(/^E_[A-Z_]+: /, '');
    throw error;
  }
}

function coveredBy(state: OrgState, body: Policy): readonly string[] {
  const after = { ...state, policies: state.policies.set(body.policy, { ...body, eh: '' as Hash }) }; // no entry set it: only matched here
  return [...state.secrets.values()]
    .filter(({ path, retired }) => !retired && policyFor(after, path)?.policy === body.policy)
    .map(({ path }) => path)
    .sort();
}

function seenPrograms({ history }: OpenedDevice): readonly SeenProgram[] {
  const seen = new Map<string, SeenProgram>();
  for (const { exe, exeHash } of history.rows()) if (exe !== undefined && exeHash !== undefined) seen.set(exeHash, { exe, sha256: exeHash });
  return [...seen.values()].sort((a, b) => (a.exe < b.exe ? -1 : 1));
}

export function policyRow(state: OrgState, { eh: _, ...policy }: Policy & { readonly eh: Hash }): PolicyRow {
  return { pattern: policy.pattern, words: policyWords(state, policy), policy, terms: policyTerms(state, policy) };
}

/** One line, e.g. `2 of ada, ben · any admitted machine · leases up to 1 h, 1000 uses · normal`. */
function policyWords(state: OrgState, { clauses, machines, maxTtlS, maxUses, tier }: Policy): string {
  const lease = maxTtlS === 0 ? 'once only' : `leases up to ${durationWords(maxTtlS)}, ${maxUses} uses`;
  return [quorumWords(state, clauses), machineWords(state, machines), lease, tier].join(' · ');
}
