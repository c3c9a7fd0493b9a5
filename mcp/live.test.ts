// The whole way: an agent's host, `stillvault mcp`, a real daemon and relay, and a person who decides (spec/13-mcp.md).
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { type Live, startLive } from '../testing/live-daemon.ts';
import { eras, startHost } from './test-host.ts';

const value = 'correct horse battery staple';
let live: Live;
beforeAll(async () => {
  live = await startLive({ secrets: { 'prod/db': value } });
});
afterAll(() => live[Symbol.asyncDispose]());

for (const era of eras)
  test(`a person approves what an agent of ${era} will do, and denies the next`, async () => {
    await using host = await startHost({ socketPath: live.daemon.socketPath, era });
    expect((await host.call('stillvault_list', {})).structured['secrets']).toMatchObject([
      { reference: 'stillvault://prod/db', entitled: true, reveal_allowed: false, http_hosts: [] },
    ]);

    const run = { argv: ['printenv', 'S'], env: { S: 'stillvault://prod/db' }, reason: `report of ${era}` };
    const running = host.call('stillvault_run', run);
    const seen = await live.org.nextRequest(live.world.device('ada'));
    expect(seen.verified.request.claimed).toMatchObject({ reason: `report of ${era} · run printenv S`, agent: 'test-agent' });
    await live.org.decide(seen, 'approve');
    expect((await running).structured).toMatchObject({ status: 'ok', exit_code: 0, stdout: { text: '[masked]\n' } });

    const again = host.call('stillvault_run', run);
    await live.org.decide(await live.org.nextRequest(live.world.device('ada')), 'deny');
    expect((await again).structured).toMatchObject({ status: 'denied' });
  });
