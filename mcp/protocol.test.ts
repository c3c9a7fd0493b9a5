// The protocol in both revisions, by the official client over the real process (spec/13-mcp.md §protocol, §waiting, §link).
import { describe, expect, test } from 'bun:test';
import type { StubAsk } from '../testing/stub-daemon.ts';
import { failure, releasing, waitingEvent } from '../testing/stub-daemon.ts';
import { eras, startDaemonStub, startHost } from './test-host.ts';

const value = 'correct horse battery staple';
const run = { argv: ['printenv', 'SECRET'], env: { SECRET: 'stillvault://prod/db' }, reason: 'nightly report' };
const names = ['list', 'request', 'await', 'need', 'run', 'http', 'inject_file', 'cancel', 'reveal'].map((name) => `stillvault_${name}`);

/** People were asked, and decide when the test says so. */
function undecided(): { readonly release: (ask: StubAsk) => Promise<void>; approve(): void; readonly asked: Promise<void>; readonly withdrawn: Promise<void> } {
  const [asked, decided, withdrawn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  return {
    asked: asked.promise,
    withdrawn: withdrawn.promise,
    approve: decided.resolve,
    async release(ask) {
      ask.event(waitingEvent(['prod/db']));
      asked.resolve();
      void ask.gone.then(withdrawn.resolve);
      await Promise.race([decided.promise, ask.gone]);
      releasing({ 'prod/db': value }, 'lease')(ask);
    },
  };
}

for (const era of eras)
  describe(`a client of ${era}`, () => {
    test('INV-MCP-TOOLS sees always the same tools, each with schemas for both directions, and none that depends on who asks', async () => {
      await using stub = await startDaemonStub({});
      await using host = await startHost({ socketPath: stub.socketPath, era });
      await using other = await startHost({ socketPath: '/nonexistent', era, capabilities: { elicitation: { url: {} } } });
      const { tools } = await host.client.listTools();
      expect(host.client.getNegotiatedProtocolVersion()).toBe(era);
      expect(tools.map(({ name }) => name)).toEqual(names);
      expect((await other.client.listTools()).tools).toEqual(tools);
      for (const { inputSchema, outputSchema, description } of tools) {
        expect(inputSchema.type).toBe('object');
        expect(outputSchema?.['type']).toBe('object');
        expect(description).not.toBe('');
      }
    });

    test('runs a program with a secret, and reads its output masked', async () => {
      await using stub = await startDaemonStub({ 'POST /v1/release': releasing({ 'prod/db': value }) });
      await using host = await startHost({ socketPath: stub.socketPath, era });
      const { structured, isError } = await host.call('stillvault_run', run);
      expect(structured).toMatchObject({ status: 'ok', exit_code: 0, stdout: { text: '[masked]\n', cut_bytes: 0 } });
      expect(isError).toBe(false);
      expect(stub.asks).toMatchObject([{ body: { items: [{ path: 'prod/db' }], agent: 'test-agent', reason: 'nightly report · run printenv SECRET' } }]);
    });

    test('INV-MCP-WAIT nobody decides: the call ends pending with a handle, and the same call later uses what was approved', async () => {
      const people = undecided();
      await using stub = await startDaemonStub({ 'POST /v1/release': people.release });
      await using host = await startHost({ socketPath: stub.socketPath, era });
      const first = await host.call('stillvault_run', { ...run, wait_s: 0 });
      expect(first.structured).toMatchObject({ status: 'pending', retry_after_ms: 1_000, paths: ['prod/db'] });
      expect(first.isError).toBe(false);
      expect(first.text).toContain('stillvault_await');
      await people.asked;
      const id = first.structured['request_id'];
      const look = () => host.call('stillvault_await', { request_id: id, wait_s: 0 });
      let again = await look();
      while (again.structured['match_code'] === undefined) again = await look(); // the event is sent, and perhaps not read yet
      expect(again.structured).toMatchObject({ status: 'pending', request_id: id, match_code: '47', approvers: ['ben', 'ada'], needed: 1 });
      people.approve();
      expect((await host.call('stillvault_await', { request_id: id })).structured).toMatchObject({ status: 'approved', request_id: id, approvers: ['ben'] });
      expect((await host.call('stillvault_run', run)).structured).toMatchObject({ status: 'ok', stdout: { text: '[masked]\n' } });
      expect(stub.asks).toHaveLength(1);
    });

    test('INV-MCP-WAIT a call never waits longer than its bound, whatever was asked for', async () => {
      const people = undecided();
      await using stub = await startDaemonStub({ 'POST /v1/release': people.release });
      await using host = await startHost({ socketPath: stub.socketPath, era, times: { waitMs: 100 } });
      expect((await host.call('stillvault_run', { ...run, wait_s: 45 })).structured['status']).toBe('pending');
      await expect(host.call('stillvault_run', { ...run, wait_s: 46 }).then(({ isError }) => isError)).resolves.toBe(true);
    });

    test('INV-MCP-DENIED hears a denial as an error, with words not to look elsewhere, and cannot ask again at once in other words', async () => {
      await using stub = await startDaemonStub({ 'POST /v1/release': (ask) => ask.json(failure('denied', 'ben denied it'), 403) });
      await using host = await startHost({ socketPath: stub.socketPath, era });
      for (const [tool, args] of [
        ['stillvault_run', run],
        ['stillvault_run', { ...run, argv: ['env'], reason: 'another reason' }],
        ['stillvault_request', { refs: ['prod/other', 'prod/db#password'], reason: 'please' }],
      ] as const) {
        const { structured, isError, text } = await host.call(tool, args);
        expect(structured).toMatchObject({ status: 'denied', reason: 'ben denied it' });
        expect(isError).toBe(true);
        expect(text).toContain('do not retry or look for another way to obtain this credential');
      }
      expect(stub.asks).toHaveLength(1);
    });

    test('INV-MCP-CANCEL cancels a call: its request is withdrawn everywhere', async () => {
      const people = undecided();
      await using stub = await startDaemonStub({ 'POST /v1/release': people.release });
      await using host = await startHost({ socketPath: stub.socketPath, era });
      const cancelling = new AbortController();
      const call = host.call('stillvault_run', run, { signal: cancelling.signal }).catch(() => 'cancelled');
      await people.asked;
      cancelling.abort();
      expect(await call).toBe('cancelled');
      await people.withdrawn;
    });

    test('INV-MCP-CANCEL goes away: everything it asked for is withdrawn', async () => {
      const people = undecided();
      await using stub = await startDaemonStub({ 'POST /v1/release': people.release });
      const host = await startHost({ socketPath: stub.socketPath, era });
      await host.call('stillvault_request', { refs: ['prod/db'], reason: 'nightly report' });
      await host.client.close();
      await people.withdrawn;
    });

    test('INV-MCP-CANCEL withdraws by hand', async () => {
      const people = undecided();
      await using stub = await startDaemonStub({ 'POST /v1/release': people.release });
      await using host = await startHost({ socketPath: stub.socketPath, era });
      const { structured } = await host.call('stillvault_request', { refs: ['prod/db'], reason: 'nightly report' });
      expect(structured).toMatchObject({ status: 'pending', match_code: '47' });
      expect((await host.call('stillvault_cancel', { request_id: structured['request_id'] })).structured['status']).toBe('withdrawn');
      await people.withdrawn;
      expect((await host.call('stillvault_await', { request_id: structured['request_id'] })).structured['status']).toBe('withdrawn');
    });

    test('INV-MCP-WAIT is told of progress only where it asked for it, in growing numbers, and never a value', async () => {
      const people = undecided();
      await using stub = await startDaemonStub({ 'POST /v1/release': people.release });
      await using host = await startHost({ socketPath: stub.socketPath, era, times: { progressMs: 20 } });
      const seen: { progress: number; message?: string | undefined }[] = [];
      const enough = Promise.withResolvers<void>();
      const call = host.call('stillvault_run', run, {
        onprogress: ({ progress, message }) => {
          seen.push({ progress, message });
          // On a busy machine a few of them come before people were asked.
          if (seen.length >= 3 && message?.startsWith('Waiting') === true) enough.resolve();
        },
      });
      await enough.promise;
      people.approve();
      expect((await call).structured['status']).toBe('ok');
      expect(seen.slice(0, 3).map(({ progress }) => progress)).toEqual([1, 2, 3]);
      expect(seen.some(({ message }) => message?.includes('Waiting for ben or ada to approve prod/db (code 47)'))).toBe(true);
    });

    test('INV-MCP-LINK that can open addresses is given the console’s once, without anything secret, and accepting it decides nothing', async () => {
      const people = undecided();
      await using stub = await startDaemonStub({ 'POST /v1/release': people.release });
      const links: Readonly<Record<string, unknown>>[] = [];
      const opened = Promise.withResolvers<void>();
      await using host = await startHost({
        socketPath: stub.socketPath,
        era,
        capabilities: { elicitation: { url: {} } },
        env: { STILLVAULT_CONSOLE: 'https://console.example/app/?x=1#secret' },
        onLink: (params) => {
          links.push(params);
          opened.resolve();
          return 'accept';
        },
      });
      const call = host.call('stillvault_run', run);
      await opened.promise;
      expect((await host.call('stillvault_run', { ...run, wait_s: 0 })).structured['status']).toBe('pending');
      people.approve();
      expect((await call).structured).toMatchObject({ status: 'ok', exit_code: 0 });
      expect(links).toHaveLength(1);
      expect(links[0]).toMatchObject({ mode: 'url', url: `https://console.example/app/#/review/${'00'.repeat(16)}` });
      expect(stub.asks).toHaveLength(1);
    });

    test('INV-MCP-LINK that refuses to open it waits for people on their other devices', async () => {
      const people = undecided();
      await using stub = await startDaemonStub({ 'POST /v1/release': people.release });
      await using host = await startHost({
        socketPath: stub.socketPath,
        era,
        capabilities: { elicitation: { url: {} } },
        env: { STILLVAULT_CONSOLE: 'http://localhost:7843' },
        onLink: () => {
          people.approve();
          return 'decline';
        },
      });
      expect((await host.call('stillvault_run', run)).structured['status']).toBe('ok');
    });

    for (const [what, capabilities, console] of [
      ['forms only', { elicitation: {} }, 'https://console.example'],
      ['no elicitation', {}, 'https://console.example'],
      ['an address that is not secure', { elicitation: { url: {} } }, 'http://console.example'],
      ['no console known', { elicitation: { url: {} } }, ''],
    ] as const)
      test(`INV-MCP-LINK ${what}: no address is sent`, async () => {
        const people = undecided();
        await using stub = await startDaemonStub({ 'POST /v1/release': people.release });
        const links: unknown[] = [];
        await using host = await startHost({
          socketPath: stub.socketPath,
          era,
          capabilities,
          ...(console === '' ? {} : { env: { STILLVAULT_CONSOLE: console } }),
          ...('elicitation' in capabilities ? { onLink: (params) => (links.push(params), 'accept') } : {}),
        });
        const call = host.call('stillvault_run', run);
        await people.asked;
        people.approve();
        expect((await call).structured['status']).toBe('ok');
        expect(links).toEqual([]);
      });

    test('is told what to do when no daemon runs', async () => {
      await using host = await startHost({ socketPath: '/nonexistent/d.sock', era });
      const { structured, isError } = await host.call('stillvault_list', {});
      expect(structured).toMatchObject({ status: 'failed', code: 'daemon_not_running', next: 'stillvault up' });
      expect(isError).toBe(true);
    });
  });

test('INV-MCP-LINK what the client sends back is checked: a state that is not ours is refused', async () => {
  await using stub = await startDaemonStub({ 'POST /v1/release': releasing({ 'prod/db': value }) });
  await using host = await startHost({ socketPath: stub.socketPath });
  const forged = host.client.request({ method: 'tools/call', params: { name: 'stillvault_run', arguments: run, requestState: 'v1.e30.AAAA' } });
  await expect(forged).rejects.toMatchObject({ code: -32_602 });
  expect(stub.asks).toEqual([]);
});
