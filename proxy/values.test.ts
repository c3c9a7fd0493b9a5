// Values go in where their place needs them, and come out of whatever a host answers (spec/16-proxy.md §filling, §scrubbing).
import { afterAll, describe, expect, test } from 'bun:test';
import { createHash } from 'node:crypto';
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { fillChunks } from './placeholders.ts';
import { type ProxyWorld, type TestHost, type TestProxy, allOf, answering, createProxyWorld, ok } from './test-world.ts';

const world: ProxyWorld = await createProxyWorld();
afterAll(() => world[Symbol.asyncDispose]());
const value = 'tok/"§ en+1 &x';
const plain = 'plain-token-1234';

async function withHost(use: (its: TestProxy, host: TestHost) => Promise<void>, answer = answering(ok('fine'))): Promise<void> {
  await using host = await world.startHost(answer);
  await using its = await world.start({ KEY: { value, hosts: [host.host] }, PLAIN: { value: plain, hosts: [host.host] } });
  await use(its, host);
}
const request = (host: TestHost, first: string, headers = '', body = ''): string =>
  `${first} HTTP/1.1\r\nHost: ${host.host}\r\nConnection: close\r\n${headers}\r\n${body}`;
const bodyOf = (message: string): string => message.slice(message.indexOf('\r\n\r\n') + 4);

describe('INV-PROXY-FILL a value stands in the request', () => {
  test('in path and query, percent-encoded', () =>
    withHost(async (its, host) => {
      await its.within(host.host, request(host, `GET /${its.placeholder('KEY')}/a?k=${its.placeholder('KEY')}&p=${its.placeholder('PLAIN')}`));
      expect(host.received()).toStartWith(`GET /${encodeURIComponent(value)}/a?k=${encodeURIComponent(value)}&p=${plain} HTTP/1.1\r\n`);
    }));

  test('in headers, and within Basic credentials', () =>
    withHost(async (its, host) => {
      const basic = Buffer.from(`u:${its.placeholder('KEY')}`).toString('base64');
      await its.within(host.host, request(host, 'GET /', `X-Key: a ${its.placeholder('PLAIN')} b\r\nAuthorization: Basic ${basic}\r\n`));
      expect(host.received()).toContain(`X-Key: a ${plain} b\r\n`);
      expect(host.received()).toContain(`Authorization: Basic ${Buffer.from(`u:${value}`).toString('base64')}\r\n`);
    }));

  test.each([
    ['JSON', 'application/json; charset=utf-8', '{"k":"PLACE"}', (text: string) => (JSON.parse(text) as { readonly k: string }).k],
    ['a form', 'application/x-www-form-urlencoded', 'k=PLACE', (text: string) => new URLSearchParams(text).get('k')],
    ['text', 'text/plain', 'PLACE', (text: string) => text],
  ])('in a body of %s', (_, type, body, read) =>
    withHost(async (its, host) => {
      const content = body.replace('PLACE', its.placeholder('KEY'));
      await its.within(host.host, request(host, 'POST /', `Content-Type: ${type}\r\nContent-Length: ${content.length}\r\n`, content));
      const got = Buffer.from(bodyOf(host.received()), 'latin1').toString();
      expect(read(got)).toBe(value);
      expect(host.received()).toContain(`Content-Length: ${Buffer.byteLength(got)}\r\n`);
    }),
  );

  test('in a long body as it streams, in chunks then', () =>
    withHost(async (its, host) => {
      const content = `${'x'.repeat(1_500_000)}${its.placeholder('PLAIN')}${'y'.repeat(10)}`;
      await its.within(host.host, request(host, 'POST /', `Content-Length: ${content.length}\r\n`, content));
      expect(host.received()).toContain('Transfer-Encoding: chunked\r\n');
      expect(host.received()).not.toMatch(/content-length/i);
      expect(host.received().replace(/\r\n[0-9a-f]+\r\n/g, '')).toContain(`x${plain}y`);
    }));

  test('not in a body with a coding: the placeholder goes out, and its bytes are not touched', () =>
    withHost(async (its, host) => {
      const content = `${gzipSync('x').toString('latin1')}${its.placeholder('PLAIN')}`;
      await its.within(host.host, request(host, 'POST /', `Content-Encoding: gzip\r\nContent-Length: ${content.length}\r\n`, content));
      expect(bodyOf(host.received())).toBe(content);
    }));

  test('wherever the body was split', async () => {
    const place = `stillvault-${'0123456789abcdef'.repeat(2)}`;
    const whole = Buffer.from(`still${place}stillvault-${place}-stillvault-0x${place}s`);
    const expected = whole.toString().replaceAll(place, plain);
    const valueOf = async (text: string): Promise<Uint8Array | undefined> => (text === place ? Buffer.from(plain) : undefined);
    for (let size = 1; size <= whole.length; size++) {
      const parts = (async function* () {
        for (let at = 0; at < whole.length; at += size) yield whole.subarray(at, at + size);
      })();
      const out: Uint8Array[] = [];
      for await (const chunk of fillChunks(parts, valueOf)) out.push(chunk);
      expect(Buffer.concat(out).toString()).toBe(expected);
    }
  });
});

