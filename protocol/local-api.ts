// What SDK, CLI and agents say to the local daemon (spec/10-local-api.md): JSON over HTTP on a Unix socket, `curl --unix-socket` works.
import type { RecoveryStatus } from './local-api/recovery.ts';
// Types and constants only: the SDK has no dependencies.

/** The strings of `--json` and of every error body; exitCodes gives the process exit code. */
export const failureCodes = [
  'error',
  'usage',
  'denied',
  'expired',
  'unreachable',
  'daemon_not_running',
  'not_found',
  'policy_forbids',
  'not_enrolled',
  'withdrawn',
] as const;
export type FailureCode = (typeof failureCodes)[number];
export const exitCodes: Readonly<Record<FailureCode, number>> = {
  error: 1,
  usage: 2,
  denied: 10,
  expired: 11,
  unreachable: 12,
  daemon_not_running: 13,
  not_found: 14,
  policy_forbids: 15,
  not_enrolled: 16,
  withdrawn: 1,
};

/** Body of every answer that is not 2xx, and of an `error` event: what happened, why, what to do next. */
export interface Failure {
  readonly error: {
    readonly code: FailureCode;
    /** What happened and why, one line, no secret. */
    readonly message: string;
    /** The next command or act to try. */
    readonly next?: string;
    /** Protocol code, e.g. `E_LEASE_SCOPE`. */
    readonly detail?: string;
  };
}

/** GET /v1/status */
export interface Status extends RecoveryStatus {
  readonly version: string;
  readonly state: 'not_enrolled' | 'awaiting_admission' | 'ready' | 'frozen' | 'halted';
  /** Why `halted`, as a code. */
  readonly halted?: string;
  readonly pid: number;
  readonly startedAt: string;
  readonly org?: { readonly id: string; readonly name: string };
  readonly machine?: { readonly id: string; readonly name: string; readonly words: string };
  readonly relay?: { readonly url: string; readonly connected: boolean; readonly since: string; readonly lastError?: string };
  readonly log?: { readonly seq: number; readonly head: string; readonly syncedAt: string };
  /** While a long log is verified: entries so far. */
  readonly verifying?: { readonly done: number; readonly of: number };
  /** Resident memory of the daemon. */
  readonly memoryBytes: number;
  readonly pending: number;
  readonly leases: number;
  /** Secrets that somebody waits for a part of, how many machines and devices wait, and secrets to renew (`ls --exposed`). */
  readonly custody?: { readonly waiting: number; readonly machines: number; readonly devices: number; readonly exposed: number };
  /** How a requester is identified here: `pidfd` where the kernel has it, else `unverified`. */
  readonly identity: 'pidfd' | 'unverified';
}

/** POST /v1/join · answers JoinResult at once; the admission is seen in /v1/status. Repeatable with the same token. */
export interface JoinAsk {
  readonly token: string;
  readonly name?: string;
}
export interface JoinResult {
  readonly state: 'awaiting_admission' | 'ready';
  readonly org: { readonly id: string; readonly name: string };
  readonly machine: { readonly id: string; readonly name: string };
  /** compare with the console */ readonly words: string;
}

/** GET /v1/secrets · GET /v1/secrets/info?path=… */
export interface SecretSummary {
  readonly path: string;
  readonly version: number;
  readonly fields: readonly string[];
  readonly description: string;
  readonly updatedAt: string;
  readonly entitled: boolean;
  /** Why it is to be renewed: somebody who left has a part of this version, or policy asks for more people than it opens with. */
  readonly exposed?: 'holder' | 'weaker';
}
export interface SecretInfo extends SecretSummary {
  readonly id: string;
  readonly policy: PolicySummary;
  readonly custody: {
    readonly k: number;
    readonly members: readonly string[];
    readonly machines: readonly string[];
    /** recipients that policy gives but that hold no wrap yet */ readonly waiting: readonly string[];
    /** those of them whom nobody can serve: the next version does */ readonly needVersion: readonly string[];
    /** who has a wrap of this version and is given none any more */ readonly exposedTo: readonly string[];
  };
}
export interface PolicySummary {
  readonly pattern: string;
  /** e.g. `any of ben, ada` or `2 of ben, ada, eve` */
  readonly approvers: string;
  readonly machines: string;
  readonly maxTtlS: number;
  readonly maxUses: number;
  readonly scopes: readonly Scope[];
  readonly tier: 'low' | 'normal' | 'high';
  readonly reasonRequired: boolean;
  /** A value may be shown to who asks, a model's context included. */
  readonly revealAllowed?: boolean;
  /** Where a broker may send the value; empty = the policy names none. */
  readonly hosts?: readonly string[];
}

