// One request, one use, one act (spec/13-mcp.md §requests, §reveal, §tools).
import { describe, expect, test } from 'bun:test';
import { failure, releasing, someLease, waitingEvent } from '../testing/stub-daemon.ts';
import { infoAt, startDaemonStub, startHost } from './test-host.ts';

const values = { 'prod/db': 'correct horse battery', 'prod/api': 'plain-token-1234' };
const released = { 'POST /v1/release': releasing(values) };
const reason = 'nightly report';
const print = (path: string) => ({ argv: ['printenv', 'S'], env: { S: path }, reason });

describe('INV-MCP-USE what was approved', () => {
  test('is good for one use', async () => {
    await using stub = await startDaemonStub(released);
    await using host = await startHost({ socketPath: stub.socketPath });
    const { structured } = await host.call('stillvault_request', { refs: ['prod/db'], reason });
    const id = structured['request_id'];
    await host.call('stillvault_await', { request_id: id });
    expect((await host.call('stillvault_run', { ...print('prod/db'), request_id: id })).structured).toMatchObject({ status: 'ok', exit_code: 0 });
    expect((await host.call('stillvault_run', { ...print('prod/db'), request_id: id })).structured).toMatchObject({ status: 'failed', code: 'usage' });
    expect(stub.asks).toHaveLength(1);
  });

  test('for one act serves no other, nor a changed one', async () => {
    await using stub = await startDaemonStub({
      ...released,
      'POST /v1/release': async (ask) => {
        ask.event(waitingEvent(['prod/db']));
        await ask.gone;
      },
    });
    await using host = await startHost({ socketPath: stub.socketPath });
    const { structured } = await host.call('stillvault_run', { ...print('prod/db'), wait_s: 0 });
    const request_id = structured['request_id'];
    for (const [tool, args] of [
      ['stillvault_run', { ...print('prod/db'), argv: ['sh', '-c', 'echo $S'] }],
      ['stillvault_run', { ...print('prod/db'), env: { T: 'prod/db' } }],
      ['stillvault_run', { ...print('prod/db'), cwd: '/tmp' }],
      ['stillvault_inject_file', { template: 'stillvault://prod/db', reason }],
    ] as const)
      expect((await host.call(tool, { ...args, request_id })).structured).toMatchObject({ status: 'failed', code: 'usage' });
    expect((await host.call('stillvault_run', { ...print('prod/db'), request_id, wait_s: 0 })).structured['status']).toBe('pending');
    expect(stub.asks.filter(({ call }) => call === 'POST /v1/release')).toHaveLength(1);
  });

  test('covers only what was asked for', async () => {
    await using stub = await startDaemonStub(released);
    await using host = await startHost({ socketPath: stub.socketPath });
    const { structured } = await host.call('stillvault_request', { refs: ['prod/db'], reason });
    const call = { argv: ['true'], env: { S: 'prod/db', T: 'prod/api' }, reason, request_id: structured['request_id'] };
    expect((await host.call('stillvault_run', call)).structured).toMatchObject({ status: 'failed', code: 'usage' });
  });

  test('is forgotten when nobody comes for it', async () => {
    await using stub = await startDaemonStub(released);
    await using host = await startHost({ socketPath: stub.socketPath, times: { holdMs: 1 } });
    const { structured } = await host.call('stillvault_request', { refs: ['prod/db'], reason });
    const request_id = structured['request_id'];
    let status: unknown;
    do status = (await host.call('stillvault_await', { request_id })).structured['status'];
    while (status === 'approved');
    expect(status).toBe('withdrawn');
    expect((await host.call('stillvault_run', { ...print('prod/db'), request_id })).structured).toMatchObject({ status: 'failed', code: 'usage' });
  });

  test('is asked for as a lease where the agent says so, and the lease is told', async () => {
    await using stub = await startDaemonStub({ 'POST /v1/release': releasing(values, 'approval', someLease) });
    await using host = await startHost({ socketPath: stub.socketPath });
    const { structured } = await host.call('stillvault_request', { refs: ['prod/db'], reason, ttl_s: 900 });
    const { structured: after, text } = await host.call('stillvault_await', { request_id: structured['request_id'] });
    expect(after).toMatchObject({ status: 'approved', expires_at: someLease.until });
    expect(text).toContain('20 more uses');
    expect(stub.asks).toMatchObject([{ body: { lease: { ttlS: 900 } } }]);
  });

  test('of a session that is unknown here is not found', async () => {
    await using stub = await startDaemonStub(released);
    await using host = await startHost({ socketPath: stub.socketPath });
    for (const tool of ['stillvault_await', 'stillvault_cancel'])
      expect((await host.call(tool, { request_id: '0123456789abcdef' })).structured).toMatchObject({ status: 'failed', code: 'not_found' });
  });
});

