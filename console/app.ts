// What the console's screens see and can do: the contract between the views and the device behind them. No DOM here.
import type { DeviceId, GroupId, Hash, LeaseId, MachineId, MemberId, OrgId, RequestId, SecretId } from '../protocol/hash.ts';
import type { DeviceRow, DraftRow, GroupRow, NewsRow, PeopleApp, TermsRow, TokenRow } from './app-people.ts';
import type { PolicyRow, RulesApp } from './app-rules.ts';
import type { ChangeLine } from '../protocol/change-lines.ts';
import type { Sharing } from './app-secrets.ts';
import type { OrgSet } from '../protocol/org-log/org-bodies.ts';
import type { LeaseTerms, Observed } from '../protocol/request.ts';
import type { KitTerms, RecoveringView, RecoveryApp, WaitingView } from './recovery/contract.ts';

/** Of an act that may take several admins; `proposed`: it waits for the others (OrgView.drafts). */
export type Outcome = 'done' | 'proposed';
export type OrgTerms = Pick<OrgSet, 'tAdmin' | 'origins' | 'rpIds' | 'authenticators'>;

/** Where this browser stands. */
export type Phase =
  | {
      readonly kind: 'loading';
      /** What keeps it from opening; it keeps trying. */ readonly failure?: AppFailure;
      /** Entries of a long log that is verified. */ readonly verified?: { readonly done: number; readonly of: number };
    }
  /** No org in this browser yet; `prf` says whether this browser and authenticator can do it, before anything is created. */
  | { readonly kind: 'welcome'; /** Why there is no device any more, or not yet, where there was one. */ readonly failure?: AppFailure }
  /** This device's keys are made and compared; more admins must agree before it is let in. It looks again by itself. */
  | { readonly kind: 'waiting' }
  /** This browser announced a use of the recovery kit. */
  | { readonly kind: 'recovering'; readonly waiting: WaitingView }
  | { readonly kind: 'ready' }
  /** The log stopped for good (E_FORK, E_LOG_ROLLBACK …): nothing can be approved. */
  | { readonly kind: 'halted'; readonly code: string; readonly message: string; /** Where a person may decide to go on. */ readonly stop?: StopView };

/** The record at which the log stopped, and of a fork both entries in words. */
export interface StopView {
  readonly record: Hash;
  readonly ours?: string;
  readonly theirs?: string;
}

/** A failure as a person reads it: what happened, why, what to do next. */
export interface AppFailure {
  readonly code: string;
  readonly what: string;
  readonly next: string;
}

export interface CreateOrg {
  readonly orgName: string;
  readonly memberName: string;
  readonly deviceName: string;
}
/** Steps of createOrg, shown as progress. */
export type CreateStep = 'checking-passkeys' | 'passkey-created' | 'passkey-verified' | 'signing-organisation' | 'storing' | 'done';

/** Every line of a review card, already resolved from this device's own log. Order and grouping are fixed. */
export interface ReviewCard {
  readonly requestId: RequestId;
  readonly rh: Hash;
  /** `need`: a secret that does not exist yet; a writer types it or declines. */
  readonly kind: 'release' | 'put' | 'need' | 'changes';
  readonly matchCode: string;
  readonly machine: { readonly id: MachineId; readonly name: string };
  readonly items: readonly {
    readonly path: string;
    readonly field?: string;
    readonly version: number;
    readonly description: string;
    readonly mixedScripts: boolean;
  }[];
  /** As the daemon saw it, never guessed: absent = unknown. */
  readonly observed: Observed;
  readonly claimed: { readonly agent: string; readonly reason: string };
  /** With kind `changes`: from the entries that would be signed and this device's own log, never from the request. */
  readonly changes?: readonly ChangeLine[];
  /** With kind `need`. `where` is the asker's claim: text, never a link. */
  readonly need?: { readonly where: string; readonly fields: readonly string[] };
  readonly lease: LeaseTerms;
  /** What the approver may choose: never more than asked, never more than policy. First = default (once). */
  readonly leaseChoices: readonly { readonly label: string; readonly terms: LeaseTerms }[];
  /** e.g. `first time for this program`, `new binary`, `container`, `after a denial`, `identity unverified`. */
  readonly unusual: readonly string[];
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly needed: number;
  /** Names of members who approved so far, as receipts tell; may be empty. */
  readonly tier: 'low' | 'normal' | 'high';
  /** The approver must choose the code that the terminal shows. */
  readonly matchRequired: boolean;
  /** The lines that the card digest covers, in screen order. */
  readonly lines: readonly string[];
  /** Set once decided here or elsewhere. */
  readonly outcome?: {
    readonly kind: 'approved' | 'denied' | 'released' | 'expired' | 'withdrawn' | 'failed' | 'done-by-other' | 'stored';
    readonly by: readonly string[];
    readonly at: number;
    readonly until?: number;
    readonly note?: string;
  };
}
/** Something that claimed to be a request and was refused: shown as a warning, never as a card. */
export interface RefusedRequest {
  readonly code: string;
  readonly at: number;
  readonly machine?: string;
}

