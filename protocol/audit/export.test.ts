// An export that somebody doctored after it was made (spec/15-audit.md §export; attack row 35).
import { beforeAll, describe, expect, test } from 'bun:test';
import { codeOf } from '../../testing/code-of.ts';
import { Trail, type TrailWorld, auditOf, startTrail as start } from '../../testing/world-audit.ts';
import type { OrgId } from '../hash.ts';

describe('INV-AUDIT-EXPORT attack 35: the export was doctored afterwards', () => {
  let fixture: TrailWorld;
  let lines: readonly string[];
  let org: OrgId;
  const judge = async (doctored: readonly string[]): Promise<readonly string[]> => (await auditOf(org, doctored)).codes;
  const firstOf = (kind: string, after = 0): number => lines.findIndex((line, at) => at > after && line.startsWith(`{"kind":"${kind}"`));

  beforeAll(async () => {
    fixture = await start();
    const { world, trail } = fixture;
    ({ org } = world.state);
    for (const path of ['prod/db', 'prod/db']) await trail.release(world.machine('laptop'), [path], ['ada']);
    await world.put('prod/other', 'value');
    await trail.release(world.machine('laptop'), ['prod/db'], ['ada']);
    lines = await trail.export(world.machine('server'));
  });

  test('untouched, it proves itself with nothing but the id of the organisation', async () => {
    expect(await judge(lines)).toEqual([]);
  });
  test('an entry removed: E_CHAIN_GAP; a receipt removed: E_AUDIT_GAP; the signed end says both', async () => {
    expect(await judge(lines.toSpliced(3, 1))).toContain('E_CHAIN_GAP');
    expect(await judge(lines.toSpliced(firstOf('receipt'), 1))).toEqual(['E_AUDIT_GAP', 'E_AUDIT_GAP']);
  });
  test('lines exchanged: E_AUDIT_GAP', async () => {
    const at = firstOf('receipt');
    const [a = '', b = ''] = lines.slice(at, at + 2);
    expect(new Set(await judge(lines.toSpliced(at, 2, b, a)))).toEqual(new Set(['E_AUDIT_GAP']));
    const entry = firstOf('entry', at);
    expect(await judge(lines.toSpliced(entry, 1).toSpliced(at, 0, lines[entry] ?? ''))).toContain('E_AUDIT_GAP');
  });
  test('one character edited: the signature or the encoding says so', async () => {
    for (const kind of ['entry', 'receipt']) {
      const at = lines.findLastIndex((line) => line.startsWith(`{"kind":"${kind}"`));
      const line = lines[at] ?? '';
      const middle = line.length - 200;
      const edited = `${line.slice(0, middle)}${line[middle] === 'A' ? 'B' : 'A'}${line.slice(middle + 1)}`;
      const codes = await judge(lines.with(at, edited));
      expect(codes.at(-1)).toMatch(/^E_(AUDIT_GAP|HEAD_AHEAD|SIGNATURE)$/);
      expect(codes.length).toBeGreaterThan(1);
    }
  });
  test('of another organisation: refused by its header, and where that was edited too, by its first entry', async () => {
    const other = await start('other');
    const foreign = await other.trail.export(other.world.machine('server'));
    expect(await codeOf(judge(foreign))).toBe('E_ORG');
    expect((await judge([lines[0] ?? '', ...foreign.slice(1)])).slice(0, 1)).toEqual(['E_ORG']);
  });
  test('cut off without its end, or with the end of another export', async () => {
    expect(await judge(lines.slice(0, -1))).toEqual(['E_AUDIT_GAP']);
    expect(await judge([...lines.slice(0, -2), lines.at(-1) ?? ''])).toEqual(['E_AUDIT_GAP']);
    expect(await judge([...lines, lines[1] ?? ''])).toEqual(['E_AUDIT_GAP']);
  });
  test('cut off and signed anew by another machine of the org: only what somebody saw earlier tells it', async () => {
    const { world, trail } = fixture;
    const shorter = new Trail(world);
    await shorter.export(world.machine('server'));
    const kept = trail.parts.slice(
      0,
      trail.parts.findLastIndex(({ kind }) => kind === 'receipt'),
    );
    shorter.parts.splice(0, shorter.parts.length, ...kept);
    const cut = await shorter.export(world.machine('server'));
    expect(await judge(cut)).toEqual([]);
    const { heads } = await auditOf(org, lines);
    expect((await auditOf(org, cut, heads)).codes).toEqual(['E_AUDIT_GAP']);
    expect((await auditOf(org, lines, heads)).codes).toEqual([]);
  });
  test('no export at all: E_ENVELOPE; another version: E_SUITE; unknown lines are never passed over', async () => {
    expect(await codeOf(judge(['hello']))).toBe('E_ENVELOPE');
    expect(await codeOf(judge(lines.slice(1)))).toBe('E_ENVELOPE');
    expect(await codeOf(judge([(lines[0] ?? '').replace('"v":1', '"v":2'), ...lines.slice(1)]))).toBe('E_SUITE');
    expect(await judge(lines.toSpliced(2, 0, '{"kind":"entries","bytes":""}'))).toContain('E_ENVELOPE');
    expect(await judge(lines.toSpliced(2, 0, `{"kind":"entry","bytes":"${'A'.repeat(100_000)}"}`))).toContain('E_LIMIT');
  });
});
