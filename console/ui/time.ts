// Times as a person reads them: what is left, at which minute, how long. Pure; the clock is the caller's.

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** `2:41`, `1:02:41` from an hour on, `6 days` from two days on; never negative, and 0:00 only once it is over. */
export function countdown(untilMs: number, nowMs: number): string {
  const left = Math.max(0, Math.ceil((untilMs - nowMs) / second));
  if (left >= 2 * 86_400) return unit(Math.floor(left / 86_400), 'day');
  const [hours, minutes, seconds] = [Math.floor(left / 3_600), Math.floor((left % 3_600) / 60), left % 60];
  const two = (value: number): string => String(value).padStart(2, '0');
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`;
}

/** The same in words, for screen readers: `2 minutes 41 seconds`. */
export function spokenCountdown(untilMs: number, nowMs: number): string {
  const left = Math.max(0, Math.ceil((untilMs - nowMs) / second));
  if (left >= 2 * 86_400) return unit(Math.floor(left / 86_400), 'day');
  const [minutes, seconds] = [Math.floor(left / 60), left % 60];
  return [minutes > 0 ? unit(minutes, 'minute') : '', seconds > 0 || minutes === 0 ? unit(seconds, 'second') : ''].filter((part) => part !== '').join(' ');
}

/** A length of time: `15 minutes`, `1 hour`, `90 minutes`. */
export function duration(seconds: number): string {
  if (seconds >= 86_400 && seconds % 86_400 === 0) return unit(seconds / 86_400, 'day');
  if (seconds >= 3_600 && seconds % 3_600 === 0) return unit(seconds / 3_600, 'hour');
  if (seconds >= 60) return unit(Math.round(seconds / 60), 'minute');
  return unit(seconds, 'second');
}

/** The same where there is little room: `15 min`, `1 h`, `1 day`. */
export function shortDuration(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  if (seconds % 3_600 === 0) return seconds % 86_400 === 0 ? duration(seconds) : `${seconds / 3_600} h`;
  return `${Math.round(seconds / 60)} min`;
}

function unit(count: number, name: string): string {
  return `${count} ${name}${count === 1 ? '' : 's'}`;
}

export interface Calendar {
  /** `12:18` today, `Mon 12:18` this week, `4 Nov, 12:18` before. */
  readonly moment: (at: number, nowMs: number) => string;
  /** `4 November 2026, 12:18:05 CET`: with its zone, for what is kept. */
  readonly exact: (at: number) => string;
  readonly date: (at: number) => string;
  readonly clock: (at: number) => string;
}

export function createCalendar(timeZone?: string): Calendar {
  const zone = timeZone === undefined ? {} : { timeZone };
  const format = (options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat => new Intl.DateTimeFormat('en-GB', { ...options, ...zone });
  const clock = format({ hour: '2-digit', minute: '2-digit' });
  const weekday = format({ weekday: 'short', hour: '2-digit', minute: '2-digit' });
  const dated = format({ day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
  const exactly = format({ day: 'numeric', month: 'long', year: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit', timeZoneName: 'short' });
  const daily = format({ day: 'numeric', month: 'short', year: 'numeric' });
  return {
    moment: (at, nowMs) => {
      if (daily.format(at) === daily.format(nowMs)) return clock.format(at);
      return Math.abs(nowMs - at) < 6 * day ? weekday.format(at) : dated.format(at);
    },
    exact: (at) => exactly.format(at),
    date: (at) => daily.format(at),
    clock: (at) => clock.format(at),
  };
}

/** `ana, ben and cem` */
export function listNames(names: readonly string[]): string {
  return new Intl.ListFormat('en-GB', { type: 'conjunction' }).format(names);
}
