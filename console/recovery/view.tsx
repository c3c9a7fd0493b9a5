// The recovery kit of the organisation: what there is, what it covers, when it was last tried.
import { useSignal, useSignalEffect } from '@preact/signals';
import type { JSX } from 'preact';
import type { AppFailure } from '../app.ts';
import { formatRoute } from '../shell/routes.ts';
import { useOrg, useStore } from '../shell/store.ts';
import { useAct } from '../ui/act.ts';
import { Button, LinkButton } from '../ui/button.tsx';
import { Moment } from '../ui/countdown.tsx';
import { failureOf } from '../ui/failure.ts';
import { EmptyState, FailureNote, Note } from '../ui/note.tsx';
import { Facts, Page, Section } from '../ui/page.tsx';
import { duration } from '../ui/time.ts';
import { recoveryWords } from '../ui/words-recovery.ts';
import type { KitStatus } from './contract.ts';
import { MakePage } from './make.tsx';
import { inFours } from './model.ts';
import { TypeSheets, forget, isEnough, useSheets } from './type-sheets.tsx';
import { WalkPage } from './walk.tsx';

const w = recoveryWords.recovery;
const at = (open?: string): string => formatRoute({ page: 'recovery', ...(open === undefined ? {} : { open }) });
const shownMax = 20;

export function RecoveryPage(): JSX.Element {
  const { open } = useStore().route.value;
  if (open === 'make') return <MakePage />;
  if (open === 'drill') return <DrillPage />;
  return open === 'walk' ? <WalkPage /> : <Overview />;
}

function Overview(): JSX.Element {
  const { app, org } = useStore();
  const { me } = useOrg();
  const status = useSignal<KitStatus | 'none' | undefined>(undefined);
  const failure = useSignal<AppFailure | undefined>(undefined);
  const isAdmin = me.roles.includes('admin');
  useSignalEffect(() => {
    void org.value?.head; // asked again whenever the log has moved
    app
      .recovery()
      .then((recovery) => recovery.status())
      .then(
        (found) => void (status.value = found ?? 'none'),
        (error: unknown) => void (failure.value = failureOf(error)),
      );
  });
  const found = status.value;
  return (
    <Page title={w.title} back={formatRoute({ page: 'people' })}>
      <p class="lead">{w.lead}</p>
      <FailureNote failure={failure.value} />
      {found === 'none' && (
        <EmptyState icon="proof" title={w.none}>
          <p>{w.noneText}</p>
          {isAdmin ? (
            <LinkButton href={at('make')} look="strong">
              {w.make}
            </LinkButton>
          ) : (
            <p class="faint">{w.adminOnly}</p>
          )}
        </EmptyState>
      )}
      {typeof found === 'object' && <Kit status={found} isAdmin={isAdmin} />}
    </Page>
  );
}

function Kit({ status, isAdmin }: { readonly status: KitStatus; readonly isAdmin: boolean }): JSX.Element {
  const { members } = useOrg();
  const { kit, t, m, delayMs, setAt, isComplete, missing, lastDrill } = status;
  return (
    <>
      {!isComplete && <Incomplete isAdmin={isAdmin} />}
      {delayMs === 0 && members.length > 1 && <Note tone="warning" title={w.noDelayNow} />}
      <Facts
        rows={[
          [w.rows.kit, <span class="mono">{inFours(kit)}</span>],
          [w.rows.sheets, w.needs(t, m)],
          [w.rows.delay, delayMs === 0 ? w.noDelay : w.delays(duration(delayMs / 1_000))],
          [w.rows.made, <Moment at={setAt} />],
          [w.rows.drill, lastDrill === undefined ? w.never : <Moment at={lastDrill} />],
        ]}
      />
      {missing.length === 0 ? (
        <Note tone="good" title={w.covered} />
      ) : (
        <Note tone="warning" title={w.missing(missing.length)}>
          <p>{w.missingText}</p>
          <p class="mono">{missing.slice(0, shownMax).join(' · ') + (missing.length > shownMax ? ' …' : '')}</p>
        </Note>
      )}
      <Section title={w.drill} action={<LinkButton href={at('drill')}>{w.drill}</LinkButton>}>
        <p>{w.drillText}</p>
      </Section>
      {isAdmin && (
        <Section title={w.walk} action={<LinkButton href={at('walk')}>{w.walk}</LinkButton>}>
          <p>{w.walkText}</p>
        </Section>
      )}
      {isAdmin && <LinkButton href={at('make')}>{w.makeNew}</LinkButton>}
    </>
  );
}

function Incomplete({ isAdmin }: { readonly isAdmin: boolean }): JSX.Element {
  const { app, tell } = useStore();
  const act = useAct();
  const complete = (): void =>
    act.run(
      async () => (await app.recovery()).complete(),
      () => tell(w.completed),
    );
  return (
    <Note tone="danger" icon="warning" title={w.incomplete} role="alert">
      <p>{w.incompleteText}</p>
      <FailureNote failure={act.failure} />
      {isAdmin && (
        <Button icon="finger" busy={act.busy} onClick={complete}>
          {w.complete}
        </Button>
      )}
    </Note>
  );
}

function DrillPage(): JSX.Element {
  const { app } = useStore();
  const shares = useSheets();
  const isDone = useSignal(false);
  const act = useAct();
  const drill = (): void =>
    act.run(
      async () => (await app.recovery()).drill(shares.value).finally(() => forget(shares)),
      () => void (isDone.value = true),
    );
  return (
    <Page title={w.drill} back={at()}>
      <p class="lead">{w.drillText}</p>
      {isDone.value && <Note tone="good" title={w.drilled} role="status" />}
      <FailureNote failure={act.failure} />
      {!isDone.value && <TypeSheets shares={shares} />}
      {!isDone.value && (
        <Button wide look="strong" disabled={!isEnough(shares.value)} busy={act.busy} onClick={drill}>
          {w.drillStart}
        </Button>
      )}
    </Page>
  );
}
