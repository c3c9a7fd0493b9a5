// Metadata of authenticators: loaded by a person from a file, kept on this device, never fetched.
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useId } from 'preact/hooks';
import type { ModelRow } from '../app-people.ts';
import { useStore } from '../shell/store.ts';
import { type Act, useAct } from '../ui/act.ts';
import { Button } from '../ui/button.tsx';
import { TextArea } from '../ui/field.tsx';
import { FailureNote } from '../ui/note.tsx';
import { NamedList } from '../ui/paged-list.tsx';
import { peopleWords } from '../ui/words-people.ts';

const w = peopleWords.terms;

export interface Models {
  readonly known: readonly ModelRow[];
  readonly act: Act;
  readonly load: (text: string | Promise<string>) => void;
}
export function useModels(): Models {
  const { app } = useStore();
  const known = useSignal<readonly ModelRow[]>([]);
  const act = useAct();
  useEffect(() => void app.models().then((rows) => (known.value = rows)), []);
  return { known: known.value, act, load: (text) => act.run(async () => void (known.value = await app.loadModels(await text))) };
}

export function Metadata({ models, onAllow }: { readonly models: Models; readonly onAllow: (aaguid: string) => void }): JSX.Element {
  const { known, act, load } = models;
  const pasted = useSignal('');
  const id = useId();
  return (
    <div class="stack">
      <p>{w.metadataText}</p>
      <p role="status">{known.length === 0 ? w.metadataNone : w.loaded(known.length)}</p>
      <NamedList
        items={known}
        look="rows"
        row={({ aaguid, name, roots }) => (
          <li key={aaguid} class="row single">
            <span class="row-what">
              <bdi>{name}</bdi>
            </span>
            <span class="row-note">
              <code>{aaguid}</code> · {w.roots(roots)}
            </span>
            <span class="row-end">
              <Button look="quiet" label={`${w.allow}: ${name}`} onClick={() => onAllow(aaguid)}>
                {w.allow}
              </Button>
            </span>
          </li>
        )}
      />
      <div class="field">
        <label for={id}>{w.load}</label>
        <input
          id={id}
          type="file"
          accept="application/json,.json"
          onChange={({ currentTarget: { files } }) => {
            const file = files?.[0];
            if (file) load(file.text());
          }}
        />
      </div>
      <details>
        <summary>{w.paste}</summary>
        <div class="stack">
          <TextArea label={w.metadata} value={pasted.value} onInput={(value) => (pasted.value = value)} />
          <Button disabled={pasted.value.trim() === ''} onClick={() => load(pasted.value)}>
            {w.use}
          </Button>
        </div>
      </details>
      <FailureNote failure={act.failure} />
    </div>
  );
}
