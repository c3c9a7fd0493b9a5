// The rules in force, each with its terms in words, and the way to change them (spec/06-policy.md §words).
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import type { PolicyRow } from '../app-rules.ts';
import { useOrg } from '../shell/store.ts';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Field } from '../ui/field.tsx';
import { Facts, Section } from '../ui/page.tsx';
import { pageWords } from '../ui/words-pages.ts';
import { ruleWords } from '../ui/words-rules.ts';
import { AccessReasons } from './access.tsx';
import { RuleForm } from './form.tsx';
import { isPath } from './model.ts';

const w = pageWords.people;

export function Rules(): JSX.Element {
  const { policies, me } = useOrg();
  const editing = useSignal<PolicyRow | 'new' | undefined>(undefined);
  const isAdmin = me.roles.includes('admin');
  const add = (
    <Button icon="plus" onClick={() => (editing.value = 'new')}>
      {w.addRule}
    </Button>
  );
  const close = (): void => void (editing.value = undefined);
  return (
    <Section title={w.rules} action={isAdmin && add}>
      <p class="faint">{policies.length === 0 ? w.noRules : w.rulesText}</p>
      <ul class="rows">
        {policies.map((row) => (
          <Rule key={row.pattern} row={row} onEdit={isAdmin ? () => (editing.value = row) : undefined} />
        ))}
      </ul>
      {policies.length > 0 && <AskAbout />}
      {editing.value !== undefined && (
        <Dialog title={editing.value === 'new' ? w.addRule : `${w.editRule}: ${editing.value.pattern}`} onClose={close}>
          <RuleForm row={editing.value === 'new' ? undefined : editing.value} onClose={close} />
        </Dialog>
      )}
    </Section>
  );
}

/** Any name, also one that nothing is stored under yet. */
function AskAbout(): JSX.Element {
  const path = useSignal('');
  const wanted = path.value.trim();
  return (
    <details class="rule-more">
      <summary>{ruleWords.access}</summary>
      <div class="stack">
        <Field label={ruleWords.askedPath} hint={ruleWords.askedPathHint} mono value={path.value} onInput={(text) => (path.value = text)} />
        {isPath(wanted) && <AccessReasons path={wanted} />}
      </div>
    </details>
  );
}

function Rule({ row, onEdit }: { readonly row: PolicyRow; readonly onEdit: (() => void) | undefined }): JSX.Element {
  return (
    <li class="row rule">
      <span class="row-what mono">{row.pattern}</span>
      <details class="row-note">
        <summary>{row.words}</summary>
        <Facts rows={row.terms.map(({ term, words }) => [ruleWords.terms[term], words])} />
      </details>
      {onEdit && (
        <span class="row-end">
          <Button look="quiet" label={`${w.editRule}: ${row.pattern}`} onClick={onEdit}>
            {w.editRule}
          </Button>
        </span>
      )}
    </li>
  );
}