describe('INV-PROXY-SCRUB an echo of the value does not come back:', () => {
  const bytes = Buffer.from(value);
  const forms: readonly (readonly [string, string])[] = [
    ['raw', bytes.toString('latin1')],
    ['percent-encoded', encodeURIComponent(value)],
    ['as JSON', Buffer.from(JSON.stringify(value).slice(1, -1)).toString('latin1')],
    ['base64', bytes.toString('base64')],
    ['base64url', bytes.toString('base64url')],
    ['base64 with a name before', Buffer.from(`user:${value}`).toString('base64')],
    ['hexadecimal', bytes.toString('hex')],
    ['capital hexadecimal', bytes.toString('hex').toUpperCase()],
  ];
  const leaks = (text: string): boolean =>
    forms.some(([name, form]) => !name.includes('before') && text.includes(form)) || text.includes(bytes.toString('base64').slice(4, -4));
  const asked = (its: TestProxy, host: TestHost, more = ''): string => request(host, 'GET /', `X: ${its.placeholder('PLAIN')}\r\n${more}`);

  test.each(forms)('%s, in a body with a length', (_, form) =>
    withHost(
      async (its, host) => {
        const answer = await its.within(host.host, asked(its, host));
        expect(leaks(answer)).toBe(false);
        expect(bodyOf(answer)).toMatch(/^before .*\[masked\].* after$/);
        expect(answer).toContain(`Content-Length: ${bodyOf(answer).length}\r\n`);
      },
      answering(ok(`before ${form} after`)),
    ),
  );

  test.each(forms)('%s, split over chunks at every byte', (_, form) =>
    withHost(
      async (its, host) => expect(leaks((await its.within(host.host, asked(its, host))).replace(/\r\n[0-9a-f]+\r\n/g, ''))).toBe(false),
      answering(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${Array.from(`x${form}y`, (byte) => `1\r\n${byte}\r\n`).join('')}0\r\n\r\n`),
    ),
  );

  test.each(forms)('%s, in a header, the reason, and an answer to the end of the connection', (_, form) =>
    withHost(
      async (its, host) => {
        const answer = await its.within(host.host, asked(its, host));
        expect(leaks(answer)).toBe(false);
        expect(answer.match(/\[masked\]/g)?.length).toBeGreaterThanOrEqual(3);
      },
      (socket) => void socket.end(Buffer.from(`HTTP/1.1 200 ${form}\r\nX-Echo: ${form}\r\n\r\n${form}`, 'latin1')),
    ),
  );

  test.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
    ['zstd', zstdCompressSync],
  ])('in %s against our word', (coding, compress) =>
    withHost(
      async (its, host) => {
        const answer = await its.within(host.host, asked(its, host, `Accept-Encoding: ${coding}\r\n`));
        expect(host.received()).toContain('Accept-Encoding: identity\r\n');
        expect(answer).not.toMatch(/content-encoding/i);
        expect(answer).toContain('[masked]');
        expect(leaks(answer)).toBe(false);
      },
      (socket) => {
        const body = compress(Buffer.from(`a ${value} b`)).toString('latin1');
        socket.write(Buffer.from(`HTTP/1.1 200 OK\r\nContent-Encoding: ${coding}\r\nContent-Length: ${body.length}\r\n\r\n${body}`, 'latin1'));
      },
    ),
  );

  test.each(['compress', 'gzip, gzip', 'x'])('in a coding that cannot be read (%s): no answer at all', (coding) =>
    withHost(
      async (its, host) => expect(await its.within(host.host, asked(its, host))).toContain('E_PROXY_ANSWER'),
      answering(ok('x', `Content-Encoding: ${coding}\r\n`)),
    ),
  );

  test('in a part (206) of what is coded: no answer at all', () =>
    withHost(
      async (its, host) => expect(await its.within(host.host, asked(its, host))).toContain('E_PROXY_ANSWER'),
      (socket) => {
        const body = gzipSync(Buffer.from('a part')).toString('latin1');
        socket.write(Buffer.from(`HTTP/1.1 206 Partial\r\nContent-Encoding: gzip\r\nContent-Length: ${body.length}\r\n\r\n${body}`, 'latin1'));
      },
    ));

  test('in an error page, a redirect and a cookie', () =>
    withHost(
      async (its, host) => expect(await its.within(host.host, asked(its, host))).not.toContain(plain),
      answering(`HTTP/1.1 500 No\r\nLocation: https://evil.test/?${plain}\r\nSet-Cookie: a=${plain}\r\nContent-Length: ${plain.length}\r\n\r\n${plain}`),
    ));

  test('an event arrives when it is sent, not at the end of the stream', async () => {
    await using host = await world.startHost(
      answering('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: a\n\n\r\n'),
    );
    await using its = await world.start({ PLAIN: { value: plain, hosts: [host.host] } });
    const socket = await its.tunnel(host.host);
    const arrived = new Promise<void>((resolve) => {
      let text = '';
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString('latin1');
        if (text.includes('data: a\n\n')) resolve();
      });
    });
    socket.write(asked(its, host));
    await arrived;
    socket.destroy();
  });

  test('from another host than the one it went to', async () => {
    await using other = await world.startHost(answering(ok(`kept: ${plain}`)));
    await using host = await world.startHost();
    await using its = await world.start({ PLAIN: { value: plain, hosts: [host.host] } }, { allowed: [other.host] });
    await its.within(host.host, asked(its, host));
    expect(bodyOf(await its.within(other.host, request(other, 'GET /')))).toBe('kept: [masked]');
  });
});

