// The audit over a whole trail, honest and doctored (spec/15-audit.md; attack row 35).
import { beforeAll, describe, expect, test } from 'bun:test';
import { World } from '../../testing/world.ts';
import { Trail, auditOf } from '../../testing/world-audit.ts';
import { answer, ask, receive } from '../../testing/world-release.ts';
import { codeOf } from '../../testing/code-of.ts';
import type { LeaseId, OrgId } from '../hash.ts';

interface Fixture {
  readonly world: World;
  readonly trail: Trail;
}
const leaseOf = { ttlS: 900, uses: 10, scope: 'process' } as const;

/** ada and ben, a laptop and a server; prod/db wants one of them, team/key both. */
async function start(seed = 'audit'): Promise<Fixture> {
  const world = new World(seed);
  await world.genesis({ policies: [{}, { pattern: 'team/**' }] });
  await world.addMember('ben');
  await world.addMachine('laptop');
  await world.addMachine('server');
  await world.approvers('prod/db', 1, ['ada', 'ben']);
  await world.approvers('team/key', 2, ['ada', 'ben']);
  await world.put('prod/db', 'value');
  await world.put('team/key', 'value');
  return { world, trail: new Trail(world) };
}
const run = async ({ world, trail }: Fixture): Promise<readonly string[]> =>
  (await auditOf(world.state.org, await trail.export(world.machine('server')))).codes;

describe('an honest trail', () => {
  test('INV-AUDIT-ROW says who released what to which program when, every use of a lease, and that all of it is proved', async () => {
    const fixture = await start();
    const { world, trail } = fixture;
    const laptop = world.machine('laptop');
    const { request, rh, lease } = await trail.release(laptop, ['prod/db'], ['ben'], { lease: leaseOf });
    const used = { requestId: request.requestId, rh, ...(lease ? { lease } : {}) };
    await trail.receipt(laptop, { ...used, outcome: 'used', note: '2 uses; 3 in all' });
    await world.append('org.freeze', { reason: 'drill' });
    await trail.receipt(laptop, { ...used, outcome: 'ended', note: 'frozen; 3 in all' });
    await world.append('org.unfreeze', { reason: 'over' });
    await trail.release(world.machine('server'), ['team/key'], ['ada', 'ben']);
    const { rows, codes, heads } = await auditOf(world.state.org, await trail.export(laptop));
    expect(codes).toEqual([]);
    const told = rows
      .filter(({ kind }) => kind !== 'log')
      .map(({ kind, what, who, machine, program, note }) => [kind, what, who, machine?.name, program, note]);
    expect(told).toEqual([
      ['released', ['prod/db'], ['ben'], 'laptop', '/usr/bin/psql', undefined],
      ['used', ['prod/db'], ['ben'], 'laptop', '/usr/bin/psql', '2 uses; 3 in all'],
      ['ended', ['prod/db'], ['ben'], 'laptop', '/usr/bin/psql', 'frozen; 3 in all'],
      ['released', ['team/key'], ['ada', 'ben'], 'server', '/usr/bin/psql', undefined],
    ]);
    expect(heads.log).toEqual(world.state.head);
    expect(heads.machines[laptop.id]?.n).toBe(2);
  });
  test('a person, device or machine that went later still proves what was then', async () => {
    const fixture = await start();
    const { world, trail } = fixture;
    await trail.release(world.machine('laptop'), ['prod/db'], ['ben']);
    await world.append('machine.revoke', { machine: world.machine('laptop').id, exposed: [] });
    await world.append('member.remove', { member: world.member('ben').id, exposed: [] } as never); // whatever else that body holds
    expect(await run(fixture)).toEqual([]);
  });
});

