// What to do next while nothing waits: the way to the first release, and a second device against being locked out.
import type { JSX } from 'preact';
import { formatRoute } from '../shell/routes.ts';
import { useOrg } from '../shell/store.ts';
import { CopyField } from '../ui/copy-field.tsx';
import { LinkButton } from '../ui/button.tsx';
import { Icon } from '../ui/icons.tsx';
import { Note } from '../ui/note.tsx';
import { Section } from '../ui/page.tsx';
import { coreWords } from '../ui/words-core.ts';
import { type FirstStep, firstSteps, needsSecondDevice } from './model.ts';

const targets: Readonly<Record<Exclude<FirstStep, 'ask'>, string>> = {
  machine: formatRoute({ page: 'machines' }),
  admit: formatRoute({ page: 'machines' }),
  secret: formatRoute({ page: 'secrets', form: 'put' }),
};

export function GettingStarted(): JSX.Element {
  const org = useOrg();
  const steps = firstSteps(org);
  const w = coreWords.inbox;
  return (
    <>
      {steps && (
        <Section title={w.start}>
          <ol class="first-steps">
            {steps.map(({ step, state }, index) => {
              const [title, text] = w.steps[step];
              return (
                <li key={step} class={state} aria-current={state === 'now' ? 'step' : undefined}>
                  <span class="step-mark" aria-hidden="true">
                    {state === 'done' ? <Icon name="check" size={18} /> : index + 1}
                  </span>
                  <div>
                    <p class="step-title">{title}</p>
                    <p class="faint">{text}</p>
                    {state === 'now' && step === 'ask' && <CopyField label={coreWords.common.command} text={w.askCommand(org.secrets[0]?.path ?? '')} />}
                  </div>
                  {state === 'now' && step !== 'ask' && (
                    <LinkButton look="strong" href={targets[step]}>
                      {coreWords.common.next}
                    </LinkButton>
                  )}
                </li>
              );
            })}
          </ol>
        </Section>
      )}
      {needsSecondDevice(org) && (
        <Note tone="info" icon="people">
          <p>{w.second}</p>
          <LinkButton href={formatRoute({ page: 'people', form: 'invite' })}>{w.secondAct}</LinkButton>
        </Note>
      )}
      {!org.kit && org.secrets.length > 0 && org.me.roles.includes('admin') && (
        <Note tone="info" icon="proof">
          <p>{w.kit}</p>
          <LinkButton href={formatRoute({ page: 'recovery' })}>{w.kitAct}</LinkButton>
        </Note>
      )}
    </>
  );
}
