// What others wrote cannot break out of its field in OCSF or CEF (spec/15-audit.md §siem).
import { expect, test } from 'bun:test';
import type { AuditRow } from '../../../protocol/audit/rows.ts';
import type { Hash, MachineId } from '../../../protocol/hash.ts';
import { cefFinding, cefHeader, cefRow, cefValue, ocsfFinding, ocsfRow } from './siem.ts';

const about = { org: 'ab'.repeat(32), version: '1.0' };
const evil = 'x|y=z\\ \n\r\u202e\u0007\u2028 act=blocked';
const row: AuditRow = {
  at: 1_000,
  kind: 'released',
  what: [evil],
  who: [evil],
  machine: { id: 'ab'.repeat(16) as MachineId, name: evil }, // an id's shape
  program: evil,
  reason: evil,
  note: evil,
  n: 3,
  hash: 'cd'.repeat(32) as Hash, // a hash's shape
  faults: [],
};

test('INV-AUDIT-SIEM CEF: pipes and backslashes in the header, equals signs and backslashes in values, nothing that ends a line', () => {
  expect(cefHeader('a|b\\c=d')).toBe('a\\|b\\\\c=d');
  expect(cefValue('a|b\\c=d\ne')).toBe('a|b\\\\c\\=dU+000Ae');
  for (const line of [cefRow(about, row), cefFinding(about, { code: 'E_AUDIT_GAP', why: evil, machine: { id: 'a', name: evil } }, 5)]) {
    expect(line).toMatch(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+$/u);
    const [header = '', extension = ''] = line.split('|rt=');
    const fields = header.replace(/\\[\\|]/g, '').split('|');
    expect(fields.length).toBe(7);
    expect(extension.replace(/\\[\\=]/g, '')).not.toMatch(/=z|act=/);
  }
});

test('OCSF: one line of JSON of the class that it names, with what that class requires', () => {
  for (const kind of ['released', 'used', 'denied', 'stored', 'ended', 'log'] as const) {
    const line = ocsfRow(about, { ...row, kind, ...(kind === 'log' ? { type: 'member.remove' } : {}) });
    expect(line).toMatch(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+$/u);
    const event = JSON.parse(line) as Record<string, unknown>; // as it says
    for (const name of ['activity_id', 'category_uid', 'class_uid', 'type_uid', 'time', 'severity_id', 'metadata', 'actor', 'api', 'src_endpoint'])
      expect(event[name]).toBeDefined();
    expect(event['type_uid']).toBe(600_300 + Number(event['activity_id']));
  }
  const finding = JSON.parse(ocsfFinding(about, { code: 'E_AUDIT_GAP', why: evil }, 5)) as Record<string, unknown>; // as it says
  expect(finding).toMatchObject({ class_uid: 2004, type_uid: 200401, time: 5, finding_info: { title: 'E_AUDIT_GAP' }, metadata: { version: '1.6.0' } });
});

test('[INV-RECOVERY-LOUD] a use of the recovery kit is as loud as a missing proof', () => {
  for (const type of ['recovery.use', 'recovery.finish'] as const) {
    const loud: AuditRow = { ...row, kind: 'log', type };
    expect(JSON.parse(ocsfRow(about, loud))).toMatchObject({ severity_id: 4 });
    expect(cefRow(about, loud)).toContain('|8|rt=');
  }
  expect(cefRow(about, { ...row, kind: 'log', type: 'member.add' })).toContain('|2|rt=');
});
