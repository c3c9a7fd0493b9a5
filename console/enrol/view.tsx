// First visit: can this device keep keys, then three names, then one passkey. Nothing exists before all of it worked.
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import type { AppFailure, CreateOrg, CreateStep } from '../app.ts';
import { formatRoute } from '../shell/routes.ts';
import { useStore } from '../shell/store.ts';
import { useAct } from '../ui/act.ts';
import { Button } from '../ui/button.tsx';
import { failureOf } from '../ui/failure.ts';
import { Field } from '../ui/field.tsx';
import { Icon } from '../ui/icons.tsx';
import { Mark } from '../ui/mark.tsx';
import { FailureNote } from '../ui/note.tsx';
import { Progress } from '../ui/progress.tsx';
import { pageWords } from '../ui/words-pages.ts';
import { createSteps, deviceName, isComplete, trimmed } from './model.ts';
import { Unsupported } from './unsupported.tsx';

const w = pageWords.enrol;

export type Support = 'checking' | 'supported' | AppFailure;

/** Asks the device before anything is created; again when the person wants it. */
export function useSupport(): { readonly support: Support; readonly check: () => void } {
  const { app } = useStore();
  const support = useSignal<Support>('checking');
  const check = (): void => {
    support.value = 'checking';
    app.checkSupport().then(
      (answer) => (support.value = answer.ok ? 'supported' : answer.failure),
      (error: unknown) => (support.value = failureOf(error)),
    );
  };
  useEffect(check, []);
  return { support: support.value, check };
}

export function WelcomePage(): JSX.Element {
  const { app, go, world, phase } = useStore();
  const { support, check } = useSupport();
  const draft = useSignal<CreateOrg>({ orgName: '', memberName: '', deviceName: deviceName(world.window.navigator.userAgent) });
  const step = useSignal<CreateStep | undefined>(undefined);
  const act = useAct();
  if (typeof support === 'object') return <Unsupported failure={support} onRetry={check} />;
  if (act.busy && step.value)
    return (
      <main class="solo" id="main">
        <Mark />
        <h1>{w.creating}</h1>
        <p class="lead">{w.creatingText}</p>
        <Progress label={w.creating} steps={createSteps} names={w.steps} current={step.value} />
      </main>
    );
  const change = (part: Partial<CreateOrg>): void => void (draft.value = { ...draft.value, ...part });
  const create = (event: SubmitEvent): void => {
    event.preventDefault();
    if (!isComplete(draft.value)) return;
    step.value = 'checking-passkeys';
    act.run(
      () => app.createOrg(trimmed(draft.value), (next) => (step.value = next)),
      () => go({ page: 'inbox' }),
    );
  };
  return (
    <main class="solo" id="main">
      <Mark />
      <h1>{w.title}</h1>
      <p class="lead">{w.lead}</p>
      <FailureNote failure={phase.value.kind === 'welcome' ? phase.value.failure : undefined} />
      <SupportLine support={support} />
      <form class="form" onSubmit={create}>
        <Field
          label={w.org}
          hint={w.orgHint}
          maxLength={64}
          value={draft.value.orgName}
          autoComplete="organization"
          onInput={(orgName) => change({ orgName })}
        />
        <Field
          label={w.you}
          hint={w.youHint}
          maxLength={64}
          value={draft.value.memberName}
          autoComplete="given-name"
          onInput={(memberName) => change({ memberName })}
        />
        <Field label={w.device} hint={w.deviceHint} maxLength={64} value={draft.value.deviceName} onInput={(device) => change({ deviceName: device })} />
        <FailureNote failure={act.failure} />
        {act.failure && <p class="faint">{w.interrupted}</p>}
        <Button submit wide look="strong" icon="finger" disabled={support !== 'supported' || !isComplete(draft.value)} busy={act.busy}>
          {w.create}
        </Button>
      </form>
      <ul class="points">
        {w.points.map((point) => (
          <li key={point}>
            <Icon name="check" size={18} />
            {point}
          </li>
        ))}
      </ul>
      <p class="faint">{w.invited}</p>
      <p class="faint">
        {w.lost} <a href={formatRoute({ page: 'recovery' })}>{w.recover}</a>
      </p>
    </main>
  );
}

export function SupportLine({ support }: { readonly support: Support }): JSX.Element {
  return (
    <p class="support" role="status">
      {support === 'checking' ? <span class="spinner" aria-hidden="true" /> : <Icon name="check" size={18} />}
      {support === 'checking' ? w.checking : w.supported}
    </p>
  );
}
