// A machine proposes a secret, a writer countersigns it on a device (spec/09-release.md §proposal).
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import type { PutEvent } from '../../protocol/local-api.ts';
import { verifyPastRequest } from '../../protocol/request.ts';
import { type Conversation, type Live, detailOf, startLive, until } from '../../testing/live-daemon.ts';

let live: Live;
beforeAll(async () => {
  live = await startLive({ members: ['ben'], secrets: { 'prod/db': 'first' } });
});
afterAll(() => live[Symbol.asyncDispose]());

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const propose = (path: string, text = 'proposed'): Conversation<PutEvent> => live.daemon.put({ path, value: base64(text) });
const lastReceipt = async () => (await live.org.receipts(live.daemon.machine)).at(-1)?.receipt;

describe('a proposal', () => {
  test('countersigned: stored by the writer, and it can be released', async () => {
    const asked = propose('prod/new');
    const seen = await live.seen(asked, 'ben');
    expect(seen.verified.request).toMatchObject({ items: [], proposal: { puts: [{ path: 'prod/new' }] } });
    await live.org.decide(seen, 'shown');
    expect(await asked.next('shown')).toMatchObject({ member: 'ben' });
    await live.org.countersign(seen);
    expect(await asked.end).toEqual({ event: 'stored', path: 'prod/new', version: 1, by: 'ben' });
    expect(live.world.secret('prod/new').put.proposedBy).toBe(live.daemon.machine);
    expect(await live.get('prod/new')).toBe('proposed');
    await until(
      async () => (await live.org.receipts(live.daemon.machine)).some(({ receipt }) => receipt.outcome === 'stored' && receipt.note === 'prod/new'),
      'the receipt',
    );
  });

  test('a new version of what is there, with fields', async () => {
    const asked = live.daemon.put({ path: 'prod/db', fields: { user: base64('svc'), password: base64('hunter2') }, description: 'the primary' });
    const seen = await live.seen(asked);
    await live.org.countersign(seen);
    expect(await asked.end).toMatchObject({ event: 'stored', version: 2, by: 'ada' });
    expect(await live.get({ items: [{ path: 'prod/db', field: 'password' }] })).toBe('hunter2');
  });

  test('several: one request, one signature each, each told as it is stored, one receipt that names all', async () => {
    const value = base64('of several');
    const asked = live.daemon.put({ puts: ['prod/s1', 'prod/new', 'prod/s3'].map((path) => ({ path, value })) });
    expect((await asked.next('waiting')).paths).toEqual(['prod/s1', 'prod/new', 'prod/s3']);
    await live.org.countersign(await live.seen(asked, 'ben'));
    const told = [await asked.next('stored'), await asked.next('stored'), await asked.end];
    expect(told).toMatchObject([
      { path: 'prod/s1', version: 1, by: 'ben' },
      { path: 'prod/new', version: 2 },
      { path: 'prod/s3', version: 1 },
    ]);
    expect(await live.get('prod/s3')).toBe('of several');
    let signed: Uint8Array | undefined;
    await until(async () => {
      const told = (await live.org.receipts(live.daemon.machine)).find(({ receipt: { outcome, note } }) => outcome === 'stored' && note === '3 secrets');
      signed = told?.receipt.request;
      return signed !== undefined;
    }, 'the receipt');
    const { request } = await verifyPastRequest(live.world.state, signed ?? new Uint8Array(0));
    expect(request.proposal?.puts.map(({ path }) => path)).toEqual(['prod/s1', 'prod/new', 'prod/s3']);
  });

  test('several, and one of them cannot be stored: nobody is asked for any', async () => {
    const puts = ['prod/fine', 'dev/x'].map((path) => ({ path, value: base64('x') }));
    expect(await live.daemon.put({ puts }).end).toMatchObject({ error: { detail: 'E_POLICY', message: expect.stringContaining('dev/x') as string } }); // the matcher's type is any
    expect(live.daemon.status().pending).toBe(0);
  });

  test('several, and somebody else stores one of them meanwhile: all of it is told as not stored', async () => {
    const asked = live.daemon.put({ puts: ['prod/t1', 'prod/t2'].map((path) => ({ path, value: base64('x') })) });
    await live.seen(asked);
    await live.change((world) => world.put('prod/t2', 'theirs'));
    expect(await asked.end).toMatchObject({ error: { detail: 'E_VERSION', message: expect.stringContaining('prod/t2') as string } }); // the matcher's type is any
    expect(detailOf(await live.daemon.release('prod/t1').end)).toBe('E_NOT_FOUND');
  });

  test('denied by a writer: nothing is stored', async () => {
    const asked = propose('prod/denied');
    await live.deny(asked, 'ben');
    expect(await asked.end).toMatchObject({ error: { code: 'denied', detail: 'E_DENIED' } });
    expect(detailOf(await live.daemon.release('prod/denied').end)).toBe('E_NOT_FOUND');
    await until(async () => (await lastReceipt())?.outcome === 'denied', 'the receipt');
  });

  test('nobody looks: it expires', async () => {
    const asked = live.daemon.put({ path: 'prod/late', value: base64('x'), timeoutS: 1 });
    expect(detailOf(await asked.end)).toBe('E_NO_APPROVAL');
  });

  test('an approval is no countersignature', async () => {
    const asked = propose('prod/approved');
    const seen = await live.seen(asked);
    await live.org.decide(seen, 'approve');
    live.daemon.clock.advance(181_000);
    await live.org.decide(seen, 'shown'); // it wakes, and the time is over
    expect(detailOf(await asked.end)).toMatch(/^E_(?:EXPIRED|NO_APPROVAL)$/); // an answer waited, or none
    live.daemon.clock.advance(-181_000);
    expect(detailOf(await live.daemon.release('prod/approved').end)).toBe('E_NOT_FOUND');
  });

  test('somebody stored a newer version meanwhile: told at once, not after the wait', async () => {
    const asked = propose('prod/new', 'mine');
    await live.seen(asked);
    await live.change((world) => world.put('prod/new', 'theirs'));
    expect(detailOf(await asked.end)).toBe('E_VERSION');
  });

  test('the policy changed meanwhile: what was sealed for the old one cannot be stored', async () => {
    const asked = propose('prod/new', 'mine');
    await live.seen(asked);
    await live.change((world) => world.approvers('prod/new', 1, ['ada', 'ben']));
    expect(detailOf(await asked.end)).toBe('E_POLICY_CHANGED');
  });

  test('a path that no policy covers, or a value beyond its size, is refused before anybody is asked', async () => {
    expect(detailOf(await live.daemon.put({ path: 'dev/x', value: base64('x') }).end)).toBe('E_POLICY');
    expect(detailOf(await live.daemon.put({ path: 'prod/big', value: Buffer.alloc(65_537).toString('base64') }).end)).toBe('E_LIMIT');
  });

  test('an organisation without a writer', async () => {
    await using other = await startLive({ genesis: { roles: ['admin', 'approver'] } });
    expect(detailOf(await other.daemon.put({ path: 'prod/x', value: base64('x') }).end)).toBe('E_ROLE');
  });
});