export interface SecretRow {
  readonly id: SecretId;
  readonly path: string;
  readonly version: number;
  readonly fields: readonly string[];
  readonly description: string;
  readonly updatedAt: number;
  readonly by: string;
  readonly policy: string;
  /** Devices and machines that get a part by themselves or by `shareSecrets`; of the last kind, those whom this device can serve. */
  readonly waiting: readonly string[];
  readonly sharable: readonly string[];
  /** Those who get theirs with the next version only. */
  readonly needVersion: readonly string[];
  /** Who has a part of this version and is given none any more; or policy asks for more people than it opens with. */
  readonly exposed?: { readonly to: readonly string[]; readonly weaker: boolean };
  readonly machines: readonly string[];
}
export interface LeaseRow {
  readonly id: LeaseId;
  readonly machine: MachineId;
  readonly machineName: string;
  readonly paths: readonly string[];
  readonly holder: string;
  readonly until: number;
  readonly usesLeft: number;
  readonly used: number;
  readonly approvedBy: readonly string[];
  readonly ending: boolean;
}
export interface MachineRow {
  readonly id: MachineId;
  readonly name: string;
  readonly status: 'enrolled' | 'active' | 'revoked';
  /** compare with the terminal */ readonly words: string;
  readonly since: number;
  readonly groups: readonly GroupId[];
  readonly owner?: MemberId;
}
export interface MemberRow {
  readonly id: MemberId;
  readonly name: string;
  readonly roles: readonly string[];
  readonly devices: readonly DeviceRow[];
  readonly me: boolean;
}
/** One line of history, from verified receipts and log entries. */
export interface HistoryRow {
  readonly at: number;
  readonly kind: 'release' | 'use' | 'deny' | 'expired' | 'withdrawn' | 'failed' | 'log' | 'alert' | 'stored' | 'ended';
  readonly what: string;
  readonly who: readonly string[];
  readonly program?: string;
  readonly machine?: string;
  readonly proof: 'verified' | 'missing';
  /** Of what is missing, as codes. */
  readonly codes?: readonly string[];
}
/** What the audit of the whole trail found (spec/15-audit.md §audit). */
export interface AuditReport {
  readonly entries: number;
  readonly receipts: number;
  readonly findings: readonly { readonly code: string; readonly why: string; readonly at?: number; readonly machine?: string }[];
}

export interface OrgView {
  readonly id: OrgId;
  readonly name: string;
  readonly me: { readonly member: MemberId; readonly name: string; readonly device: string; readonly roles: readonly string[] };
  readonly frozen: boolean;
  /** The recovery kit, where there is one, and a use of it that is under way. */
  readonly kit?: KitTerms;
  readonly recovering?: RecoveringView;
  readonly online: boolean;
  readonly relay: string;
  readonly head: number;
  readonly inbox: readonly ReviewCard[];
  readonly refused: readonly RefusedRequest[];
  readonly secrets: readonly SecretRow[];
  readonly leases: readonly LeaseRow[];
  readonly machines: readonly MachineRow[];
  readonly members: readonly MemberRow[];
  readonly policies: readonly PolicyRow[];
  readonly drafts: readonly DraftRow[];
  readonly groups: readonly GroupRow[];
  readonly tokens: readonly TokenRow[];
  readonly terms: TermsRow;
  /** What everybody should notice, newest first, until it is put away. */
  readonly news: readonly NewsRow[];
  readonly history: readonly HistoryRow[];
  /** A problem that does not stop approvals, e.g. the relay is away. */
  readonly notice?: AppFailure;
}

/** Progress of an approval, from tap to release. */
export type ApproveStep = 'verifying-user' | 'sealing' | 'sent' | 'released';

