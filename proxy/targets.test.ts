// Who may use the proxy, and where it goes: nothing is sent, and nobody asked, where the answer is no (spec/16-proxy.md §targets).
import { afterAll, describe, expect, test } from 'bun:test';
import { X509Certificate } from 'node:crypto';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { createAuthority } from './authority.ts';
import { type ProxyWorld, type Secrets, allOf, answering, createProxyWorld } from './test-world.ts';
import { isLocalAddress } from './upstream.ts';

const world: ProxyWorld = await createProxyWorld();
afterAll(() => world[Symbol.asyncDispose]());
const secret = (...hosts: readonly string[]): Secrets => ({ KEY: { value: 'real-value-0001', hosts } });
const get = (host: string, more = ''): string => `GET /a HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${more}\r\n`;
const connectTo = (host: string): string => `CONNECT ${host} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;

describe('INV-PROXY-CREDENTIAL another program of this machine', () => {
  test.each([
    ['without the credential', ''],
    ['with another', `Proxy-Authorization: Basic ${Buffer.from('stillvault:guess').toString('base64')}\r\n`],
    ['with an empty one', 'Proxy-Authorization: Basic \r\n'],
    ['as bearer', 'Proxy-Authorization: Bearer x\r\n'],
  ])('%s is refused', async (_, header) => {
    await using host = await world.startHost();
    await using its = await world.start(secret(host.host));
    const answer = await its.talk(`CONNECT ${host.host} HTTP/1.1\r\nHost: ${host.host}\r\n${header}\r\n`, false);
    expect(answer).toStartWith('HTTP/1.1 407 ');
    expect(host.received()).toBe('');
  });

  test('is refused with the right one and another beside it', async () => {
    await using its = await world.start(secret('localhost:1'));
    expect(await its.talk('GET http://localhost:1/ HTTP/1.1\r\nHost: localhost:1\r\nProxy-Authorization: Basic eDp5\r\n\r\n')).toStartWith('HTTP/1.1 407 ');
  });
});

describe('INV-PROXY-HOST a secret goes to the hosts of its policy only:', () => {
  test.each(['GET /?k=PLACE', 'GET /PLACE/x', 'header', 'basic', 'body', 'long body', 'chunked body'])(
    '%s to another host is refused, and names the reference',
    async (where) => {
      await using own = await world.startHost();
      await using other = await world.startHost();
      await using its = await world.start(secret(own.host), { allowed: [other.host] });
      const place = its.placeholder('KEY');
      const head = `Host: ${other.host}\r\nConnection: close\r\n`;
      const requests: Readonly<Record<string, string>> = {
        header: `GET / HTTP/1.1\r\n${head}Authorization: Bearer ${place}\r\n\r\n`,
        basic: `GET / HTTP/1.1\r\n${head}Authorization: Basic ${Buffer.from(`u:${place}`).toString('base64')}\r\n\r\n`,
        body: `POST / HTTP/1.1\r\n${head}Content-Length: ${place.length}\r\n\r\n${place}`,
        'long body': `POST / HTTP/1.1\r\n${head}Content-Length: 2000000\r\n\r\n${place}${'x'.repeat(2_000_000 - place.length)}`,
        'chunked body': `POST / HTTP/1.1\r\n${head}Transfer-Encoding: chunked\r\n\r\n${place.length.toString(16)}\r\n${place}\r\n0\r\n\r\n`,
      };
      const answer = await its.within(other.host, requests[where] ?? `${where.replace('PLACE', place)} HTTP/1.1\r\n${head}\r\n`);
      expect(answer).toStartWith('HTTP/1.1 403 ');
      expect(answer).toContain('E_PROXY_SECRET_HOST');
      expect(answer).toContain('prod/KEY');
      expect(other.received()).not.toContain('real-value');
      if (!where.includes(' body')) expect(other.received()).toBe('');
    },
  );

  test('a redirect to another host is the program’s, and refused there', async () => {
    await using other = await world.startHost();
    await using own = await world.startHost(answering(`HTTP/1.1 302 Found\r\nLocation: https://${other.host}/\r\nContent-Length: 0\r\n\r\n`));
    await using its = await world.start(secret(own.host), { allowed: [other.host] });
    const key = `Authorization: ${its.placeholder('KEY')}\r\n`;
    expect(await its.within(own.host, get(own.host, key))).toStartWith('HTTP/1.1 302 ');
    expect(own.received()).toContain('real-value');
    expect(await its.within(other.host, get(other.host, key))).toStartWith('HTTP/1.1 403 ');
    expect(other.received()).toBe('');
  });

  test('a secret whose policy names no host stops before anybody is asked', async () => {
    await expect(world.start(secret())).rejects.toMatchObject({ code: 'policy_forbids' });
  });

  test('over plain http it stays here, though the policy names the host', async () => {
    await using its = await world.start(secret('plain.example:80', 'plain.example'));
    const answer = await its.talk(`GET http://plain.example/ HTTP/1.1\r\nHost: plain.example\r\nX: ${its.placeholder('KEY')}\r\n\r\n`);
    expect(answer).toContain('E_PROXY_SECRET_HOST');
  });

  test('what stands for nothing in this run passes as it is', async () => {
    await using host = await world.startHost();
    await using its = await world.start(secret(host.host));
    const stranger = `stillvault-${'0'.repeat(32)}`;
    await its.within(host.host, get(host.host, `X: ${stranger}\r\n`));
    expect(host.received()).toContain(stranger);
  });
});

