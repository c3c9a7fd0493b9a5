// Sheets typed from paper: word for word with help from the list, which word is wrong, and which sheet is of another kit. Kept by this page alone.
import { type Signal, useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useId } from 'preact/hooks';
import { wipe } from '../../protocol/bytes.ts';
import { type KitShare, wrongWord } from '../../protocol/recovery.ts';
import { Button } from '../ui/button.tsx';
import { Icon } from '../ui/icons.tsx';
import { recoveryWords } from '../ui/words-recovery.ts';
import { completed, inFours, judgeSheet, readTyped } from './model.ts';

const w = recoveryWords.kitType;

/** Sheets that were typed so far; wiped when the page that asked for them goes. */
export function useSheets(): Signal<readonly KitShare[]> {
  const shares = useSignal<readonly KitShare[]>([]);
  useEffect(() => () => forget(shares), []);
  return shares;
}
export function forget(shares: Signal<readonly KitShare[]>): void {
  wipe(...shares.value.map(({ share }) => share));
  shares.value = [];
}
export function isEnough(shares: readonly KitShare[]): boolean {
  const [first] = shares;
  return first !== undefined && shares.length >= first.t;
}

export function TypeSheets({ shares }: { readonly shares: Signal<readonly KitShare[]> }): JSX.Element {
  const typed = shares.value;
  const [first] = typed;
  return (
    <div class="stack">
      {typed.length > 0 && (
        <ul class="plain">
          {typed.map((share, index) => (
            <li key={share.x} class="typed-sheet">
              <Icon name="check" size={18} />
              <span>{w.accepted(index + 1, share.t)}</span>
              <Button
                look="quiet"
                icon="cross"
                label={w.remove(index + 1)}
                onClick={() => {
                  shares.value = typed.filter((one) => one !== share);
                  wipe(share.share);
                }}
              >
                {''}
              </Button>
            </li>
          ))}
        </ul>
      )}
      {!isEnough(typed) && (
        <OneSheet
          key={typed.length}
          label={first ? w.sheet(typed.length + 1, first.t) : w.first}
          known={typed}
          onShare={(share) => void (shares.value = [...typed, share])}
        />
      )}
    </div>
  );
}

function OneSheet({
  label,
  known,
  onShare,
}: {
  readonly label: string;
  readonly known: readonly KitShare[];
  readonly onShare: (share: KitShare) => void;
}): JSX.Element {
  const id = useId();
  const text = useSignal('');
  const problem = useSignal('');
  useEffect(() => () => void (text.value = ''), []);
  const { words, suggestions, unlisted } = readTyped(text.value);
  const type = (next: string): void => {
    text.value = next;
    problem.value = '';
    if (readTyped(next).isWhole) judge(next);
  };
  const judge = (whole: string): void => {
    const judged = judgeSheet(whole, known);
    if (judged.kind === 'share') return onShare(judged.share);
    if (judged.kind === 'twice') return void (problem.value = w.twice);
    if (judged.kind === 'other-kit') return void (problem.value = w.otherKit(inFours(judged.kit), inFours(judged.first)));
    problem.value = w.looking;
    // The search takes a moment: the words that say so come on the screen first.
    setTimeout(() => {
      if (text.value !== whole) return;
      const at = wrongWord(whole);
      problem.value = at === undefined ? w.wrongSome : w.wrongWord(at);
    }, 50);
  };
  const error = problem.value !== '' ? problem.value : unlisted !== undefined ? w.unlisted(unlisted) : words > 32 ? w.more(words) : undefined;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <textarea
        id={id}
        class="mono"
        rows={5}
        maxLength={640}
        value={text.value}
        autoComplete="off"
        autoCapitalize="none"
        autoCorrect="off"
        spellcheck={false}
        aria-describedby={error === undefined ? `${id}-hint ${id}-count` : `${id}-error`}
        aria-invalid={error !== undefined || undefined}
        onInput={(event) => type(event.currentTarget.value)}
      />
      <div class="suggestions" role="group" aria-label={w.suggestions}>
        {suggestions.map((word) => (
          <button
            key={word}
            type="button"
            class="button quiet"
            onClick={() => {
              type(completed(text.value, word));
              document.getElementById(id)?.focus();
            }}
          >
            {word}
          </button>
        ))}
      </div>
      <p id={`${id}-count`} class="faint" role="status">
        {w.count(words)}
      </p>
      {error === undefined ? (
        <p id={`${id}-hint`} class="faint">
          {w.hint}
        </p>
      ) : (
        <p id={`${id}-error`} class="field-error" role="alert">
          {error}
        </p>
      )}
    </div>
  );
}
