// Labelled inputs with their hint and error, and single choices as pills.
import type { ComponentChildren, JSX } from 'preact';
import { useId } from 'preact/hooks';
import { Icon } from './icons.tsx';

// As objects, because the types of an input depend on its type.
const inputTypes = { text: { type: 'text' }, search: { type: 'search' }, number: { type: 'number' } } as const;

export interface FieldProps {
  readonly label: string;
  readonly value: string;
  readonly onInput: (value: string) => void;
  readonly hint?: string;
  readonly error?: string | undefined;
  readonly mono?: boolean;
  readonly type?: keyof typeof inputTypes;
  readonly maxLength?: number;
  readonly min?: number;
  readonly max?: number;
  readonly autoComplete?: string;
  readonly after?: ComponentChildren;
}

export function Field({
  label,
  value,
  onInput,
  hint,
  error,
  mono = false,
  type = 'text',
  maxLength,
  min,
  max,
  autoComplete = 'off',
  after,
}: FieldProps): JSX.Element {
  const id = useId();
  const described = error === undefined ? (hint === undefined ? undefined : `${id}-hint`) : `${id}-error`;
  return (
    <div class="field">
      <label for={id} class={type === 'search' ? 'sr-only' : undefined}>
        {label}
      </label>
      <div class="field-row">
        {type === 'search' && <Icon name="search" />}
        <input
          {...inputTypes[type]}
          id={id}
          class={mono ? 'mono' : undefined}
          placeholder={type === 'search' ? label : undefined}
          value={value}
          min={min}
          max={max}
          maxLength={maxLength}
          autoComplete={autoComplete}
          autoCapitalize="none"
          spellcheck={false}
          aria-describedby={described}
          aria-invalid={error !== undefined || undefined}
          onInput={(event) => onInput(event.currentTarget.value)}
        />
        {after}
      </div>
      <FieldHint id={id} hint={hint} error={error} />
    </div>
  );
}

export function FieldHint({
  id,
  hint,
  error,
}: {
  readonly id: string;
  readonly hint: string | undefined;
  readonly error: string | undefined;
}): JSX.Element | null {
  if (error !== undefined)
    return (
      <p id={`${id}-error`} class="field-error">
        {error}
      </p>
    );
  return hint === undefined ? null : (
    <p id={`${id}-hint`} class="faint">
      {hint}
    </p>
  );
}

export interface Choice<Value extends string | number> {
  readonly value: Value;
  readonly label: string;
  readonly hint?: string;
}

/** Radio buttons as pills in one row, or as rows where they carry hints. */
export function Choices<Value extends string | number>({
  legend,
  choices,
  value,
  onChange,
  hiddenLegend = false,
}: {
  readonly legend: string;
  readonly choices: readonly Choice<Value>[];
  readonly value: Value | undefined;
  readonly onChange: (value: Value) => void;
  readonly hiddenLegend?: boolean;
}): JSX.Element {
  const name = useId();
  const asRows = choices.some(({ hint }) => hint !== undefined);
  return (
    <fieldset class={asRows ? 'choices lined' : 'choices'}>
      <legend class={hiddenLegend ? 'sr-only' : undefined}>{legend}</legend>
      {choices.map((choice) => (
        <label key={choice.value} class="choice">
          <input type="radio" name={name} checked={choice.value === value} onChange={() => onChange(choice.value)} />
          <span>
            {choice.label}
            {choice.hint !== undefined && <small>{choice.hint}</small>}
          </span>
        </label>
      ))}
    </fieldset>
  );
}

export function TextArea({ label, value, onInput, hint, error }: Pick<FieldProps, 'label' | 'value' | 'onInput' | 'hint' | 'error'>): JSX.Element {
  const id = useId();
  const described = error === undefined ? (hint === undefined ? undefined : `${id}-hint`) : `${id}-error`;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <textarea
        id={id}
        class="mono"
        rows={3}
        value={value}
        spellcheck={false}
        autoCapitalize="none"
        aria-describedby={described}
        aria-invalid={error !== undefined || undefined}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
      <FieldHint id={id} hint={hint} error={error} />
    </div>
  );
}

/** One of many, with the platform's own list. */
export function Select({
  label,
  options,
  value,
  onChange,
}: {
  readonly label: string;
  readonly options: readonly (readonly [value: string, label: string])[];
  readonly value: string;
  readonly onChange: (value: string) => void;
}): JSX.Element {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select id={id} value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        {options.map(([key, text]) => (
          <option key={key} value={key}>
            {text}
          </option>
        ))}
      </select>
    </div>
  );
}

export function Checkbox({
  label,
  hint,
  checked,
  onChange,
  disabled = false,
}: {
  readonly label: string;
  readonly hint?: string;
  readonly checked: boolean;
  readonly onChange: (checked: boolean) => void;
  readonly disabled?: boolean;
}): JSX.Element {
  return (
    <label class="check">
      <input type="checkbox" checked={checked} disabled={disabled} onChange={(event) => onChange(event.currentTarget.checked)} />
      <span>
        {label}
        {hint !== undefined && <small>{hint}</small>}
      </span>
    </label>
  );
}
