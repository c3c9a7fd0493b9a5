// `stillvault need`: a reference on standard output, words on the other stream, an exit code for each end (spec/09-release.md §needs).
import { describe, expect, test } from 'bun:test';
import type { NeedSummary } from '../../protocol/local-api.ts';
import { startStubDaemon } from '../../testing/stub-daemon.ts';
import { lastJson, run, start } from './test-command-line.ts';

const need: NeedSummary = {
  path: 'prod/stripe',
  reference: 'stillvault://prod/stripe',
  state: 'open',
  fields: [],
  reason: 'test payments',
  where: 'the dashboard',
  code: '47',
  expires_at: '2026-11-30T12:00:00.000Z',
  writers: ['ben', 'ada'],
};
const standing = (part: Partial<NeedSummary> = {}) => startStubDaemon({ 'POST /v1/needs': (ask) => ask.json({ ...need, ...part }) });
const asking = ['need', 'prod/stripe', '--for', 'test payments', '--where', 'the dashboard'];

describe('asking', () => {
  test('prints the reference and returns at once', async () => {
    await using daemon = await standing();
    expect(await run([...asking, '--field', 'key', '--field', 'id'], daemon)).toMatchObject({
      code: 0,
      out: 'stillvault://prod/stripe\n',
      err: 'waiting for ben or 1 other writer to type it · prod/stripe · code 47 · until 2026-11-30 12:00\n',
    });
    expect(daemon.asks).toEqual([
      { call: 'POST /v1/needs', body: { path: 'prod/stripe', reason: 'test payments', where: 'the dashboard', fields: ['key', 'id'] } },
    ]);
    expect(lastJson(await run([...asking, '--json'], daemon))).toEqual(need);
  });

  test.each([
    ['exists', {}, 0, 'prod/stripe exists: stillvault get prod/stripe asks for its release\n'],
    ['filled', { by: 'ben' }, 0, 'ben stored prod/stripe: stillvault get prod/stripe asks for its release\n'],
    ['declined', { by: 'ben', note: 'use \u202ethe sandbox' }, 10, 'ben declined prod/stripe: “use \\u{202e}the sandbox” (E_DENIED)'],
    ['expired', {}, 11, 'nobody typed prod/stripe in 7 days'],
    ['failed', { note: 'E_FROZEN' }, 15, 'cannot be stored any more (E_FROZEN)'],
  ] as const)('%s', async (state, part, code, words) => {
    await using daemon = await standing({ state, ...part });
    const ended = await run(asking, daemon);
    expect(ended.code).toBe(code);
    expect(ended.err).toContain(words);
  });

  test('waits with --wait; Ctrl-C leaves the need open', async () => {
    let isFilled = false;
    await using daemon = await startStubDaemon({
      'POST /v1/needs': (ask) => ask.json(need),
      'GET /v1/needs/await': async (ask) => {
        ask.event(need);
        if (!isFilled) return ask.gone;
        ask.event({ ...need, state: 'filled', by: 'ben' });
        ask.end();
      },
    });
    const waiting = start([...asking, '--wait'], daemon);
    await waiting.seen('Ctrl-C leaves it open');
    waiting.kill('SIGINT');
    expect(await waiting.ended).toMatchObject({ code: 130, out: '' });
    isFilled = true;
    expect(await run([...asking, '--wait'], daemon)).toMatchObject({ code: 0, out: 'stillvault://prod/stripe\n' });
    expect(daemon.asks.some(({ call }) => call === 'POST /v1/needs/withdraw')).toBe(false);
  });

  test('without a purpose or a path it says what is missing', async () => {
    await using daemon = await standing();
    expect(await run(['need', 'prod/stripe'], daemon)).toMatchObject({ code: 2, err: expect.stringContaining('what is it for?') as string });
    expect(await run(['need'], daemon)).toMatchObject({ code: 2 });
    expect(daemon.asks).toEqual([]);
  });
});

test('ls and withdraw', async () => {
  await using daemon = await startStubDaemon({
    'GET /v1/needs': (ask) => ask.json([need, { ...need, path: 'prod/old', state: 'declined', by: 'ben', note: 'no' }]),
    'POST /v1/needs/withdraw': (ask) => ask.json({ ...need, state: 'withdrawn' }),
  });
  expect((await run(['need', 'ls'], daemon)).out).toBe('prod/stripe  open           test payments\nprod/old     declined  ben  no\n');
  expect(await run(['need', 'withdraw', 'prod/stripe'], daemon)).toMatchObject({ code: 0, out: '', err: 'nobody is asked for prod/stripe any more\n' });
});
