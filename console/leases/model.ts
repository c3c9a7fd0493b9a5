// Live leases: who may still read what, and for how long. Pure.
import type { LeaseRow } from '../app.ts';

/** What can still be used, the one that ends first on top. */
export function liveLeases(leases: readonly LeaseRow[], now: number): readonly LeaseRow[] {
  return leases.filter(({ until, usesLeft }) => until > now && usesLeft > 0).toSorted((a, b) => a.until - b.until);
}
