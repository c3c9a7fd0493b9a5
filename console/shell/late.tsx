// A page that is loaded when it is first needed: the first load carries only what an approval needs.
import { signal } from '@preact/signals';
import type { JSX } from 'preact';
import type { AppFailure } from '../app.ts';
import { failureOf } from '../ui/failure.ts';
import { FailureNote } from '../ui/note.tsx';
import type { LatePage, latePages } from './late-pages.ts';

const loaded = signal<typeof latePages | undefined>(undefined);
const failed = signal<AppFailure | undefined>(undefined);
let loading: Promise<void> | undefined;

/** Also called ahead of need, while nothing else is to do. A failure is shown where the page would be; the next call tries again. */
export function loadLatePages(): Promise<void> {
  loading ??= import('./late-pages.ts').then(
    (module) => void (loaded.value = module.latePages),
    (error: unknown) => {
      failed.value = failureOf(error);
      loading = undefined;
    },
  );
  return loading;
}

export function Late({ page }: { readonly page: LatePage }): JSX.Element {
  const Page = loaded.value?.[page];
  if (Page) return <Page />;
  if (!failed.value) void loadLatePages();
  return failed.value ? <FailureNote failure={failed.value} /> : <div class="page" aria-busy="true" />;
}
