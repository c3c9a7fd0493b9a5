// Words for people: text of others made harmless once more, times, durations, lists (spec/10-local-api.md §command-line).
import type { StillvaultError } from '../../../sdk/errors.ts';
import { usage } from './arguments.ts';

/** Control, bidi, zero-width and tag characters, line separators, lone surrogates: what can move the cursor or reorder a line. */
const unsafe = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** One line for a terminal. */
export function printable(text: string): string {
  return text.replace(unsafe, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`);
}

/** JSON whose strings hold nothing that a terminal or a log viewer acts on. */
export function printableJson(value: unknown, indent?: number): string {
  const text = JSON.stringify(value, undefined, indent);
  return text.replace(/[^\n\x20-\x7e]/gu, (char) =>
    char.search(unsafe) < 0 ? char : [...Array(char.length).keys()].map((at) => `\\u${char.charCodeAt(at).toString(16).padStart(4, '0')}`).join(''),
  );
}

/** Why a file that somebody named gave nothing. */
export function unreadable(file: string, error: unknown): StillvaultError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const name = printable(file);
  if (code === 'ENOENT') return usage(`there is no file ${name}`, 'check the path; it is looked for from this folder');
  if (code === 'EISDIR') return usage(`${name} is a folder`);
  return usage(code === 'EACCES' ? `${name}: this user may not read it` : `${name} cannot be read`);
}

/** `15m`, `90s`, `1h30m`, or seconds. Throws usage. */
export function parseDuration(text: string, option: string, maxS: number): number {
  const found = /^(?:(\d{1,4})h)?(?:(\d{1,5})m)?(?:(\d{1,6})s?)?$/.exec(text);
  const [h = 0, m = 0, s = 0] = (found ?? []).slice(1).map((part) => Number(part ?? 0));
  const seconds = h * 3_600 + m * 60 + s;
  if (found === null || text === '' || seconds < 1 || seconds > maxS)
    throw usage(`--${option} is a time such as 90s, 15m or 1h, at most ${durationText(maxS)}; not ${printable(text)}`);
  return seconds;
}

/** Throws usage. */
export function parseCount(text: string, option: string, max: number): number {
  const count = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (count < 1 || count > max) throw usage(`--${option} is a whole number from 1 to ${max}; not ${printable(text)}`);
  return count;
}

/** Throws usage. 0 takes any free port. */
export function parsePort(text: string, option: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : -1;
  if (port < 0 || port > 65_535) throw usage(`--${option} is a port from 0 to 65535; not ${printable(text)}`);
  return port;
}

export function durationText(seconds: number): string {
  const [h, m, s] = [Math.floor(seconds / 3_600), Math.floor((seconds % 3_600) / 60), Math.floor(seconds % 60)];
  return `${h > 0 ? `${h}h` : ''}${m > 0 ? `${m}m` : ''}${s > 0 || seconds < 60 ? `${s}s` : ''}`;
}

/** `2:58`; hours as `1:02:58`. */
export function countdown(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1_000));
  const pad = (part: number): string => String(part).padStart(2, '0');
  const [h, m, s] = [Math.floor(seconds / 3_600), Math.floor((seconds % 3_600) / 60), seconds % 60];
  return h > 0 ? `${h}:${pad(m)}:${pad(s)}` : `${m}:${pad(s)}`;
}

/** `12:03`, of this machine's time zone. */
export function clockTime(iso: string): string {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return printable(iso);
  return `${String(at.getHours()).padStart(2, '0')}:${String(at.getMinutes()).padStart(2, '0')}`;
}

/** `2026-11-23 12:03` */
export function dateTime(iso: string): string {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return printable(iso);
  const part = (value: number): string => String(value).padStart(2, '0');
  return `${at.getFullYear()}-${part(at.getMonth() + 1)}-${part(at.getDate())} ${clockTime(iso)}`;
}

/** `1 lease`, `2 leases` */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** Left-aligned columns, two spaces apart, without trailing space. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, at) => (widths[at] = Math.max(widths[at] ?? 0, Bun.stringWidth(cell))));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, at) => cell + ' '.repeat((widths[at] ?? 0) - Bun.stringWidth(cell)))
      .join('  ')
      .trimEnd();
  return rows.map((row) => `${line(row)}\n`).join('');
}
