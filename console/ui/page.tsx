// The frame of every page: a heading that takes the focus after navigation, its act, and titled sections.
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { Icon } from './icons.tsx';
import { coreWords } from './words-core.ts';

export interface PageProps {
  readonly title: string;
  readonly children: ComponentChildren;
  readonly action?: ComponentChildren;
  /** Where the back button leads; only on pages below another. */
  readonly back?: string | undefined;
  /** Beside a page that is open and has the focus. */
  readonly aside?: boolean;
}

export function Page({ title, children, action, back, aside = false }: PageProps): JSX.Element {
  return (
    <div class="page">
      <header class="page-head">
        {back !== undefined && <BackLink href={back} />}
        {aside ? <h1>{title}</h1> : <FocusedHeading>{title}</FocusedHeading>}
        {action}
      </header>
      {children}
    </div>
  );
}

export function BackLink({ href, label = coreWords.common.back }: { readonly href: string; readonly label?: string }): JSX.Element {
  return (
    <a class="back" href={href} aria-label={label}>
      <Icon name="back" size={22} />
    </a>
  );
}

/** After a navigation a screen reader starts at the page's heading. */
export function FocusedHeading({
  children,
  id,
  class: name,
}: {
  readonly children: ComponentChildren;
  readonly id?: string;
  readonly class?: string;
}): JSX.Element {
  const ref = useRef<HTMLHeadingElement>(null);
  useEffect(() => ref.current?.focus({ preventScroll: true }), []);
  return (
    <h1 ref={ref} tabIndex={-1} id={id} class={name}>
      {children}
    </h1>
  );
}

export function Section({
  title,
  children,
  action,
}: {
  readonly title: string;
  readonly children: ComponentChildren;
  readonly action?: ComponentChildren;
}): JSX.Element {
  const id = useId();
  return (
    <section class="section" aria-labelledby={id}>
      <header class="section-head">
        <h2 id={id}>{title}</h2>
        {action}
      </header>
      {children}
    </section>
  );
}

/** Names and values, one row each; a value that is not known says so. */
export type Fact = readonly [label: string, value: ComponentChildren, width?: 'wide'];

export function Facts({ rows }: { readonly rows: readonly Fact[] }): JSX.Element {
  return (
    <dl class="facts">
      {rows.map(([label, value, width]) => (
        <div key={label} class={width && 'fact-wide'}>
          <dt>{label}</dt>
          <dd>{value ?? <Unknown />}</dd>
        </div>
      ))}
    </dl>
  );
}

export function Unknown(): JSX.Element {
  return <span class="unknown">{coreWords.common.unknown}</span>;
}
