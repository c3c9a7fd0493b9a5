// What the screens see and do about rules, and about who may have a secret: a part of console/app.ts. No DOM here.
import type { Access, AccessAsk } from '../protocol/access.ts';
import type { Policy } from '../protocol/org-log/bodies.ts';
import type { Difference } from '../protocol/policy-diff.ts';
import type { Term } from '../protocol/policy-words.ts';
import type { Outcome } from './app.ts';

export interface PolicyRow {
  readonly pattern: string;
  /** In one line. */
  readonly words: string;
  readonly policy: Policy;
  readonly terms: readonly Term[];
}
/** A whole rule; what stood before is replaced. `policy`: the one that is changed, absent for a new one. */
export type RuleInput = Omit<Policy, 'policy' | 'retired'> & Partial<Pick<Policy, 'policy'>>;

/** What a rule would do, before anybody signs it. */
export interface RulePreview {
  readonly differences: readonly Difference[];
  /** Admins who must agree. */
  readonly needed: number;
  /** Secrets that it would govern today. */
  readonly covers: readonly string[];
  /** Why the organisation would refuse it. */
  readonly problem?: string;
}
/** A program that asked before, as history saw it. */
export interface SeenProgram {
  readonly exe: string;
  readonly sha256: string;
}

export interface RulesApp {
  /** Asks nobody. */
  previewRule(rule: RuleInput): RulePreview;
  /** passkey. Replaces the rule of a pattern, or makes it. */
  setPolicy(rule: RuleInput): Promise<Outcome>;
  /** passkey. Its paths fall to the next rule that matches, or to nobody. */
  retirePolicy(pattern: string): Promise<Outcome>;
  explain(path: string, ask: Omit<AccessAsk, 'now'> & { readonly now?: number }): Access;
  seenPrograms(): readonly SeenProgram[];
}
