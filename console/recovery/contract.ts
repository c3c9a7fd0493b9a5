// What the screens of the recovery kit see and can do (spec/18-recovery.md). Beside console/app.ts, because it is loaded when it is needed.
import type { MemberId, OrgId, SecretId } from '../../protocol/hash.ts';
import type { KitShare } from '../../protocol/recovery.ts';
import type { AppFailure, Outcome } from '../app.ts';

/** A use of the kit that every client shows until it is over. */
export interface RecoveringView {
  /** Who comes in, and as what: a member who is there, or somebody new. */
  readonly name: string;
  readonly isNew: boolean;
  readonly device: string;
  readonly reason: string;
  readonly at: number;
  readonly effectiveAt: number;
}

/** This browser announced a use of the kit and waits. */
export interface WaitingView extends RecoveringView {
  readonly org: OrgId;
  readonly relay: string;
  readonly orgName: string;
  /** Of the waiting device itself: what the log says by now. `unseen`: the announcement never reached the log, or only the kit can tell. */
  readonly state: 'waiting' | 'stopped' | 'unseen';
  /** Why it could not be looked up just now. */
  readonly failure?: AppFailure;
}

export interface KitTerms {
  readonly t: number;
  readonly m: number;
  readonly delayMs: number;
}
/** A kit that exists only on this screen until it is set. Whoever holds it wipes the shares. */
export interface NewSheets extends KitTerms {
  readonly kit: string;
  readonly shares: readonly KitShare[];
  readonly set: () => Promise<Outcome>;
}
export interface KitStatus extends KitTerms {
  readonly kit: string;
  readonly setAt: number;
  /** False: set, but the metadata key was not renewed since, so that the kit reads nothing yet. */
  readonly isComplete: boolean;
  /** Paths of secrets whose newest version the kit does not open. */
  readonly missing: readonly string[];
  readonly lastDrill?: number;
}

export interface ResealRow {
  readonly id: SecretId;
  readonly path: string;
  /** `no-kit`: stored before this kit; `no-rule`: the rule in force names nobody who could approve. */
  readonly state: 'ready' | 'no-kit' | 'no-rule';
}
export interface ResealReport {
  readonly done: number;
  readonly failed: readonly { readonly path: string; readonly code: string }[];
}
/** What is left to do after somebody came in by the kit; from the log, so that it can be gone on with at any time. */
export interface WalkView {
  /** Secrets that not everybody holds whom the rule in force names. */
  readonly reseal: readonly ResealRow[];
  /** Rules whose approvers are gone. */
  readonly rules: readonly string[];
  /** The kit was typed in since this page was opened. */
  readonly isKitHere: boolean;
}

export type UseStep = 'registering' | 'passkey-created' | 'passkey-verified' | 'announced' | 'in';

/** The log as the kit reads it, before anything is signed. */
export interface OpenedKit {
  readonly org: { readonly id: OrgId; readonly name: string };
  readonly delayMs: number;
  readonly frozen: boolean;
  readonly members: readonly { readonly id: MemberId; readonly name: string; readonly roles: readonly string[]; readonly devices: number }[];
  /** A use that is under way: another one takes its place. */
  readonly recovering?: RecoveringView & { /** Announced by this browser. */ readonly mine: boolean };
  /** passkey, three times. `waiting` where the kit has a delay. */
  announce(
    input: { readonly who: MemberId | { readonly name: string }; readonly deviceName: string; readonly reason: string },
    progress: (step: UseStep) => void,
  ): Promise<'waiting' | 'in'>;
  /** passkey. After the delay, in the browser that announced it. */
  finish(): Promise<void>;
}

export interface RecoveryApp {
  /** Undefined where the org has no kit. */
  status(): Promise<KitStatus | undefined>;
  /** Nothing is signed before `set`, which needs the passkey. A delay of 0 only where nobody else is in the org. */
  make(terms: KitTerms): Promise<NewSheets>;
  /** passkey. Ends what setting the kit began: gives it the metadata key. */
  complete(): Promise<void>;
  /** Proves that these sheets are the kit, that it opens the newest metadata key and that the relay lets it in. */
  drill(shares: readonly KitShare[]): Promise<void>;
  /** On a browser without a device, or in the one that waits. */
  open(input: { readonly org: string; readonly relay: string; readonly shares: readonly KitShare[] }): Promise<OpenedKit>;
  /** Keeps the kit in memory, to go on with the walk; `forget` ends that. */
  hold(shares: readonly KitShare[]): Promise<void>;
  forget(): void;
  walk(): WalkView;
  /** passkey, once per batch. Goes through `ids` until the signal or the end; what was sealed stays sealed. */
  reseal(ids: readonly SecretId[], progress: (done: number) => void, signal: AbortSignal): Promise<ResealReport>;
}
