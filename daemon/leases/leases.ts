// Live leases: only in memory, bound to a process, counted, and quick to end (spec/09-release.md §leases).
import type { Hash, LeaseId, RequestId, SecretId } from '../../protocol/hash.ts';
import type { LeaseSummary } from '../../protocol/local-api.ts';
import { type Device, type OrgState, activeMachine } from '../../protocol/org-log/state.ts';
import { machineEntitled, policyFor } from '../../protocol/policy.ts';
import type { LeaseTerms } from '../../protocol/request.ts';
import type { LockedBuffer } from '../harden.ts';
import type { Anchor } from '../intake/ancestry.ts';
import type { Observation } from '../intake/observe.ts';
import type { Observer } from '../intake/observer.ts';
import type { Receipts } from '../release/receipts.ts';
import type { MachineIdentity } from '../vault/machine-key.ts';

export interface LeasedItem {
  readonly secret: SecretId;
  readonly path: string;
  readonly version: number;
  readonly putEh: Hash;
  readonly policyEh: Hash;
  /** The field that was asked for; undefined = all of the secret. */
  readonly field?: string;
  readonly values: readonly LeasedValue[];
}
export interface LeasedValue { readonly field?: string; readonly value: LockedBuffer }
export interface Grant {
  readonly id: LeaseId;
  readonly requestId: RequestId;
  readonly rh: Hash;
  readonly items: readonly LeasedItem[];
  readonly terms: LeaseTerms;
  readonly anchor: Anchor;
  readonly uid: number | undefined;
  readonly approvedBy: readonly string[];
  readonly tell: readonly Device[];
  /** Wall clock, for people; what counts is the monotonic clock. */
  readonly until: number;
}
interface Lease extends Grant {
  readonly deadlineMs: number;
  used: number;
  /** Uses that no receipt names yet. */
  unwritten: number;
}
export type EndReason = 'time' | 'uses' | 'process-exit' | 'suspend' | 'frozen' | 'policy-changed' | 'new-version' | 'revoked' | 'ended-locally' | 'ended-by-device' | 'shutdown';

export interface Leases {
  readonly size: number;
  /** Takes over the values and the anchor. The release itself counts as the first use. */
  add(grant: Grant): LeaseSummary;
  /** One lease per item that this requester may use now; undefined where one is missing. `scope` tells that one exists for somebody else. */
  find(items: readonly { readonly secret: SecretId; readonly field?: string }[], observation: Observation): Promise<{ readonly found: readonly LeasedItem[]; readonly leases: readonly LeaseHandle[] } | { readonly found: undefined; readonly scope: boolean }>;
  /** Counts one use of each; throws nothing: a lease that ended meanwhile was never found. */
  use(leases: readonly LeaseHandle[]): LeaseSummary | undefined;
  list(): readonly LeaseSummary[];
  end(id: LeaseId, reason: EndReason): boolean;
  endAll(reason: EndReason): void;
  /** After every change of the log. */
  review(state: OrgState): void;
  /** Every second: time, dead processes, suspend, and receipts of uses. */
  tick(): void;
}
/** A lease that `find` gave out. */
export type LeaseHandle = Lease;

const suspendToleranceMs = 2_000;

