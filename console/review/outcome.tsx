// What became of the request: what was released, to whom, until when, and the way to end it or to go on.
import type { JSX } from 'preact';
import type { LeaseRow, ReviewCard } from '../app.ts';
import { nextWaiting } from '../inbox/model.ts';
import { formatRoute } from '../shell/routes.ts';
import { useOrg, useStore } from '../shell/store.ts';
import { useAct } from '../ui/act.ts';
import { Button, LinkButton } from '../ui/button.tsx';
import { Countdown } from '../ui/countdown.tsx';
import { Icon, type IconName } from '../ui/icons.tsx';
import { FailureNote } from '../ui/note.tsx';
import { coreWords } from '../ui/words-core.ts';
import { type Ending, leaseOf, outcomeOf, subjectOf, whoText } from './model.ts';

const icons: Readonly<Record<Ending, IconName>> = { good: 'check', stopped: 'cross', quiet: 'history', problem: 'warning' };

export function OutcomePanel({ card }: { readonly card: ReviewCard }): JSX.Element | null {
  const { now } = useStore();
  const { leases, inbox } = useOrg();
  const result = outcomeOf(card, now.value);
  if (!result) return null;
  const next = nextWaiting(inbox, card.requestId, now.value);
  const lease = card.outcome?.kind === 'released' && card.outcome.until !== undefined ? leaseOf(card, leases) : undefined;
  return (
    <div class={`outcome ${result.tone}`}>
      <div class="outcome-head" role="status">
        <span class="outcome-mark">
          <Icon name={icons[result.tone]} size={24} />
        </span>
        <div>
          <p class="outcome-title">{result.title}</p>
          {card.outcome?.kind === 'released' && (
            <p>
              <span class="mono">{subjectOf(card)}</span> {coreWords.review.to(whoText(card.observed), card.machine.name)}
            </p>
          )}
          {card.outcome?.kind === 'released' && card.outcome.until !== undefined ? (
            <LeaseLine until={card.outcome.until} live={lease !== undefined} />
          ) : (
            <p class="faint">{result.text}</p>
          )}
        </div>
      </div>
      <div class="pair">
        {lease && lease.until > now.value ? (
          <EndLease lease={lease} />
        ) : (
          <LinkButton href={formatRoute({ page: 'inbox' })}>{coreWords.review.toInbox}</LinkButton>
        )}
        {next ? (
          <LinkButton look="strong" href={formatRoute({ page: 'inbox', open: next.requestId })}>
            {coreWords.review.nextRequest}
          </LinkButton>
        ) : (
          lease && lease.until > now.value && <LinkButton href={formatRoute({ page: 'inbox' })}>{coreWords.review.toInbox}</LinkButton>
        )}
      </div>
    </div>
  );
}

function LeaseLine({ until, live }: { readonly until: number; readonly live: boolean }): JSX.Element {
  const { now, calendar } = useStore();
  if (!live || until <= now.value) return <p class="faint">{coreWords.review.leaseOver}</p>;
  return (
    <p class="faint">
      {coreWords.review.leaseUntil(calendar.moment(until, now.value))} <Countdown until={until} /> {coreWords.review.left}
    </p>
  );
}

function EndLease({ lease }: { readonly lease: LeaseRow }): JSX.Element {
  const { app, tell } = useStore();
  const act = useAct();
  return (
    <div class="stack">
      <Button
        icon="cross"
        busy={act.busy || lease.ending}
        onClick={() =>
          act.run(
            () => app.endLease(lease.id),
            () => tell(coreWords.review.leaseEnded),
          )
        }
      >
        {coreWords.review.endLease}
      </Button>
      <FailureNote failure={act.failure} />
    </div>
  );
}
