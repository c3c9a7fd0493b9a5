// The audit trail as this machine can read it, for whoever verifies it (spec/15-audit.md §trail).
import { exportLines } from '../protocol/audit/export.ts';
import { auditParts } from '../relay-client/audit-parts.ts';
import type { Ask } from './intake/connection.ts';
import type { Service } from './service.ts';
import type { DaemonStore, StoredReceipt } from './vault/store.ts';

/** Sent as fast as it is read: nothing of it is kept here. */
export async function sendAudit({ machine, link, desk }: Service, ask: Ask): Promise<void> {
  await link.sync().catch(() => undefined); // what is known is told; what the relay keeps away shows as missing
  const { log, client } = link;
  const parts = auditParts({ org: machine.org, log, client, own: { machine: machine.machine, receipts: () => receiptsIn(desk.store) } });
  const by = { org: machine.org, machine: machine.machine, sig: machine.sig, now: desk.now, head: () => log.requireState().head };
  for await (const line of exportLines(parts, by)) {
    ask.reply.event(line);
    await ask.reply.drained();
    if (ask.signal.aborted) return;
  }
  ask.reply.end();
}

function* receiptsIn(store: DaemonStore): Generator<StoredReceipt & { readonly isSent: boolean }> {
  for (let from = 0; ;) {
    const page = store.receiptsFrom(from);
    yield* page;
    const last = page.at(-1);
    if (!last) return;
    from = last.n + 1;
  }
}
