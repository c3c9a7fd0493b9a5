// The log has stopped: what stopped it, and the one way on that a person may choose (spec/05-org-log.md §sync).
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import type { Phase } from '../app.ts';
import { useAct } from '../ui/act.ts';
import { Button } from '../ui/button.tsx';
import { Confirm } from '../ui/dialog.tsx';
import { Mark } from '../ui/mark.tsx';
import { Note } from '../ui/note.tsx';
import { coreWords } from '../ui/words-core.ts';
import { useStore } from './store.ts';

const w = coreWords.halted;

export function Halted({ code, message, stop }: Extract<Phase, { readonly kind: 'halted' }>): JSX.Element {
  const { app } = useStore();
  const asking = useSignal(false);
  const act = useAct();
  return (
    <main class="solo" id="main">
      <Mark />
      <h1>{coreWords.shell.halted}</h1>
      <Note tone="danger" icon="warning" title={message} role="alert">
        <p class="faint">{coreWords.common.code(code)}</p>
      </Note>
      <p>{coreWords.shell.haltedText}</p>
      <p>{coreWords.shell.haltedNext}</p>
      {stop && (
        <>
          <dl class="facts">
            {stop.ours !== undefined && (
              <div>
                <dt>{w.ours}</dt>
                <dd>{stop.ours}</dd>
              </div>
            )}
            {stop.theirs !== undefined && (
              <div>
                <dt>{w.theirs}</dt>
                <dd>{stop.theirs}</dd>
              </div>
            )}
            <div>
              <dt>{w.record}</dt>
              <dd class="mono">{stop.record}</dd>
            </div>
          </dl>
          <Button onClick={() => (asking.value = true)}>{w.pass}</Button>
        </>
      )}
      {asking.value && (
        <Confirm
          title={w.title}
          text={w.text}
          confirm={w.pass}
          look="deny"
          act={act}
          onConfirm={() => act.run(() => app.passOver())}
          onClose={() => (asking.value = false)}
        />
      )}
    </main>
  );
}
