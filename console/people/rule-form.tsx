// The form of one rule: signed by this device, in force when it is in the log.
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import type { Outcome } from '../app.ts';
import { useOrg, useStore } from '../shell/store.ts';
import { useAct } from '../ui/act.ts';
import { Button } from '../ui/button.tsx';
import { Checkbox, Choices, Field } from '../ui/field.tsx';
import { FailureNote } from '../ui/note.tsx';
import { shortDuration } from '../ui/time.ts';
import { coreWords } from '../ui/words-core.ts';
import { pageWords } from '../ui/words-pages.ts';
import { type RuleDraft, checkRule, draftRule, mayApprove, ttlChoices } from './model.ts';

const w = pageWords.people;

export function RuleForm({ pattern, onClose }: { readonly pattern: string; readonly onClose: () => void }): JSX.Element {
  const { app, tell } = useStore();
  const { members } = useOrg();
  const draft = useSignal<RuleDraft>(draftRule(pattern, members));
  const tried = useSignal(false);
  const act = useAct();
  const rule = draft.value;
  const errors = checkRule(rule);
  const shown = tried.value ? errors : {};
  const change = (part: Partial<RuleDraft>): void => void (draft.value = { ...draft.value, ...part });
  const save = (event: SubmitEvent): void => {
    event.preventDefault();
    tried.value = true;
    if (Object.keys(errors).length > 0) return;
    const done = (outcome: Outcome): void => {
      tell(outcome === 'done' ? w.ruleSaved : coreWords.common.proposed);
      onClose();
    };
    const lease = rule.maxTtlS === 0 ? 1 : Number(rule.maxUses);
    act.run(
      () => app.setPolicy({ pattern: rule.pattern, k: Number(rule.k), approvers: rule.approvers, maxTtlS: rule.maxTtlS, maxUses: lease, tier: rule.tier }),
      done,
    );
  };
  return (
    <form class="form" onSubmit={save} noValidate>
      {pattern === '' && (
        <Field label={w.pattern} hint={w.patternHint} error={shown.pattern} mono value={rule.pattern} onInput={(next) => change({ pattern: next })} />
      )}
      <fieldset class="checks">
        <legend>{w.approvers}</legend>
        {members.filter(mayApprove).map(({ id, name, me }) => (
          <Checkbox
            key={id}
            label={me ? `${name} (${coreWords.common.you})` : name}
            checked={rule.approvers.includes(id)}
            onChange={(checked) => change({ approvers: checked ? [...rule.approvers, id] : rule.approvers.filter((other) => other !== id) })}
          />
        ))}
      </fieldset>
      <Field label={w.quorum} type="number" min={1} max={rule.approvers.length} error={shown.k} value={rule.k} onInput={(k) => change({ k })} />
      <Choices
        legend={w.maxTtl}
        value={rule.maxTtlS}
        choices={ttlChoices.map((value) => ({ value, label: value === 0 ? w.noLease : shortDuration(value) }))}
        onChange={(maxTtlS) => change({ maxTtlS })}
      />
      {rule.maxTtlS > 0 && (
        <Field label={w.maxUses} type="number" min={1} error={shown.maxUses} value={rule.maxUses} onInput={(maxUses) => change({ maxUses })} />
      )}
      <Choices
        legend={w.tier}
        value={rule.tier}
        choices={(['low', 'normal', 'high'] as const).map((value) => ({ value, label: w.tiers[value], hint: w.tierHints[value] }))}
        onChange={(tier) => change({ tier })}
      />
      <FailureNote failure={act.failure} />
      <div class="pair">
        <Button onClick={onClose}>{coreWords.common.cancel}</Button>
        <Button submit look="strong" icon="finger" busy={act.busy}>
          {w.ruleSave}
        </Button>
      </div>
    </form>
  );
}
