// The terms that most rules leave alone: machines, scopes, asking, approving, hours, programs, hosts, freshness (spec/06-policy.md §terms).
import type { JSX } from 'preact';
import { useOrg, useStore } from '../shell/store.ts';
import { Checkbox, Choices, Field, TextArea } from '../ui/field.tsx';
import { shortDuration } from '../ui/time.ts';
import { ruleWords } from '../ui/words-rules.ts';
import type { ChangeRule } from './form.tsx';
import { type RuleDraft, type RuleErrors, officeHours, partsOf, scopes, stalenessChoices, toggled } from './model.ts';

const w = ruleWords;

export interface TermsProps {
  readonly draft: RuleDraft;
  readonly change: ChangeRule;
  readonly errors: RuleErrors;
}

export function MoreTerms(props: TermsProps): JSX.Element {
  const { draft, change, errors } = props;
  const staleness = [...new Set([...stalenessChoices, draft.maxStalenessMs])].sort((a, b) => a - b);
  return (
    <div class="stack">
      <Machines {...props} />
      <Checks
        legend={w.scopes}
        error={errors.scopes}
        all={scopes.map((scope) => [scope, w.scopeNames[scope]] as const)}
        chosen={draft.scopes}
        onToggle={(scope, isIn) => change({ scopes: toggled(draft.scopes, scope, isIn) })}
      />
      <fieldset class="checks">
        <legend>{w.asking}</legend>
        <Checkbox label={w.reason} checked={draft.reasonRequired} onChange={(reasonRequired) => change({ reasonRequired })} />
        <Checkbox label={w.reveal} checked={draft.revealAllowed} onChange={(revealAllowed) => change({ revealAllowed })} />
      </fieldset>
      <fieldset class="checks">
        <legend>{w.approving}</legend>
        <Checkbox label={w.match} checked={draft.matchRequired} onChange={(matchRequired) => change({ matchRequired })} />
        <Checkbox label={w.sod} checked={draft.separationOfDuties} onChange={(separationOfDuties) => change({ separationOfDuties })} />
      </fieldset>
      <HoursFields {...props} />
      <Programs {...props} />
      <TextArea label={w.hosts} hint={w.hostsHint} error={errors.hosts} value={draft.hosts} onInput={(hosts) => change({ hosts })} />
      <Choices
        legend={w.staleness}
        value={draft.maxStalenessMs}
        choices={staleness.map((ms) => ({ value: ms, label: shortDuration(Math.round(ms / 1_000)) }))}
        onChange={(maxStalenessMs) => change({ maxStalenessMs })}
      />
    </div>
  );
}

function Machines({ draft: { machines: rule }, change, errors }: TermsProps): JSX.Element {
  const { machines, groups } = useOrg();
  const active = machines.filter(({ id, status }) => status === 'active' || rule.machines.includes(id));
  return (
    <>
      <Choices
        legend={w.machines}
        value={rule.any ? 'any' : 'these'}
        choices={[
          { value: 'any', label: w.anyMachine },
          { value: 'these', label: w.theseMachines },
        ]}
        onChange={(which) => change({ machines: { ...rule, any: which === 'any' } })}
      />
      {!rule.any && (
        <>
          <Checks
            legend={w.theseMachines}
            error={errors.machines}
            all={active.map(({ id, name }) => [id, name] as const)}
            chosen={rule.machines}
            onToggle={(id, isIn) => change({ machines: { ...rule, machines: toggled(rule.machines, id, isIn) } })}
          />
          {groups.map(({ id, name }) => (
            <Checkbox
              key={id}
              label={w.groupOf(name)}
              checked={rule.groups.includes(id)}
              onChange={(isIn) => change({ machines: { ...rule, groups: toggled(rule.groups, id, isIn) } })}
            />
          ))}
        </>
      )}
    </>
  );
}

function HoursFields({ draft: { hours }, change, errors }: TermsProps): JSX.Element {
  const set = (next: RuleDraft['hours']): void => change({ hours: next });
  return (
    <>
      <Checkbox label={w.hours} checked={hours !== undefined} onChange={(isOn) => set(isOn ? officeHours : undefined)} />
      {hours && (
        <>
          <Checks
            legend={w.days}
            error={errors.hours}
            all={w.dayNames.map((name, day) => [day, name] as const)}
            chosen={hours.days}
            onToggle={(day, isIn) => set({ ...hours, days: toggled(hours.days, day, isIn) })}
          />
          <div class="pair">
            <Field label={w.from} value={hours.from} maxLength={5} onInput={(from) => set({ ...hours, from })} />
            <Field label={w.to} value={hours.to} maxLength={5} onInput={(to) => set({ ...hours, to })} />
          </div>
        </>
      )}
    </>
  );
}

/** Those that asked before, by what history saw, and any other by its hash. */
function Programs({ draft: { exePins }, change, errors }: TermsProps): JSX.Element {
  const { app } = useStore();
  const pins = partsOf(exePins);
  const seen = app.seenPrograms();
  return (
    <fieldset class="checks">
      <legend>{w.programs}</legend>
      <p class="faint">{w.programsHint}</p>
      {seen.map(({ exe, sha256 }) => (
        <Checkbox
          key={sha256}
          label={exe}
          hint={sha256.slice(0, 16)}
          checked={pins.includes(sha256)}
          onChange={(isIn) => change({ exePins: (isIn ? [...pins, sha256] : pins.filter((pin) => pin !== sha256)).join('\n') })}
        />
      ))}
      <TextArea label={w.otherPins} error={errors.exePins} value={exePins} onInput={(text) => change({ exePins: text })} />
    </fieldset>
  );
}

interface ChecksProps<T extends string | number> {
  readonly legend: string;
  readonly error: string | undefined;
  readonly all: readonly (readonly [value: T, label: string])[];
  readonly chosen: readonly T[];
  readonly onToggle: (value: T, isIn: boolean) => void;
}

function Checks<T extends string | number>({ legend, error, all, chosen, onToggle }: ChecksProps<T>): JSX.Element {
  return (
    <fieldset class="checks">
      <legend>{legend}</legend>
      {all.map(([value, label]) => (
        <Checkbox key={value} label={label} checked={chosen.includes(value)} onChange={(isIn) => onToggle(value, isIn)} />
      ))}
      {error !== undefined && <p class="field-error">{error}</p>}
    </fieldset>
  );
}
