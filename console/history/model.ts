// History: newest first, alerts apart, and the filters that one reaches for. Pure.
import type { HistoryRow } from '../app.ts';

export type HistoryFilter = 'all' | 'released' | 'refused' | 'changes';
export type HistoryTime = 'all' | 'day' | 'week' | 'month';
/** `undefined` is everybody, everywhere. */
export interface HistoryWish {
  readonly kind: HistoryFilter;
  readonly query: string;
  readonly person?: string | undefined;
  readonly machine?: string | undefined;
  readonly time: HistoryTime;
}
export const wholeHistory: HistoryWish = { kind: 'all', query: '', time: 'all' };

const kinds: Readonly<Record<Exclude<HistoryFilter, 'all'>, readonly HistoryRow['kind'][]>> = {
  released: ['release', 'use', 'ended'],
  refused: ['deny', 'expired', 'withdrawn', 'failed'],
  changes: ['log', 'stored'],
};
const days: Readonly<Record<HistoryTime, number>> = { all: Number.POSITIVE_INFINITY, day: 1, week: 7, month: 30 };
const dayMs = 86_400_000;

/** What an admin should look at, newest first. */
export function alertsOf(history: readonly HistoryRow[]): readonly HistoryRow[] {
  return newestFirst(history.filter(({ kind }) => kind === 'alert'));
}

export function filterHistory(history: readonly HistoryRow[], { kind, query, person, machine, time }: HistoryWish, now: number): readonly HistoryRow[] {
  const parts = query
    .toLowerCase()
    .split(/\s+/)
    .filter((part) => part !== '');
  const text = (row: HistoryRow): string => [row.what, ...row.who, row.program, row.machine].join('\n').toLowerCase();
  const isWanted = (row: HistoryRow): boolean =>
    row.kind !== 'alert' &&
    (kind === 'all' || kinds[kind].includes(row.kind)) &&
    (person === undefined || row.who.some((name) => isPerson(name, person))) &&
    (machine === undefined || row.machine === machine) &&
    row.at > now - days[time] * dayMs &&
    parts.every((part) => text(row).includes(part));
  return newestFirst(history.filter(isWanted));
}

/** How many filters besides the kind are set. */
export function countFilters({ person, machine, time }: HistoryWish): number {
  return Number(person !== undefined) + Number(machine !== undefined) + Number(time !== 'all');
}

/** Names to choose from: those that occur, in order. */
export function namesIn(history: readonly HistoryRow[]): { readonly people: readonly string[]; readonly machines: readonly string[] } {
  const sorted = (names: Iterable<string>): readonly string[] => [...new Set(names)].sort((a, b) => a.localeCompare(b));
  const machines = sorted(history.flatMap(({ machine }) => machine ?? []));
  const people = sorted(history.flatMap(({ who }) => who.map((name) => name.replace(/ \(.*\)$/, '')))).filter((name) => !machines.includes(name));
  return { people, machines };
}

/** `ben`, or ben at one of his devices. */
function isPerson(name: string, person: string): boolean {
  return name === person || name.startsWith(`${person} (`);
}

/** Rows under the day on which they happened. */
export function groupByDay(
  rows: readonly HistoryRow[],
  dayOf: (at: number) => string,
): readonly { readonly day: string; readonly rows: readonly HistoryRow[] }[] {
  const byDay = Map.groupBy(rows, ({ at }) => dayOf(at));
  return [...byDay].map(([day, grouped]) => ({ day, rows: grouped }));
}

const newestFirst = (rows: readonly HistoryRow[]): readonly HistoryRow[] => rows.toSorted((a, b) => b.at - a.at);
