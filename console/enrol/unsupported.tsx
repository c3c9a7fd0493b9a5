// This device cannot keep keys: why, and which devices can, before anything was created.
import type { JSX } from 'preact';
import type { AppFailure } from '../app.ts';
import { Button } from '../ui/button.tsx';
import { Mark } from '../ui/mark.tsx';
import { FailureNote } from '../ui/note.tsx';
import { Facts } from '../ui/page.tsx';
import { pageWords } from '../ui/words-pages.ts';

const w = pageWords.enrol;

export function Unsupported({ failure, onRetry }: { readonly failure: AppFailure; readonly onRetry: () => void }): JSX.Element {
  return (
    <main class="solo" id="main">
      <Mark />
      <h1>{w.unsupported}</h1>
      <FailureNote failure={failure} />
      <p>{w.unsupportedText}</p>
      <h2>{w.works}</h2>
      <Facts rows={w.devices} />
      <p class="faint">{w.worksNot}</p>
      <Button onClick={onRetry}>{w.checkAgain}</Button>
    </main>
  );
}
