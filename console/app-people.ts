// What the screens see and do about people, their devices, groups, machines' groups and the organisation's terms: a part of console/app.ts. No DOM here.
import type { ChangeLine } from '../protocol/change-lines.ts';
import type { DeviceId, GroupId, Hash, MachineId, MemberId } from '../protocol/hash.ts';
import type { Role } from '../protocol/org-log/bodies.ts';
import type { Proposed } from '../protocol/org-log/entry.ts';
import type { OrgTerms, Outcome } from './app.ts';

/** A change that waits for more admins. */
export interface DraftRow {
  readonly id: Hash;
  readonly by: string;
  readonly mine: boolean;
  readonly at: number;
  readonly expiresAt: number;
  /** Its author's words. */
  readonly note: string;
  /** What it would do, from its entries and this device's own log. */
  readonly changes: readonly ChangeLine[];
  readonly items: readonly Proposed[];
  readonly agreed: readonly string[];
  readonly refused: readonly string[];
  readonly agreedByMe: boolean;
  /** Admins that it still needs. */
  readonly missing: number;
  /** Nobody can use it any more: propose it again. */
  readonly stale: boolean;
}
export interface DeviceRow {
  readonly id: DeviceId;
  readonly name: string;
  readonly me: boolean;
  /** Its passkey may be copied by a cloud account; `backedUp`: it had been by then. */
  readonly synced: boolean;
  readonly backedUp: boolean;
  /** Model of the authenticator, as 8-4-4-4-12; absent where it did not say. */
  readonly aaguid?: string;
  /** From the metadata of this device's person. */
  readonly model?: string;
  /** When it came in, where that is among the entries at hand. */
  readonly since?: number;
  /** When it last said where its log stands. */
  readonly seenAt?: number;
}
/** Holds people, or machines, or both: rules name it for either. */
export interface GroupRow {
  readonly id: GroupId;
  readonly name: string;
  readonly members: readonly MemberId[];
  readonly machines: readonly MachineId[];
}
export interface TokenRow {
  readonly id: string;
  readonly expiresAt: number;
  readonly autoAdmit: boolean;
  readonly groups: readonly GroupId[];
  /** Name of the machine that used it. */
  readonly usedBy?: string;
}
export interface TermsRow extends OrgTerms {
  /** Admins that it takes now: all of them while there are fewer than `tAdmin`. */
  readonly needed: number;
}
export interface NewsRow {
  readonly seq: number;
  readonly at: number;
  readonly what: string;
  readonly who: readonly string[];
}
/** An authenticator model that this device's person has metadata of. */
export interface ModelRow {
  readonly aaguid: string;
  readonly name: string;
  readonly roots: number;
}
/** What would be lost with a person or a device. */
export interface LossRow {
  /** Patterns of rules whose quorum could not be met any more. */
  readonly rules: readonly string[];
  /** Secrets that nobody could release any more. */
  readonly unreachable: readonly string[];
  /** Secrets that should be replaced after. */
  readonly exposed: readonly string[];
  readonly machines: readonly string[];
  readonly lastAdmin: boolean;
}

export interface PeopleApp {
  /** passkey. */
  setRoles(member: MemberId, roles: readonly Role[]): Promise<Outcome>;
  /** passkey, once. The person and every device of theirs, and new keys that these do not get. */
  removeMember(member: MemberId): Promise<void>;
  lossOf(of: { readonly member: MemberId } | { readonly device: DeviceId }): LossRow;
  /** passkey. Without `group` a new one; with it, `shown` are the members from which the change began. */
  setGroup(input: {
    readonly group?: GroupId;
    readonly name: string;
    readonly members: readonly MemberId[];
    readonly shown?: readonly MemberId[];
  }): Promise<Outcome>;
  /** passkey. */
  setMachine(machine: MachineId, terms: { readonly groups: readonly GroupId[]; readonly owner?: MemberId }): Promise<void>;
  /** passkey. How many admins must agree, where the console may be served from, which passkeys are let in. */
  setTerms(terms: Partial<OrgTerms>): Promise<Outcome>;
  models(): Promise<readonly ModelRow[]>;
  /** Metadata of authenticators as JSON text; replaces what was there. Stays on this device. */
  loadModels(text: string): Promise<readonly ModelRow[]>;
  /** Puts away the news up to this entry. */
  seenNews(seq: number): Promise<void>;
}
