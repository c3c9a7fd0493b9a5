// History: newest first, alerts apart, and the filters that one reaches for. Pure.
import type { HistoryRow } from '../app.ts';

export type HistoryFilter = 'all' | 'released' | 'refused' | 'changes';

const kinds: Readonly<Record<Exclude<HistoryFilter, 'all'>, readonly HistoryRow['kind'][]>> = {
  released: ['release', 'use', 'ended'],
  refused: ['deny', 'expired', 'withdrawn', 'failed'],
  changes: ['log', 'stored'],
};

/** What an admin should look at, newest first. */
export function alertsOf(history: readonly HistoryRow[]): readonly HistoryRow[] {
  return newestFirst(history.filter(({ kind }) => kind === 'alert'));
}

export function filterHistory(history: readonly HistoryRow[], filter: HistoryFilter, query: string): readonly HistoryRow[] {
  const parts = query
    .toLowerCase()
    .split(/\s+/)
    .filter((part) => part !== '');
  const text = (row: HistoryRow): string => [row.what, ...row.who, row.program, row.machine].join('\n').toLowerCase();
  const wanted = history.filter((row) => row.kind !== 'alert' && (filter === 'all' || kinds[filter].includes(row.kind)));
  return newestFirst(wanted.filter((row) => parts.every((part) => text(row).includes(part))));
}

/** Rows under the day on which they happened. */
export function groupByDay(
  rows: readonly HistoryRow[],
  dayOf: (at: number) => string,
): readonly { readonly day: string; readonly rows: readonly HistoryRow[] }[] {
  const days = Map.groupBy(rows, ({ at }) => dayOf(at));
  return [...days].map(([day, grouped]) => ({ day, rows: grouped }));
}

const newestFirst = (rows: readonly HistoryRow[]): readonly HistoryRow[] => rows.toSorted((a, b) => b.at - a.at);
