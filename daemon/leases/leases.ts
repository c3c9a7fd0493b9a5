// Live leases: only in memory, bound to a process, counted, and quick to end (spec/09-release.md §leases).
import type { Hash, LeaseId, RequestId } from '../../protocol/hash.ts';
import type { LeaseSummary, ReleasedValue } from '../../protocol/local-api.ts';
import { type Device, type OrgState, activeMachine } from '../../protocol/org-log/state.ts';
import { machineEntitled, policyFor, withinHours } from '../../protocol/policy.ts';
import type { LeaseTerms, RequestItem } from '../../protocol/request.ts';
import type { Anchor } from '../intake/ancestry.ts';
import { isSameIdentity } from '../intake/process-identity.ts';
import type { Observation } from '../intake/observe.ts';
import type { Observer } from '../intake/observer.ts';
import type { Receipts } from '../release/receipts.ts';
import { type OpenedItem, disposeItems, pathOf, releasedValues } from '../release/values.ts';
import type { MachineIdentity } from '../vault/machine-key.ts';

export interface Grant {
  readonly id: LeaseId;
  readonly requestId: RequestId;
  readonly rh: Hash;
  readonly items: readonly OpenedItem[];
  readonly terms: LeaseTerms;
  readonly anchor: Anchor;
  /** For the anchor process alone, not for those that it starts. */
  readonly isSelf: boolean;
  readonly uid: number | undefined;
  readonly approvedBy: readonly string[];
  /** Told when it ends. */
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
export type EndReason =
  | 'time'
  | 'uses'
  | 'process-exit'
  | 'other-program'
  | 'suspend'
  | 'frozen'
  | 'policy-changed'
  | 'new-version'
  | 'revoked'
  | 'halted'
  | 'unrecorded'
  | 'ended-locally'
  | 'ended-by-device'
  | 'shutdown';

/** `hit`: counted, and the values as they leave. `scope`: there is a lease, and it belongs to somebody else. */
export type LeasedRead =
  | { readonly kind: 'hit'; readonly values: readonly ReleasedValue[]; readonly approvedBy: readonly string[]; readonly lease: LeaseSummary }
  | { readonly kind: 'none' }
  | { readonly kind: 'scope' };

export interface Leases {
  readonly size: number;
  /** Takes over the values and the anchor. The release itself counts as the first use. */
  add(grant: Grant): LeaseSummary;
  /** All items from leases that this requester may use now, each of those leases counted once; or none. */
  read(items: readonly Pick<RequestItem, 'secret' | 'field'>[], observation: Observation): Promise<LeasedRead>;
  list(): readonly LeaseSummary[];
  end(id: LeaseId, reason: EndReason): boolean;
  endAll(reason: EndReason): void;
  /** After every change of the log. */
  review(state: OrgState): void;
  /** Often: time, dead processes, suspend, and receipts of uses. */
  tick(): void;
}

export interface LeaseDeps {
  readonly machine: Pick<MachineIdentity, 'machine'>;
  readonly observer: Pick<Observer, 'isDescendantOf' | 'verifySame' | 'anchorOf'>;
  readonly receipts: Receipts;
  /** The newest verified log. */
  readonly state: () => OrgState;
  readonly now: () => number;
  /** Never goes back, stands still while the machine sleeps. */
  readonly monotonicMs: () => number;
  /** Never goes back, runs on while the machine sleeps. */
  readonly bootMs: () => number;
  readonly onProblem: (error: unknown) => void;
}

const suspendToleranceMs = 2_000;

export function createLeases(deps: LeaseDeps): Leases {
  const { observer, receipts, monotonicMs, bootMs } = deps;
  const live = new Map<LeaseId, Lease>();
  let asleepMs = bootMs() - monotonicMs();

  function record(lease: Lease, outcome: 'used' | 'ended', note: string): void {
    lease.unwritten = 0;
    const { id, terms, until, requestId, rh } = lease;
    receipts
      .write({ outcome, requestId, rh, lease: { id, terms, until }, note, tell: outcome === 'ended' ? lease.tell : [] })
      .then(() => receipts.send())
      .catch((error: unknown) => {
        deps.onProblem(error);
        end(id, 'unrecorded'); // what cannot be recorded is not given out again
      });
  }

  function end(id: LeaseId, reason: EndReason): boolean {
    const lease = live.get(id);
    if (!lease) return false;
    live.delete(id);
    disposeItems(lease.items);
    lease.anchor[Symbol.dispose]();
    record(lease, 'ended', `${reason}; ${lease.used} in all`);
    return true;
  }

  // A machine that slept may have been stolen meanwhile: nothing that was open before stays open.
  function endAfterSleep(): void {
    const slept = bootMs() - monotonicMs();
    if (slept - asleepMs > suspendToleranceMs) endAll('suspend');
    asleepMs = slept;
  }

  function endAll(reason: EndReason): void {
    for (const id of [...live.keys()]) end(id, reason);
  }

  /** Ends what is over. */
  function isLive(lease: Lease): boolean {
    const over = endedBy(lease);
    if (over) end(lease.id, over);
    return live.has(lease.id);
  }

  function endedBy(lease: Lease): EndReason | undefined {
    if (monotonicMs() >= lease.deadlineMs) return 'time';
    if (lease.used >= lease.terms.uses) return 'uses';
    if (lease.terms.scope === 'process' && !lease.anchor.identity.pidfd.isAlive()) return 'process-exit';
    // Not only when an entry comes: one may have come between the last check of the release and the grant.
    return endedByLog(deps.state(), deps.machine, lease);
  }

  async function mayUse(lease: Lease, { observed, identity }: Observation, program: () => Promise<string | undefined>): Promise<boolean> {
    if (observed.uid === undefined || observed.uid !== lease.uid || identity === undefined) return false;
    if (lease.terms.scope === 'machine') return true;
    const anchor = lease.anchor.identity;
    if (lease.terms.scope === 'exe') return anchor.exe?.sha256 !== undefined && anchor.exe.sha256 === (await program());
    // The holder itself, and it was found unchanged for this very ask.
    if (isSameIdentity(identity, anchor)) return anchor.pidfd.isAlive();
    if (lease.isSelf || !observer.isDescendantOf(identity.pid, anchor)) return false;
    try {
      await observer.verifySame(anchor);
      return true;
    } catch {
      end(lease.id, 'other-program'); // it became another program: not the one that a person saw
      return false;
    }
  }

  async function programOf(observation: Observation): Promise<string | undefined> {
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
      return summaryOf(lease);
    },
    read: async (items, observation) => {
      endAfterSleep();
      let program: Promise<string | undefined> | undefined;
      let foreign = false;
      const usable = new Set<Lease>();
      for (const lease of [...live.values()]) {
        if (!isLive(lease) || !items.some((item) => itemIn(lease, item))) continue;
        if (await mayUse(lease, observation, () => (program ??= programOf(observation)))) usable.add(lease);
        else foreign = true;
      }
      // From here on nothing waits: a lease that ended during the checks is seen, and no two readers count the same use.
      endAfterSleep();
      const found = items.map((item) =>
        firstHit(
          [...usable].filter((lease) => isLive(lease) && isOpen(deps, lease)),
          item,
        ),
      );
      const hits = found.filter((hit) => hit !== undefined);
      const [first] = hits;
      if (!first || hits.length < items.length) return { kind: foreign ? 'scope' : 'none' };
      for (const lease of new Set(hits.map((hit) => hit.lease))) {
        lease.used++;
        lease.unwritten++;
      }
      return { kind: 'hit', values: releasedValues(hits.map(({ item }) => item)), approvedBy: first.lease.approvedBy, lease: summaryOf(first.lease) };
    },
    list: () => [...live.values()].filter(isLive).map(summaryOf),
    end,
    endAll,
    review: (state) => {
      for (const lease of [...live.values()]) {
        const reason = endedByLog(state, deps.machine, lease);
        if (reason) end(lease.id, reason);
      }
    },
    tick: () => {
      endAfterSleep();
      for (const lease of [...live.values()]) if (isLive(lease) && lease.unwritten > 0) record(lease, 'used', `${lease.unwritten} uses; ${lease.used} in all`);
    },
  };
}

