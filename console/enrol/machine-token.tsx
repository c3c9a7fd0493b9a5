// A token for another machine: how long, and whether somebody compares words or it goes into a group at once.
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import type { GroupId } from '../../protocol/hash.ts';
import { useOrg, useStore } from '../shell/store.ts';
import { useAct } from '../ui/act.ts';
import { Button } from '../ui/button.tsx';
import { CopyField } from '../ui/copy-field.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Choices, Select } from '../ui/field.tsx';
import { FailureNote } from '../ui/note.tsx';
import { coreWords } from '../ui/words-core.ts';
import { pageWords } from '../ui/words-pages.ts';
import { peopleWords } from '../ui/words-people.ts';

const w = pageWords.machines;
const t = peopleWords.tokens;
const hourChoices: readonly number[] = [1, 8, 24];

export function MakeToken({ isOther }: { readonly isOther: boolean }): JSX.Element {
  const { calendar, now } = useStore();
  const asking = useSignal(false);
  const token = useSignal<Made | undefined>(undefined);
  const label = isOther ? w.enrolOther : w.enrol;
  return (
    <>
      {token.value && (
        <div class="card">
          <p>{w.enrolOtherText}</p>
          <CopyField label={coreWords.common.command} text={token.value.command} />
          <p class="faint">
            {token.value.isAuto ? t.open(calendar.moment(token.value.expiresAt, now.value)) : w.expires(calendar.moment(token.value.expiresAt, now.value))}
          </p>
        </div>
      )}
      <div class="actions">
        <Button look={isOther || token.value ? 'plain' : 'strong'} icon="plus" onClick={() => (asking.value = true)}>
          {label}
        </Button>
      </div>
      {asking.value && (
        <Dialog title={label} onClose={() => (asking.value = false)}>
          <TokenForm
            onClose={() => (asking.value = false)}
            onMade={(made) => {
              token.value = made;
              asking.value = false;
            }}
          />
        </Dialog>
      )}
    </>
  );
}

interface Made {
  readonly command: string;
  readonly expiresAt: number;
  readonly isAuto: boolean;
}

function TokenForm({ onMade, onClose }: { readonly onMade: (made: Made) => void; readonly onClose: () => void }): JSX.Element {
  const { app } = useStore();
  const { groups } = useOrg();
  const kind = useSignal<'compare' | 'auto'>('compare');
  const hours = useSignal(1);
  const group = useSignal<GroupId | undefined>(groups[0]?.id);
  const isWaiting = useSignal(false);
  const act = useAct();
  const isAuto = kind.value === 'auto';
  const make = (event: SubmitEvent): void => {
    event.preventDefault();
    const wish = isAuto && group.value !== undefined ? { here: false, intoGroup: group.value } : { here: false, hours: hours.value };
    act.run(
      () => app.enrolMachine(wish, () => (isWaiting.value = true)),
      ({ command, expiresAt }) => onMade({ command, expiresAt, isAuto }),
    );
  };
  return (
    <form class="form" onSubmit={make} noValidate>
      <Choices
        legend={t.kind}
        value={kind.value}
        choices={(['compare', 'auto'] as const).map((value) => ({ value, label: t.kinds[value][0], hint: t.kinds[value][1] }))}
        onChange={(next) => (kind.value = next)}
      />
      {!isAuto && (
        <Choices
          legend={t.hours}
          value={hours.value}
          choices={hourChoices.map((value) => ({ value, label: t.hour(value) }))}
          onChange={(next) => (hours.value = next)}
        />
      )}
      {isAuto &&
        (groups.length === 0 ? (
          <p class="field-error">{t.noGroups}</p>
        ) : (
          <Select
            label={t.group}
            options={groups.map(({ id, name }) => [id, name] as const)}
            value={group.value ?? ''}
            onChange={(value) => (group.value = groups.find(({ id }) => id === value)?.id)}
          />
        ))}
      {isWaiting.value && act.busy && (
        <p class="support" role="status">
          <span class="spinner" aria-hidden="true" />
          {t.waits}
        </p>
      )}
      <FailureNote failure={act.failure} />
      <div class="pair">
        <Button onClick={onClose}>{coreWords.common.cancel}</Button>
        <Button submit look="strong" icon="finger" busy={act.busy} disabled={isAuto && group.value === undefined}>
          {t.make}
        </Button>
      </div>
    </form>
  );
}
