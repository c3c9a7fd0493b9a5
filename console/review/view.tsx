// THE card: who asks for what, for what, why, how long, what is unusual (product.md §What the approver sees).
// Fixed order; what the daemon saw and what the program claims never look alike; the decision stays in reach.
import type { JSX, TargetedKeyboardEvent } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import type { ReviewCard } from '../app.ts';
import { nextWaiting } from '../inbox/model.ts';
import { formatRoute } from '../shell/routes.ts';
import { useOrg, useStore } from '../shell/store.ts';
import { Breakable } from '../ui/breakable.tsx';
import { Countdown } from '../ui/countdown.tsx';
import { Icon } from '../ui/icons.tsx';
import { BackLink, FocusedHeading } from '../ui/page.tsx';
import { coreWords } from '../ui/words-core.ts';
import { ChangeList } from './changes.tsx';
import { Claim } from './claim.tsx';
import { DecisionBar } from './decision.tsx';
import { MixedMark } from './mixed-mark.tsx';
import { NeedBar } from './need.tsx';
import { isWaiting, looksMixed, outcomeOf, unusualLines, whoAsks } from './model.ts';
import { MoreObserved, ObservedFacts } from './observed.tsx';
import { OutcomePanel } from './outcome.tsx';
import { useSeen } from './seen.ts';

export function Review({ card }: { readonly card: ReviewCard }): JSX.Element {
  const { app, now, world } = useStore();
  const id = useId();
  const [end, bar] = [useRef<HTMLDivElement>(null), useRef<HTMLDivElement>(null)];
  const deny = useRef<HTMLButtonElement>(null);
  const seen = useSeen(end, bar, world.window);
  const waiting = isWaiting(card, now.value);
  useEffect(() => {
    if (world.window.document.visibilityState === 'visible') app.shown(card.requestId);
  }, []);
  // `d` leads to Deny and no further; there is no key for Approve.
  const onKeyDown = (event: TargetedKeyboardEvent<HTMLElement>): void => {
    if (event.key === 'd' && !event.ctrlKey && !event.metaKey && !event.altKey) deny.current?.focus();
  };
  return (
    <div
      class={waiting ? 'review' : 'review over'}
      role={waiting ? 'alertdialog' : undefined}
      aria-labelledby={`${id}-title`}
      aria-describedby={`${id}-facts`}
      onKeyDown={onKeyDown}
    >
      <ReviewHead card={card} />
      <div class="review-body">
        <CardTitle id={`${id}-title`} card={card} />
        {card.changes && <ChangeList lines={card.changes} />}
        <Unusual marks={card.unusual} />
        <div id={`${id}-facts`} class="stack">
          <ObservedFacts card={card} />
          <Claim card={card} />
        </div>
        <div ref={end} class="review-end" />
        <MoreObserved card={card} />
      </div>
      <div ref={bar} class="bar">
        {outcomeOf(card, now.value) ? (
          <OutcomePanel card={card} />
        ) : card.kind === 'need' ? (
          <NeedBar card={card} denyRef={deny} />
        ) : (
          <DecisionBar card={card} seen={seen} denyRef={deny} />
        )}
      </div>
    </div>
  );
}

function ReviewHead({ card }: { readonly card: ReviewCard }): JSX.Element {
  const { now } = useStore();
  const { inbox, online } = useOrg();
  const others = inbox.filter((other) => other !== card && isWaiting(other, now.value)).length;
  const waiting = isWaiting(card, now.value);
  return (
    <header class="review-head">
      <BackLink href={formatRoute({ page: 'inbox' })} label={coreWords.review.toInbox} />
      <p class="review-others">
        {!online && (
          <span class="away">
            <Icon name="offline" size={18} />
            <span class="sr-only">{coreWords.shell.offline}</span>
          </span>
        )}
        {others > 0 && `${nextWaiting(inbox, card.requestId, now.value) ? `+${others}` : ''}`}
        {others > 0 && <span class="sr-only"> {coreWords.shell.waiting(others)}</span>}
      </p>
      {!card.matchRequired && (
        <p class="stat" title={coreWords.review.codeHint}>
          <span>{coreWords.review.code}</span>
          <strong>{card.matchCode}</strong>
          <span class="sr-only">{coreWords.review.codeHint}</span>
        </p>
      )}
      {waiting && (
        <p class="stat">
          <span>{coreWords.review.until}</span>
          <strong>
            <Countdown until={card.expiresAt} />
          </strong>
        </p>
      )}
    </header>
  );
}

