// Who may have this? The rule that governs a path and every reason, as a release would be judged (spec/06-policy.md §explain).
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import type { Reason } from '../../protocol/access.ts';
import { useOrg, useStore } from '../shell/store.ts';
import { Breakable } from '../ui/breakable.tsx';
import { Select } from '../ui/field.tsx';
import { Icon } from '../ui/icons.tsx';
import { Section } from '../ui/page.tsx';
import { ruleWords } from '../ui/words-rules.ts';

const icons = { yes: 'check', no: 'cross', depends: 'warning' } as const;

export function AccessPanel({ path }: { readonly path: string }): JSX.Element {
  return (
    <Section title={ruleWords.access}>
      <p class="faint">{ruleWords.accessLead}</p>
      <AccessReasons path={path} />
    </Section>
  );
}

export function AccessReasons({ path }: { readonly path: string }): JSX.Element {
  const { app, now } = useStore();
  const { machines } = useOrg();
  const asked = useSignal('');
  const active = machines.filter(({ status }) => status === 'active');
  const machine = active.find(({ id }) => id === asked.value)?.id;
  const access = app.explain(path, { now: now.value, ...(machine ? { machine } : {}) });
  return (
    <>
      {active.length > 0 && (
        <Select
          label={ruleWords.askedOn}
          value={asked.value}
          options={[['', ruleWords.someMachine], ...active.map(({ id, name }) => [id, name] as const)]}
          onChange={(id) => (asked.value = id)}
        />
      )}
      <p class={`verdict ${access.verdict}`} role="status">
        <Icon name={icons[access.verdict]} size={20} /> <strong>{ruleWords.verdicts[access.verdict]}</strong>
      </p>
      <dl class="reasons">
        {access.reasons.map((reason, index) => (
          <ReasonRow key={index} reason={reason} />
        ))}
      </dl>
    </>
  );
}

function ReasonRow({ reason: { about, verdict, words } }: { readonly reason: Reason }): JSX.Element {
  return (
    <div class={verdict}>
      <dt>
        <Icon name={icons[verdict]} size={18} />
        <span class="sr-only">{ruleWords.signs[verdict]}: </span>
        {ruleWords.about[about]}
      </dt>
      <dd>
        <Breakable text={words} />
      </dd>
    </div>
  );
}