describe('INV-PROXY-WITHIN a connection serves its own host:', () => {
  test('another host header is refused', async () => {
    await using host = await world.startHost();
    await using its = await world.start(secret(host.host));
    for (const header of ['evil.test', 'localhost', `${host.host}.evil.test`, `evil.test, ${host.host}`]) {
      expect(await its.within(host.host, get(header))).toStartWith('HTTP/1.1 421 ');
    }
    expect(await its.within(host.host, get(host.host, 'Host: evil.test\r\n'))).toStartWith('HTTP/1.1 400 ');
    expect(await its.within(host.host, 'GET / HTTP/1.1\r\n\r\n')).toStartWith('HTTP/1.1 400 ');
    expect(host.received()).toBe('');
  });

  test('another name in TLS is refused', async () => {
    await using host = await world.startHost();
    await using its = await world.start(secret(host.host));
    expect(await its.within(host.host, get(host.host), { servername: 'evil.test' })).toStartWith('HTTP/1.1 421 ');
    expect(host.received()).toBe('');
  });

  test.each(['http://evil.test/', 'https://HOST/', '//evil.test/', 'evil.test:443', '/a#b', '*'])('the form %s is refused, or sent as a path', async (form) => {
    await using host = await world.startHost();
    await using its = await world.start(secret(host.host));
    const answer = await its.within(host.host, `GET ${form.replace('HOST', host.host)} HTTP/1.1\r\nHost: ${host.host}\r\nConnection: close\r\n\r\n`);
    if (form.startsWith('//')) expect(host.received()).toStartWith('GET //evil.test/ HTTP/1.1\r\nHost: localhost:');
    else expect(answer).toStartWith('HTTP/1.1 400 ');
  });

  test('a path, or https, to the proxy itself is refused', async () => {
    await using its = await world.start(secret('localhost:1'));
    for (const target of ['/', 'https://localhost:1/', 'http://u:p@localhost:1/', 'ftp://localhost:1/', '*'])
      expect(await its.talk(`GET ${target} HTTP/1.1\r\nHost: localhost:1\r\n\r\n`)).toStartWith('HTTP/1.1 400 ');
  });

  test('bytes before the tunnel is there are refused', async () => {
    await using its = await world.start(secret('localhost:1'));
    expect(await its.talk(`${connectTo('localhost:1')}GET / HTTP/1.1\r\n\r\n`)).toStartWith('HTTP/1.1 ');
  });
});

describe('INV-PROXY-TARGET refused is', () => {
  test.each([
    ['another port than 443', 'example.com:22'],
    ['this machine', 'localhost:443'],
    ['this machine by its address', '127.0.0.1:443'],
    ['this machine in other spellings', '0x7f.1:443'],
    ['this machine as a number', '2130706433:443'],
    ['this machine in IPv6', '[::1]:443'],
    ['this machine within IPv6', '[::ffff:127.0.0.1]:443'],
    ['all addresses', '0.0.0.0:443'],
    ["a cloud's credentials", '169.254.169.254:443'],
    ['no port', 'example.com'],
    ['a user', 'user@example.com:443'],
    ['a path', 'example.com:443/x'],
  ])('%s', async (_, target) => {
    await using its = await world.start(secret('api.example'));
    expect(await its.talk(connectTo(target))).toStartWith('HTTP/1.1 403 ');
  });

  test.each(['0x7f.1:443', '2130706433:443', '127.1:443', '[0:0::1]:443', 'ex%61mple.com:443'])('a spelling that is not the usual one: %s', async (target) => {
    await using its = await world.start(secret('api.example'));
    expect(await its.talk(connectTo(target))).toMatch(/usual spelling|CONNECT takes/);
  });

  test.each([['127.0.0.1'], ['169.254.169.254'], ['::1']])('a name of its own that points to %s', async (address) => {
    await using host = await world.startHost(undefined, { plain: true });
    await using its = await world.start(secret('api.example'), { lookup: async () => [{ address }] });
    expect(await its.talk('GET http://rebound.example/ HTTP/1.1\r\nHost: rebound.example\r\n\r\n')).toContain('E_PROXY_TARGET');
    expect(await its.within('rebound.example:443', get('rebound.example'))).toContain('E_PROXY_TARGET');
    expect(host.received()).toBe('');
  });

  test("the proxy's own port", async () => {
    await using its = await world.start(secret('api.example'));
    expect(await its.talk(connectTo(`127.0.0.1:${its.port}`))).toContain('E_PROXY_TARGET');
    expect(await its.talk(`GET http://127.0.0.1:${its.port}/ HTTP/1.1\r\nHost: 127.0.0.1:${its.port}\r\n\r\n`)).toContain('E_PROXY_TARGET');
  });

  test('with --deny-unmatched, what nothing names', async () => {
    await using host = await world.startHost();
    await using its = await world.start(secret('api.example'), { denyUnmatched: true, allowed: [host.host] });
    expect(await its.talk(connectTo('example.com:443'))).toContain('E_PROXY_TARGET');
    expect(await its.within(host.host, get(host.host))).toEndWith('fine');
  });

  // Alibaba, Oracle, Azure, Google, and IPv4 behind NAT64.
  test.each(['100.100.100.200', '192.0.0.192', '168.63.129.16', 'fd20:ce::254', '64:ff9b::a9fe:a9fe', '64:ff9b::7f00:1'])(
    '%s hands out a cloud’s credentials, or is this machine',
    (address) => expect(isLocalAddress(address)).toBe(true),
  );
  test('other addresses behind NAT64 are as any', () => expect(isLocalAddress('64:ff9b::c000:201')).toBe(false));
  test.each(['127.0.0.1', '127.9.9.9', '0.0.0.0', '169.254.169.254', '::1', '::', 'fe80::1', '::ffff:127.0.0.1', '::ffff:7f00:1', 'fd00:ec2::254'])(
    'a name that points to %s',
    (address) => expect(isLocalAddress(address)).toBe(true),
  );
  test.each(['10.0.0.1', '192.0.2.1', '2001:db8::1'])('but not one that points to %s', (address) => expect(isLocalAddress(address)).toBe(false));
});

