// A use of the recovery kit in one line, for every place that must be loud about it (spec/18-recovery.md §use).
import type { Status } from '../../../protocol/local-api.ts';
import { dateTime, printable } from '../terminal/text.ts';

export function recoveryText({ name, isNew, device, reason, effectiveAt }: NonNullable<Status['recovering']>): string {
  const who = `${printable(name)} ${isNew ? 'comes in as a new admin' : 'gets a new device, as admin'} (${printable(device)})`;
  return `the recovery kit was used: ${who}, takes effect ${dateTime(effectiveAt)}, reason “${printable(reason)}”; an admin's freeze stops it`;
}
