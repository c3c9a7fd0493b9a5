// After somebody came in by the kit: shut out what was lost, mend the rules, seal anew what nobody can open (spec/18-recovery.md §use).
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useRef } from 'preact/hooks';
import { formatRoute } from '../shell/routes.ts';
import { useOrg, useStore } from '../shell/store.ts';
import { useAct } from '../ui/act.ts';
import { Button, LinkButton } from '../ui/button.tsx';
import { Confirm } from '../ui/dialog.tsx';
import { FailureNote, Note } from '../ui/note.tsx';
import { Page, Section } from '../ui/page.tsx';
import { pageWords } from '../ui/words-pages.ts';
import { recoveryWords } from '../ui/words-recovery.ts';
import type { RecoveryApp, ResealReport, ResealRow } from './contract.ts';
import { TypeSheets, forget, isEnough, useSheets } from './type-sheets.tsx';
import { useRecovery } from './use-recovery.ts';

const w = recoveryWords.kitWalk;
const shownMax = 50;

export function WalkPage(): JSX.Element {
  const { org, go } = useStore();
  const recovery = useRecovery();
  const changes = useSignal(0);
  void [org.value, changes.value]; // looked at again after every change
  const view = recovery.value?.walk();
  const back = formatRoute({ page: 'recovery' });
  return (
    <Page title={w.title} back={back}>
      <p class="lead">{w.lead}</p>
      <Devices />
      <Section title={w.rules} action={<LinkButton href={formatRoute({ page: 'people' })}>{w.rulesAct}</LinkButton>}>
        {view && view.rules.length > 0 ? (
          <>
            <p>{w.rulesText}</p>
            <p class="mono">{view.rules.join(' · ')}</p>
          </>
        ) : (
          <p class="faint">{w.rulesNone}</p>
        )}
      </Section>
      <Section title={w.kit} action={<LinkButton href={formatRoute({ page: 'recovery', open: 'make' })}>{recoveryWords.recovery.makeNew}</LinkButton>}>
        <p class="faint">{w.kitText}</p>
      </Section>
      {recovery.value && view && <Reseal recovery={recovery.value} rows={view.reseal} isKitHere={view.isKitHere} onChange={() => void changes.value++} />}
      <p class="faint">{w.whole}</p>
      {view?.isKitHere && (
        <Button
          wide
          onClick={() => {
            recovery.value?.forget();
            go({ page: 'inbox' });
          }}
        >
          {w.finish}
        </Button>
      )}
    </Page>
  );
}

function Devices(): JSX.Element {
  const { members } = useOrg();
  const { app, tell } = useStore();
  const asking = useSignal<{ readonly id: (typeof devices)[number]['id']; readonly name: string } | undefined>(undefined);
  const act = useAct();
  const devices = members.flatMap((member) => member.devices.filter(({ me }) => !me).map(({ id, name }) => ({ id, name, of: member.name })));
  const revoke = (): void => {
    const device = asking.value;
    if (!device) return;
    act.run(
      () => app.revokeDevice(device.id),
      () => {
        asking.value = undefined;
        tell(pageWords.people.revoked(device.name));
      },
    );
  };
  return (
    <Section title={w.devices} action={<LinkButton href={formatRoute({ page: 'people' })}>{w.people}</LinkButton>}>
      <p class="faint">{devices.length === 0 ? w.devicesNone : w.devicesText}</p>
      <ul class="rows">
        {devices.map((device) => (
          <li key={device.id} class="row">
            <span class="row-what">
              <bdi>{device.name}</bdi>
            </span>
            <span class="row-note faint">
              <bdi>{device.of}</bdi>
            </span>
            <span class="row-end">
              <Button look="quiet" label={`${pageWords.people.revoke}: ${device.name}`} onClick={() => void (asking.value = device)}>
                {pageWords.people.revoke}
              </Button>
            </span>
          </li>
        ))}
      </ul>
      {asking.value && (
        <Confirm
          title={pageWords.people.revokeTitle(asking.value.name)}
          text={pageWords.people.revokeText}
          confirm={pageWords.people.revoke}
          act={act}
          onConfirm={revoke}
          onClose={() => void (asking.value = undefined)}
        />
      )}
    </Section>
  );
}

function Reseal({
  recovery,
  rows,
  isKitHere,
  onChange,
}: {
  readonly recovery: RecoveryApp;
  readonly rows: readonly ResealRow[];
  readonly isKitHere: boolean;
  readonly onChange: () => void;
}): JSX.Element {
  const ready = rows.filter(({ state }) => state === 'ready');
  const shares = useSheets();
  const done = useSignal<{ readonly done: number; readonly of: number } | undefined>(undefined);
  const report = useSignal<ResealReport | undefined>(undefined);
  const stopping = useRef<AbortController | undefined>(undefined);
  const act = useAct();
  const run = (): void => {
    const stop = new AbortController();
    stopping.current = stop;
    report.value = undefined;
    const of = ready.length;
    done.value = { done: 0, of };
    act.run(
      () =>
        recovery
          .reseal(
            ready.map(({ id }) => id),
            (count) => void (done.value = { done: count, of }),
            stop.signal,
          )
          .finally(() => {
            done.value = undefined;
            onChange();
          }),
      (result) => void (report.value = result),
    );
  };
  const hold = (): void =>
    act.run(
      () => recovery.hold(shares.value).finally(() => forget(shares)),
      () => onChange(),
    );
  return (
    <Section title={w.reseal}>
      <p>{rows.length === 0 ? w.resealNone : w.resealText(ready.length)}</p>
      <Rows rows={rows} />
      <FailureNote failure={act.failure} />
      {report.value && report.value.failed.length > 0 && (
        <Note tone="danger" icon="warning" title={w.failed} role="alert">
          <p class="mono">{report.value.failed.map(({ path, code }) => `${path} (${code})`).join(' · ')}</p>
        </Note>
      )}
      {done.value ? (
        <>
          <progress max={done.value.of} value={done.value.done} aria-label={w.reseal} />
          <p role="status">{w.resealing(done.value.done, done.value.of)}</p>
          <Button onClick={() => stopping.current?.abort()}>{w.stop}</Button>
        </>
      ) : (
        rows.length > 0 &&
        (isKitHere ? (
          <>
            <Button wide look="strong" icon="finger" disabled={ready.length === 0} busy={act.busy} onClick={run}>
              {w.resealAct(ready.length)}
            </Button>
            <p class="faint">{w.passkeys}</p>
          </>
        ) : (
          <>
            <p>{w.resealKit}</p>
            <TypeSheets shares={shares} />
            <Button wide disabled={!isEnough(shares.value)} busy={act.busy} onClick={hold}>
              {recoveryWords.kitUse.open}
            </Button>
          </>
        ))
      )}
    </Section>
  );
}

function Rows({ rows }: { readonly rows: readonly ResealRow[] }): JSX.Element {
  const notes = { ready: '', 'no-kit': w.noKit, 'no-rule': w.noRule };
  return (
    <ul class="rows">
      {rows.slice(0, shownMax).map(({ id, path, state }) => (
        <li key={id} class="row">
          <span class="row-what mono">{path}</span>
          {notes[state] !== '' && <span class="row-note faint">{notes[state]}</span>}
        </li>
      ))}
    </ul>
  );
}