export function createLeases(deps: {
  readonly machine: MachineIdentity;
  readonly observer: Observer;
  readonly receipts: Receipts;
  /** Never goes back, stands still while the machine sleeps. */
  readonly monotonicMs: () => number;
  /** Never goes back, runs on while the machine sleeps. */
  readonly bootMs: () => number;
  readonly onProblem: (error: unknown) => void;
}): Leases {
  const { observer, receipts, monotonicMs, bootMs } = deps;
  const live = new Map<LeaseId, Lease>();
  let asleepMs = bootMs() - monotonicMs();

  const summary = (lease: Lease): LeaseSummary => ({
    id: lease.id, paths: lease.items.map(({ path, field }) => (field === undefined ? path : `${path}#${field}`)), scope: lease.terms.scope, holder: lease.anchor.label, approved_by: lease.approvedBy,
    until: new Date(lease.until).toISOString(), uses_left: lease.terms.uses - lease.used, used: lease.used,
  });

  function record(lease: Lease, outcome: 'used' | 'ended', note: string): void {
    lease.unwritten = 0;
    const { id, terms, until, requestId, rh } = lease;
    receipts.write({ outcome, requestId, rh, lease: { id, terms, until }, note, tell: outcome === 'ended' ? lease.tell : [] }).then(() => receipts.send()).catch(deps.onProblem);
  }

  function end(id: LeaseId, reason: EndReason): boolean {
    const lease = live.get(id);
    if (!lease) return false;
    live.delete(id);
    for (const item of lease.items) for (const { value } of item.values) value[Symbol.dispose]();
    lease.anchor[Symbol.dispose]();
    record(lease, 'ended', `${reason}; ${lease.used} uses`);
    return true;
  }

  function isOver(lease: Lease): EndReason | undefined {
    if (monotonicMs() >= lease.deadlineMs) return 'time';
    if (lease.used >= lease.terms.uses) return 'uses';
    return lease.terms.scope === 'process' && !lease.anchor.identity.pidfd.isAlive() ? 'process-exit' : undefined;
  }

  async function mayUse(lease: Lease, { observed, identity }: Observation, anchorExe: () => Promise<string | undefined>): Promise<boolean> {
    if (observed.uid === undefined || observed.uid !== lease.uid || identity === undefined) return false;
    if (lease.terms.scope === 'process') return observer.isDescendantOf(identity.pid, lease.anchor.identity);
    if (lease.terms.scope === 'machine') return true;
    const program = lease.anchor.identity.exe?.sha256;
    return program !== undefined && program === (await anchorExe());
  }

  async function anchorProgram(observation: Observation): Promise<string | undefined> {
    using anchor = await observer.anchorOf(observation);
    return anchor?.identity.exe?.sha256;
  }

  return {
    get size() {
      return live.size;
    },
    add: (grant) => {
      const lease: Lease = { ...grant, deadlineMs: monotonicMs() + grant.terms.ttlS * 1_000, used: 1, unwritten: 0 };
      live.set(grant.id, lease);
      return summary(lease);
    },
    find: async (items, observation) => {
      const found: LeasedItem[] = [];
      const leases = new Set<Lease>();
      let scope = false;
      let program: Promise<string | undefined> | undefined;
      for (const { secret, field } of items) {
        let hit: LeasedItem | undefined;
        for (const lease of live.values()) {
          const item = lease.items.find((candidate) => candidate.secret === secret && candidate.field === field);
          const over = isOver(lease);
          if (over) end(lease.id, over);
          if (!item || over || hit) continue;
          if (await mayUse(lease, observation, () => (program ??= anchorProgram(observation)))) {
            hit = item;
            leases.add(lease);
          } else scope = true;
        }
        if (!hit) return { found: undefined, scope };
        found.push(hit);
      }
      return { found, leases: [...leases] };
    },
    use: (leases) => {
      for (const lease of leases) {
        lease.used++;
        lease.unwritten++;
      }
      const [first] = leases;
      return first && summary(first);
    },
    list: () => [...live.values()].filter((lease) => isOver(lease) === undefined).map(summary),
    end,
    endAll: (reason) => {
      for (const id of [...live.keys()]) end(id, reason);
    },
    review: (state) => {
      const self = activeMachine(state, deps.machine.machine);
      for (const { id, items } of [...live.values()]) {
        if (!self) end(id, 'revoked');
        else if (state.frozen) end(id, 'frozen');
        else if (items.some(({ secret, putEh }) => state.secrets.get(secret)?.putEh !== putEh || state.secrets.get(secret)?.retired)) end(id, 'new-version');
        else if (items.some(({ path, policyEh }) => !stillAllowed(state, deps.machine, path, policyEh))) end(id, 'policy-changed');
      }
    },
    tick: () => {
      const slept = bootMs() - monotonicMs();
      if (slept - asleepMs > suspendToleranceMs) for (const id of [...live.keys()]) end(id, 'suspend');
      asleepMs = slept;
      for (const lease of [...live.values()]) {
        const over = isOver(lease);
        if (over) end(lease.id, over);
        else if (lease.unwritten > 0) record(lease, 'used', `${lease.unwritten} uses; ${lease.used} in all`);
      }
    },
  };
}

function stillAllowed(state: OrgState, machine: MachineIdentity, path: string, policyEh: Hash): boolean {
  const policy = policyFor(state, path);
  return policy !== undefined && policy.eh === policyEh && machineEntitled(state, policy, machine.machine);
}
