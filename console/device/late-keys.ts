// Metadata keys for a device that waited to be let in while they were renewed: from the newest record that has a wrap for it, and back from there
// (spec/05-org-log.md §epochs). A wrong key opens nothing: the log names each one.
import { openMkWrap, orgStream, parseRecord } from '../../protocol/org-log/record.ts';
import type { StreamRecord } from '../../protocol/wire.ts';
import { beginsEpoch, walkKeysBack } from '../../relay-client/judge.ts';
import type { Session } from './session.ts';

/** Adds what it finds; a device that is not in yet finds nothing. */
export async function learnLateKeys({ client, log, me, inboxKey }: Pick<Session, 'client' | 'log' | 'me' | 'inboxKey'>): Promise<void> {
  const firsts: StreamRecord[] = [];
  const stream = orgStream(me.org);
  for (let next = 0, seq = 0; next <= seq;) {
    const { records, head } = await client.read(stream, next);
    firsts.push(...records.filter(({ blob }) => beginsEpoch(blob)));
    [next, seq] = records.length === 0 ? [1, 0] : [next + records.length, head.seq];
  }
  for (const { blob } of firsts.toReversed()) {
    const { epoch, wraps } = parseRecord(blob);
    const sealed = wraps && (await client.getBlobs([wraps]))[0];
    const mk = sealed && (await openMkWrap(me.org, epoch, me.device, inboxKey, sealed).catch(() => undefined)); // not for this device
    if (!mk) continue;
    for (const [earlier, key] of await walkKeysBack(me.org, new Map([[epoch, mk]]), firsts)) if (!log.keys.has(earlier)) log.addKey(earlier, key);
    return;
  }
}
