// Machines: those that wait for their words to be compared come first; enrolling, admitting, revoking.
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import type { GroupId } from '../../protocol/hash.ts';
import type { MachineRow } from '../app.ts';
import { EnrolMachine, type HereWords } from '../enrol/enrol-machine.tsx';
import { useOrg, useStore } from '../shell/store.ts';
import { type Act, useAct } from '../ui/act.ts';
import { Button } from '../ui/button.tsx';
import { Confirm } from '../ui/dialog.tsx';
import { Field } from '../ui/field.tsx';
import { Icon } from '../ui/icons.tsx';
import { FailureNote, Note } from '../ui/note.tsx';
import { Page } from '../ui/page.tsx';
import { NamedList } from '../ui/paged-list.tsx';
import { WordGrid } from '../ui/word-grid.tsx';
import { pageWords } from '../ui/words-pages.ts';
import { peopleWords } from '../ui/words-people.ts';
import { sortMachines } from './model.ts';
import { GroupBoxes, MachineSettings } from './settings.tsx';
import { Tokens } from './tokens.tsx';

const w = pageWords.machines;
const t = peopleWords.tokens;

export function MachinesPage(): JSX.Element {
  const { machines, me } = useOrg();
  const isAdmin = me.roles.includes('admin');
  const sorted = sortMachines(machines);
  const here = useSignal<HereWords | undefined>(undefined);
  return (
    <Page title={w.title}>
      {sorted.length === 0 && <p class="lead">{w.emptyText}</p>}
      {sorted.length > 0 && (
        <NamedList
          items={sorted}
          look="cards"
          row={(machine) =>
            machine.status === 'enrolled' ? (
              <WaitingMachine key={machine.id} machine={machine} isAdmin={isAdmin} here={here.value} />
            ) : (
              <KnownMachine key={machine.id} machine={machine} isAdmin={isAdmin} />
            )
          }
        />
      )}
      {isAdmin && <EnrolMachine onHere={(said) => (here.value = said)} />}
      <Tokens />
    </Page>
  );
}

interface MachineProps {
  readonly machine: MachineRow;
  readonly isAdmin: boolean;
}

function WaitingMachine({ machine, isAdmin, here }: MachineProps & { readonly here: HereWords | undefined }): JSX.Element {
  const { app, tell } = useStore();
  const act = useAct();
  const { groups } = useOrg();
  const chosen = useSignal<readonly GroupId[]>([]);
  const typed = useSignal('');
  const said = here?.machine === machine.id ? here.words : undefined;
  const agrees = said === machine.words;
  // What was typed is compared by the device: it must be what this machine has.
  const compared = typed.value.trim() === '' ? machine.words : typed.value;
  return (
    <li class="card compare">
      <h2>
        <bdi>{machine.name}</bdi> <span class="tag warning">{w.status.enrolled}</span>
      </h2>
      <p class="label">{w.compare}</p>
      <WordGrid label={w.wordsLabel} text={machine.words} />
      <p class="faint">{w.compareText}</p>
      {said !== undefined && <Note tone={agrees ? 'good' : 'danger'} title={agrees ? w.sameHere : w.otherHere} role="status" />}
      {isAdmin && (
        <>
          <details>
            <summary>{t.typed}</summary>
            <Field label={t.typedLabel} mono value={typed.value} onInput={(value) => (typed.value = value)} />
          </details>
          {groups.length > 0 && <GroupBoxes legend={t.inGroups} groups={groups} chosen={chosen.value} onChange={(next) => (chosen.value = next)} />}
        </>
      )}
      <FailureNote failure={act.failure} />
      {isAdmin && (
        <div class="pair">
          <Revoke machine={machine} label={w.differ} text={`${w.rejectText} ${w.revokeText}`} />
          <Button
            look="approve"
            icon="finger"
            busy={act.busy}
            disabled={said !== undefined && !agrees}
            onClick={() =>
              act.run(
                () => app.admitMachine(machine.id, compared, chosen.value),
                () => tell(w.admitted(machine.name)),
              )
            }
          >
            {w.admit}
          </Button>
        </div>
      )}
    </li>
  );
}

function KnownMachine({ machine, isAdmin }: MachineProps): JSX.Element {
  const { calendar } = useStore();
  const { groups, members } = useOrg();
  const changing = useSignal(false);
  const active = machine.status === 'active';
  const about = [
    ...groups.filter(({ id }) => machine.groups.includes(id)).map(({ name }) => name),
    ...members.filter(({ id }) => id === machine.owner).map(({ name }) => name),
  ];
  return (
    <li class={active ? 'card machine' : 'card machine over'}>
      <Icon name="machine" size={24} />
      <div class="card-main">
        <p>
          <strong>
            <bdi>{machine.name}</bdi>
          </strong>
        </p>
        <p class="faint">
          <span class={active ? 'tag good' : 'tag'}>{w.status[machine.status]}</span> {w.since(calendar.date(machine.since))}
          {about.length > 0 && <bdi> · {about.join(' · ')}</bdi>}
        </p>
      </div>
      {isAdmin && active && (
        <span class="card-acts">
          <Button look="quiet" label={t.settingsOf(machine.name)} onClick={() => (changing.value = true)}>
            {t.settings}
          </Button>
          <Revoke machine={machine} label={w.revoke} text={w.revokeText} />
        </span>
      )}
      {changing.value && <MachineSettings machine={machine} onClose={() => (changing.value = false)} />}
    </li>
  );
}

function Revoke({ machine, label, text }: { readonly machine: MachineRow; readonly label: string; readonly text: string }): JSX.Element {
  const { app, tell } = useStore();
  const asking = useSignal(false);
  const act: Act = useAct();
  const revoke = (): void =>
    act.run(
      () => app.revokeMachine(machine.id),
      () => {
        asking.value = false;
        tell(w.revoked(machine.name));
      },
    );
  return (
    <>
      <Button look={machine.status === 'enrolled' ? 'deny' : 'plain'} label={`${label}: ${machine.name}`} onClick={() => (asking.value = true)}>
        {label}
      </Button>
      {asking.value && (
        <Confirm title={w.revokeTitle(machine.name)} text={text} confirm={w.revoke} act={act} onConfirm={revoke} onClose={() => (asking.value = false)} />
      )}
    </>
  );
}
