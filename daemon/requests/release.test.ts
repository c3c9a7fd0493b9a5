// Releases as they happen: a real daemon, a real relay, people that are programs (spec/09-release.md).
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Hash } from '../../protocol/hash.ts';
import { type Live, detailOf, startLive, textOf, until } from '../../testing/live-daemon.ts';
import { pendingMax } from './pending.ts';

let live: Live;
beforeAll(async () => {
  live = await startLive({ members: ['ben', 'eve'], secrets: { 'prod/db': 'correct horse', 'prod/api': 'second' } });
  await live.change((world) =>
    world.put('prod/account', {
      kind: 'fields',
      fields: [
        { name: 'user', value: new TextEncoder().encode('svc') },
        { name: 'password', value: new TextEncoder().encode('hunter2') },
      ],
    }),
  );
});
afterAll(() => live[Symbol.asyncDispose]());

/** A policy for exactly this path, from a changed copy of the one in force. */
async function policy(path: string, changes: Parameters<Live['world']['policy']>[0], value = 'value'): Promise<void> {
  await live.change(async (world) => {
    await world.append('policy.set', world.policy({ pattern: path, ...changes }));
    await world.put(path, value);
  });
}
const memberIds = (...names: readonly string[]) => names.map((name) => live.world.member(name).id);
const receipts = () => live.org.receipts(live.daemon.machine);
const lastReceipt = async () => (await receipts()).at(-1)?.receipt;

describe('a release', () => {
  test('once: shown, approved, delivered, and the receipt proves who approved it', async () => {
    const asked = live.daemon.release({ items: [{ path: 'prod/db' }], reason: 'migrate', agent: 'claude' });
    const seen = await live.seen(asked);
    expect(seen.verified.request.claimed).toEqual({ agent: 'claude', reason: 'migrate' });
    expect(seen.verified.request.observed).toMatchObject({ pid: process.pid, identity: live.daemon.status().identity });
    await live.org.decide(seen, 'shown');
    expect(await asked.next('shown')).toMatchObject({ member: 'ada', device: 'ada’s phone' });
    await live.org.decide(seen, 'approve');
    expect(textOf(await asked.end)).toBe('correct horse');
    expect(asked.events.map(({ event }) => event)).toEqual(['waiting', 'shown', 'approved', 'released']);
    expect(await asked.next('waiting')).toMatchObject({ paths: ['prod/db'], approvers: ['ada'], needed: 1 });
    await until(async () => (await lastReceipt())?.requestId === seen.verified.request.requestId, 'the receipt is at the relay');
    expect(await lastReceipt()).toMatchObject({ outcome: 'released', evidence: [{ member: live.world.member('ada').id, decision: 'approve' }] });
    expect((await live.org.letters(live.world.device('ada'), 'receipt')).length).toBeGreaterThan(0);
  });

  test('several secrets and fields with one request and one gesture', async () => {
    const asked = live.daemon.release({ items: [{ path: 'prod/api' }, { path: 'prod/account', field: 'password' }, { path: 'prod/account' }] });
    await live.approve(asked);
    const event = await asked.next('released');
    const named = event.values.map(({ path, field, value }) => [path, field, Buffer.from(value, 'base64').toString()]);
    expect(named).toEqual([
      ['prod/api', undefined, 'second'],
      ['prod/account', 'password', 'hunter2'],
      ['prod/account', 'user', 'svc'],
      ['prod/account', 'password', 'hunter2'],
    ]);
    expect((await asked.next('waiting')).paths).toEqual(['prod/api', 'prod/account#password', 'prod/account']);
  });

  test('an answer that is there before the subscription to its mailbox stands does not wait for the next poll', async () => {
    for (let i = 0; i < 5; i++) expect(await live.get('prod/api')).toBe('second'); // a poll would come after 10 s: later than this test may take
  });

  test.each([
    ['a path that is not there', { path: 'prod/none' }, 'E_NOT_FOUND'],
    ['a field that is not there', { path: 'prod/account', field: 'pin' }, 'E_NOT_FOUND'],
    ['a path that no policy covers', { path: 'dev/db' }, 'E_NOT_FOUND'],
  ])('%s is refused before anybody is asked', async (_, item, code) => {
    expect(detailOf(await live.daemon.release({ items: [item] }).end)).toBe(code);
  });
});

