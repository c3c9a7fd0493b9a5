// A device whose keys are made and compared waits until enough admins have agreed: it opens by itself.
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useStore } from '../shell/store.ts';
import { useAct } from '../ui/act.ts';
import { Button } from '../ui/button.tsx';
import { Confirm } from '../ui/dialog.tsx';
import { Mark } from '../ui/mark.tsx';
import { pageWords } from '../ui/words-pages.ts';

const w = pageWords.waiting;

export function WaitingPage(): JSX.Element {
  const { app } = useStore();
  const asking = useSignal(false);
  const act = useAct();
  return (
    <main class="solo" id="main">
      <Mark />
      <h1>{w.title}</h1>
      <p class="lead">{w.lead}</p>
      <p class="support" role="status">
        <span class="spinner" aria-hidden="true" />
        {w.looking}
      </p>
      <p>{w.stay}</p>
      <p class="faint">{w.newLink}</p>
      <div class="actions">
        <Button look="quiet" onClick={() => (asking.value = true)}>
          {w.stop}
        </Button>
      </div>
      {asking.value && (
        <Confirm
          title={w.stopTitle}
          text={w.stopText}
          confirm={w.stop}
          act={act}
          onConfirm={() => act.run(() => app.stopWaiting())}
          onClose={() => (asking.value = false)}
        />
      )}
    </main>
  );
}
