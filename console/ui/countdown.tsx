// Time that is left, ticking with the shared clock. A screen reader gets it when it asks, never every second.
import type { JSX } from 'preact';
import { useStore } from '../shell/store.ts';
import { countdown, spokenCountdown } from './time.ts';

const hurryMs = 30_000;

export function Countdown({ until }: { readonly until: number }): JSX.Element {
  const now = useStore().now.value;
  return (
    <span class={until - now <= hurryMs ? 'countdown hurry' : 'countdown'} role="timer">
      <span aria-hidden="true">{countdown(until, now)}</span>
      <span class="sr-only">{spokenCountdown(until, now)}</span>
    </span>
  );
}

/** A moment, with date, seconds and zone for who wants to know exactly. */
export function Moment({ at, form = 'moment' }: { readonly at: number; readonly form?: 'moment' | 'clock' }): JSX.Element {
  const { calendar, now } = useStore();
  return (
    <time dateTime={new Date(at).toISOString()} title={calendar.exact(at)}>
      {calendar[form](at, now.value)}
    </time>
  );
}