describe('people decide otherwise', () => {
  test('denied by the only approver: ends at once, with the signed denial as proof', async () => {
    const asked = live.daemon.release('prod/db');
    const seen = await live.deny(asked);
    expect(await asked.end).toMatchObject({ event: 'error', error: { code: 'denied', detail: 'E_DENIED' } });
    expect(await asked.next('denied')).toMatchObject({ member: 'ada', final: true });
    await until(async () => (await lastReceipt())?.requestId === seen.verified.request.requestId, 'the receipt');
    expect(await lastReceipt()).toMatchObject({ outcome: 'denied', note: 'E_DENIED', evidence: [{ decision: 'deny' }] });
  });

  test('any of two: a denial leaves it to the other', async () => {
    await policy('team/any', { clauses: [{ k: 1, members: memberIds('ada', 'ben'), groups: [] }] });
    const asked = live.daemon.release('team/any');
    await live.deny(asked, 'ada');
    expect(await asked.next('denied')).toMatchObject({ member: 'ada', final: false });
    await live.approve(asked, 'ben');
    expect(textOf(await asked.end)).toBe('value');
    expect(await asked.next('released')).toMatchObject({ approved_by: ['ben'] });
  });

  test('any of two: when both say no it ends', async () => {
    const asked = live.daemon.release('team/any');
    await live.deny(asked, 'ada');
    await live.deny(asked, 'ben');
    expect(detailOf(await asked.end)).toBe('E_DENIED');
  });

  test('any of two: the first wins, the second does nothing, and its device learns who resolved it (E_DONE)', async () => {
    const asked = live.daemon.release('team/any');
    const [first, second] = [await live.seen(asked), await live.seen(asked, 'ben')];
    await live.org.decide(first, 'approve');
    expect(textOf(await asked.end)).toBe('value');
    const before = live.daemon.problems().length;
    await live.org.decide(second, 'approve');
    await until(async () => (await live.org.letters(live.world.device('ben'), 'receipt')).length >= 3, 'ben’s device has the receipt');
    expect(live.daemon.problems().length).toBe(before);
    expect((await receipts()).filter(({ receipt }) => receipt.requestId === first.verified.request.requestId)).toHaveLength(1);
  });

  test('withdrawn: the client closes; the receipt says so and every target gets it', async () => {
    const letters = async (name: string) => (await live.org.letters(live.world.device(name), 'receipt')).length;
    const before = [await letters('ada'), await letters('ben')];
    const asked = live.daemon.release('team/any');
    const [seen, bens] = [await live.seen(asked), await live.seen(asked, 'ben')];
    asked.leave();
    await until(async () => (await lastReceipt())?.outcome === 'withdrawn', 'the receipt');
    await until(async () => (await letters('ada')) === before[0]! + 1 && (await letters('ben')) === before[1]! + 1, 'both devices have it');
    expect(await lastReceipt()).toMatchObject({ requestId: seen.verified.request.requestId, note: 'E_WITHDRAWN', evidence: [] });
    await live.org.decide(bens, 'approve'); // too late: nobody listens
    expect(live.daemon.status().pending).toBe(0);
  });

  test('nobody decides: E_NO_APPROVAL on the daemon’s own clock, and a late answer is harmless', async () => {
    const asked = live.daemon.release({ items: [{ path: 'prod/db' }], timeoutS: 2 });
    const seen = await live.seen(asked);
    expect(await asked.end).toMatchObject({ event: 'error', error: { code: 'expired', detail: 'E_NO_APPROVAL' } });
    await live.org.decide(seen, 'approve');
    await until(async () => (await lastReceipt())?.outcome === 'expired', 'the receipt');
    expect((await receipts()).filter(({ receipt }) => receipt.requestId === seen.verified.request.requestId)).toHaveLength(1);
  });

  test('a member who approved and then says no does not count any more', async () => {
    await policy('team/two', { clauses: [{ k: 2, members: memberIds('ada', 'ben'), groups: [] }] });
    const asked = live.daemon.release('team/two');
    const seen = await live.approve(asked, 'ada');
    await asked.next('approved');
    await live.org.decide(seen, 'deny');
    expect(detailOf(await asked.end)).toBe('E_DENIED');
  });
});

