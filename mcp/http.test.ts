// stillvault_http: only to hosts of the policy, nothing followed, the answer scrubbed and bounded (spec/13-mcp.md §http).
import { describe, expect, test } from 'bun:test';
import { gzipSync } from 'node:zlib';
import { releasing } from '../testing/stub-daemon.ts';
import { type Host, startDaemonStub, startHost } from './test-host.ts';

const value = 'tok/"§ en+1 &x';
const ref = '{{ stillvault://prod/api }}';
const reason = 'charge an order';
interface Got {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}
interface World {
  readonly host: Host;
  readonly origin: string;
  /** What the API received. */
  readonly got: readonly Got[];
  readonly asks: readonly { readonly call: string }[];
}

async function withApi(
  respond: (request: Request) => Response | Promise<Response>,
  use: (world: World) => Promise<void>,
  hosts?: readonly string[],
): Promise<void> {
  const got: Got[] = [];
  await using server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      got.push({ url: request.url, headers: Object.fromEntries(request.headers), body: await request.clone().text() });
      return respond(request);
    },
  });
  const host = `127.0.0.1:${server.port}`;
  await using stub = await startDaemonStub(
    { 'POST /v1/release': releasing({ 'prod/api': value, 'prod/plain': 'plain-token-1234' }) },
    { hosts: hosts ?? [host] },
  );
  await using agent = await startHost({ socketPath: stub.socketPath, env: { http_proxy: 'http://127.0.0.1:1', HTTP_PROXY: 'http://127.0.0.1:1' } });
  await use({ host: agent, origin: `http://${host}`, got, asks: stub.asks });
}

const echo = async (request: Request): Promise<Response> =>
  Response.json(
    { url: request.url, headers: Object.fromEntries(request.headers), body: await request.text() },
    { status: 201, headers: { 'x-seen': request.headers.get('x-key') ?? '' } },
  );

describe('a call', () => {
  test('INV-MCP-HTTP puts values where they are named, each as its place needs it, and scrubs the answer', () =>
    withApi(echo, async ({ host, origin, got, asks }) => {
      const headers = { authorization: 'Bearer {{stillvault://prod/plain}}', 'x-key': 'stillvault://prod/plain', 'content-type': 'application/json' };
      const { structured, whole } = await host.call('stillvault_http', {
        method: 'POST',
        url: `${origin}/v1?key=${ref}`,
        headers,
        body: `{"key":"${ref}"}`,
        reason,
      });
      expect(structured).toMatchObject({ status: 'ok', http_status: 201, cut: false });
      expect(got).toHaveLength(1);
      expect(new URL(got[0]?.url ?? '').searchParams.get('key')).toBe(value);
      expect(got[0]?.headers).toMatchObject({ authorization: 'Bearer plain-token-1234', 'x-key': 'plain-token-1234' });
      expect(JSON.parse(got[0]?.body ?? '')).toEqual({ key: value });
      for (const form of [value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value), 'plain-token-1234']) expect(whole).not.toContain(form);
      expect(structured['headers']).toContain('x-seen: [masked]');
      expect(asks.filter(({ call }) => call === 'POST /v1/release')).toHaveLength(1);
    }));

  test('as a form', () =>
    withApi(echo, async ({ host, origin, got }) => {
      await host.call('stillvault_http', {
        method: 'POST',
        url: origin,
        headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
        body: `a=1&key=${ref}`,
        reason,
      });
      expect(new URLSearchParams(got[0]?.body).get('key')).toBe(value);
    }));

  test('INV-MCP-HTTP a redirect is returned, not followed', () =>
    withApi(
      () => new Response(null, { status: 302, headers: { location: 'http://127.0.0.1:9/?k=plain-token-1234' } }),
      async ({ host, origin, got }) => {
        const { structured } = await host.call('stillvault_http', {
          method: 'GET',
          url: `${origin}/a`,
          headers: { 'x-key': 'stillvault://prod/plain' },
          reason,
        });
        expect(structured).toMatchObject({ http_status: 302 });
        expect(structured['headers']).toContain('location: http://127.0.0.1:9/?k=[masked]');
        expect(got).toHaveLength(1);
      },
    ));

  test('INV-MCP-HTTP an answer that is too long is cut, and a value across the cut does not show its beginning', () =>
    withApi(
      () => new Response(`${'x'.repeat(262_144 - 9)}plain-token-1234${'y'.repeat(500_000)}`),
      async ({ host, origin }) => {
        const { structured, whole } = await host.call('stillvault_http', {
          method: 'GET',
          url: origin,
          headers: { 'x-key': 'stillvault://prod/plain' },
          reason,
        });
        expect(structured['cut']).toBe(true);
        expect(String(structured['body'])).toHaveLength(262_144);
        expect(whole).not.toContain('plain-t');
      },
    ));

  test('an answer that is no text comes in base64, masked before', () =>
    withApi(
      () => new Response(Buffer.concat([Buffer.from([0, 255]), Buffer.from('plain-token-1234')])),
      async ({ host, origin }) => {
        const { structured } = await host.call('stillvault_http', { method: 'GET', url: origin, headers: { 'x-key': 'stillvault://prod/plain' }, reason });
        expect(Buffer.from(String(structured['body_base64']), 'base64').toString('latin1')).toBe('\0\xff[masked]');
      },
    ));

  test('INV-MCP-HTTP an answer that is compressed against our word is not shown', () =>
    withApi(
      () => new Response(gzipSync('plain-token-1234'), { headers: { 'content-encoding': 'gzip' } }),
      async ({ host, origin, got }) => {
        const { structured } = await host.call('stillvault_http', { method: 'GET', url: origin, headers: { 'x-key': 'stillvault://prod/plain' }, reason });
        expect(structured).toMatchObject({ status: 'failed' });
        expect(got[0]?.headers['accept-encoding']).toBe('identity');
      },
    ));

  test('a failure of the connection does not quote what was sent', () =>
    withApi(
      echo,
      async ({ host }) => {
        const { structured, whole } = await host.call('stillvault_http', { method: 'GET', url: `http://127.0.0.1:1/?k=${ref}`, reason });
        expect(structured).toMatchObject({ status: 'failed', code: 'error' });
        expect(whole).not.toContain('tok');
      },
      ['127.0.0.1:1'],
    ));
});

