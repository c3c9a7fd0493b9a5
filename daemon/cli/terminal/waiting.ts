// The line that a person reads while another person decides (spec/10-local-api.md §waiting): in place on a terminal, one line a change elsewhere.
import type { ChangeProgress, PutProgress, ReleaseProgress } from '../../../sdk/client.ts';
import { Interrupted, type Output } from './output.ts';
import { clockTime, countdown, printable } from './text.ts';
import type { World } from './world.ts';

export type Progress = ReleaseProgress | PutProgress | ChangeProgress;
type WaitingEvent = Extract<Progress, { readonly event: 'waiting' }>;

/** Runs `work` until people decided. Ctrl-C withdraws what was asked, by closing the connection. Throws Interrupted then. */
export async function awaitPeople<T>(
  { world, output }: { readonly world: World; readonly output: Output },
  work: (waiting: { readonly signal: AbortSignal; readonly onProgress: (event: Progress) => void }) => Promise<T>,
): Promise<T> {
  const withdrawal = new AbortController();
  const line = createWaitingLine(world, output);
  using _signals = world.onSignals(['SIGINT', 'SIGTERM', 'SIGHUP'], (signal) => {
    withdrawal.abort(new Interrupted(signal, line.asked ? 'withdrawn: nobody is asked any more, and a late approval releases nothing' : 'withdrawn'));
  });
  try {
    return await work({ signal: withdrawal.signal, onProgress: line.show });
  } finally {
    line.end();
  }
}

interface WaitingLine {
  readonly asked: boolean;
  show(event: Progress): void;
  end(): void;
}

/** Within 100 ms a person sees that something happens, even where the relay is slow. */
const patienceMs = 70;

function createWaitingLine(world: World, output: Output): WaitingLine {
  let current: WaitingEvent | undefined;
  let approved: readonly string[] = [];
  let timer: ReturnType<typeof setInterval> | undefined;
  let drawn = false;
  let known: boolean | undefined;
  // Looked up when first needed: a leased read ends before that.
  const live = (): boolean => (known ??= !output.json && !output.quiet && world.env['TERM'] !== 'dumb' && world.isTerminal(2));
  const put = (text: string): void => {
    world.write(2, `\r\x1b[2K${fit(text, world.columns() - 1)}`);
    drawn = true;
  };
  const patience = setTimeout(() => {
    if (current === undefined && live()) put('asking · Ctrl-C withdraws');
  }, patienceMs);

  const erase = (): void => {
    if (drawn) world.write(2, '\r\x1b[2K');
    drawn = false;
  };
  const draw = (): void => {
    if (current === undefined) return;
    const text = waitingText(current, approved, world.now());
    if (live()) put(text);
    else output.note(text);
  };
  const tell = (text: string): void => {
    erase();
    output.note(text);
    if (live()) draw();
  };

  return {
    get asked() {
      return current !== undefined;
    },
    show(event) {
      if (output.json) output.jsonLine(event);
      switch (event.event) {
        case 'waiting':
          current = event;
          draw();
          if (live()) timer ??= setInterval(draw, 1_000);
          return;
        case 'shown':
          return tell(`shown on ${deviceText(event)} ${clockTime(event.at)}`);
        case 'stored':
          return tell(`stored ${printable(event.path)} version ${event.version}, countersigned by ${printable(event.by)}`);
        case 'approved':
          approved = [...approved, event.member];
          if (event.have < event.needed) tell(`${printable(event.member)} approved, ${event.have} of ${event.needed}`);
          return;
        case 'denied':
          return event.final ? undefined : tell(`${printable(event.member)} denied`); // the failure that ends it says the rest
      }
    },
    end() {
      clearTimeout(patience);
      clearInterval(timer);
      erase();
    },
  };
}

/** `ben's phone`, whether the device is called phone or ben's phone. */
function deviceText({ member, device }: Extract<Progress, { readonly event: 'shown' }>): string {
  const named = device.toLowerCase().startsWith(member.toLowerCase());
  return named ? printable(device) : `${printable(member)}'s ${printable(device)}`;
}

/** `waiting for ben or 1 other approver · prod/db-primary · code 47 · 2:58 left · Ctrl-C withdraws` */
export function waitingText(event: WaitingEvent, approved: readonly string[], now: number): string {
  const missing = event.approvers.filter((name) => !approved.includes(name)).map(printable);
  const needed = Math.max(1, event.needed - approved.length);
  const left = countdown(Date.parse(event.expires_at) - now);
  return [`waiting for ${whoText(missing, needed)}`, pathsText(event.paths), `code ${printable(event.code)}`, `${left} left`, 'Ctrl-C withdraws'].join(' · ');
}

function whoText([first = 'an approver', ...others]: readonly string[], needed: number): string {
  if (needed > 1) return `${needed} of ${[first, ...others.slice(0, 3)].join(', ')}${others.length > 3 ? ` and ${others.length - 3} more` : ''}`;
  return others.length === 0 ? first : `${first} or ${others.length} other approver${others.length === 1 ? '' : 's'}`;
}

export function pathsText([first = '', ...others]: readonly string[]): string {
  return printable(first) + (others.length === 0 ? '' : ` and ${others.length} other${others.length === 1 ? '' : 's'}`);
}

/** A line that wraps cannot be redrawn in place: the hint goes first, then the end of the path. Code and time stay. */
function fit(text: string, width: number): string {
  if (Bun.stringWidth(text) <= width) return text;
  if (!text.includes(' · code ')) return cut(text, width);
  const [who = '', paths = '', ...rest] = text.split(' · ').slice(0, -1);
  const without = (kept: readonly string[]): string => kept.join(' · ');
  const full = without([who, paths, ...rest]);
  if (Bun.stringWidth(full) <= width) return full;
  const short = without([who.replace(/ or \d+ other.*/, ' +'), `…${paths.slice(paths.lastIndexOf('/'))}`, ...rest]);
  if (Bun.stringWidth(short) <= width) return short;
  return cut(without(rest), width);
}

function cut(text: string, width: number): string {
  let line = '';
  for (const char of text) {
    if (Bun.stringWidth(line + char) > width) break;
    line += char;
  }
  return line;
}
