// The form of one rule: the few terms that matter first, the others folded; what it would change beside the button that signs it (spec/06-policy.md).
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import type { Outcome } from '../app.ts';
import type { PolicyRow, RulePreview } from '../app-rules.ts';
import { DifferenceList } from '../review/changes.tsx';
import { useOrg, useStore } from '../shell/store.ts';
import { useAct } from '../ui/act.ts';
import { Button } from '../ui/button.tsx';
import { Confirm } from '../ui/dialog.tsx';
import { Choices, Field } from '../ui/field.tsx';
import { FailureNote, Note } from '../ui/note.tsx';
import { shortDuration } from '../ui/time.ts';
import { coreWords } from '../ui/words-core.ts';
import { pageWords } from '../ui/words-pages.ts';
import { ruleWords } from '../ui/words-rules.ts';
import { Clauses } from './clauses.tsx';
import { type RuleDraft, checkRule, draftOf, hasMore, newRule, ruleOf, tiers, ttlChoices } from './model.ts';
import { MoreTerms } from './terms.tsx';

const w = pageWords.people;

export type ChangeRule = (part: Partial<RuleDraft>) => void;

export function RuleForm({ row, onClose }: { readonly row: PolicyRow | undefined; readonly onClose: () => void }): JSX.Element {
  const { app, tell } = useStore();
  const { members } = useOrg();
  const draft = useSignal<RuleDraft>(row ? draftOf(row.policy) : newRule(members));
  const tried = useSignal(false);
  const act = useAct();
  const value = draft.value;
  const errors = checkRule(value);
  const shown = tried.value ? errors : {};
  const rule = ruleOf(value);
  const preview = rule && app.previewRule(rule);
  const change: ChangeRule = (part) => void (draft.value = { ...draft.value, ...part });
  const signed = (outcome: Outcome): void => {
    tell(outcome === 'done' ? w.ruleSaved : coreWords.common.proposed);
    onClose();
  };
  const save = (event: SubmitEvent): void => {
    event.preventDefault();
    tried.value = true;
    if (rule && preview?.problem === undefined) act.run(() => app.setPolicy(rule), signed);
  };
  const ttls = [...new Set([...ttlChoices, value.maxTtlS])].sort((a, b) => a - b);
  return (
    <form class="form" onSubmit={save} noValidate>
      {!row && <Field label={w.pattern} hint={w.patternHint} error={shown.pattern} mono value={value.pattern} onInput={(pattern) => change({ pattern })} />}
      {preview && <Covered paths={preview.covers} />}
      <Clauses draft={value} change={change} errors={shown.k} />
      <Choices
        legend={w.maxTtl}
        value={value.maxTtlS}
        choices={ttls.map((ttl) => ({ value: ttl, label: ttl === 0 ? w.noLease : shortDuration(ttl) }))}
        onChange={(maxTtlS) => change({ maxTtlS })}
      />
      {value.maxTtlS > 0 && (
        <Field label={w.maxUses} type="number" min={1} error={shown.maxUses} value={value.maxUses} onInput={(maxUses) => change({ maxUses })} />
      )}
      <Choices
        legend={w.tier}
        value={value.tier}
        choices={tiers.map((tier) => ({ value: tier, label: w.tiers[tier], hint: w.tierHints[tier] }))}
        onChange={(tier) => change({ tier })}
      />
      <details class="rule-more" open={row && hasMore(draftOf(row.policy))}>
        <summary>
          {ruleWords.more} <small class="faint">{ruleWords.moreHint}</small>
        </summary>
        <MoreTerms draft={value} change={change} errors={shown} />
      </details>
      <Effect preview={preview} />
      <FailureNote failure={act.failure} />
      <div class="pair">
        <Button onClick={onClose}>{coreWords.common.cancel}</Button>
        <Button submit look="strong" icon="finger" busy={act.busy} disabled={preview?.problem !== undefined}>
          {w.ruleSave}
        </Button>
      </div>
      {row && <Retire row={row} onClose={onClose} />}
    </form>
  );
}

function Covered({ paths }: { readonly paths: readonly string[] }): JSX.Element {
  const [few, more] = [paths.slice(0, 5), paths.length - 5];
  return (
    <div class="covered">
      <p class="faint">{ruleWords.covers(paths.length)}</p>
      {few.length > 0 && (
        <ul class="plain mono">
          {few.map((path) => (
            <li key={path}>{path}</li>
          ))}
          {more > 0 && <li class="faint">{ruleWords.andMore(more)}</li>}
        </ul>
      )}
    </div>
  );
}

/** Beside the button, and told as it changes. */
function Effect({ preview }: { readonly preview: RulePreview | undefined }): JSX.Element | null {
  if (!preview) return null;
  const { problem, differences, needed } = preview;
  if (problem !== undefined)
    return (
      <Note tone="danger" icon="warning" title={ruleWords.problem} role="alert">
        <p>{problem}</p>
      </Note>
    );
  return (
    <section class="rule-effect" aria-label={ruleWords.effect} aria-live="polite">
      <h3>{ruleWords.effect}</h3>
      {differences.length === 0 ? <p class="faint">{ruleWords.nothing}</p> : <DifferenceList differences={differences} />}
      {differences.length > 0 && <p class="faint">{ruleWords.needs(needed)}</p>}
    </section>
  );
}

function Retire({ row, onClose }: { readonly row: PolicyRow; readonly onClose: () => void }): JSX.Element {
  const { app, tell } = useStore();
  const asking = useSignal(false);
  const act = useAct();
  const retired = (outcome: Outcome): void => {
    tell(outcome === 'done' ? ruleWords.retired : coreWords.common.proposed);
    onClose();
  };
  return (
    <>
      <Button look="quiet" onClick={() => (asking.value = true)}>
        {ruleWords.retire}
      </Button>
      {asking.value && (
        <Confirm
          title={ruleWords.retireTitle(row.pattern)}
          text={ruleWords.retireText}
          confirm={ruleWords.retire}
          act={act}
          onConfirm={() => act.run(() => app.retirePolicy(row.pattern), retired)}
          onClose={() => (asking.value = false)}
        />
      )}
    </>
  );
}
