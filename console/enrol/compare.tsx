// The same digits and words on two devices: both people look, both say so, only then anything is added.
import { useSignal } from '@preact/signals';
import type { ComponentChildren, JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import type { AppFailure, InviteSession, Outcome } from '../app.ts';
import { useAct } from '../ui/act.ts';
import { Button } from '../ui/button.tsx';
import { failureOf } from '../ui/failure.ts';
import { FailureNote } from '../ui/note.tsx';
import { WordGrid } from '../ui/word-grid.tsx';
import { coreWords } from '../ui/words-core.ts';
import { pageWords } from '../ui/words-pages.ts';

const w = pageWords.join;

type Codes = Awaited<InviteSession['codes']>;

export interface CompareProps {
  readonly session: InviteSession;
  readonly waiting: string;
  /** What to do until the other device is there. */
  readonly children?: ComponentChildren;
  readonly onDone: (outcome: Outcome) => void;
  readonly onCancel: () => void;
}

export function CompareCodes({ session, waiting, children, onDone, onCancel }: CompareProps): JSX.Element {
  const codes = useSignal<Codes | undefined>(undefined);
  const failure = useSignal<AppFailure | undefined>(undefined);
  const act = useAct();
  useEffect(() => {
    let gone = false;
    session.codes.then(
      (value) => void (!gone && (codes.value = value)),
      (error: unknown) => void (!gone && (failure.value = failureOf(error))),
    );
    return () => void (gone = true);
  }, [session]);
  const cancel = (): void => {
    session.cancel();
    onCancel();
  };
  if (failure.value)
    return (
      <div class="stack">
        <FailureNote failure={failure.value} />
        <Button onClick={cancel}>{coreWords.common.back}</Button>
      </div>
    );
  if (!codes.value)
    return (
      <div class="stack">
        {children}
        <p class="support" role="status">
          <span class="spinner" aria-hidden="true" />
          {waiting}
        </p>
        <Button look="quiet" onClick={cancel}>
          {coreWords.common.cancel}
        </Button>
      </div>
    );
  const { digits, words: three } = codes.value;
  return (
    <section class="compare stack" aria-live="polite">
      <h2>{w.compare}</h2>
      <p>{w.compareText}</p>
      <p class="digits mono">{digits.replace(/^(\d{3})(\d{3})$/, '$1 $2')}</p>
      <WordGrid label={w.compare} text={three} />
      <FailureNote failure={act.failure} />
      <div class="pair">
        <Button look="deny" icon="cross" onClick={cancel}>
          {w.differ}
        </Button>
        <Button look="approve" icon="finger" busy={act.busy} onClick={() => act.run(() => session.confirm(), onDone)}>
          {w.same}
        </Button>
      </div>
    </section>
  );
}
