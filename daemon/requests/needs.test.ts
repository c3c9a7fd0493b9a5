// A program needs a secret that does not exist yet: filed once, open for days, filled or declined by a writer, and by nobody else (spec/09-release.md §needs).
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Failure, NeedAsk, NeedSummary } from '../../protocol/local-api.ts';
import type { SeenRequest } from '../../testing/live-org.ts';
import { type Live, startLive, until } from '../../testing/live-daemon.ts';
import { openNeedsMax } from './needs.ts';

let live: Live;
beforeAll(async () => {
  live = await startLive({ members: ['ben'], secrets: { 'prod/db': 'first' } });
});
afterAll(() => live[Symbol.asyncDispose]());
beforeEach(async () => {
  for (const { path, state } of await needs()) if (state === 'open') await live.daemon.call('/v1/needs/withdraw', { path });
  await live.org.forget();
});

const where = 'https://dashboard.stripe.com/apikeys';
const file = (path: string, more: Partial<NeedAsk> = {}): Promise<unknown> =>
  live.daemon.call('/v1/needs', { path, reason: 'the checkout test needs a key', where, agent: 'claude', ...more });
const needs = async (): Promise<readonly NeedSummary[]> => (await live.daemon.call('/v1/needs')) as readonly NeedSummary[]; // what the daemon says
const stand = async (path: string): Promise<NeedSummary | undefined> => (await needs()).find((need) => need.path === path);
const detail = (answer: unknown): string | undefined => (answer as Failure).error.detail; // a failure
const seen = async (path: string, name = 'ada'): Promise<SeenRequest> => {
  for (;;) {
    const request = await live.org.nextRequest(live.world.device(name));
    if (request.verified.request.need?.path === path) return request;
  }
};

describe('a need', () => {
  test('is filled by a writer’s own entry; the machine gets a reference and asks for a release as always', async () => {
    expect(await file('prod/stripe', { fields: ['key'] })).toMatchObject({ state: 'open', reference: 'stillvault://prod/stripe', writers: ['ada', 'ben'] });
    const { verified } = await seen('prod/stripe', 'ben');
    expect(verified.request).toMatchObject({
      items: [],
      need: { path: 'prod/stripe', where, fields: ['key'] },
      claimed: { agent: 'claude', reason: 'the checkout test needs a key' },
    });
    await live.change((world) => world.put('prod/stripe', 'sk_live_1'));
    await until(async () => (await stand('prod/stripe'))?.state === 'filled', 'filled');
    expect(await stand('prod/stripe')).toMatchObject({ by: 'ada', reference: 'stillvault://prod/stripe' });
    expect(JSON.stringify(await needs())).not.toContain('sk_live_1');
    await live.org.forget();
    expect(await live.get('prod/stripe')).toBe('sk_live_1');
    expect((await live.org.receipts(live.daemon.machine)).some(({ receipt }) => receipt.outcome === 'stored' && receipt.note === 'prod/stripe')).toBe(true);
  });

  test('is declined with a reason, which stands for a day', async () => {
    await file('prod/paypal');
    const request = await seen('prod/paypal');
    await live.org.decide(request, 'deny', { changes: { note: 'use the sandbox account' } });
    await until(async () => (await stand('prod/paypal'))?.state === 'declined', 'declined');
    expect(await file('prod/paypal')).toMatchObject({ state: 'declined', by: 'ada', note: 'use the sandbox account' });
  });

  test('[INV-NEED-ONCE] asked again it says how it stands, and nobody is asked twice', async () => {
    const first = await file('prod/twice');
    expect(await file('prod/twice', { reason: 'other words', where: 'elsewhere' })).toEqual(first);
    await seen('prod/twice');
    await file('prod/last'); // were there a second letter, it would lie before this one
    expect((await live.org.nextRequest(live.world.device('ada'))).verified.request.need?.path).toBe('prod/last');
  });

  test('is open after a restart, and answered while the daemon was away', async () => {
    await file('prod/later');
    const request = await seen('prod/later');
    await live.daemon.stop();
    await live.org.decide(request, 'deny', { changes: { note: 'not needed' } });
    await live.daemon.start();
    await until(async () => (await stand('prod/later'))?.state === 'declined', 'declined');
  });

  test('ends after seven days', async () => {
    await using other = await startLive();
    await other.daemon.call('/v1/needs', { path: 'prod/old', reason: 'why' });
    await other.daemon.stop();
    other.daemon.clock.advance(604_800_001);
    await other.daemon.start();
    await until(async () => ((await other.daemon.call('/v1/needs')) as readonly NeedSummary[])[0]?.state === 'expired', 'expired'); // what the daemon says
  });

  test('ends by withdrawing, everywhere', async () => {
    await file('prod/gone');
    expect(await live.daemon.call('/v1/needs/withdraw', { path: 'prod/gone' })).toMatchObject({ state: 'withdrawn' });
    await until(
      async () => (await live.org.receipts(live.daemon.machine)).map(({ receipt }) => receipt.outcome).some((outcome) => outcome === 'withdrawn'),
      'the receipt',
    );
  });

  test('who waits is told at once, and leaving withdraws nothing', async () => {
    await file('prod/waited');
    const leaving = new AbortController();
    const open = (signal?: AbortSignal): Promise<Response> =>
      fetch('http://local/v1/needs/await?path=prod/waited', { unix: live.daemon.socketPath, ...(signal && { signal }) });
    await open(leaving.signal);
    leaving.abort();
    const lines = (await open()).text();
    await live.change((world) => world.put('prod/waited', 'x'));
    const told = (await lines).trim().split('\n');
    expect(told.map((line) => (JSON.parse(line) as NeedSummary).state)).toEqual(['open', 'filled']); // what the daemon says
  });
});

