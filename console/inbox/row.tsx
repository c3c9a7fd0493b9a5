// One request in the list: who, what, where, and how long it still waits or how it ended.
import type { JSX } from 'preact';
import type { ReviewCard } from '../app.ts';
import { outcomeOf, subjectOf, unusualLines, whoText } from '../review/model.ts';
import { formatRoute } from '../shell/routes.ts';
import { useStore } from '../shell/store.ts';
import { Countdown } from '../ui/countdown.tsx';
import { Icon } from '../ui/icons.tsx';
import { coreWords } from '../ui/words-core.ts';

export function RequestRow({ card, current }: { readonly card: ReviewCard; readonly current: boolean }): JSX.Element {
  const outcome = outcomeOf(card, useStore().now.value);
  return (
    <a class={outcome ? 'row request over' : 'row request'} href={formatRoute({ page: 'inbox', open: card.requestId })} aria-current={current || undefined}>
      <span class="row-head">
        <strong>
          <bdi>{whoText(card.observed)}</bdi>
        </strong>{' '}
        <span class="faint">
          {coreWords.review.on} <bdi>{card.machine.name}</bdi> {card.kind === 'need' && coreWords.review.needs}
        </span>
      </span>
      <span class="row-what mono">{subjectOf(card)}</span>
      <span class="row-end">{outcome ? <span class={`ending ${outcome.tone}`}>{outcome.title}</span> : <Countdown until={card.expiresAt} />}</span>
      {!outcome && card.unusual.length > 0 && (
        <span class="row-mark">
          <Icon name="warning" size={16} />
          {unusualLines(card.unusual).join(', ')}
        </span>
      )}
    </a>
  );
}