/** People, groups and the organisation's terms: console/app-people.ts. Every act may reject with an AppFailure (as `Error & { failure: AppFailure }`). Acts that need the passkey say so. */
export interface App extends PeopleApp, RulesApp {
  /** Verifies the log and every machine's receipts from the first on; `progress` counts entries and receipts. */
  audit(progress: (entries: number, receipts: number) => void): Promise<AuditReport>;
  phase(): Phase;
  org(): OrgView | undefined;
  /** Called after every change. Returns the unsubscriber. */
  subscribe(listener: () => void): () => void;
  /** Checks platform, WebAuthn and PRF support before anything is created. */
  checkSupport(): Promise<{ readonly ok: true } | { readonly ok: false; readonly failure: AppFailure }>;
  /** passkey: create, then two verifications. */
  createOrg(input: CreateOrg, progress: (step: CreateStep) => void): Promise<void>;
  /**
   * passkey. Makes a machine token; `command` is what to type on the machine. With `here`, the local daemon behind this console is told directly.
   * With `intoGroup` the token admits by itself, for an hour at most; where that takes more admins, `onProposed` is called and it resolves once they agreed.
   */
  enrolMachine(
    options: { readonly here: boolean; readonly hours?: number; readonly intoGroup?: GroupId },
    onProposed?: () => void,
  ): Promise<{
    readonly token: string;
    readonly command: string;
    readonly expiresAt: number;
    /** With `here`: what the daemon beside this console said; compare with MachineRow.words. */ readonly here?: {
      readonly machine: string;
      readonly words: string;
    };
  }>;
  /** true where this console is served by `stillvault up` beside a daemon that is not enrolled. */
  canEnrolHere(): boolean;
  /** passkey. After the words were compared. */
  admitMachine(machine: MachineId, words: string, groups?: readonly GroupId[]): Promise<void>;
  /** passkey. */
  revokeMachine(machine: MachineId): Promise<void>;
  /** passkey. Another device than this one, of anybody: it approves nothing more, and reads no name that comes later. */
  revokeDevice(device: DeviceId): Promise<void>;
  /** passkey. One user verification for all items of the card. */
  approve(requestId: RequestId, terms: LeaseTerms, chosenCode: string | undefined, progress: (step: ApproveStep) => void): Promise<void>;
  /** No gesture. `mute`: also ignore this machine for an hour. */
  deny(requestId: RequestId, mute: boolean, /** Of a need: why, for the program. */ note?: string): Promise<void>;
  /** passkey. Stores the first version of what a need asks for; never replaces one. */
  fillNeed(requestId: RequestId, input: Omit<Parameters<App['putSecret']>[0], 'path'>): Promise<void>;
  /** Tell the requester that the card is on a screen (once per card). */
  shown(requestId: RequestId): void;
  /** passkey. */
  putSecret(input: {
    readonly path: string;
    readonly value:
      | { readonly kind: 'value'; readonly value: Uint8Array }
      | { readonly kind: 'fields'; readonly fields: readonly { readonly name: string; readonly value: Uint8Array }[] };
    readonly description: string;
  }): Promise<void>;
  /** passkey. */
  retireSecret(secret: SecretId): Promise<void>;
  /** passkey, twice, for any number of secrets. Gives shares to devices that wait (SecretRow.sharable); answers for how many secrets. */
  shareSecrets(sharing: Sharing): Promise<number>;
  /** No gesture: only reduces. */
  endLease(lease: LeaseId): Promise<void>;
  /** passkey. */
  freeze(reason: string): Promise<Outcome>;
  /** passkey. */
  unfreeze(reason: string): Promise<Outcome>;
  /** passkey. A second person: makes an invitation link (spec/11-enrolment.md §device). */
  invite(
    input: { readonly memberName: string; readonly roles: readonly ('admin' | 'approver' | 'writer')[] } | { readonly ownDevice: true },
  ): Promise<InviteSession>;
  /** The new device's side, opened by such a link. */
  joinByInvite(link: string, deviceName: string): Promise<InviteSession>;
  /** While waiting: gives up the keys that were made here, and begins anew. */
  stopWaiting(): Promise<void>;
  /** passkey. Says yes to a change that waits for admins: `done` where that was the last word it needed. */
  agreeDraft(id: Hash): Promise<Outcome>;
  /** No gesture. Declines a draft, or withdraws one's own. */
  refuseDraft(id: Hash): Promise<void>;
  /** Halted: passes over the record at which the log stopped, for this device alone, and keeps it as evidence. */
  passOver(): Promise<void>;
  /** The recovery kit: loaded when it is needed. */
  recovery(): Promise<RecoveryApp>;
  /** While recovering: gives up the device that waits here, and begins anew. */
  stopRecovering(): Promise<void>;
  /** Ends everything that runs: for tests, and before the page goes. */
  close(): void;
}
export interface InviteSession {
  /** On the admin's side. */
  readonly link?: string;
  /** Six digits and three words once both sides have committed: compare, then confirm on both. */
  readonly codes: Promise<{ readonly digits: string; readonly words: string }>;
  /** passkey on both sides. `done`: device.add is in the log; `proposed`: more admins must agree, and the new device waits for them. */
  confirm(): Promise<Outcome>;
  cancel(): void;
}