describe('INV-PROXY-UPGRADE a WebSocket', () => {
  const key = 'dGhlIHNhbXBsZSBub25jZQ==';
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  const handshake = (its: TestProxy, host: TestHost): string =>
    `GET /live HTTP/1.1\r\nHost: ${host.host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Extensions: permessage-deflate\r\nAuthorization: Bearer ${its.placeholder('PLAIN')}\r\n\r\n`;
  const accepted = `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`;

  test('passes; the value stands in the handshake only, and frames are not compressed', async () => {
    await using host = await world.startHost((socket) => {
      socket.removeAllListeners('data');
      socket.on('data', (chunk: Buffer) => socket.write(Buffer.concat([Buffer.from('re:'), chunk])));
      socket.write(accepted);
    });
    await using its = await world.start({ PLAIN: { value: plain, hosts: [host.host] } });
    const socket = await its.tunnel(host.host);
    const seen = (wanted: string): Promise<string> =>
      new Promise((resolve) => {
        let text = '';
        const listen = (chunk: Buffer): void => {
          text += chunk.toString('latin1');
          if (!text.includes(wanted)) return;
          socket.off('data', listen);
          resolve(text);
        };
        socket.on('data', listen);
      });
    const opened = seen('\r\n\r\n');
    socket.write(handshake(its, host));
    expect(await opened).toContain(`Sec-WebSocket-Accept: ${accept}`);
    expect(host.received()).toContain(`Authorization: Bearer ${plain}\r\n`);
    expect(host.received()).toMatch(/Connection: Upgrade\r\nUpgrade: websocket\r\n/);
    expect(host.received()).not.toMatch(/extensions/i);
    const answered = seen(its.placeholder('PLAIN'));
    socket.write(its.placeholder('PLAIN'));
    expect(await answered).toBe(`re:${its.placeholder('PLAIN')}`); // what is said later stays a placeholder
    const held = seen('plai');
    socket.write('plai'); // the beginning of a value: held back, and passed on when nothing follows
    expect(await held).toBe('re:plai');
    socket.destroy();
  });

  test('a value that the host sends in a frame does not arrive', async () => {
    await using host = await world.startHost((socket) => void socket.end(`${accepted}\x81\x10${plain}`, 'latin1'));
    await using its = await world.start({ PLAIN: { value: plain, hosts: [host.host] } });
    const socket = await its.tunnel(host.host);
    socket.write(handshake(its, host));
    const all = await allOf(socket);
    expect(all).toContain('[masked]');
    expect(all).not.toContain(plain);
  });
});