describe('INV-AUDIT-QUORUM a receipt without the approvals that its policy wanted', () => {
  test('none, too few, one person twice, somebody’s for another request', async () => {
    const fixture = await start();
    const { world, trail } = fixture;
    const laptop = world.machine('laptop');
    await trail.release(laptop, ['prod/db'], []);
    await trail.release(laptop, ['team/key'], ['ada']);
    const twice = await ask(world, laptop, ['team/key']);
    const { evidence } = await receive(world, twice, await answer(world, world.device('ada'), twice, 'approve'));
    await trail.receipt(laptop, {
      outcome: 'released',
      requestId: twice.request.requestId,
      rh: twice.rh,
      request: twice.bytes,
      evidence: [evidence, evidence],
    });
    await trail.release(laptop, ['prod/db'], [], { told: { evidence: [evidence] } });
    expect(await run(fixture)).toEqual(['E_NO_APPROVAL', 'E_NO_APPROVAL', 'E_NO_APPROVAL', 'E_BIND', 'E_NO_APPROVAL']);
  });
  test('a denial that nobody signed, the request of another machine, one request released twice', async () => {
    const fixture = await start();
    const { world, trail } = fixture;
    const [laptop, server] = [world.machine('laptop'), world.machine('server')];
    const asked = await ask(world, laptop, ['prod/db']);
    const about = { requestId: asked.request.requestId, rh: asked.rh, request: asked.bytes } as const;
    await trail.receipt(laptop, { ...about, outcome: 'denied' });
    await trail.receipt(server, { ...about, outcome: 'expired' });
    const { evidence } = await receive(world, asked, await answer(world, world.device('ada'), asked, 'approve'));
    await trail.receipt(laptop, { ...about, outcome: 'released', evidence: [evidence] });
    await trail.receipt(laptop, { ...about, outcome: 'released', evidence: [evidence] });
    expect(await run(fixture)).toEqual(['E_NO_APPROVAL', 'E_BIND', 'E_REPLAY']);
  });
  test('under a policy that was no longer in force, after a freeze, an older version', async () => {
    const fixture = await start();
    const { world, trail } = fixture;
    const laptop = world.machine('laptop');
    const asked = await ask(world, laptop, ['prod/db']);
    const { evidence } = await receive(world, asked, await answer(world, world.device('ada'), asked, 'approve'));
    const about = { outcome: 'released', rh: asked.rh, request: asked.bytes, evidence: [evidence], requestId: asked.request.requestId } as const;
    await world.approvers('prod/db', 2, ['ada', 'ben']);
    await trail.receipt(laptop, about);
    await world.put('prod/db', 'newer');
    await trail.receipt(laptop, about);
    await world.append('org.freeze', { reason: 'drill' });
    await trail.receipt(laptop, about);
    expect(await run(fixture)).toEqual(['E_POLICY_CHANGED', 'E_VERSION', 'E_REPLAY', 'E_FROZEN', 'E_REPLAY']);
  });
});

describe('INV-AUDIT-LEASE every use of a lease follows from a release', () => {
  test('granted by nobody, after its end, beyond its uses and its time, another lease, uses that do not add up', async () => {
    const fixture = await start();
    const { world, trail } = fixture;
    const laptop = world.machine('laptop');
    const { request, rh, lease } = await trail.release(laptop, ['prod/db'], ['ada'], { lease: leaseOf });
    if (!lease) throw new Error('no lease');
    const about = { outcome: 'used', requestId: request.requestId, rh, lease } as const;
    await trail.receipt(laptop, { ...about, lease: { ...lease, id: 'ab'.repeat(16) as LeaseId }, note: '1 uses; 2 in all' });
    await trail.receipt(laptop, { ...about, lease: { ...lease, until: lease.until + 1 }, note: '1 uses; 2 in all' });
    await trail.receipt(laptop, { ...about, note: '1 uses; 5 in all' });
    await trail.receipt(laptop, { ...about, note: '6 uses; 11 in all' });
    const later = await trail.release(laptop, ['prod/db'], ['ada'], { lease: leaseOf });
    if (!later.lease) throw new Error('no lease');
    const then = { outcome: 'used', requestId: later.request.requestId, rh: later.rh, lease: later.lease } as const;
    world.clock.advance(2_000_000);
    await trail.receipt(laptop, { ...then, note: '1 uses; 2 in all' });
    await trail.receipt(laptop, { ...then, outcome: 'ended', note: 'time; 2 in all' });
    await trail.receipt(laptop, { ...then, note: '1 uses; 3 in all' });
    expect(await run(fixture)).toEqual(['E_NO_APPROVAL', 'E_LEASE_BOUNDS', 'E_AUDIT_GAP', 'E_LEASE_BOUNDS', 'E_LEASE_BOUNDS', 'E_LEASE_BOUNDS']);
  });
  test('a lease that is wider than the approvers gave', async () => {
    const fixture = await start();
    const { world, trail } = fixture;
    const lease = { id: 'ab'.repeat(16) as LeaseId, terms: leaseOf, until: world.clock.now() + 900_000 };
    await trail.release(world.machine('laptop'), ['prod/db'], ['ada'], { told: { lease } });
    expect(await run(fixture)).toEqual(['E_LEASE_BOUNDS']);
  });
});