describe('INV-PROXY-TLS a host is believed by its certificate only:', () => {
  test('one that nobody vouches for is refused, whatever the environment says', async () => {
    const stranger = await createAuthority((length) => crypto.getRandomValues(new Uint8Array(length)), Date.now);
    await using host = await world.startHost(undefined, { authority: stranger });
    await using its = await world.start(secret(host.host));
    const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    try {
      const answer = await its.within(host.host, get(host.host, `X: ${its.placeholder('KEY')}\r\n`));
      expect(answer).toStartWith('HTTP/1.1 502 ');
      expect(answer).not.toContain('real-value');
    } finally {
      if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
      else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before;
    }
    expect(host.received()).toBe('');
  });

  test('one for another name is refused', async () => {
    await using host = await world.startHost(undefined, { name: 'other.example' });
    const asked = `localhost:${host.port}`;
    await using its = await world.start(secret(asked));
    expect(await its.within(asked, get(asked, `X: ${its.placeholder('KEY')}\r\n`))).toStartWith('HTTP/1.1 502 ');
    expect(host.received()).toBe('');
  });

  test('an address is verified as one', async () => {
    await using host = await world.startHost(undefined, { name: '127.0.0.1' });
    await using its = await world.start(secret(host.host));
    expect(await its.within(host.host, get(host.host), { servername: '' })).toEndWith('fine');
  });

  test('a tunnel stays closed: the program sees the certificate of the host', async () => {
    await using host = await world.startHost();
    await using its = await world.start(secret('api.example'), { tunnelled: [host.host] });
    const [closed, opened] = [await its.tunnel(host.host), await its.tunnel('api.example:443')];
    const serials = [closed, opened].map((socket) => socket.getPeerCertificate().serialNumber);
    const own = new X509Certificate((await world.authority.leafFor('localhost')).cert).serialNumber;
    expect(serials.map((serial) => serial === own)).toEqual([true, false]);
    for (const socket of [closed, opened]) socket.destroy();
  });
});

describe('INV-PROXY-END when the run is over', () => {
  test('files, listener and open connections are gone', async () => {
    await using host = await world.startHost();
    const its = await world.start(secret(host.host));
    const folder = its.proxy.environment['NODE_EXTRA_CA_CERTS']?.replace(/\/[^/]*$/, '') ?? '';
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(folder)) {
      expect(statSync(`${folder}/${name}`).mode & 0o777).toBe(0o600);
      expect(await Bun.file(`${folder}/${name}`).text()).not.toContain('PRIVATE');
    }
    const open = await its.tunnel(host.host);
    const over = allOf(open);
    await its[Symbol.asyncDispose]();
    await over;
    expect(existsSync(folder)).toBe(false);
    const refused = await new Promise((resolve) =>
      connect(its.port, '127.0.0.1')
        .once('error', resolve)
        .once('connect', () => resolve('connected')),
    );
    expect(refused).toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('no variable holds a value', async () => {
    await using its = await world.start(secret('api.example'));
    expect(JSON.stringify(its.proxy.environment)).not.toContain('real-value');
    expect(its.placeholder('KEY')).toMatch(/^stillvault-[0-9a-f]{32}$/);
    await using again = await world.start(secret('api.example'));
    expect(again.placeholder('KEY')).not.toBe(its.placeholder('KEY'));
  });
});
