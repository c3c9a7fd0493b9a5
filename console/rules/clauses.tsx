// Who may approve and how many of them; a second circle only where somebody asks for it (spec/06-policy.md §quorum).
import type { JSX } from 'preact';
import { useOrg } from '../shell/store.ts';
import { Button } from '../ui/button.tsx';
import { Checkbox, Field } from '../ui/field.tsx';
import { coreWords } from '../ui/words-core.ts';
import { pageWords } from '../ui/words-pages.ts';
import { ruleWords } from '../ui/words-rules.ts';
import type { ChangeRule } from './form.tsx';
import { type ClauseDraft, type RuleDraft, mayApprove, toggled } from './model.ts';

const w = pageWords.people;
/** As many as an entry may hold. */
const mostClauses = 8;

interface ClausesProps {
  readonly draft: RuleDraft;
  readonly change: ChangeRule;
  readonly errors: Readonly<Record<number, string>> | undefined;
}

export function Clauses({ draft: { clauses }, change, errors }: ClausesProps): JSX.Element {
  const set = (at: number, next: ClauseDraft): void => change({ clauses: clauses.map((clause, index) => (index === at ? next : clause)) });
  return (
    <>
      {clauses.map((clause, at) => (
        <div key={at} class="clause">
          <Clause clause={clause} legend={at === 0 ? w.approvers : ruleWords.also} error={errors?.[at]} onChange={(next) => set(at, next)} />
          {at > 0 && (
            <Button look="quiet" icon="cross" onClick={() => change({ clauses: clauses.filter((_clause, index) => index !== at) })}>
              {ruleWords.removeClause}
            </Button>
          )}
        </div>
      ))}
      {clauses.length < mostClauses && (
        <div>
          <Button look="quiet" icon="plus" onClick={() => change({ clauses: [...clauses, { members: [], groups: [], k: '1' }] })}>
            {ruleWords.addClause}
          </Button>
          <p class="faint">{ruleWords.addClauseHint}</p>
        </div>
      )}
    </>
  );
}

interface ClauseProps {
  readonly clause: ClauseDraft;
  readonly legend: string;
  readonly error: string | undefined;
  readonly onChange: (next: ClauseDraft) => void;
}

function Clause({ clause, legend, error, onChange }: ClauseProps): JSX.Element {
  const { members, groups } = useOrg();
  // Somebody who lost the role is shown as long as the rule names them, so that they can be taken out.
  const people = members.filter((member) => mayApprove(member) || clause.members.includes(member.id));
  const teams = groups.filter((group) => group.members.length > 0 || clause.groups.includes(group.id));
  return (
    <>
      <fieldset class="checks">
        <legend>{legend}</legend>
        {people.map(({ id, name, me }) => (
          <Checkbox
            key={id}
            label={me ? `${name} (${coreWords.common.you})` : name}
            checked={clause.members.includes(id)}
            onChange={(isIn) => onChange({ ...clause, members: toggled(clause.members, id, isIn) })}
          />
        ))}
        {teams.map(({ id, name }) => (
          <Checkbox
            key={id}
            label={ruleWords.groupOf(name)}
            checked={clause.groups.includes(id)}
            onChange={(isIn) => onChange({ ...clause, groups: toggled(clause.groups, id, isIn) })}
          />
        ))}
      </fieldset>
      <Field label={w.quorum} type="number" min={1} max={16} error={error} value={clause.k} onInput={(k) => onChange({ ...clause, k })} />
    </>
  );
}
