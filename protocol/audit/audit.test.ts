// The audit over a whole trail, honest and doctored (spec/15-audit.md; attack row 35).
import { describe, expect, test } from 'bun:test';
import { type TrailWorld, auditOf, startTrail as start } from '../../testing/world-audit.ts';
import { answer, ask, receive } from '../../testing/world-release.ts';
import type { Hash, LeaseId } from '../hash.ts';
import type { Clause } from '../org-log/bodies.ts';

const leaseOf = { ttlS: 900, uses: 10, scope: 'process' } as const;
const run = async ({ world, trail }: TrailWorld): Promise<readonly string[]> =>
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
  test('two of one group where the policy wants one of each, the machine’s owner, a device that was revoked before the release', async () => {
    const fixture = await start();
    const { world, trail } = fixture;
    const eve = await world.addMember('eve');
    const members = (...names: readonly string[]): Clause => ({ k: 1, members: names.map((name) => world.member(name).id), groups: [] });
    await world.append('policy.set', world.policy({ pattern: 'pair/**', clauses: [members('ada', 'eve'), members('ben')] }));
    await world.append('policy.set', world.policy({ pattern: 'own/**', clauses: [members('ada', 'eve')], separationOfDuties: true }));
    const owned = await world.addMachine('owned', { owner: eve.id });
    for (const path of ['pair/key', 'own/key', 'prod/db']) await world.put(path, 'value');
    const laptop = world.machine('laptop');
    await trail.release(laptop, ['pair/key'], ['ada', 'ben']);
    await trail.release(laptop, ['pair/key'], ['ada', 'eve']);
    const own = await ask(world, owned, ['own/key']);
    // What an honest daemon would refuse, taken as evidence all the same.
    const blind = { ...own.pending, items: own.items.map((item) => ({ ...item, policy: { ...item.policy, separationOfDuties: false } })) };
    const { evidence } = await receive(world, { ...own, pending: blind }, await answer(world, world.device('eve'), own, 'approve'));
    await trail.receipt(owned, { outcome: 'released', requestId: own.request.requestId, rh: own.rh, request: own.bytes, evidence: [evidence] });
    const gone = await ask(world, laptop, ['prod/db']);
    const { evidence: earlier } = await receive(world, gone, await answer(world, world.device('ben'), gone, 'approve'));
    await world.addDevice('ben');
    await world.append('device.revoke', { device: world.device('ben').id, exposed: [] });
    await trail.receipt(laptop, { outcome: 'released', requestId: gone.request.requestId, rh: gone.rh, request: gone.bytes, evidence: [earlier] });
    expect(await run(fixture)).toEqual(['E_NO_APPROVAL', 'E_NO_APPROVAL', 'E_NO_APPROVAL']);
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
  test('told as released what was to be stored, told as stored what the log does not have', async () => {
    const fixture = await start();
    const { world, trail } = fixture;
    const laptop = world.machine('laptop');
    const digest = 'ab'.repeat(32) as Hash; // of no version
    const asked = await ask(world, laptop, [], { changes: { proposal: { blob: digest, puts: [{ path: 'prod/db', digest }] } } });
    const about = { requestId: asked.request.requestId, rh: asked.rh, request: asked.bytes } as const;
    await trail.receipt(laptop, { ...about, outcome: 'released' });
    await trail.receipt(laptop, { ...about, outcome: 'stored' });
    const other = await ask(world, laptop, ['prod/db']);
    await trail.receipt(laptop, { outcome: 'stored', requestId: other.request.requestId, rh: other.rh, request: other.bytes });
    expect(await run(fixture)).toEqual(['E_BIND', 'E_NO_APPROVAL', 'E_BIND']);
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
