// Administration as the local API tells it (spec/10-local-api.md §administration): a machine proposes, people sign. Types and constants only.
import type { Failure, LogLine } from '../local-api.ts';

/** A policy as people write it, in a file too (spec/06-policy.md §file): names instead of ids. What is left out is the narrowest there is. */
export interface PolicyTerms {
  readonly pattern: string;
  readonly approve: readonly { readonly k: number; readonly members?: readonly string[]; readonly groups?: readonly string[] }[];
  readonly machines: 'any' | { readonly machines?: readonly string[]; readonly groups?: readonly string[] };
  /** `max`: such as `15m`; absent = once only. */
  readonly lease?: { readonly max: string; readonly uses: number; readonly scopes: readonly ('process' | 'exe' | 'machine')[] };
  readonly tier?: 'low' | 'normal' | 'high';
  readonly reason_required?: boolean;
  readonly match_required?: boolean;
  readonly separation_of_duties?: boolean;
  readonly reveal_allowed?: boolean;
  readonly max_staleness?: string;
  readonly exe_pins?: readonly string[];
  readonly hosts?: readonly string[];
  readonly hours?: { readonly days: readonly string[]; readonly from: string; readonly to: string };
}
export interface PolicyFile {
  readonly version: 1;
  readonly groups?: Readonly<Record<string, readonly string[]>>;
  readonly policies: readonly PolicyTerms[];
}

/** Names, or ids where a name is not the only one of its kind. */
export type Act =
  | { readonly act: 'member.set'; readonly member: string; readonly name?: string; readonly roles?: readonly ('admin' | 'approver' | 'writer')[] }
  | { readonly act: 'member.remove'; readonly member: string }
  | { readonly act: 'device.revoke'; readonly device: string }
  | { readonly act: 'machine.set'; readonly machine: string; readonly groups?: readonly string[]; readonly owner?: string | null }
  | { readonly act: 'machine.revoke'; readonly machine: string }
  | { readonly act: 'group.add'; readonly group: string; readonly members: readonly string[] }
  | { readonly act: 'group.set'; readonly group: string; readonly name?: string; readonly members?: readonly string[] }
  | { readonly act: 'policy.set'; readonly policy: PolicyTerms }
  | { readonly act: 'policy.retire'; readonly pattern: string }
  | { readonly act: 'policy.file'; readonly file: PolicyFile; readonly prune: boolean }
  | { readonly act: 'secret.retire'; readonly path: string }
  | { readonly act: 'org.freeze' | 'org.unfreeze'; readonly reason: string };

/**
 * POST /v1/changes/plan answers a ChangePlan: what it would do, nobody is asked.
 * POST /v1/changes answers ChangeEvents, one a line; the last is `done`, `proposed` or `error`. Closing the connection withdraws it.
 */
export interface ChangeAsk {
  readonly act: Act;
  /** Why, for the people who are asked: one line. */
  readonly reason?: string;
  readonly timeoutS?: number;
}
export interface ChangePlan {
  readonly changes: readonly PlannedChange[];
  /** People who must agree: 1, or as many admins as the organisation wants. */
  readonly needed: number;
  /** Rules that are in force and not in the file: kept, unless pruned. */
  readonly kept: readonly string[];
}
export interface PlannedChange {
  readonly what: string;
  readonly differences: readonly { readonly effect: 'widens' | 'narrows' | 'neutral'; readonly words: string }[];
  readonly terms: readonly string[];
  readonly warnings: readonly string[];
}
export type ChangeEvent =
  | {
      readonly event: 'waiting';
      readonly request_id: string;
      readonly code: string;
      /** What would change, a line each. */
      readonly paths: readonly string[];
      readonly approvers: readonly string[];
      readonly needed: number;
      readonly expires_at: string;
      readonly changes: readonly PlannedChange[];
    }
  | { readonly event: 'shown'; readonly member: string; readonly device: string; readonly at: string }
  | { readonly event: 'done'; readonly by: readonly string[]; /** False where nothing had to change. */ readonly changed: boolean }
  /** An admin agreed, and it waits for the others in their consoles. */
  | { readonly event: 'proposed'; readonly by: string; readonly missing: number }
  | ({ readonly event: 'error' } & Failure);

/** GET /v1/org: who and what there is, by name. */
export interface OrgSummary {
  readonly id: string;
  readonly name: string;
  readonly frozen: boolean;
  readonly admins_needed: number;
  readonly members: readonly { readonly id: string; readonly name: string; readonly roles: readonly string[]; readonly devices: number }[];
  readonly devices: readonly { readonly id: string; readonly name: string; readonly member: string; readonly synced: boolean }[];
  readonly machines: readonly {
    readonly id: string;
    readonly name: string;
    readonly status: 'enrolled' | 'active' | 'revoked';
    readonly groups: readonly string[];
    readonly owner?: string;
    readonly here: boolean;
  }[];
  readonly groups: readonly { readonly id: string; readonly name: string; readonly members: readonly string[]; readonly machines: readonly string[] }[];
  readonly policies: readonly (PolicyTerms & { readonly words: readonly string[] })[];
}

/** GET /v1/policy/check?path=…&machine=…&exe=…&uid=…&at=… */
export interface AccessSummary {
  readonly path: string;
  readonly verdict: 'yes' | 'no' | 'depends';
  readonly pattern?: string;
  readonly others: readonly string[];
  readonly reasons: readonly { readonly about: string; readonly verdict: 'yes' | 'no' | 'depends'; readonly words: string }[];
}

/** GET /v1/log/stop · what the log stopped at; POST /v1/log/resume passes over that record, a person's act (spec/05-org-log.md §sync). */
export interface LogStop {
  readonly code: string;
  readonly what: string;
  /** To be named when it is passed over; missing where no decision helps. */
  readonly record?: string;
  /** Of a fork: the entry of this log, and the other one for the same place. */
  readonly ours?: LogLine;
  readonly theirs?: LogLine;
  /** File with the proof. */
  readonly evidence?: string;
  readonly next: string;
}
export interface LogResume {
  readonly record: string;
}

export const adminPaths = {
  logStop: '/v1/log/stop',
  logResume: '/v1/log/resume',
  org: '/v1/org',
  policyCheck: '/v1/policy/check',
  plan: '/v1/changes/plan',
  changes: '/v1/changes',
} as const;
