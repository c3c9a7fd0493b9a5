// Storing a secret: typed here, sealed on this device, never shown unless asked for, and forgotten by this page at once.
import { type Signal, useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useId } from 'preact/hooks';
import type { ReviewCard, SecretRow } from '../app.ts';
import { Claim } from '../review/claim.tsx';
import { type Route, formatRoute } from '../shell/routes.ts';
import { useStore } from '../shell/store.ts';
import { useAct } from '../ui/act.ts';
import { Button } from '../ui/button.tsx';
import { Choices, Field, FieldHint } from '../ui/field.tsx';
import { FailureNote } from '../ui/note.tsx';
import { Page } from '../ui/page.tsx';
import { coreWords } from '../ui/words-core.ts';
import { pageWords } from '../ui/words-pages.ts';
import { type Draft, checkDraft, draftOf, draftOfNeed, emptyDraft, encodeValue, wipeValue } from './model.ts';

const w = pageWords.secrets;

export function PutForm({ secret, need }: { readonly secret: SecretRow | undefined; readonly need: ReviewCard | undefined }): JSX.Element {
  const { app, go, tell } = useStore();
  const draft = useSignal<Draft>(secret ? draftOf(secret) : need ? draftOfNeed(need) : emptyDraft);
  const tried = useSignal(false);
  const act = useAct();
  // A value that was typed and not stored does not outlive the page.
  useEffect(() => () => void (draft.value = emptyDraft), []);
  const origin: Route = need ? { page: 'inbox', open: need.requestId } : { page: 'secrets', ...(secret ? { open: secret.id } : {}) };
  const errors = checkDraft(draft.value);
  const shown = tried.value ? errors : {};
  const change = (part: Partial<Draft>): void => void (draft.value = { ...draft.value, ...part });
  const save = (event: SubmitEvent): void => {
    event.preventDefault();
    tried.value = true;
    if (Object.keys(errors).length > 0) return;
    const { path, description } = draft.value;
    act.run(
      async () => {
        const value = encodeValue(draft.value);
        const content = { value, description: description.trim() };
        await (need ? app.fillNeed(need.requestId, content) : app.putSecret({ path, ...content })).finally(() => wipeValue(value));
      },
      () => {
        draft.value = emptyDraft;
        tell(need ? w.filled(path) : w.saved(path));
        go(origin);
      },
    );
  };
  return (
    <Page title={need ? w.fill : secret ? w.putVersion : w.put} back={formatRoute(origin)}>
      <form class="form" onSubmit={save} noValidate autocomplete="off">
        {secret || need ? (
          <p class="mono lead">{draft.value.path}</p>
        ) : (
          <Field label={w.path} hint={w.pathHint} error={shown.path} mono maxLength={256} value={draft.value.path} onInput={(path) => change({ path })} />
        )}
        {need && <Claim card={need} />}
        <Choices
          legend={w.kind}
          value={draft.value.kind}
          choices={[
            { value: 'value', label: w.one },
            { value: 'fields', label: w.many },
          ]}
          onChange={(kind) => change({ kind })}
        />
        {draft.value.kind === 'value' ? (
          <ValueInput label={w.value} hint={w.valueHint} error={shown.value} value={draft.value.value} onInput={(value) => change({ value })} />
        ) : (
          <FieldInputs draft={draft} errors={shown.fields} tooLong={shown.value} />
        )}
        <Field
          label={w.description}
          hint={w.descriptionHint}
          maxLength={120}
          value={draft.value.description}
          onInput={(description) => change({ description })}
        />
        <FailureNote failure={act.failure} />
        <Button submit look="strong" icon="finger" busy={act.busy} wide>
          {w.save}
        </Button>
        <p class="faint">{coreWords.common.passkey}</p>
      </form>
    </Page>
  );
}

function FieldInputs({
  draft,
  errors,
  tooLong,
}: {
  readonly draft: Signal<Draft>;
  readonly errors: readonly (string | undefined)[] | undefined;
  readonly tooLong: string | undefined;
}): JSX.Element {
  const { fields } = draft.value;
  const set = (next: Draft['fields']): void => void (draft.value = { ...draft.value, fields: next });
  const change = (index: number, part: { readonly name?: string; readonly value?: string }): void =>
    set(fields.map((field, at) => (at === index ? { ...field, ...part } : field)));
  return (
    <div class="stack">
      {fields.map(({ name, value }, index) => (
        <div key={index} class="field-pair">
          <Field
            label={w.field}
            mono
            maxLength={64}
            value={name}
            onInput={(next) => change(index, { name: next })}
            after={
              fields.length > 1 && (
                <Button look="quiet" icon="cross" label={w.removeField(name)} onClick={() => set(fields.filter((_, at) => at !== index))}>
                  {''}
                </Button>
              )
            }
          />
          <ValueInput label={w.value} error={errors?.[index]} value={value} onInput={(next) => change(index, { value: next })} />
        </div>
      ))}
      {tooLong !== undefined && <p class="field-error">{tooLong}</p>}
      <Button look="quiet" icon="plus" onClick={() => set([...fields, { name: '', value: '' }])}>
        {w.addField}
      </Button>
    </div>
  );
}

/** Several lines are allowed (keys, certificates); dots stand for them until the person wants to see. */
function ValueInput({
  label,
  value,
  onInput,
  hint,
  error,
}: {
  readonly label: string;
  readonly value: string;
  readonly onInput: (value: string) => void;
  readonly hint?: string;
  readonly error?: string | undefined;
}): JSX.Element {
  const id = useId();
  const isShown = useSignal(false);
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <div class="field-row">
        <textarea
          id={id}
          class={isShown.value ? 'mono' : 'mono masked'}
          rows={isShown.value ? 4 : 1}
          value={value}
          autoComplete="off"
          autoCapitalize="none"
          spellcheck={false}
          aria-describedby={error === undefined ? `${id}-hint` : `${id}-error`}
          aria-invalid={error !== undefined || undefined}
          onInput={(event) => onInput(event.currentTarget.value)}
        />
        <Button look="quiet" label={`${isShown.value ? w.hide : w.show}: ${label}`} onClick={() => (isShown.value = !isShown.value)}>
          {isShown.value ? w.hide : w.show}
        </Button>
      </div>
      <FieldHint id={id} hint={hint} error={error} />
    </div>
  );
}
