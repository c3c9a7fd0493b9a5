// What of the history is wanted: kind and words at once, person, machine and time where one looks for more.
import type { JSX } from 'preact';
import type { HistoryRow } from '../app.ts';
import { Button } from '../ui/button.tsx';
import { Choices, Field, Select } from '../ui/field.tsx';
import { pageWords } from '../ui/words-pages.ts';
import { type HistoryFilter, type HistoryTime, type HistoryWish, countFilters, namesIn, wholeHistory } from './model.ts';

const w = pageWords.history;
const kinds: readonly HistoryFilter[] = ['all', 'released', 'refused', 'changes'];
const times: readonly HistoryTime[] = ['all', 'day', 'week', 'month'];

export function Filters({
  history,
  wish,
  onWish,
}: {
  readonly history: readonly HistoryRow[];
  readonly wish: HistoryWish;
  readonly onWish: (wish: HistoryWish) => void;
}): JSX.Element {
  const { people, machines } = namesIn(history);
  const change = (part: Partial<HistoryWish>): void => onWish({ ...wish, ...part });
  const count = countFilters(wish);
  return (
    <div class="filters">
      <Choices
        hiddenLegend
        legend={w.filter}
        value={wish.kind}
        choices={kinds.map((value) => ({ value, label: w.filters[value] }))}
        onChange={(kind) => change({ kind })}
      />
      <Field label={w.search} type="search" value={wish.query} onInput={(query) => change({ query })} />
      <details class="filters-more">
        <summary>{w.moreCount(count)}</summary>
        <div class="filters-grid">
          <OneOf label={w.person} all={w.anybody} names={people} value={wish.person} onChange={(person) => change({ person })} />
          <OneOf label={w.machine} all={w.anywhere} names={machines} value={wish.machine} onChange={(machine) => change({ machine })} />
          <Select
            label={w.time}
            value={wish.time}
            options={times.map((time) => [time, w.times[time]])}
            onChange={(value) => change({ time: times.find((time) => time === value) ?? 'all' })}
          />
        </div>
        {count > 0 && (
          <Button look="quiet" onClick={() => onWish({ ...wholeHistory, kind: wish.kind, query: wish.query })}>
            {w.clear}
          </Button>
        )}
      </details>
    </div>
  );
}

function OneOf({
  label,
  all,
  names,
  value,
  onChange,
}: {
  readonly label: string;
  readonly all: string;
  readonly names: readonly string[];
  readonly value: string | undefined;
  readonly onChange: (name: string | undefined) => void;
}): JSX.Element {
  // By place, so that nobody can be called what stands for everybody.
  const at = value === undefined ? 0 : names.indexOf(value) + 1;
  const options = [all, ...names].map((name, index): readonly [string, string] => [String(index), name]);
  return <Select label={label} value={String(at)} options={options} onChange={(index) => onChange(names[Number(index) - 1])} />;
}
