// The whole way: a real daemon, relay and person, `stillvault run --proxy`, curl and a host with TLS (spec/16-proxy.md §asking).
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { type Live, startLive } from '../testing/live-daemon.ts';
import { start } from '../daemon/cli/test-command-line.ts';
import { type ProxyWorld, type TestHost, answering, createProxyWorld, ok } from './test-world.ts';

const noCurl = Bun.which('curl') === null ? ' (no curl here)' : '';
let live: Live;
let world: ProxyWorld;
let host: TestHost;
beforeAll(async () => {
  world = await createProxyWorld();
  host = await world.startHost(answering(ok('echo real-value-0001')));
  live = await startLive({ secrets: { 'prod/key': 'real-value-0001' } });
  await live.world.approvers('prod/key', 1, ['ada'], { hosts: [host.host] });
  await live.settle();
});
afterAll(async () => {
  await live[Symbol.asyncDispose]();
  await host[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

test.skipIf(noCurl !== '')(
  `INV-PROXY-LEASE one approval, two uses, and no third${noCurl}`,
  async () => {
    const call = `curl -s -H "X-Key: $KEY" https://${host.host}/; echo`;
    const running = start(
      ['run', '--proxy', '--ca', world.caFile, '-e', 'KEY=prod/key', '--ttl', '5m', '--uses', '2', '--', 'sh', '-c', `${call}; ${call}; ${call}`],
      {
        socketPath: live.daemon.socketPath,
        env: { XDG_RUNTIME_DIR: world.folder },
      },
    );
    await running.seen('code ');
    const seen = await live.org.nextRequest(live.world.device('ada'));
    expect(seen.verified.request.lease).toMatchObject({ uses: 2 });
    await live.org.decide(seen, 'approve');
    const { out, err } = await running.ended;
    expect(out.split('\n').slice(0, 2)).toEqual(['echo [masked]', 'echo [masked]']);
    expect(out).toContain('E_PROXY_RELEASE');
    expect(host.received().match(/X-Key: real-value-0001/g)).toHaveLength(2);
    expect(out + err).not.toContain('real-value');
  },
  20_000,
);