/** Who may use a lease: the requester's anchor process and its descendants, every process of one binary, or the machine's user. */
export type Scope = 'process' | 'exe' | 'machine';

/** POST /v1/release · one ReleaseEvent a line; the last is `released` or `error`. Closing the connection withdraws the request everywhere. */
export interface ReleaseAsk {
  readonly items: readonly { readonly path: string; readonly field?: string }[];
  /** The requester's claim, shown as such: one line, at most 120 graphemes. */
  readonly reason?: string;
  readonly agent?: string;
  /** Asked lease; absent = one use, no lease. `self`: for the asking process alone, not for those that it starts. */
  readonly lease?: { readonly ttlS: number; readonly uses?: number; readonly scope?: Scope; readonly self?: boolean };
  /** How long to wait for people, at most 900. */
  readonly timeoutS?: number;
  /** Only answer from a lease: never ask a person. */
  readonly leaseOnly?: boolean;
}
export type ReleaseEvent =
  | {
      readonly event: 'waiting';
      readonly request_id: string;
      readonly code: string;
      readonly paths: readonly string[];
      readonly approvers: readonly string[];
      readonly needed: number;
      readonly expires_at: string;
    }
  | { readonly event: 'shown'; readonly member: string; readonly device: string; readonly at: string }
  | { readonly event: 'approved'; readonly member: string; readonly have: number; readonly needed: number }
  | { readonly event: 'denied'; readonly member: string; readonly final: boolean }
  | {
      readonly event: 'released';
      readonly from: 'approval' | 'lease';
      readonly values: readonly ReleasedValue[];
      readonly approved_by: readonly string[];
      readonly lease?: LeaseSummary;
    }
  | ({ readonly event: 'error' } & Failure);
export interface ReleasedValue {
  readonly path: string;
  readonly field?: string;
  readonly version: number;
  /** base64 */ readonly value: string;
}

/** POST /v1/put · answers with newline-delimited PutEvents; a member with role writer countersigns all of it on a device, with one gesture. */
export interface PutAsk {
  /** 1 to 64, each path once. */
  readonly puts: readonly PutItem[];
  readonly timeoutS?: number;
}
export interface PutItem {
  readonly path: string;
  /** base64; either one value or named fields. */
  readonly value?: string;
  readonly fields?: Readonly<Record<string, string>>;
  readonly description?: string;
}
export type PutEvent =
  | Extract<ReleaseEvent, { readonly event: 'waiting' | 'shown' }>
  /** One for each; what was stored stays stored where the rest fails. */
  | { readonly event: 'stored'; readonly path: string; readonly version: number; readonly by: string }
  | ({ readonly event: 'error' } & Failure);

/**
 * POST /v1/needs · asks people for a secret that does not exist yet, and answers at once. The path is the handle: asked again, it says how the need stands.
 * GET /v1/needs lists those of this machine · GET /v1/needs/await?path=… answers a NeedSummary a line until it is over; leaving withdraws nothing
 * POST /v1/needs/withdraw
 */