test('INV-MCP-REVEAL an approval that was not for revealing reveals nothing', async () => {
  await using stub = await startDaemonStub(released, { revealAllowed: true });
  await using host = await startHost({ socketPath: stub.socketPath });
  const { structured } = await host.call('stillvault_request', { refs: ['prod/db'], reason });
  await host.call('stillvault_reveal', { ref: 'prod/db', reason, request_id: structured['request_id'] });
  expect(stub.asks.filter(({ call }) => call === 'POST /v1/release')).toHaveLength(2);
});

test('several secrets are one request', async () => {
  await using stub = await startDaemonStub(released);
  await using host = await startHost({ socketPath: stub.socketPath });
  const env = { A: 'stillvault://prod/db', B: 'prod/api#key', C: 'prod/db' };
  await host.call('stillvault_run', { argv: ['true'], env, reason });
  expect(stub.asks).toMatchObject([{ body: { items: [{ path: 'prod/api', field: 'key' }, { path: 'prod/db' }] } }]);
});

test('a request that expired, or that no relay took, says so and what to do', async () => {
  for (const [code, words] of [
    ['expired', 'Nobody decided in time'],
    ['unreachable', 'Do not look for another way'],
    ['policy_forbids', 'The policy forbids it'],
  ] as const) {
    await using stub = await startDaemonStub({ 'POST /v1/release': (ask) => ask.json(failure(code, 'that is how it is'), 500) });
    await using host = await startHost({ socketPath: stub.socketPath });
    const { structured, text, isError } = await host.call('stillvault_run', print('prod/db'));
    expect(structured).toMatchObject({ status: 'failed', code, reason: 'that is how it is' });
    expect(text).toContain(words);
    expect(isError).toBe(true);
  }
});

describe('stillvault_reveal', () => {
  test('INV-MCP-REVEAL is refused where the policy does not allow it, and nobody is asked', async () => {
    for (const policy of [{ revealAllowed: false }, {}]) {
      await using stub = await startDaemonStub(released, policy);
      await using host = await startHost({ socketPath: stub.socketPath });
      expect((await host.call('stillvault_reveal', { ref: 'prod/db', reason })).structured).toMatchObject({ status: 'failed', code: 'policy_forbids' });
      expect(stub.asks.filter(({ call }) => call === 'POST /v1/release')).toEqual([]);
    }
  });

  test('INV-MCP-REVEAL returns the value where it does, and no other tool does after', async () => {
    await using stub = await startDaemonStub(released, { revealAllowed: true });
    await using host = await startHost({ socketPath: stub.socketPath });
    expect((await host.call('stillvault_reveal', { ref: 'prod/db', reason })).structured).toMatchObject({ status: 'ok', value: values['prod/db'] });
    expect(stub.asks).toContainEqual({
      call: 'POST /v1/release',
      body: expect.objectContaining({ reason: 'nightly report · REVEAL to the model' }) as unknown,
    });
    expect((await host.call('stillvault_run', { argv: ['echo', values['prod/db']], reason })).structured).toMatchObject({ stdout: { text: '[masked]\n' } });
  });
});

test('stillvault_list tells names and what policies say', async () => {
  const summary = { version: 3, fields: ['password'], description: 'the orders database', updatedAt: '2026-11-23T11:00:00.000Z', entitled: true };
  await using stub = await startDaemonStub({
    'GET /v1/secrets': (ask) =>
      ask.json([
        { path: 'prod/db', ...summary },
        { path: 'test/db', ...summary, entitled: false },
      ]),
    'GET /v1/secrets/info': (ask) =>
      ask.query.get('path') === 'prod/db' ? ask.json(infoAt('prod/db', { hosts: ['db.example'] })) : ask.json(failure('policy_forbids', 'no policy'), 403),
  });
  await using host = await startHost({ socketPath: stub.socketPath });
  const { structured } = await host.call('stillvault_list', {});
  expect(structured['secrets']).toEqual([
    {
      reference: 'stillvault://prod/db',
      fields: ['password'],
      description: 'the orders database',
      version: 3,
      entitled: true,
      approvers: 'any of ben, ada',
      max_lease_s: 900,
      http_hosts: ['db.example'],
      reveal_allowed: false,
    },
    { reference: 'stillvault://test/db', fields: ['password'], description: 'the orders database', version: 3, entitled: false },
  ]);
  expect((await host.call('stillvault_list', { prefix: 'none/' })).structured).toMatchObject({ status: 'ok', secrets: [] });
});
