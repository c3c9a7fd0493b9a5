// History (spec/15-audit.md §rows): who released what to which program when, from verified receipts and the signed log; alerts on top.
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import type { HistoryRow } from '../app.ts';
import { useOrg, useStore } from '../shell/store.ts';
import { Breakable } from '../ui/breakable.tsx';
import { Moment } from '../ui/countdown.tsx';
import { Icon, type IconName } from '../ui/icons.tsx';
import { EmptyState, Note } from '../ui/note.tsx';
import { Page, Section } from '../ui/page.tsx';
import { listNames } from '../ui/time.ts';
import { coreWords } from '../ui/words-core.ts';
import { pageWords } from '../ui/words-pages.ts';
import { Check } from './check.tsx';
import { Filters } from './filters.tsx';
import { type HistoryWish, alertsOf, filterHistory, groupByDay, wholeHistory } from './model.ts';

const w = pageWords.history;
const icons: Readonly<Record<HistoryRow['kind'], IconName>> = {
  release: 'check',
  use: 'key',
  deny: 'cross',
  expired: 'lease',
  withdrawn: 'back',
  failed: 'warning',
  log: 'people',
  alert: 'warning',
  stored: 'plus',
  ended: 'lease',
};

export function HistoryPage(): JSX.Element {
  const { history } = useOrg();
  const { calendar, now } = useStore();
  const wish = useSignal<HistoryWish>(wholeHistory);
  const rows = filterHistory(history, wish.value, now.peek());
  if (history.length === 0)
    return (
      <Page title={w.title}>
        <EmptyState icon="history" title={w.empty}>
          <p>{w.emptyText}</p>
        </EmptyState>
      </Page>
    );
  return (
    <Page title={w.title}>
      <Alerts alerts={alertsOf(history)} />
      <Check />
      <Filters history={history} wish={wish.value} onWish={(next) => (wish.value = next)} />
      {rows.length === 0 && <p role="status">{w.none}</p>}
      {groupByDay(rows, calendar.date).map(({ day, rows: ofDay }) => (
        <Section key={day} title={day}>
          <ul class="rows history">
            {ofDay.map((row, index) => (
              <li key={index} class="row">
                <Entry row={row} />
              </li>
            ))}
          </ul>
        </Section>
      ))}
    </Page>
  );
}

function Alerts({ alerts }: { readonly alerts: readonly HistoryRow[] }): JSX.Element | null {
  if (alerts.length === 0) return null;
  return (
    <Section title={w.alerts}>
      {alerts.map((alert, index) => (
        <Note key={index} tone="danger" icon="warning" title={alert.what}>
          <p class="faint">
            <Moment at={alert.at} />
            {alert.machine !== undefined && ` · ${alert.machine}`}
            {alert.who.length > 0 && ` · ${listNames(alert.who)}`}
          </p>
        </Note>
      ))}
    </Section>
  );
}

/** Entries of the log say themselves what they changed. */
const isSentence = ({ kind }: HistoryRow): boolean => kind === 'log' || kind === 'stored';

function Entry({ row }: { readonly row: HistoryRow }): JSX.Element {
  const where = [row.program, row.machine].filter((part) => part !== undefined);
  return (
    <>
      <span class={`kind ${row.kind}`}>
        <Icon name={icons[row.kind]} size={18} />
      </span>
      <span class="row-head">
        {isSentence(row) ? (
          row.what.charAt(0).toUpperCase() + row.what.slice(1)
        ) : (
          <>
            <strong>{w.kinds[row.kind]}</strong>{' '}
            <span class="mono">
              <Breakable text={row.what} />
            </span>
          </>
        )}
      </span>
      <span class="row-note faint">
        {row.who.length > 0 && listNames(row.who)}
        {row.who.length > 0 && where.length > 0 && ' · '}
        {where.length > 0 && <Breakable text={where.join(` ${coreWords.review.on} `)} />}
      </span>
      <span class="row-end faint">
        <Moment at={row.at} form="clock" />
        <span class={row.proof === 'verified' ? 'proof' : 'proof missing'}>
          <Icon name={row.proof === 'verified' ? 'proof' : 'warning'} size={16} />
          {row.proof === 'verified' ? w.verified : w.missing}
        </span>
        {row.codes !== undefined && row.codes.length > 0 && <span class="mono">{row.codes.join(' ')}</span>}
      </span>
    </>
  );
}
