// Machines in the order in which they need a person. Pure.
import type { MachineRow } from '../app.ts';

const rank: Readonly<Record<MachineRow['status'], number>> = { enrolled: 0, active: 1, revoked: 2 };

export function sortMachines(machines: readonly MachineRow[]): readonly MachineRow[] {
  return machines.toSorted((a, b) => rank[a.status] - rank[b.status] || (a.name < b.name ? -1 : 1));
}
