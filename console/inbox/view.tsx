// The inbox: live requests beside the one that is open; on a phone one after the other.
import { useSignalEffect } from '@preact/signals';
import type { JSX, TargetedKeyboardEvent } from 'preact';
import { useRef } from 'preact/hooks';
import { isWaiting } from '../review/model.ts';
import { Review } from '../review/view.tsx';
import { formatRoute } from '../shell/routes.ts';
import { useOrg, useStore } from '../shell/store.ts';
import { Icon } from '../ui/icons.tsx';
import { EmptyState, Note } from '../ui/note.tsx';
import { Page } from '../ui/page.tsx';
import { coreWords } from '../ui/words-core.ts';
import { Late } from '../shell/late.tsx';
import { DraftRows } from './drafts.tsx';
import { firstSteps, moveFocus, placeCards } from './model.ts';
import { News } from './news.tsx';
import { RequestRow } from './row.tsx';
import { GettingStarted } from './start.tsx';

export function InboxPage(): JSX.Element {
  const { route } = useStore();
  const org = useOrg();
  const open = route.value.open;
  const card = org.inbox.find(({ requestId }) => requestId === open);
  const isDraft = org.drafts.some(({ id }) => id === open);
  return (
    <div class={open !== undefined ? 'split opened' : org.inbox.length + org.drafts.length === 0 ? 'split alone' : 'split'}>
      <div class="split-list">
        <RequestList open={open} />
      </div>
      <div key={open} class="split-detail">
        {open === undefined ? (
          <p class="placeholder">{coreWords.inbox.choose}</p>
        ) : card ? (
          <Review key={open} card={card} />
        ) : isDraft ? (
          <Late page="draft" />
        ) : (
          <Gone />
        )}
      </div>
    </div>
  );
}

function RequestList({ open }: { readonly open: string | undefined }): JSX.Element {
  const { now, app, org: signalOfOrg, world } = useStore();
  const org = useOrg();
  const order = useRef<readonly string[] | undefined>(undefined);
  const cards = placeCards(order.current, org.inbox, now.peek());
  order.current = cards.map(({ requestId }) => requestId);
  // Seen here or on the open card: the requester is told once per request.
  useSignalEffect(() => {
    if (now.value > 0 && world.window.document.visibilityState === 'visible')
      for (const { requestId, outcome } of signalOfOrg.value?.inbox ?? []) if (!outcome) app.shown(requestId);
  });
  return (
    <Page title={coreWords.inbox.title} aside={open !== undefined}>
      <News />
      {cards.length === 0 ? (
        org.drafts.length === 0 && <Empty />
      ) : (
        <>
          {!cards.some((card) => isWaiting(card, now.value)) && <p class="lead">{coreWords.inbox.empty}</p>}
          <ul class="rows" aria-label={coreWords.inbox.list} onKeyDown={walk}>
            {cards.map((card) => (
              <li key={card.requestId}>
                <RequestRow card={card} current={card.requestId === open} />
              </li>
            ))}
          </ul>
        </>
      )}
      <DraftRows />
      <Troubles />
      {cards.length > 0 && <p class="faint keys">{coreWords.inbox.keys}</p>}
    </Page>
  );
}

// j, k and the arrows work while the focus is in the list, and nowhere else (WCAG 2.1.4).
function walk(event: TargetedKeyboardEvent<HTMLUListElement>): void {
  const links = [...event.currentTarget.querySelectorAll('a')];
  const next = moveFocus(links.length, links.indexOf(document.activeElement as HTMLAnchorElement), event.key); // -1 where it is none of them
  if (next === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  links[next]?.focus();
}

function Empty(): JSX.Element {
  const isNew = firstSteps(useOrg()) !== undefined;
  return (
    <>
      {isNew ? (
        <p class="lead">{coreWords.inbox.emptyText}</p>
      ) : (
        <EmptyState icon="inbox" title={coreWords.inbox.empty}>
          <p>{coreWords.inbox.emptyText}</p>
        </EmptyState>
      )}
      <GettingStarted />
    </>
  );
}

/** What does not stop approvals, below the list: it moves nothing that a finger is about to touch. */
function Troubles(): JSX.Element {
  const org = useOrg();
  const { calendar, now } = useStore();
  return (
    <div class="stack">
      {!org.online && (
        <Note tone="warning" icon="offline" title={coreWords.shell.offline} role="status">
          <p>{coreWords.shell.offlineText}</p>
        </Note>
      )}
      {org.notice && (
        <Note tone="warning" title={org.notice.what} role="status">
          <p>{org.notice.next}</p>
        </Note>
      )}
      {org.refused.length > 0 && (
        <Note tone="danger" icon="warning" title={coreWords.inbox.refused(org.refused.length)}>
          <p>{coreWords.inbox.refusedText}</p>
          <ul class="plain">
            {org.refused.map(({ code, at, machine }, index) => (
              <li key={index}>
                <code>{code}</code> {coreWords.inbox.refusedFrom(machine)}, {calendar.moment(at, now.value)}
              </li>
            ))}
          </ul>
        </Note>
      )}
    </div>
  );
}

function Gone(): JSX.Element {
  return (
    <div class="page">
      <EmptyState icon="inbox" title={coreWords.common.notHere.what}>
        <p>{coreWords.common.notHere.next}</p>
        <a class="button" href={formatRoute({ page: 'inbox' })}>
          <Icon name="back" />
          <span>{coreWords.review.toInbox}</span>
        </a>
      </EmptyState>
    </div>
  );
}
