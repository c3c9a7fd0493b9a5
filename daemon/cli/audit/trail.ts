// Runs the audit over a trail, from the daemon or from an export, line by line (spec/15-audit.md §audit).
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import type { AuditHeads, Finding } from '../../../protocol/audit/audit.ts';
import type { AuditRow } from '../../../protocol/audit/rows.ts';
import type { ProtocolCode } from '../../../protocol/errors.ts';
import type { OrgId } from '../../../protocol/hash.ts';
import { StillvaultError } from '../../../sdk/errors.ts';
import type { Verdict } from '../audit.ts';
import { usage } from '../terminal/arguments.ts';
import type { Call } from '../terminal/command.ts';
import { printable } from '../terminal/text.ts';

export interface Source {
  readonly org: string;
  readonly lines: AsyncIterable<string>;
  /** Code of what stopped the machine whose lines they are: a fork is in no log. */
  readonly halted?: string;
}
export interface Watching {
  readonly onRow?: (row: AuditRow) => void;
  readonly onFinding?: (finding: Finding) => void;
  /** Each line as it was, before it is judged. */
  readonly onLine?: (line: string) => void;
}
/** Alerts that are kept; all are counted and told. */
const findingsKept = 1_000;
const anchorBytes = 4_194_304;

export async function auditLines(call: Call, { org, lines, halted }: Source, { onRow, onFinding, onLine }: Watching = {}): Promise<Verdict> {
  const [{ createAudit }, { createExportReader }] = await Promise.all([
    import('../../../protocol/audit/audit.ts'),
    import('../../../protocol/audit/export.ts'),
  ]);
  if (!/^[0-9a-f]{64}$/.test(org)) throw usage('--org is the id of the organisation: 64 hex digits', 'stillvault org show');
  const anchor = anchorOf(call);
  const findings: Finding[] = [];
  let [entries, receipts] = [0, 0];
  const orgId = org as OrgId; // its shape was checked above
  const audit = createAudit({
    org: orgId,
    ...(anchor ? { anchor } : {}),
    onRow: (row) => {
      if (row.kind === 'log') entries++;
      else receipts++;
      onRow?.(row);
    },
    onFinding: (finding) => {
      if (findings.length < findingsKept) findings.push(finding);
      onFinding?.(finding);
    },
  });
  const reader = createExportReader(orgId, audit);
  if (halted !== undefined) audit.finding({ code: halted as ProtocolCode, why: 'this machine has stopped, since somebody shows it a history that cannot be' }); // the daemon's word for it
  using progress = showProgress(call, () => `verified ${entries} entries, ${receipts} receipts${findings.length > 0 ? `, ${findings.length} alerts` : ''}`);
  for await (const line of lines) {
    onLine?.(line);
    await reader.line(line);
    progress.step();
  }
  return { org, entries, receipts, heads: reader.finish(), findings };
}

/** This machine's organisation, as its daemon tells it. */
export async function daemonLines(call: Call): Promise<Source> {
  const daemon = call.client();
  const { org, halted } = await daemon.status();
  if (!org) throw new StillvaultError('not_enrolled', 'this machine belongs to no organisation yet', { next: 'stillvault join' });
  async function* lines(): AsyncGenerator<string> {
    for await (const line of daemon.audit()) yield JSON.stringify(line);
  }
  return { org: org.id, lines: lines(), ...(halted === undefined ? {} : { halted }) };
}

/** Lines of a file, or of standard input; never more than one of them in memory. */
export async function* fileLines(path: string): AsyncGenerator<string> {
  const { lineChars } = await import('../../../protocol/audit/export.ts');
  const fd = path === '-' ? 0 : open(path);
  const chunk = new Uint8Array(65_536);
  const decoder = new StringDecoder('utf8');
  let text = '';
  try {
    for (let size = readSync(fd, chunk); size > 0; size = readSync(fd, chunk)) {
      const parts = (text + decoder.write(Buffer.from(chunk.subarray(0, size)))).split('\n');
      text = parts.pop() ?? '';
      for (const line of parts) yield line;
      if (text.length > lineChars) throw new StillvaultError('error', 'a line of this file is longer than any line of an export', { detail: 'E_LIMIT' });
    }
    if (text !== '') yield text; // cut off in the middle: judged as what it is
  } finally {
    if (fd !== 0) closeSync(fd);
  }
}

function open(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (cause) {
    throw new StillvaultError('not_found', `there is no readable file ${printable(path)}`, { cause });
  }
}

function anchorOf({ args }: Call): AuditHeads | undefined {
  const path = args.text('anchor');
  if (path === undefined) return undefined;
  const fd = open(path);
  try {
    const value: unknown = JSON.parse(readFileSync(fd, 'utf8').slice(0, anchorBytes));
    const heads: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, 'heads') : undefined;
    if (isHeads(heads)) return heads;
  } catch {
    // told below
  } finally {
    closeSync(fd);
  }
  throw usage(`${printable(path)} is not what an earlier verification wrote`, 'stillvault audit verify --json > anchor.json');
}

function isHeads(value: unknown): value is AuditHeads {
  if (typeof value !== 'object' || value === null) return false;
  const isHash = (hash: unknown): boolean => typeof hash === 'string' && /^[0-9a-f]{64}$/.test(hash);
  const log: unknown = Reflect.get(value, 'log');
  const machines: unknown = Reflect.get(value, 'machines');
  if (typeof machines !== 'object' || machines === null || typeof log !== 'object' || log === null) return false;
  const counts = (holder: object, count: string, hash: string): boolean =>
    Number.isSafeInteger(Reflect.get(holder, count)) && isHash(Reflect.get(holder, hash));
  return counts(log, 'seq', 'eh') && Object.values(machines).every((one: unknown) => typeof one === 'object' && one !== null && counts(one, 'n', 'hash'));
}

const progressMs = 250;

/** One line on a terminal that is written over; nothing elsewhere. */
export function showProgress({ world, output }: Call, text: () => string): Disposable & { step(): void } {
  const isShown = world.isTerminal(2) && !output.json && !output.quiet;
  let next = world.now() + progressMs;
  let wasShown = false;
  return {
    step: () => {
      if (!isShown || world.now() < next) return;
      next = world.now() + progressMs;
      wasShown = true;
      world.write(2, `\r\x1b[2K${text()}`);
    },
    [Symbol.dispose]: () => {
      if (wasShown) world.write(2, '\r\x1b[2K');
    },
  };
}
