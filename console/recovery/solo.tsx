// The frame of a page that stands alone, where there is no device yet.
import type { ComponentChildren, JSX } from 'preact';
import { Mark } from '../ui/mark.tsx';

export function Solo({ title, children }: { readonly title: string; readonly children: ComponentChildren }): JSX.Element {
  return (
    <main class="solo" id="main">
      <Mark />
      <h1>{title}</h1>
      {children}
    </main>
  );
}
