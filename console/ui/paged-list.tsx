// Long lists a page at a time, with a search once they are long: thousands of rows at once would make every touch slow.
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { Button } from './button.tsx';
import { Field } from './field.tsx';
import { coreWords } from './words-core.ts';

const pageRows = 100;

export function PagedList<T>({
  items,
  look,
  row,
}: {
  readonly items: readonly T[];
  readonly look: string;
  /** A list item with a key. */
  readonly row: (item: T) => JSX.Element;
}): JSX.Element {
  const shown = useSignal(pageRows);
  const rest = items.length - shown.value;
  return (
    <>
      <ul class={look}>{items.slice(0, shown.value).map(row)}</ul>
      {rest > 0 && <Button onClick={() => (shown.value += pageRows)}>{coreWords.common.more(Math.min(rest, pageRows), items.length)}</Button>}
    </>
  );
}

/** With a search by name as soon as there is more than a page. */
export function NamedList<T extends { readonly name: string }>(props: Parameters<typeof PagedList<T>>[0]): JSX.Element {
  const query = useSignal('');
  if (props.items.length <= pageRows) return <PagedList {...props} />;
  const wanted = query.value.trim().toLowerCase();
  const found = props.items.filter(({ name }) => name.toLowerCase().includes(wanted));
  return (
    <>
      <search>
        <Field label={coreWords.common.search} type="search" value={query.value} onInput={(value) => (query.value = value)} />
      </search>
      <PagedList key={wanted} {...props} items={found} />
    </>
  );
}
