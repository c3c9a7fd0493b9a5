// What a writer does with a need: types the value on a page of its own, or declines in a few words (spec/09-release.md §needs).
import { useSignal } from '@preact/signals';
import type { JSX, RefObject } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { ReviewCard } from '../app.ts';
import { formatRoute } from '../shell/routes.ts';
import { useOrg, useStore } from '../shell/store.ts';
import { useAct } from '../ui/act.ts';
import { Button, LinkButton } from '../ui/button.tsx';
import { Checkbox, Field } from '../ui/field.tsx';
import { FailureNote, Note } from '../ui/note.tsx';
import { coreWords } from '../ui/words-core.ts';

const w = coreWords.review;

export function NeedBar({ card, denyRef }: { readonly card: ReviewCard; readonly denyRef: RefObject<HTMLButtonElement | null> }): JSX.Element {
  const { frozen } = useOrg();
  const declining = useSignal(false);
  if (declining.value) return <Decline card={card} back={() => (declining.value = false)} />;
  return (
    <>
      {frozen && <Note tone="danger" icon="snow" title={coreWords.shell.frozen} />}
      <div class="pair">
        <Button buttonRef={denyRef} look="deny" icon="cross" onClick={() => (declining.value = true)}>
          {w.decline}
        </Button>
        {!frozen && (
          <LinkButton look="strong" icon="key" href={formatRoute({ page: 'secrets', open: card.requestId, form: 'put' })}>
            {w.fill}
          </LinkButton>
        )}
      </div>
    </>
  );
}

function Decline({ card, back }: { readonly card: ReviewCard; readonly back: () => void }): JSX.Element {
  const { app } = useStore();
  const [note, mute] = [useSignal(''), useSignal(false)];
  const act = useAct();
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => form.current?.querySelector('input')?.focus(), []);
  const decline = (event: SubmitEvent): void => {
    event.preventDefault();
    act.run(() => app.deny(card.requestId, mute.value, note.value.trim()));
  };
  return (
    <form ref={form} class="stack" onSubmit={decline}>
      <Field label={w.declineWhy} hint={w.declineHint} maxLength={120} value={note.value} onInput={(text) => (note.value = text)} />
      <FailureNote failure={act.failure} />
      <div class="pair">
        <Button onClick={back}>{coreWords.common.back}</Button>
        <Button submit look="deny" icon="cross" busy={act.busy}>
          {w.decline}
        </Button>
      </div>
      <Checkbox label={w.mute(card.machine.name)} checked={mute.value} onChange={(checked) => (mute.value = checked)} />
    </form>
  );
}
