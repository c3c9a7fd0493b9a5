// A machine's groups, which rules go by, and its owner, who does not approve for it where a rule separates duties.
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import type { GroupId, MemberId } from '../../protocol/hash.ts';
import type { MachineRow } from '../app.ts';
import type { GroupRow } from '../app-people.ts';
import { useOrg, useStore } from '../shell/store.ts';
import { useAct } from '../ui/act.ts';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Checkbox, Select } from '../ui/field.tsx';
import { FailureNote } from '../ui/note.tsx';
import { coreWords } from '../ui/words-core.ts';
import { peopleWords } from '../ui/words-people.ts';

const t = peopleWords.tokens;

export function MachineSettings({ machine, onClose }: { readonly machine: MachineRow; readonly onClose: () => void }): JSX.Element {
  const { app, tell } = useStore();
  const { groups, members } = useOrg();
  const chosen = useSignal(machine.groups);
  const owner = useSignal<MemberId | undefined>(machine.owner);
  const act = useAct();
  const save = (event: SubmitEvent): void => {
    event.preventDefault();
    act.run(
      () => app.setMachine(machine.id, { groups: chosen.value, ...(owner.value === undefined ? {} : { owner: owner.value }) }),
      () => {
        tell(t.saved(machine.name));
        onClose();
      },
    );
  };
  return (
    <Dialog title={t.settingsOf(machine.name)} onClose={onClose}>
      <form class="form" onSubmit={save} noValidate>
        {groups.length === 0 ? (
          <p class="faint">{t.noGroups}</p>
        ) : (
          <GroupBoxes legend={peopleWords.groups.title} groups={groups} chosen={chosen.value} onChange={(next) => (chosen.value = next)} />
        )}
        <Select
          label={t.owner}
          options={[['', t.nobody], ...members.map(({ id, name }) => [id, name] as const)]}
          value={owner.value ?? ''}
          onChange={(value) => (owner.value = members.find(({ id }) => id === value)?.id)}
        />
        <p class="faint">{t.ownerHint}</p>
        <FailureNote failure={act.failure} />
        <div class="pair">
          <Button onClick={onClose}>{coreWords.common.cancel}</Button>
          <Button submit look="strong" icon="finger" busy={act.busy}>
            {t.save}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

export function GroupBoxes({
  legend,
  groups,
  chosen,
  onChange,
}: {
  readonly legend: string;
  readonly groups: readonly GroupRow[];
  readonly chosen: readonly GroupId[];
  readonly onChange: (chosen: readonly GroupId[]) => void;
}): JSX.Element {
  return (
    <fieldset class="checks">
      <legend>{legend}</legend>
      {groups.map(({ id, name }) => (
        <Checkbox
          key={id}
          label={name}
          checked={chosen.includes(id)}
          onChange={(checked) => onChange(checked ? [...chosen, id] : chosen.filter((other) => other !== id))}
        />
      ))}
    </fieldset>
  );
}