describe('INV-AUDIT-CHAIN attack 35: the trail was edited before it was exported', () => {
  test('a receipt is missing: E_AUDIT_GAP; two with one number: E_CLONE; exchanged: E_AUDIT_GAP', async () => {
    const fixture = await start();
    const { world, trail } = fixture;
    const laptop = world.machine('laptop');
    const first = await trail.release(laptop, ['prod/db'], ['ada']);
    await trail.release(laptop, ['prod/db'], ['ada']);
    const third = await trail.release(laptop, ['prod/db'], ['ada']);
    const cut = trail.parts.findLastIndex(({ kind }) => kind === 'receipt') - 1;
    const [gone] = trail.parts.splice(cut, 1);
    expect(await run(fixture)).toEqual(['E_AUDIT_GAP']);
    if (gone) trail.parts.splice(cut, 0, gone);
    expect(await run(fixture)).toEqual([]);
    const about = { outcome: 'expired', requestId: first.request.requestId, rh: first.rh, request: first.bytes } as const;
    await trail.receipt(laptop, { ...about, n: 1 });
    expect(await run(fixture)).toEqual(['E_CLONE']);
    trail.parts.pop();
    await trail.receipt(laptop, { ...about, requestId: third.request.requestId, rh: third.rh, request: third.bytes, n: 3, prev: 'ab'.repeat(32) as never }); // no receipt's hash
    expect(await run(fixture)).toEqual(['E_AUDIT_GAP']);
  });
  test('a receipt that saw another history: E_FORK; one that saw more than is here: E_HEAD_AHEAD; one that went back: E_LOG_ROLLBACK', async () => {
    const fixture = await start();
    const { world, trail } = fixture;
    const laptop = world.machine('laptop');
    const { head } = world.state;
    await trail.release(laptop, ['prod/db'], ['ada'], { told: { head: { ...head, eh: 'ab'.repeat(32) as never } } }); // no entry's hash
    expect(await run(fixture)).toEqual(['E_FORK']);
    await trail.release(laptop, ['prod/db'], ['ada'], { told: { head: { seq: head.seq + 1, eh: head.eh } } });
    expect(await run(fixture)).toEqual(['E_FORK', 'E_HEAD_AHEAD']);
    await trail.release(laptop, ['prod/db'], ['ada'], { told: { head: { seq: 1, eh: world.history(1) as never } } }); // an entry of this log
    expect(await run(fixture)).toEqual(['E_FORK', 'E_HEAD_AHEAD', 'E_LOG_ROLLBACK']);
  });
  test('a chain that could not be read is said to be missing, with its machine', async () => {
    const fixture = await start();
    const { world, trail } = fixture;
    await trail.export(world.machine('server'));
    trail.parts.push({ kind: 'missing', machine: world.machine('laptop').id, code: 'E_RELAY_AWAY' });
    const { findings } = await auditOf(world.state.org, await trail.export(world.machine('server')));
    expect(findings.map(({ code, machine }) => [code, machine?.name])).toEqual([['E_AUDIT_GAP', 'laptop']]);
  });
  test('an approval without a receipt: a version that a writer countersigned for a machine that tells nothing', async () => {
    const fixture = await start();
    const { world } = fixture;
    const { put } = world.secret('prod/db');
    const next = { ...put, ver: 2, prevVerEh: world.secret('prod/db').putEh, proposedBy: world.machine('laptop').id };
    await world.append('secret.put', next);
    expect(await run(fixture)).toEqual([]); // it may still come
    world.clock.advance(61_000);
    expect(await run(fixture)).toEqual(['E_NO_RECEIPT']);
  });
});

describe('INV-AUDIT-EXPORT attack 35: the export was doctored afterwards', () => {
  let fixture: Fixture;
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
