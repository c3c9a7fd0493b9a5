// History: who released what to which program when, from verified receipts and the signed log; alerts on top.
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import type { HistoryRow } from '../app.ts';
import { useOrg, useStore } from '../shell/store.ts';
import { Breakable } from '../ui/breakable.tsx';
import { Moment } from '../ui/countdown.tsx';
import { Choices, Field } from '../ui/field.tsx';
import { Icon, type IconName } from '../ui/icons.tsx';
import { EmptyState, Note } from '../ui/note.tsx';
import { Page, Section } from '../ui/page.tsx';
import { listNames } from '../ui/time.ts';
import { coreWords } from '../ui/words-core.ts';
import { pageWords } from '../ui/words-pages.ts';
import { type HistoryFilter, alertsOf, filterHistory, groupByDay } from './model.ts';

const w = pageWords.history;
const filters: readonly HistoryFilter[] = ['all', 'released', 'refused', 'changes'];
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
  const { calendar } = useStore();
  const filter = useSignal<HistoryFilter>('all');
  const query = useSignal('');
  const rows = filterHistory(history, filter.value, query.value);
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
      <div class="filters">
        <Choices
          hiddenLegend
          legend={w.filter}
          value={filter.value}
          choices={filters.map((value) => ({ value, label: w.filters[value] }))}
          onChange={(value) => (filter.value = value)}
        />
        <Field label={coreWords.common.search} type="search" value={query.value} onInput={(value) => (query.value = value)} />
      </div>
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
          <span class="sr-only">{row.proof === 'verified' ? w.verified : ''}</span>
          {row.proof === 'missing' && w.missing}
        </span>
      </span>
    </>
  );
}
