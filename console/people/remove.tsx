// Before a person or a device goes: what would be lost with them, then one signed act.
import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import type { MemberRow } from '../app.ts';
import type { DeviceRow, LossRow } from '../app-people.ts';
import { useStore } from '../shell/store.ts';
import { useAct } from '../ui/act.ts';
import { Confirm } from '../ui/dialog.tsx';
import { Note } from '../ui/note.tsx';
import { pageWords } from '../ui/words-pages.ts';
import { peopleWords } from '../ui/words-people.ts';
import { someOf } from './model.ts';

const w = peopleWords.member;
const words = pageWords.people;

export function RemoveMember({ member, onClose }: { readonly member: MemberRow; readonly onClose: () => void }): JSX.Element {
  const { app, go, tell } = useStore();
  const act = useAct();
  const loss = useMemo(() => app.lossOf({ member: member.id }), [member.id]);
  const remove = (): void =>
    act.run(
      () => app.removeMember(member.id),
      () => {
        tell(w.removed(member.name));
        go({ page: 'people' });
      },
    );
  return (
    <Confirm title={w.removeTitle(member.name)} text={w.removeText} confirm={w.removeAct} act={act} onConfirm={remove} onClose={onClose}>
      <LossList loss={loss} />
    </Confirm>
  );
}

export function RevokeDevice({ device, onClose }: { readonly device: DeviceRow; readonly onClose: () => void }): JSX.Element {
  const { app, tell } = useStore();
  const act = useAct();
  const loss = useMemo(() => app.lossOf({ device: device.id }), [device.id]);
  const revoke = (): void =>
    act.run(
      () => app.revokeDevice(device.id),
      () => {
        onClose();
        tell(words.revoked(device.name));
      },
    );
  return (
    <Confirm title={words.revokeTitle(device.name)} text={words.revokeText} confirm={words.revoke} act={act} onConfirm={revoke} onClose={onClose}>
      <LossList loss={loss} />
    </Confirm>
  );
}

function LossList({ loss }: { readonly loss: LossRow }): JSX.Element {
  const { rules, unreachable, exposed, machines, lastAdmin } = loss;
  if (lastAdmin) return <Note tone="danger" title={w.lastAdmin} />;
  const lines: readonly (readonly [names: readonly string[], title: string])[] = [
    [rules, w.lossRules(rules.length)],
    [unreachable, w.lossUnreachable(unreachable.length)],
    [exposed, w.lossExposed(exposed.length)],
    [machines, w.lossMachines(machines.length)],
  ];
  const real = lines.filter(([names]) => names.length > 0);
  if (real.length === 0) return <p class="faint">{w.lossNone}</p>;
  return (
    <>
      {real.map(([names, title]) => {
        const { shown, more } = someOf(names);
        return (
          <Note key={title} tone={names === rules || names === unreachable ? 'danger' : 'warning'} icon="warning" title={title}>
            <p class="mono">
              {shown.join(', ')} {more > 0 && w.more(more)}
            </p>
          </Note>
        );
      })}
    </>
  );
}