function itemIn(lease: Lease, { secret, field }: Pick<RequestItem, 'secret' | 'field'>): OpenedItem | undefined {
  return lease.items.find((candidate) => candidate.secret === secret && candidate.field === field);
}

function firstHit(leases: readonly Lease[], wanted: Pick<RequestItem, 'secret' | 'field'>): { readonly lease: Lease; readonly item: OpenedItem } | undefined {
  for (const lease of leases) {
    const item = itemIn(lease, wanted);
    if (item) return { lease, item };
  }
  return undefined;
}

/** Within its policies' hours. */
function isOpen({ state, now }: Pick<LeaseDeps, 'state' | 'now'>, lease: Lease): boolean {
  return lease.items.every(({ path }) => {
    const policy = policyFor(state(), path);
    return policy !== undefined && withinHours(policy, now());
  });
}

function endedByLog(state: OrgState, { machine }: Pick<MachineIdentity, 'machine'>, { items }: Lease): EndReason | undefined {
  if (!activeMachine(state, machine)) return 'revoked';
  if (state.frozen) return 'frozen';
  for (const { secret, path, putEh, policyEh } of items) {
    const newest = state.secrets.get(secret);
    if (newest === undefined || newest.retired || newest.putEh !== putEh) return 'new-version';
    const policy = policyFor(state, path);
    if (policy === undefined || policy.eh !== policyEh || !machineEntitled(state, policy, machine)) return 'policy-changed';
  }
  return undefined;
}

function summaryOf({ id, items, terms, anchor, approvedBy, until, used }: Lease): LeaseSummary {
  return {
    id,
    paths: items.map(pathOf),
    scope: terms.scope,
    holder: anchor.label,
    approved_by: approvedBy,
    until: new Date(until).toISOString(),
    uses_left: terms.uses - used,
    used,
  };
}