function CardTitle({ id, card }: { readonly id: string; readonly card: ReviewCard }): JSX.Element {
  const { name, through } = whoAsks(card.observed);
  const w = coreWords.review;
  const several = card.items.length > 1;
  return (
    <div class="review-title">
      <FocusedHeading id={id}>
        <span class="who">
          <strong>{name === undefined ? <span class="unknown">{coreWords.common.unknown}</span> : <Breakable text={name} />}</strong>{' '}
          {through !== undefined && (
            <span>
              {coreWords.review.through} <Breakable text={through} />{' '}
            </span>
          )}
          <span>
            {w.on}{' '}
            <strong>
              <bdi>{card.machine.name}</bdi>
            </strong>
          </span>{' '}
          <span class="asks">
            {w.asks[card.kind]}
            {several && ` ${w.secrets(card.items.length)}`}
          </span>
        </span>
        {!several && !card.changes && <ItemName item={card.items[0]} />}
      </FocusedHeading>
      {several ? (
        <ul class="items">
          {card.items.map((item, index) => (
            <li key={index}>
              <ItemName item={item} />
              <ItemVersion item={item} kind={card.kind} />
              {item.description !== '' && (
                <p class="item-note">
                  <Description text={item.description} />
                </p>
              )}
            </li>
          ))}
        </ul>
      ) : (
        card.items[0] && (card.need ? <p class="item-note">{w.wanted(card.need.fields)}</p> : <ItemNote item={card.items[0]} kind={card.kind} />)
      )}
      {card.needed > 1 && (
        <p class="needed">
          <Icon name="people" size={18} /> {card.changes ? w.neededAdmins(card.needed) : w.needed(card.needed)}
        </p>
      )}
    </div>
  );
}

type Item = ReviewCard['items'][number];

function ItemName({ item }: { readonly item: Item | undefined }): JSX.Element {
  if (!item) return <span class="unknown">{coreWords.common.unknown}</span>;
  return (
    <span class="what mono">
      <Breakable text={item.path} />
      {item.field !== undefined && <span class="what-field">#{item.field}</span>}
      {item.mixedScripts && <MixedMark />}
    </span>
  );
}

/** One that replaces what is there stands out by more than its number. */
function ItemVersion({ item: { version }, kind }: { readonly item: Item; readonly kind: ReviewCard['kind'] }): JSX.Element {
  const w = coreWords.review;
  if (kind !== 'put') return <span class="faint">{w.short(version)}</span>;
  if (version === 1) return <span class="faint">{w.isNew}</span>;
  return (
    <span class="replaces">
      <Icon name="warning" size={18} /> {w.replaces(version - 1)}
    </span>
  );
}

function ItemNote({ item, kind }: { readonly item: Item; readonly kind: ReviewCard['kind'] }): JSX.Element {
  return (
    <p class="item-note">
      {kind === 'put' ? coreWords.review.newVersion(item.version) : coreWords.review.version(item.version)}
      {item.description !== '' && (
        <>
          {' · '}
          <Description text={item.description} />
        </>
      )}
    </p>
  );
}

function Description({ text }: { readonly text: string }): JSX.Element {
  return (
    <>
      <bdi>{text}</bdi>
      {looksMixed(text) && <MixedMark />}
    </>
  );
}

/** Always there, so that its absence is never overlooked. */
function Unusual({ marks }: { readonly marks: readonly string[] }): JSX.Element {
  if (marks.length === 0)
    return (
      <p class="usual">
        <Icon name="check" size={18} />
        {coreWords.review.usual}
      </p>
    );
  return (
    <ul class="unusual" aria-label={coreWords.review.unusual}>
      {unusualLines(marks).map((mark) => (
        <li key={mark}>
          <Icon name="warning" size={18} />
          {mark}
        </li>
      ))}
    </ul>
  );
}
