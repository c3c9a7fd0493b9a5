// The whole trail, verified here: this device's own log, and what the relay has of every machine's receipts (spec/15-audit.md §audit).
import { type Finding, createAudit } from '../../protocol/audit/audit.ts';
import { auditParts } from '../../relay-client/audit-parts.ts';
import type { AuditReport } from '../app.ts';
import type { Session } from './session.ts';

/** More than anybody reads; the first say what is wrong. */
const findingsKept = 200;

export async function auditTrail({ me, log, client, platform }: Session, progress: (entries: number, receipts: number) => void): Promise<AuditReport> {
  await log.sync();
  const findings: Finding[] = [];
  let [entries, receipts] = [0, 0];
  const onFinding = (finding: Finding): void => void (findings.length < findingsKept && findings.push(finding));
  const audit = createAudit({ org: me.org, onRow: ({ kind }) => void (kind === 'log' ? entries++ : receipts++), onFinding });
  for await (const part of auditParts({ org: me.org, log, client })) {
    if (part.kind === 'entry') await audit.entry(part.bytes);
    else if (part.kind === 'receipt') await audit.receipt(part.machine, part.bytes);
    else audit.missing(part.machine, part.code);
    progress(entries, receipts);
  }
  audit.finish(platform.now());
  const told = findings.map(({ code, why, at, machine }) => ({
    code,
    why,
    ...(at === undefined ? {} : { at }),
    ...(machine ? { machine: machine.name } : {}),
  }));
  return { entries, receipts, findings: told };
}
