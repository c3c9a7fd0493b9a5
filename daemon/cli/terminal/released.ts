// What is said after people approved, and nothing after a lease answered: a leased read is silent. And what may go to a screen at all.
import type { Client, Released } from '../../../sdk/client.ts';
import { StillvaultError } from '../../../sdk/errors.ts';
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

/** `--reveal` is this user's wish, the policy has the last word. A pipe is not held to it, so this protects against accidents. */
export async function verifyShowable(client: Client, items: readonly { readonly path: string }[]): Promise<void> {
  for (const path of new Set(items.map((item) => item.path))) {
    const { policy } = await client.info(path);
    if (policy.revealAllowed !== true)
      throw new StillvaultError('policy_forbids', `${printable(path)} is shown on no screen: its rule ${printable(policy.pattern)} does not allow it`, {
        next: 'pipe it into the program that needs it, without --reveal',
        detail: 'E_POLICY',
      });
  }
}