describe('[INV-NEED-NEW] nothing that exists is touched', () => {
  test('a secret that exists is named as such, and nobody is asked', async () => {
    expect(await file('prod/db')).toMatchObject({ state: 'exists', reference: 'stillvault://prod/db' });
    expect(await stand('prod/db')).toBeUndefined();
  });
});

describe('[INV-NEED-ASK] who may ask, and for what', () => {
  test.each([
    ['no policy', { path: 'dev/x' }, 'E_POLICY'],
    ['a path with look-alike letters', { path: 'prod/strіpe' }, 'E_ASK'],
    ['a path that climbs', { path: 'prod/../x' }, 'E_ASK'],
    ['text that turns its direction', { path: 'prod/a', where: 'https://evil.example/\u202eelpmaxe' }, 'E_ASK'],
    ['text of several lines', { path: 'prod/a', reason: 'one\ntwo' }, 'E_ASK'],
    ['a place of more than 200 characters', { path: 'prod/a', where: 'x'.repeat(201) }, 'E_ASK'],
    ['no purpose', { path: 'prod/a', reason: '' }, 'E_ASK'],
    ['a field twice', { path: 'prod/a', fields: ['a', 'a'] }, 'E_FIELD'],
    ['a value', { path: 'prod/a', value: 'eA==' } as Partial<NeedAsk>, 'E_ASK'],
  ] as const)('%s is refused before anybody is asked', async (_, more, code) => {
    expect(detail(await file('prod/a', more))).toBe(code);
  });

  test(`more than ${openNeedsMax} open ones of a machine are refused`, async () => {
    for (let n = 0; n < openNeedsMax; n++) expect(await file(`prod/flood-${n}`)).toMatchObject({ state: 'open' });
    expect(detail(await file('prod/flood-more'))).toBe('E_RATE_LOCAL');
  });

  test('a program that asks too often is refused before anything is signed', async () => {
    await using other = await startLive({
      daemon: {
        limiter: {
          take: () => {
            throw Object.assign(new Error('limit'));
          },
        },
      },
    });
    await other.daemon.call('/v1/needs', { path: 'prod/x', reason: 'why' });
    expect(await other.daemon.call('/v1/needs')).toEqual([]);
  });
});

describe('[INV-NEED-WRITER] who may answer', () => {
  test('another machine, or bytes of anybody, answer nothing', async () => {
    await file('prod/answered');
    const request = await seen('prod/answered');
    const machine = live.world.device('ada');
    await live.org.reply(request, new Uint8Array(2_000));
    await live.org.decide(request, 'deny', { signer: machine.sig }); // a key that belongs to approvals
    await live.org.decide(request, 'approve'); // stores nothing
    await live.org.decide(request, 'deny', { changes: { note: 'bad\u202e' } });
    await until(() => live.daemon.problems().includes('E_TEXT'), 'the last of them was looked at');
    expect(await stand('prod/answered')).toMatchObject({ state: 'open' });
  });

  test('a member without the role writer', async () => {
    await live.change((world) => world.addMember('cem', ['approver']));
    await file('prod/cem');
    const request = await seen('prod/cem');
    await live.org.decide({ ...request, device: live.world.device('cem') }, 'deny');
    await until(() => live.daemon.problems().includes('E_NOT_ELIGIBLE'), 'it was looked at');
    expect(await stand('prod/cem')).toMatchObject({ state: 'open', writers: ['ada', 'ben'] });
  });
});

test('[INV-NEED-BLIND] the relay holds no word of a need: neither its path nor what it is for', async () => {
  await file('prod/unseen-by-the-relay', { reason: 'a reason that nobody else reads', where: 'a place that nobody else reads' });
  const folder = join(live.dir, 'relay');
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const all = Buffer.concat(files.map((entry) => readFileSync(join(entry.parentPath, entry.name))));
  for (const words of ['unseen-by-the-relay', 'a reason that nobody', 'a place that nobody']) expect(all.includes(words)).toBe(false);
  expect(all.length).toBeGreaterThan(10_000);
});
