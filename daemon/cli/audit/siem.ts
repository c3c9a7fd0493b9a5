// Rows in the formats of SIEMs: OCSF 1.6 and CEF 0 (spec/15-audit.md §siem). Names, never values; text of others is escaped by each format's rules.
import type { Finding } from '../../../protocol/audit/audit.ts';
import type { AuditRow } from '../../../protocol/audit/rows.ts';
import { printableJson } from '../terminal/text.ts';

export interface About {
  readonly org: string;
  readonly version: string;
}

const ocsfVersion = '1.6.0';
const failed: readonly string[] = ['denied', 'expired', 'withdrawn', 'failed'];
/** Create, read, update, delete; 99 for what is none of them. */
const activities = { read: 2, create: 1, update: 3, delete: 4, other: 99 } as const;

function activityOf({ kind, type }: AuditRow): keyof typeof activities {
  if (kind === 'stored') return 'create';
  if (kind !== 'log') return kind === 'ended' ? 'other' : 'read';
  if (/\.(?:remove|revoke|retire)$/.test(type ?? '')) return 'delete';
  return /\.(?:add|issue|enrol)$|^genesis$/.test(type ?? '') ? 'create' : 'update';
}

/** Somebody comes in past the admins: whoever watches is told as of a missing proof. */
function isLoud({ type }: AuditRow): boolean {
  return type === 'recovery.use' || type === 'recovery.finish';
}

/** API Activity (6003): somebody asked for a secret through the local API, or changed the organisation. */
export function ocsfRow({ org, version }: About, row: AuditRow): string {
  const { at, kind, type, what, who, machine, program, reason, note, lease, requestId, n, hash, faults } = row;
  const activity = activityOf(row);
  const isFailed = failed.includes(kind);
  return printableJson({
    category_uid: 6,
    class_uid: 6003,
    activity_id: activities[activity],
    activity_name: activity,
    type_uid: 600_300 + activities[activity],
    time: at,
    severity_id: faults.length > 0 || isLoud(row) ? 4 : 1,
    status_id: isFailed ? 2 : 1,
    status_detail: note ?? kind,
    message: `${kind === 'log' ? (type ?? kind) : kind} ${what.join(', ')}`,
    metadata: { ...metadata(version), uid: hash, tenant_uid: org, ...(requestId === undefined ? {} : { correlation_uid: requestId }) },
    api: {
      operation: kind === 'log' ? (type ?? kind) : kind,
      service: { name: 'stillvault' },
      ...(requestId === undefined ? {} : { request: { uid: requestId } }),
    },
    // Who asked is the program that the kernel named; people are those whose signature decided.
    actor: machine ? { process: { path: program ?? 'unknown' }, app_name: program ?? 'unknown' } : { user: { name: who[0] ?? 'unknown' } },
    src_endpoint: machine ? { name: machine.name, uid: machine.id } : { name: 'org log', uid: org },
    resources: what.map((name) => ({ name, type: kind === 'log' ? 'organisation' : 'secret' })),
    unmapped: {
      approved_by: who,
      number: n,
      proof: faults.length === 0 ? 'proven' : 'missing',
      faults,
      ...(reason === undefined ? {} : { claimed_reason: reason }),
      ...(lease ? { lease } : {}),
    },
  });
}

/** Detection Finding (2004). */
export function ocsfFinding({ org, version }: About, { code, why, at, n, machine }: Finding, now: number): string {
  return printableJson({
    category_uid: 2,
    class_uid: 2004,
    activity_id: 1,
    activity_name: 'create',
    type_uid: 200_401,
    time: at ?? now,
    severity_id: 4,
    status_id: 1,
    is_alert: true,
    message: `${code}: ${why}`,
    metadata: { ...metadata(version), tenant_uid: org },
    finding_info: { title: code, desc: why, uid: `${code}/${machine?.id ?? 'log'}/${n ?? 'end'}` },
    resources: [machine ? { name: machine.name, uid: machine.id, type: 'machine' } : { name: 'org log', uid: org, type: 'organisation' }],
  });
}

function metadata(version: string): object {
  return { version: ocsfVersion, product: { name: 'Stillvault', vendor_name: 'Stillvault', version } };
}

/** CEF:0|vendor|product|version|signature|name|severity|extension */
export function cefRow({ org, version }: About, row: AuditRow): string {
  const { at, kind, type, what, who, machine, program, reason, note, requestId, n, hash, faults } = row;
  const signature = kind === 'log' ? (type ?? kind) : kind;
  return cef(version, signature, `${signature} ${what.join(', ')}`, faults.length > 0 || isLoud(row) ? 8 : failed.includes(kind) ? 4 : 2, {
    rt: String(at),
    outcome: failed.includes(kind) ? 'failure' : 'success',
    externalId: hash,
    suser: who.join(', '),
    shost: machine?.name,
    sproc: program,
    reason: note,
    msg: reason,
    cs1Label: 'paths',
    cs1: what.join(', '),
    cs2Label: 'request',
    cs2: requestId,
    cs3Label: 'proof',
    cs3: faults.length === 0 ? 'proven' : faults.map(({ code }) => code).join(' '),
    cs4Label: 'org',
    cs4: org,
    cn1Label: 'number',
    cn1: String(n),
  });
}

export function cefFinding({ org, version }: About, { code, why, at, n, machine }: Finding, now: number): string {
  return cef(version, code, why, 8, {
    rt: String(at ?? now),
    shost: machine?.name,
    msg: why,
    cs4Label: 'org',
    cs4: org,
    ...(n === undefined ? {} : { cn1Label: 'number', cn1: String(n) }),
  });
}

function cef(version: string, signature: string, name: string, severity: number, fields: Readonly<Record<string, string | undefined>>): string {
  const header = ['CEF:0', 'Stillvault', 'Stillvault', version, signature, name].map((field, at) => (at === 0 ? field : cefHeader(field))).join('|');
  // A label without its value says nothing.
  const pairs = Object.entries(fields).filter(([key, value]) => value !== undefined && value !== '' && fields[key.replace(/Label$/, '')] !== undefined);
  return `${header}|${severity}|${pairs.map(([key, value]) => `${key}=${cefValue(value ?? '')}`).join(' ')}`;
}

/** In a header `|` and `\` are escaped, and there are no lines. */
export function cefHeader(text: string): string {
  return harmless(text).replace(/[\\|]/g, '\\$&');
}

/** In an extension `=` and `\` are escaped. */
export function cefValue(text: string): string {
  return harmless(text).replace(/[\\=]/g, '\\$&');
}

/** What breaks lines, moves a cursor or turns text round becomes a visible U+XXXX: an event is one line whatever is in it. */
function harmless(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu, (char) => `U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`);
}
