// Groups: a name for people, machines or both, which rules use.
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import type { MemberId } from '../../protocol/hash.ts';
import type { GroupRow } from '../app-people.ts';
import { formatRoute } from '../shell/routes.ts';
import { useOrg, useStore } from '../shell/store.ts';
import { useAct } from '../ui/act.ts';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Checkbox, Field } from '../ui/field.tsx';
import { EmptyState, FailureNote } from '../ui/note.tsx';
import { Page } from '../ui/page.tsx';
import { NamedList } from '../ui/paged-list.tsx';
import { listNames } from '../ui/time.ts';
import { coreWords } from '../ui/words-core.ts';
import { peopleWords } from '../ui/words-people.ts';
import { someOf } from './model.ts';

const w = peopleWords.groups;

export function GroupsPage(): JSX.Element {
  const { groups, me } = useOrg();
  const editing = useSignal<GroupRow | 'new' | undefined>(undefined);
  const isAdmin = me.roles.includes('admin');
  const close = (): void => void (editing.value = undefined);
  return (
    <Page
      title={w.title}
      back={formatRoute({ page: 'people' })}
      action={
        isAdmin && (
          <Button icon="plus" look="strong" onClick={() => (editing.value = 'new')}>
            {w.make}
          </Button>
        )
      }
    >
      <p class="lead">{w.lead}</p>
      {groups.length === 0 ? (
        <EmptyState icon="people" title={w.none} />
      ) : (
        <NamedList
          items={groups}
          look="cards"
          row={(group) => <Group key={group.id} group={group} onChange={isAdmin ? () => (editing.value = group) : undefined} />}
        />
      )}
      {editing.value !== undefined && (
        <Dialog title={editing.value === 'new' ? w.make : `${w.change}: ${editing.value.name}`} onClose={close}>
          <GroupForm group={editing.value === 'new' ? undefined : editing.value} onClose={close} />
        </Dialog>
      )}
    </Page>
  );
}

function Group({ group, onChange }: { readonly group: GroupRow; readonly onChange: (() => void) | undefined }): JSX.Element {
  const { members, machines } = useOrg();
  const names = [
    ...members.filter(({ id }) => group.members.includes(id)).map(({ name }) => name),
    ...machines.filter(({ id }) => group.machines.includes(id)).map(({ name }) => name),
  ];
  const { shown, more } = someOf(names, 8);
  return (
    <li class="card">
      <div class="card-main">
        <p>
          <strong>
            <bdi>{group.name}</bdi>
          </strong>
        </p>
        <p class="faint">
          <bdi>{shown.length === 0 ? w.empty : listNames(more === 0 ? shown : [...shown, peopleWords.member.more(more).replace(/^and /, '')])}</bdi>
        </p>
      </div>
      {onChange && (
        <Button look="quiet" label={`${w.change}: ${group.name}`} onClick={onChange}>
          {w.change}
        </Button>
      )}
    </li>
  );
}

function GroupForm({ group, onClose }: { readonly group: GroupRow | undefined; readonly onClose: () => void }): JSX.Element {
  const { app, tell } = useStore();
  const { members, terms } = useOrg();
  const name = useSignal(group?.name ?? '');
  const chosen = useSignal<readonly MemberId[]>(group?.members ?? []);
  const act = useAct();
  const save = (event: SubmitEvent): void => {
    event.preventDefault();
    const input = { name: name.value.trim(), members: chosen.value };
    act.run(
      () => app.setGroup(group ? { ...input, group: group.id, shown: group.members } : input),
      (outcome) => {
        tell(outcome === 'done' ? w.saved(input.name) : coreWords.common.proposed);
        onClose();
      },
    );
  };
  return (
    <form class="form" onSubmit={save} noValidate>
      <Field label={w.name} hint={w.nameHint} maxLength={64} value={name.value} onInput={(value) => (name.value = value)} />
      <fieldset class="checks">
        <legend>{w.people}</legend>
        {members.map(({ id, name: who, me }) => (
          <Checkbox
            key={id}
            label={me ? `${who} (${coreWords.common.you})` : who}
            checked={chosen.value.includes(id)}
            onChange={(checked) => (chosen.value = checked ? [...chosen.value, id] : chosen.value.filter((other) => other !== id))}
          />
        ))}
      </fieldset>
      <p class="faint">
        {w.machinesHow} {terms.needed > 1 && w.widens}
      </p>
      <FailureNote failure={act.failure} />
      <div class="pair">
        <Button onClick={onClose}>{coreWords.common.cancel}</Button>
        <Button submit look="strong" icon="finger" busy={act.busy} disabled={name.value.trim() === ''}>
          {w.save}
        </Button>
      </div>
    </form>
  );
}