describe('INV-MCP-HTTP nobody is asked, and nothing is sent,', () => {
  const refused = (args: Record<string, unknown>, code: string, hosts?: readonly string[]): Promise<void> =>
    withApi(
      echo,
      async ({ host, origin, got, asks }) => {
        const filled = JSON.parse(JSON.stringify(args).replaceAll('ORIGIN', origin)) as Record<string, unknown>; // cast: it was one before
        const { structured } = await host.call('stillvault_http', { method: 'GET', reason, ...filled });
        expect(structured).toMatchObject({ status: 'failed', code });
        expect(got).toEqual([]);
        expect(asks.filter(({ call }) => call === 'POST /v1/release')).toEqual([]);
      },
      hosts,
    );
  const key = { 'x-key': 'stillvault://prod/plain' };

  test('to a host that the policy does not name', () => refused({ url: 'ORIGIN', headers: key }, 'policy_forbids', ['api.example.com', '127.0.0.1']));
  test('to any host where the policy names none', () => refused({ url: 'ORIGIN', headers: key }, 'policy_forbids', []));
  test('to a host that ends or begins alike', () =>
    refused({ url: 'https://api.example.com.evil.test/', headers: key }, 'policy_forbids', ['api.example.com']));
  test('to another port of the host', () => refused({ url: 'https://api.example.com:8443/', headers: key }, 'policy_forbids', ['api.example.com']));
  test('to a host that is part of a value', () => refused({ url: `https://${ref}/`, headers: key }, 'usage'));
  test('to a host that a value could go on', () => refused({ url: `https://api.example.com${ref}`, headers: key }, 'usage', ['api.example.com']));
  test('with a user in the address', () => refused({ url: 'https://api.example.com@evil.test/', headers: key }, 'usage', ['api.example.com']));
  test('over plain http, but on this machine', () => refused({ url: 'http://api.example.com/', headers: key }, 'usage', ['api.example.com']));
  test('with another host in its headers', () => refused({ url: 'ORIGIN', headers: { ...key, Host: 'evil.test' } }, 'usage'));
  test('without any reference', () => refused({ url: 'ORIGIN' }, 'usage'));
  test('over another protocol', () => refused({ url: `file:///etc/passwd?${ref}` }, 'usage'));
});

const noOpenssl = Bun.which('openssl') === null ? ' (no openssl here to make one)' : '';
test.skipIf(noOpenssl !== '')(`INV-MCP-HTTP a certificate that nobody vouches for is refused, whatever the environment says${noOpenssl}`, async () => {
  const { cert, key } = await selfSigned();
  let received = 0;
  await using server = Bun.serve({ port: 0, hostname: '127.0.0.1', tls: { cert, key }, fetch: () => (received++, new Response('no')) });
  const host = `localhost:${server.port}`;
  await using stub = await startDaemonStub({ 'POST /v1/release': releasing({ 'prod/api': value }) }, { hosts: [host] });
  await using agent = await startHost({ socketPath: stub.socketPath, env: { NODE_TLS_REJECT_UNAUTHORIZED: '0' } });
  const { structured } = await agent.call('stillvault_http', { method: 'GET', url: `https://${host}/?k=${ref}`, reason });
  expect(structured).toMatchObject({ status: 'failed' });
  expect(received).toBe(0);
});

async function selfSigned(): Promise<{ readonly cert: string; readonly key: string }> {
  const words =
    'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout - -out -';
  const made = Bun.spawn(['openssl', ...words.split(' ')], { stderr: 'ignore' });
  const text = await new Response(made.stdout).text();
  const part = (name: string): string => new RegExp(`-----BEGIN ${name}-----[^]+?-----END ${name}-----\n`).exec(text)?.[0] ?? '';
  return { cert: part('CERTIFICATE'), key: part('PRIVATE KEY') };
}
