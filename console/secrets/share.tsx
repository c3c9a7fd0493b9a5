// Giving shares to devices that wait: all at once, two passkeys, with progress, to be stopped and begun again (spec/07-custody.md §rewrap).
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { SecretRow } from '../app.ts';
import { useStore } from '../shell/store.ts';
import { useAct } from '../ui/act.ts';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { FailureNote, Note } from '../ui/note.tsx';
import { listNames } from '../ui/time.ts';
import { coreWords } from '../ui/words-core.ts';
import { pageWords } from '../ui/words-pages.ts';
import { shareableBy } from './model.ts';

const w = pageWords.secrets;

/** Nothing where nobody waits whom this device can serve. `secrets`: those that are looked at; `one`: only this one is offered. */
export function ShareOffer({ secrets, one = false }: { readonly secrets: readonly SecretRow[]; readonly one?: boolean }): JSX.Element | null {
  const asking = useSignal(false);
  const { rows, devices } = shareableBy(secrets);
  if (rows.length === 0 && !asking.value) return null;
  return (
    <>
      {rows.length > 0 && (
        <Note tone="info" icon="key" title={w.shareTitle(listNames(devices), devices.length, rows.length)}>
          <p>{w.shareText(rows.length)}</p>
          <Button icon="finger" onClick={() => (asking.value = true)}>
            {w.share}
          </Button>
        </Note>
      )}
      {asking.value && <ShareDialog rows={rows} all={!one} onClose={() => (asking.value = false)} />}
    </>
  );
}

type Step =
  | { readonly kind: 'first' }
  | { readonly kind: 'making' | 'signing'; readonly done: number; readonly of: number }
  | { readonly kind: 'made'; readonly of: number };

function ShareDialog({ rows, all, onClose }: { readonly rows: readonly SecretRow[]; readonly all: boolean; readonly onClose: () => void }): JSX.Element {
  const { app, tell } = useStore();
  const act = useAct();
  const step = useSignal<Step>({ kind: 'first' });
  const stopping = useRef(new AbortController());
  const goOn = useRef<() => void>(() => undefined);
  // A dialog that is gone signs nothing more.
  useEffect(() => () => stopping.current.abort(), []);
  const close = (): void => {
    stopping.current.abort();
    onClose();
  };
  const begin = (): void => {
    stopping.current = new AbortController();
    const { signal } = stopping.current;
    step.value = { kind: 'first' };
    act.run(
      () =>
        app.shareSecrets({
          ...(all ? {} : { ids: rows.map(({ id }) => id) }),
          signal,
          progress: (done, of) => (step.value = { kind: step.value.kind === 'signing' ? 'signing' : 'making', done, of }),
          ready: async () => {
            const of = 'of' in step.value ? step.value.of : rows.length;
            step.value = { kind: 'made', of };
            await tapped(signal, (tap) => (goOn.current = tap));
            step.value = { kind: 'signing', done: 0, of };
          },
        }),
      (shared) => {
        tell(w.shared(shared));
        onClose();
      },
    );
  };
  const now = step.value;
  return (
    <Dialog title={w.share} onClose={close}>
      <p>{w.shareSteps(rows.length)}</p>
      {act.busy && (now.kind === 'making' || now.kind === 'signing') && (
        <Bar label={now.kind === 'making' ? w.shareMaking : w.shareSigning} done={now.done} of={now.of} />
      )}
      {act.busy && now.kind === 'made' && <p role="status">{w.shareMade(now.of)}</p>}
      <FailureNote failure={act.failure} />
      <div class="pair">
        <Button onClick={close}>{act.busy && now.kind !== 'first' ? w.shareStop : coreWords.common.cancel}</Button>
        {act.busy && now.kind === 'made' ? (
          <Button look="strong" icon="finger" onClick={() => goOn.current()}>
            {w.shareSign}
          </Button>
        ) : (
          <Button look="strong" icon="finger" busy={act.busy} onClick={begin}>
            {w.shareBegin}
          </Button>
        )}
      </div>
    </Dialog>
  );
}

/** Resolves at the tap. A dialog that is closed lets the act end: it looks at the signal next. */
function tapped(signal: AbortSignal, offer: (tap: () => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    offer(resolve);
    signal.addEventListener('abort', () => reject(Object.assign(new Error('stopped'), { failure: w.shareStopped })), { once: true });
  });
}

function Bar({ label, done, of }: { readonly label: string; readonly done: number; readonly of: number }): JSX.Element {
  return (
    <label class="stack">
      <span>{w.shareCount(label, done, of)}</span>
      <progress value={done} max={Math.max(1, of)} />
    </label>
  );
}
