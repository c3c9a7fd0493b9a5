// stillvault_need: asked once, told how it stands, and never a value (spec/13-mcp.md §needs).
import { describe, expect, test } from 'bun:test';
import type { NeedSummary } from '../protocol/local-api.ts';
import { failure } from '../testing/stub-daemon.ts';
import { eras, startDaemonStub, startHost } from './test-host.ts';

const need: NeedSummary = {
  path: 'prod/stripe',
  reference: 'stillvault://prod/stripe',
  state: 'open',
  fields: ['key'],
  reason: 'test payments',
  where: 'https://dashboard.stripe.com/apikeys',
  writers: ['ben', 'ada'],
};
const args = { path: need.path, reason: need.reason, where: need.where, fields: ['key'] };
const answering = (part: Partial<NeedSummary>) => ({ 'POST /v1/needs': (ask: { json(value: object): void }) => ask.json({ ...need, ...part }) });

describe('INV-MCP-NEED asking for what does not exist yet', () => {
  test.each(eras)('answers pending with a reference, in %s', async (era) => {
    await using stub = await startDaemonStub(answering({}));
    await using host = await startHost({ socketPath: stub.socketPath, era });
    const { structured, text, isError } = await host.call('stillvault_need', args);
    expect(structured).toEqual({ status: 'pending', reference: need.reference, fields: ['key'], writers: ['ben', 'ada'] });
    expect(text).toContain('call stillvault_need again with the same path');
    expect(isError).toBe(false);
    expect(stub.asks).toMatchObject([{ body: { path: need.path, reason: need.reason, where: need.where, fields: ['key'], agent: 'test-agent' } }]);
  });

  test.each([
    ['filled', { by: 'ben' }, 'ok'],
    ['exists', {}, 'ok'],
    ['declined', { by: 'ben', note: 'use the sandbox' }, 'denied'],
    ['expired', {}, 'failed'],
    ['failed', { note: 'E_FROZEN' }, 'failed'],
    ['withdrawn', {}, 'withdrawn'],
  ] as const)('%s is told as such', async (state, more, status) => {
    await using stub = await startDaemonStub(answering({ state, ...more }));
    await using host = await startHost({ socketPath: stub.socketPath });
    const { structured, text } = await host.call('stillvault_need', args);
    expect(structured['status']).toBe(status);
    if ('note' in more && status === 'denied') expect(text).toContain('use the sandbox');
  });

  test('waits where it is told to, and leaves the need open when the time is over', async () => {
    await using stub = await startDaemonStub({
      ...answering({}),
      'GET /v1/needs/await': async (ask) => {
        ask.event(need);
        await ask.gone;
      },
    });
    await using host = await startHost({ socketPath: stub.socketPath, times: { waitMs: 30 } });
    expect((await host.call('stillvault_need', { ...args, wait_s: 45 })).structured['status']).toBe('pending');
    expect(stub.asks.map(({ call }) => call)).toEqual(['POST /v1/needs', 'GET /v1/needs/await']);
  });

  test('is in the list, and named where a secret is not found', async () => {
    await using stub = await startDaemonStub({
      'GET /v1/secrets': (ask) => ask.json([]),
      'GET /v1/needs': (ask) => ask.json([{ ...need, state: 'declined', note: 'no' }]),
      'GET /v1/secrets/info': (ask) => ask.json(failure('not_found', 'there is no secret prod/stripe'), 404),
    });
    await using host = await startHost({ socketPath: stub.socketPath });
    expect((await host.call('stillvault_list', {})).structured['needs']).toEqual([{ reference: need.reference, state: 'declined', note: 'no' }]);
    const { text } = await host.call('stillvault_reveal', { ref: 'prod/stripe', reason: 'why' });
    expect(text).toContain('stillvault_need');
  });
});