describe('quorums', () => {
  test('two of two: one is not enough', async () => {
    const asked = live.daemon.release('team/two');
    await live.approve(asked, 'ben');
    expect(await asked.next('approved')).toMatchObject({ member: 'ben', have: 1, needed: 2 });
    await live.approve(asked, 'ada');
    expect(textOf(await asked.end)).toBe('value');
    expect((await asked.next('released')).approved_by.toSorted()).toEqual(['ada', 'ben']);
  });

  test('two clauses: one of ada and ben, and eve', async () => {
    await policy('team/and', {
      clauses: [
        { k: 1, members: memberIds('ada', 'ben'), groups: [] },
        { k: 1, members: memberIds('eve'), groups: [] },
      ],
    });
    const asked = live.daemon.release('team/and');
    await live.approve(asked, 'ada');
    await live.approve(asked, 'ben'); // two of the first clause are not one of each
    await until(() => asked.events.filter(({ event }) => event === 'approved').length === 2, 'both count');
    await live.approve(asked, 'eve');
    expect(textOf(await asked.end)).toBe('value');
  });

  test('secrets of different people cannot be approved at once by somebody who may approve only one', async () => {
    await policy('team/bens', { clauses: [{ k: 1, members: memberIds('ben'), groups: [] }] });
    expect(detailOf(await live.daemon.release({ items: [{ path: 'prod/db' }, { path: 'team/bens' }] }).end)).toBe('E_QUORUM');
  });

  test('an approver without a part of it is not asked, and where too few have one nobody is', async () => {
    await policy('team/later', { clauses: [{ k: 1, members: memberIds('ada'), groups: [] }] });
    await live.change((world) => world.approvers('team/later', 1, ['eve'])); // no new version: eve holds nothing
    expect(detailOf(await live.daemon.release('team/later').end)).toBe('E_QUORUM');
  });
});

describe('policy', () => {
  test('separation of duties: the owner of the machine is not asked and does not count', async () => {
    const owner = live.world.member('ada').id;
    await using laptop = await live.addDaemon('adas-laptop', { owner });
    await policy('team/duties', { clauses: [{ k: 1, members: memberIds('ada', 'ben'), groups: [] }], separationOfDuties: true });
    await laptop.inStep(live.org);
    const asked = laptop.release('team/duties');
    expect((await asked.next('waiting')).approvers).toEqual(['ben']);
    const seen = await live.seen(asked, 'ben');
    await live.org.decide({ ...seen, device: live.world.device('ada') }, 'approve'); // she has the request from a friend
    await until(() => laptop.problems().includes('E_SOD'), 'it is refused');
    await live.org.decide(seen, 'deny');
    expect(detailOf(await asked.end)).toBe('E_DENIED'); // nobody else is left, although ada is in the policy
  });

  test('a reason is required', async () => {
    await policy('team/why', { reasonRequired: true });
    expect(detailOf(await live.daemon.release('team/why').end)).toBe('E_POLICY');
    const asked = live.daemon.release({ items: [{ path: 'team/why' }], reason: 'because' });
    await live.approve(asked);
    expect(textOf(await asked.end)).toBe('value');
  });

  test('hours: outside them nobody is asked', async () => {
    const day = new Date().getUTCDay();
    await policy('team/hours', { hours: { days: [(day + 3) % 7], fromMinute: 0, toMinute: 1_439 } });
    expect(detailOf(await live.daemon.release('team/hours').end)).toBe('E_POLICY');
  });

  test('pinned programs: another one is refused, the named one may ask', async () => {
    const own = createHash('sha256').update(readFileSync('/proc/self/exe')).digest('hex') as Hash; // the program that asks here
    await policy('team/pinned', { exePins: ['ab'.repeat(32) as Hash] });
    expect(detailOf(await live.daemon.release('team/pinned').end)).toBe('E_EXE_HASH');
    await policy('team/mine', { exePins: [own] });
    const asked = live.daemon.release('team/mine');
    await live.approve(asked);
    expect(textOf(await asked.end)).toBe('value');
  });

  test('a lease beyond the policy is refused before anybody is asked', async () => {
    expect(detailOf(await live.daemon.release({ items: [{ path: 'prod/db' }], lease: { ttlS: 901 } }).end)).toBe('E_LEASE_BOUNDS');
    expect(detailOf(await live.daemon.release({ items: [{ path: 'prod/db' }], lease: { ttlS: 60, scope: 'machine' } }).end)).toBe('E_LEASE_BOUNDS');
  });

  test('machines that the policy does not name are refused', async () => {
    await policy('team/others', { machines: { any: true, machines: [], groups: [] } });
    await live.change((world) => world.approvers('team/others', 1, ['ada'], { machines: { any: false, machines: [], groups: [] } }));
    expect(detailOf(await live.daemon.release('team/others').end)).toBe('E_NOT_ENTITLED');
  });

  test('more requests than anybody looks at are not sent', async () => {
    const many = Array.from({ length: pendingMax }, () => live.daemon.release('prod/db'));
    await until(() => live.daemon.status().pending === pendingMax, 'all wait');
    expect(detailOf(await live.daemon.release('prod/db').end)).toBe('E_RATE_LOCAL');
    for (const asked of many) asked.leave();
    await until(() => live.daemon.status().pending === 0, 'all are withdrawn');
  });
});