export interface NeedAsk {
  readonly path: string;
  /** What it is for: one line, at most 120 graphemes. */
  readonly reason: string;
  /** Where a person gets it: one line, at most 200 graphemes. */
  readonly where?: string;
  /** Wanted; absent = one value. */
  readonly fields?: readonly string[];
  readonly agent?: string;
}
export interface NeedSummary {
  readonly path: string;
  /** What to ask a release of, once it is there. */
  readonly reference: string;
  /** `exists`: there is nothing to file, ask for a release. `filled`: a writer stored it. */
  readonly state: 'exists' | 'open' | 'filled' | 'declined' | 'withdrawn' | 'expired' | 'failed';
  readonly fields: readonly string[];
  readonly reason: string;
  readonly where: string;
  readonly asked_at?: string;
  readonly expires_at?: string;
  readonly code?: string;
  /** Who can fill it, and who filled or declined it. */
  readonly writers: readonly string[];
  readonly by?: string;
  /** Why it was declined, in that person's words; or the code of what failed. */
  readonly note?: string;
}
export type NeedWithdraw = Pick<NeedAsk, 'path'>;

/**
 * POST /v1/ssh-agent · the daemon serves an SSH agent at `socket` for as long as this connection lives, and answers with SshAgentEvents, one a line.
 * Each signature is a release to the daemon itself: who asks is the process that connected to the agent, and no key leaves the daemon.
 */
export interface SshAgentAsk {
  /** Absolute; in a folder that only this user can enter. */
  readonly socket: string;
  readonly keys: readonly SshAgentKey[];
}
export interface SshAgentKey {
  readonly path: string;
  readonly field?: string;
  /** The public half as in a `.pub` file: `ssh-ed25519 AAAA… comment`. */
  readonly public: string;
  readonly lease?: NonNullable<ReleaseAsk['lease']>;
  readonly timeoutS?: number;
}
export type SshAgentEvent =
  | { readonly event: 'serving'; readonly socket: string }
  | { readonly event: 'asking'; readonly path: string; readonly purpose: string; readonly code: string; readonly approvers: readonly string[] }
  | { readonly event: 'signed'; readonly path: string; readonly purpose: string; readonly approved_by: readonly string[] }
  | { readonly event: 'refused'; readonly path?: string; readonly purpose: string; readonly code: FailureCode; readonly message: string };

/** GET /v1/leases · POST /v1/leases/end answers those that were ended */
export interface LeaseSummary {
  readonly id: string;
  readonly paths: readonly string[];
  readonly scope: Scope;
  /** The anchor, e.g. `claude (pid 4121)`. */
  readonly holder: string;
  readonly approved_by: readonly string[];
  readonly until: string;
  readonly uses_left: number;
  readonly used: number;
}
export interface LeaseEnd {
  readonly id?: string;
  readonly all?: boolean;
}

/** GET /v1/log?from=0 · names already resolved, for reading; POST /v1/log/verify re-verifies from genesis. */
export interface LogLine {
  readonly seq: number;
  readonly at: string;
  readonly type: string;
  readonly by: readonly string[];
  readonly what: string;
  readonly eh: string;
}
export interface LogVerified {
  readonly entries: number;
  readonly head: string;
  readonly org: string;
  readonly ms: number;
}

/** GET /v1/audit · the trail as newline-delimited JSON (spec/15-audit.md §export): header, entries and receipts that prove themselves, signed end. */
export interface AuditEvent {
  readonly kind: 'stillvault-audit' | 'entry' | 'receipt' | 'missing' | 'end';
}

/** Where the socket lives: $STILLVAULT_SOCKET, else $XDG_RUNTIME_DIR/stillvault/daemon.sock, else ~/.stillvault/run/daemon.sock. Header on the loopback port: `authorization: Bearer <token file's text>`. */
export const localPaths = {
  status: '/v1/status',
  join: '/v1/join',
  secrets: '/v1/secrets',
  secretInfo: '/v1/secrets/info',
  release: '/v1/release',
  put: '/v1/put',
  needs: '/v1/needs',
  needsAwait: '/v1/needs/await',
  needsWithdraw: '/v1/needs/withdraw',
  leases: '/v1/leases',
  leasesEnd: '/v1/leases/end',
  log: '/v1/log',
  logVerify: '/v1/log/verify',
  audit: '/v1/audit',
  sshAgent: '/v1/ssh-agent',
} as const;
