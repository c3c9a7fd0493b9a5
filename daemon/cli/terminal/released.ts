// What is said after people approved, and nothing after a lease answered: a leased read is silent.
import type { Released } from '../../../sdk/client.ts';
import type { Output } from './output.ts';
import { clockTime, counted, durationText, printable } from './text.ts';

/** `approved by ben · once`, `approved by ben · lease 15m for claude (pid 4121), 20 uses left, until 12:18` */
export function releasedNote(output: Output, { from, approvedBy, lease }: Released, now: number): void {
  if (from === 'lease') return;
  const who = approvedBy.map(printable).join(' and ');
  const much =
    lease === undefined
      ? 'once'
      : `lease ${durationText(Math.round((Date.parse(lease.until) - now) / 1_000))} for ${printable(lease.holder)}, ${counted(lease.uses_left, 'use')} left, until ${clockTime(lease.until)}`;
  output.note(`approved by ${who} · ${much}`);
}
