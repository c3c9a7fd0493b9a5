// What the program says of itself: a quotation in a dashed frame, named as unchecked, never mixed with what was seen.
import type { JSX } from 'preact';
import { useId } from 'preact/hooks';
import type { ReviewCard } from '../app.ts';
import { Icon } from '../ui/icons.tsx';
import { CopyField } from '../ui/copy-field.tsx';
import { coreWords } from '../ui/words-core.ts';
import { looksMixed } from './model.ts';
import { MixedMark } from './mixed-mark.tsx';

export function Claim({ card }: { readonly card: ReviewCard }): JSX.Element {
  const { agent, reason } = card.claimed;
  const w = coreWords.review;
  const id = useId();
  return (
    <section class="claim" aria-labelledby={id}>
      <h2 id={id}>
        <Icon name="speech" size={18} />
        <span>
          {agent === '' ? w.claimsNobody : <bdi>{w.claims(agent)}</bdi>}
          <small>{w.claimsNote}</small>
        </span>
      </h2>
      {reason === '' ? (
        <p class="unknown">{w.noReason}</p>
      ) : (
        <blockquote>
          <bdi>{reason}</bdi>
        </blockquote>
      )}
      {card.need && <Where text={card.need.where} />}
      {(looksMixed(reason) || looksMixed(agent)) && <MixedMark />}
    </section>
  );
}

/** Where the value is to be had, as the program claims: text to copy, never a link. */
export function Where({ text }: { readonly text: string }): JSX.Element {
  const w = coreWords.review;
  if (text === '') return <p class="unknown">{w.noWhere}</p>;
  return (
    <div class="where">
      <CopyField label={w.where} text={text} />
      {looksMixed(text) && <MixedMark />}
      <p class="faint">{w.whereNote}</p>
    </div>
  );
}
