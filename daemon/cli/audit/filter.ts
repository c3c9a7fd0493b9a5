// Which rows are wanted (spec/10-local-api.md §command-line).
import type { AuditRow } from '../../../protocol/audit/rows.ts';
import { type Arguments, usage } from '../terminal/arguments.ts';
import { parseCount, parseDuration, printable } from '../terminal/text.ts';

const kinds: readonly string[] = ['released', 'used', 'ended', 'denied', 'expired', 'withdrawn', 'failed', 'stored', 'log', 'alert'];
const daysMaxS = 366 * 86_400;

export function rowFilter(args: Arguments, now: number): (row: AuditRow) => boolean {
  const [since, until] = [momentOf(args, 'since', now) ?? 0, momentOf(args, 'until', now) ?? Number.POSITIVE_INFINITY];
  const lower = (name: string): string | undefined => args.text(name)?.toLowerCase();
  const [path, member, machine, program] = [args.text('path'), lower('member'), lower('machine'), lower('program')];
  const wanted = args.all('kind').flatMap((kind) => kind.split(','));
  const odd = wanted.find((kind) => !kinds.includes(kind));
  if (odd !== undefined) throw usage(`--kind is one of ${kinds.join(', ')}; not ${printable(odd)}`);
  return (row) =>
    row.at >= since &&
    row.at < until &&
    (path === undefined || row.what.some((what) => isAt(what, path))) &&
    (member === undefined || row.who.some((who) => who.toLowerCase() === member || who.toLowerCase().startsWith(`${member} (`))) &&
    (machine === undefined || row.machine?.name.toLowerCase() === machine) &&
    (program === undefined || row.program?.toLowerCase().includes(program) === true) &&
    (wanted.length === 0 || wanted.includes(row.kind) || (wanted.includes('alert') && row.faults.length > 0));
}

/** The newest so many; undefined is all. */
export function limitOf(args: Arguments): number | undefined {
  const text = args.text('limit');
  return text === undefined ? undefined : parseCount(text, 'limit', 1_000_000);
}

/** `prod/db` is that secret and its fields and versions; `prod/` is all below. */
function isAt(what: string, path: string): boolean {
  return path.endsWith('/') ? what.startsWith(path) : what === path || what.startsWith(`${path}#`) || what.startsWith(`${path} v`);
}

function momentOf(args: Arguments, name: string, now: number): number | undefined {
  const text = args.text(name);
  if (text === undefined) return undefined;
  const days = /^(\d{1,3})d$/.exec(text)?.[1];
  if (days !== undefined) return now - Number(days) * 86_400_000;
  if (/^[\dhms]+$/.test(text) && !/^\d+$/.test(text)) return now - parseDuration(text, name, daysMaxS) * 1_000;
  const at = /^\d{4}-\d{2}-\d{2}(?:[T ][\d:.]+(?:Z|[+-]\d{2}:\d{2})?)?$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(at))
    throw usage(`--${name} is a day or time such as 2026-11-01 or 2026-11-01T12:00Z, or a while ago such as 24h or 7d; not ${printable(text)}`);
  return at;
}
