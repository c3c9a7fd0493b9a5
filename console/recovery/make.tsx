// Making the kit: how many sheets, each shown once and asked back from its paper, then one signature. The words live in this page and die with it.
import { type Signal, useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import { wipe } from '../../protocol/bytes.ts';
import { formatRoute } from '../shell/routes.ts';
import { useOrg, useStore } from '../shell/store.ts';
import { useAct } from '../ui/act.ts';
import { Button, LinkButton } from '../ui/button.tsx';
import { Choices, Field } from '../ui/field.tsx';
import { FailureNote, Note } from '../ui/note.tsx';
import { Page } from '../ui/page.tsx';
import { coreWords } from '../ui/words-core.ts';
import { recoveryWords } from '../ui/words-recovery.ts';
import type { NewSheets } from './contract.ts';
import { type DelayName, type Kind, askedBack, isWord, termsOf } from './model.ts';
import { Sheet } from './sheet.tsx';

const w = recoveryWords.kitMake;

export function MakePage(): JSX.Element {
  const sheets = useSignal<NewSheets | undefined>(undefined);
  /** Sheets that are on paper. */
  const written = useSignal(0);
  const outcome = useSignal<'done' | 'proposed' | undefined>(undefined);
  useEffect(() => () => drop(sheets), []);
  const back = formatRoute({ page: 'recovery' });
  if (outcome.value)
    return (
      <Page title={outcome.value === 'done' ? w.done : coreWords.common.proposed}>
        <Note tone="good" title={outcome.value === 'done' ? w.doneText : w.proposed} role="status" />
        <LinkButton href={back} look="strong">
          {coreWords.common.done}
        </LinkButton>
      </Page>
    );
  const made = sheets.value;
  if (!made)
    return (
      <Page title={w.title} back={back}>
        <Terms onMade={(next) => void (sheets.value = next)} />
      </Page>
    );
  const share = made.shares[written.value];
  return (
    <Page title={share ? w.sheetTitle(written.value + 1, made.m) : w.allDone}>
      {share ? (
        <OneSheet key={written.value} sheets={made} at={written.value} onWritten={() => void written.value++} />
      ) : (
        <Sign
          sheets={made}
          onSet={(result) => {
            drop(sheets);
            outcome.value = result;
          }}
        />
      )}
      <p class="faint">{w.leaving}</p>
      <LinkButton href={back} look="quiet">
        {w.leave}
      </LinkButton>
    </Page>
  );
}

function drop(sheets: Signal<NewSheets | undefined>): void {
  wipe(...(sheets.value?.shares ?? []).map(({ share }) => share));
  sheets.value = undefined;
}

function Terms({ onMade }: { readonly onMade: (sheets: NewSheets) => void }): JSX.Element {
  const { app } = useStore();
  const org = useOrg();
  const isAlone = org.members.length <= 1;
  const kind = useSignal<Kind>('two');
  const own = useSignal({ t: '2', m: '3' });
  const delay = useSignal<DelayName>(isAlone ? 'none' : 'three');
  const act = useAct();
  const terms = termsOf(kind.value, { t: Number(own.value.t), m: Number(own.value.m) }, delay.value);
  const start = (event: SubmitEvent): void => {
    event.preventDefault();
    if (terms) act.run(async () => (await app.recovery()).make(terms), onMade);
  };
  const names = w.delayNames;
  const all: readonly DelayName[] = ['none', 'day', 'three', 'week'];
  return (
    <form class="form" onSubmit={start}>
      <Choices
        legend={w.how}
        value={kind.value}
        choices={(['two', 'three', 'one', 'own'] as const).map((value) => ({ value, label: w.kinds[value][0], hint: w.kinds[value][1] }))}
        onChange={(value) => void (kind.value = value)}
      />
      {kind.value === 'own' && (
        <div class="field-pair">
          <Field label={w.t} type="number" min={1} max={16} value={own.value.t} onInput={(t) => void (own.value = { ...own.value, t })} />
          <Field label={w.m} type="number" min={1} max={16} value={own.value.m} onInput={(m) => void (own.value = { ...own.value, m })} />
        </div>
      )}
      <Choices
        legend={w.delay}
        value={delay.value}
        choices={all.filter((name) => name !== 'none' || isAlone).map((value) => ({ value, label: names[value] }))}
        onChange={(value) => void (delay.value = value)}
      />
      <p class="faint">{delay.value === 'none' ? w.noDelay : w.delayText}</p>
      {org.kit && <Note tone="warning" title={w.replaces} />}
      <p>{w.prepare}</p>
      <FailureNote failure={act.failure} />
      <Button submit wide look="strong" disabled={!terms} busy={act.busy}>
        {w.start}
      </Button>
    </form>
  );
}

function OneSheet({ sheets, at, onWritten }: { readonly sheets: NewSheets; readonly at: number; readonly onWritten: () => void }): JSX.Element | null {
  const { world } = useStore();
  const isOnPaper = useSignal(false);
  const typed = useSignal<readonly string[]>(['', '']);
  const tried = useSignal(false);
  const share = sheets.shares[at];
  if (!share) return null;
  if (!isOnPaper.value)
    return (
      <>
        <Sheet share={share} number={at + 1} />
        <div class="sheet-acts">
          <Button wide onClick={() => world.window.print()}>
            {w.print}
          </Button>
          <Button wide look="strong" icon="check" onClick={() => void (isOnPaper.value = true)}>
            {w.written}
          </Button>
        </div>
      </>
    );
  const places = askedBack(share);
  const isRight = (index: number): boolean => isWord(share, places[index] ?? 0, typed.value[index] ?? '');
  const next = (event: SubmitEvent): void => {
    event.preventDefault();
    tried.value = true;
    if (places.every((_, index) => isRight(index))) onWritten();
  };
  return (
    <form class="form" onSubmit={next} autocomplete="off">
      <p>{w.confirmText}</p>
      {places.map((place, index) => (
        <Field
          key={place}
          label={w.word(place)}
          mono
          maxLength={8}
          value={typed.value[index] ?? ''}
          error={tried.value && !isRight(index) ? w.wrong(place) : undefined}
          onInput={(text) => {
            tried.value = false;
            typed.value = typed.value.with(index, text);
          }}
        />
      ))}
      <Button submit wide look="strong">
        {w.confirm}
      </Button>
      <Button look="quiet" onClick={() => void (isOnPaper.value = false)}>
        {w.show}
      </Button>
    </form>
  );
}

function Sign({ sheets, onSet }: { readonly sheets: NewSheets; readonly onSet: (outcome: 'done' | 'proposed') => void }): JSX.Element {
  const act = useAct();
  return (
    <>
      <p>{w.allDoneText}</p>
      <FailureNote failure={act.failure} />
      <Button wide look="strong" icon="finger" busy={act.busy} onClick={() => act.run(sheets.set, onSet)}>
        {w.sign}
      </Button>
      <p class="faint">{coreWords.common.passkey}</p>
    </>
  );
}
