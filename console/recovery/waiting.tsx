// The browser that announced a use: until when it waits, whether it was stopped, and the sheets once more when the time is over.
import type { JSX } from 'preact';
import { useStore } from '../shell/store.ts';
import { useAct } from '../ui/act.ts';
import { Button } from '../ui/button.tsx';
import { Moment } from '../ui/countdown.tsx';
import { FailureNote, Note } from '../ui/note.tsx';
import { Facts } from '../ui/page.tsx';
import { recoveryWords } from '../ui/words-recovery.ts';
import type { WaitingView } from './contract.ts';
import { Solo } from './solo.tsx';
import { TypeSheets, forget, isEnough, useSheets } from './type-sheets.tsx';

const w = recoveryWords.kitUse;

export function Waiting({ waiting }: { readonly waiting: WaitingView }): JSX.Element {
  const { app, go, now } = useStore();
  const { state, name, orgName, effectiveAt, reason, failure } = waiting;
  const shares = useSheets();
  const act = useAct();
  const isOver = now.value >= effectiveAt;
  const finish = (event: SubmitEvent): void => {
    event.preventDefault();
    act.run(
      async () => {
        const kit = await (await app.recovery()).open({ org: waiting.org, relay: waiting.relay, shares: shares.value });
        forget(shares);
        await kit.finish();
      },
      () => go({ page: 'recovery', open: 'walk' }),
    );
  };
  const stop = useAct();
  return (
    <Solo title={state === 'stopped' ? w.stopped : isOver ? w.over : w.waitTitle}>
      {state === 'stopped' ? <Note tone="danger" icon="snow" title={w.stoppedText} role="alert" /> : <p class="lead">{w.waitText(name, orgName)}</p>}
      {state === 'unseen' && (
        <Note tone="warning" title={w.unseen} role="status">
          <p>{w.unseenText}</p>
        </Note>
      )}
      <FailureNote failure={failure} />
      <Facts rows={[...(state === 'stopped' ? [] : [[w.until, <Moment at={effectiveAt} />] as const]), [w.said, reason]]} />
      {state !== 'stopped' && (isOver || state === 'unseen') ? (
        <form class="form" onSubmit={finish} autocomplete="off">
          {isOver && <p>{w.overText}</p>}
          <TypeSheets shares={shares} />
          <FailureNote failure={act.failure} />
          <Button submit wide look="strong" icon="finger" disabled={!isEnough(shares.value)} busy={act.busy}>
            {w.finish}
          </Button>
        </form>
      ) : (
        state !== 'stopped' && <p>{w.early}</p>
      )}
      <FailureNote failure={stop.failure} />
      <Button look="quiet" busy={stop.busy} onClick={() => stop.run(() => app.stopRecovering())}>
        {w.again}
      </Button>
    </Solo>
  );
}
