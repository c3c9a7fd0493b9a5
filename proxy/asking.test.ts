// When people are asked, what a lease counts, and what a denial means (spec/16-proxy.md §asking).
import { afterAll, describe, expect, test } from 'bun:test';
import { readdirSync } from 'node:fs';
import type { ReleaseAsk } from '../protocol/local-api.ts';
import { failure, releasing, someLease } from '../testing/stub-daemon.ts';
import { type ProxyWorld, type TestHost, type TestProxy, createProxyWorld } from './test-world.ts';

const world: ProxyWorld = await createProxyWorld();
afterAll(() => world[Symbol.asyncDispose]());
const values = { 'prod/A': 'value-of-a', 'prod/B': 'value-of-b' };
const secretsFor = (host: TestHost) => ({ A: { value: values['prod/A'], hosts: [host.host] }, B: { value: values['prod/B'], hosts: [host.host] } });
const releases = ({ daemon }: TestProxy): readonly unknown[] => daemon.asks.filter(({ call }) => call === 'POST /v1/release').map(({ body }) => body);
const send = (its: TestProxy, host: TestHost, ...variables: readonly string[]): Promise<string> =>
  its.within(
    host.host,
    `GET / HTTP/1.1\r\nHost: ${host.host}\r\nConnection: close\r\n${variables.map((name, at) => `X-${at}: ${its.placeholder(name)}\r\n`).join('')}\r\n`,
  );
const items = (...paths: readonly string[]) => paths.map((path) => ({ path }));

describe('INV-PROXY-ASK without --ttl', () => {
  test('one question for all secrets before the start, and none after', async () => {
    await using host = await world.startHost();
    await using its = await world.start(secretsFor(host), { ask: { reason: 'deploy' } });
    await send(its, host, 'A', 'B');
    await send(its, host, 'A');
    expect(releases(its)).toEqual([{ items: items('prod/A', 'prod/B'), reason: 'deploy' }]);
    expect(host.received()).toContain('value-of-a');
  });

  test('a denial before the start starts nothing', async () => {
    await using host = await world.startHost();
    const denied = { 'POST /v1/release': (ask: { json(value: object, status: number): void }) => ask.json(failure('denied', 'ben denied it'), 403) };
    await expect(world.start(secretsFor(host), {}, denied)).rejects.toMatchObject({ code: 'denied' });
    expect(readdirSync(world.folder).filter((name) => name.startsWith('stillvault-proxy-'))).toEqual([]);
  });

  test('--lazy asks at the first use, once for the secrets of that request', async () => {
    await using host = await world.startHost();
    await using its = await world.start(secretsFor(host), { isLazy: true });
    await send(its, host);
    expect(releases(its)).toEqual([]);
    await Promise.all([send(its, host, 'A', 'B'), send(its, host, 'A', 'B')]);
    await send(its, host, 'B');
    expect(releases(its)).toEqual([{ items: items('prod/A', 'prod/B') }]);
  });

  test('nobody is asked for a host that the policy does not name', async () => {
    await using host = await world.startHost();
    await using other = await world.startHost();
    await using its = await world.start(secretsFor(host), { isLazy: true, allowed: [other.host] });
    expect(await send(its, other, 'A')).toContain('E_PROXY_SECRET_HOST');
    expect(releases(its)).toEqual([]);
  });
});

describe('INV-PROXY-DENIED after a denial', () => {
  test('a program that tries again asks nobody, and is told', async () => {
    await using host = await world.startHost();
    const denied = { 'POST /v1/release': (ask: { json(value: object, status: number): void }) => ask.json(failure('denied', 'ben denied it'), 403) };
    await using its = await world.start(secretsFor(host), { isLazy: true }, denied);
    for (let attempt = 0; attempt < 3; attempt++) expect(await send(its, host, 'A')).toContain('prod/A was not released: ben denied it (E_PROXY_RELEASE)');
    expect(releases(its)).toHaveLength(1);
    expect(host.received()).toBe('');
  });
});

describe('INV-PROXY-LEASE with --ttl', () => {
  const lease = { ttlS: 900, uses: 5 };
  const granted = { 'POST /v1/release': releasing(values, 'approval', someLease) };

  test('each request of the program is one use, and nobody is asked again', async () => {
    await using host = await world.startHost();
    await using its = await world.start(secretsFor(host), { ask: { lease } }, { ...granted, 'GET /v1/leases': (ask) => ask.json([someLease]) });
    const twice = `Authorization: Basic ${Buffer.from(`u:${its.placeholder('A')}`).toString('base64')}\r\nX: ${its.placeholder('A')}`;
    await its.within(host.host, `GET /?a=${its.placeholder('A')} HTTP/1.1\r\nHost: ${host.host}\r\nConnection: close\r\n${twice}\r\n\r\n`);
    expect(releases(its)).toHaveLength(1); // the approval itself was the first use
    await send(its, host, 'B');
    await send(its, host, 'A', 'B');
    expect(releases(its)).toEqual([
      { items: items('prod/A', 'prod/B'), lease },
      { items: items('prod/B'), leaseOnly: true },
      { items: items('prod/A', 'prod/B'), leaseOnly: true },
    ]);
  });

  test('when it has ended, nothing is put in', async () => {
    await using host = await world.startHost();
    const ending = (ask: Parameters<ReturnType<typeof releasing>>[0]): void =>
      (ask.body as ReleaseAsk).leaseOnly === true ? ask.json(failure('policy_forbids', 'there is no live lease'), 403) : granted['POST /v1/release'](ask);
    await using its = await world.start(secretsFor(host), { ask: { lease } }, { 'POST /v1/release': ending, 'GET /v1/leases': (ask) => ask.json([]) });
    expect(await send(its, host, 'A')).toContain('there is no live lease');
    expect(host.received()).toBe('');
  });

  test('--lazy asks people again when it has ended', async () => {
    await using host = await world.startHost();
    await using its = await world.start(secretsFor(host), { isLazy: true, ask: { lease } });
    await send(its, host, 'A');
    await send(its, host, 'A');
    expect(releases(its)).toEqual([
      { lease, items: items('prod/A') },
      { lease, items: items('prod/A') },
    ]);
  });

  test('a policy that names the host no longer holds at the next use', async () => {
    await using host = await world.startHost();
    let hosts: readonly string[] = [host.host];
    const { infoAt } = await import('../mcp/test-host.ts');
    await using its = await world.start(
      secretsFor(host),
      { ask: { lease } },
      { 'GET /v1/leases': (ask) => ask.json([someLease]), 'GET /v1/secrets/info': (ask) => ask.json(infoAt(ask.query.get('path') ?? '', { hosts })) },
    );
    expect(await send(its, host, 'A')).toEndWith('fine');
    hosts = ['elsewhere.example'];
    expect(await send(its, host, 'A')).toContain('E_PROXY_SECRET_HOST');
  });
});
