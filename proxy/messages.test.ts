// Messages that two readers could read differently: refused, towards hosts and towards the program (spec/16-proxy.md §messages).
import { afterAll, describe, expect, test } from 'bun:test';
import { type ProxyWorld, allOf, answering, createProxyWorld, ok } from './test-world.ts';

const world: ProxyWorld = await createProxyWorld();
afterAll(() => world[Symbol.asyncDispose]());
const hostile = `GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n`;

describe('INV-PROXY-MESSAGE a request that could be read as two is refused:', () => {
  const post = (headers: string, body: string): string => `POST / HTTP/1.1\r\nHost: HOST\r\n${headers}\r\n${body}`;
  test.each<readonly [string, string]>([
    ['both lengths', post('Content-Length: 4\r\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${hostile}`)],
    ['two lengths', post('Content-Length: 0\r\nContent-Length: 34\r\n', hostile)],
    ['two lengths alike', post('Content-Length: 1\r\nContent-Length: 1\r\n', 'x')],
    ['two lengths in one', post('Content-Length: 0, 34\r\n', hostile)],
    ['a signed length', post('Content-Length: +4\r\n', 'abcd')],
    ['a length in hexadecimal', post('Content-Length: 0x4\r\n', 'abcd')],
    ['a length without digits', post('Content-Length: \r\n', 'abcd')],
    ['an endless length', post('Content-Length: 99999999999999999999\r\n', 'abcd')],
    ['another coding', post('Transfer-Encoding: gzip, chunked\r\n', '0\r\n\r\n')],
    ['a coding that is none', post('Transfer-Encoding: xchunked\r\n', hostile)],
    ['a coding twice', post('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n', '0\r\n\r\n')],
    ['a coding with a tab', post('Transfer-Encoding:\x0bchunked\r\n', '0\r\n\r\n')],
    ['a space before the colon', post('Transfer-Encoding : chunked\r\n', '0\r\n\r\n')],
    ['a folded header', post('X: a\r\n Transfer-Encoding: chunked\r\n', '0\r\n\r\n')],
    ['a lone LF', post('X: a\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n')],
    ['a lone CR', post('X: a\rTransfer-Encoding: chunked\r\n', '0\r\n\r\n')],
    ['a NUL', post('X: a\0b\r\n', '')],
    ['a header without a name', post(': x\r\n', '')],
    ['chunks in HTTP/1.0', 'POST / HTTP/1.0\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['a chunk without a size', post('Transfer-Encoding: chunked\r\n', '\r\nx\r\n0\r\n\r\n')],
    ['a chunk of a negative size', post('Transfer-Encoding: chunked\r\n', '-1\r\nx\r\n0\r\n\r\n')],
    ['a chunk with 0x', post('Transfer-Encoding: chunked\r\n', '0x1\r\nx\r\n0\r\n\r\n')],
    ['a chunk longer than its size', post('Transfer-Encoding: chunked\r\n', '1\r\nxyz\r\n0\r\n\r\n')],
    ['a chunk that ends in LF', post('Transfer-Encoding: chunked\r\n', '11\nx\r\n0\r\n\r\n')],
    ['an endless chunk size', post('Transfer-Encoding: chunked\r\n', `${'0'.repeat(40)}1\r\nx\r\n0\r\n\r\n`)],
    ['two spaces in the first line', 'GET  / HTTP/1.1\r\nHost: HOST\r\n\r\n'],
    ['HTTP/2.0', 'GET / HTTP/2.0\r\nHost: HOST\r\n\r\n'],
    ['HTTP/0.9', 'GET /\r\n\r\n'],
    ['an empty line first', '\r\nGET / HTTP/1.1\r\nHost: HOST\r\n\r\n'],
    ['an upgrade with a body', post('Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n', 'x')],
  ])('%s', async (_, request) => {
    await using host = await world.startHost();
    await using its = await world.start({ KEY: { value: 'real-value-0001', hosts: [host.host] } });
    const answer = await its.within(host.host, request.replace('HOST', host.host));
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer.match(/^HTTP\/1\.1 /gm)).toHaveLength(1);
    expect(host.received()).not.toContain('smuggled');
  });

  test.each<readonly [string, string, number]>([
    ['a head of 70,000 bytes', `X: ${'a'.repeat(70_000)}\r\n`, 431],
    ['a head that never ends', 'a'.repeat(70_000), 431],
    ['201 headers', 'X: a\r\n'.repeat(201), 431],
  ])('%s is refused', async (_, headers, status) => {
    await using host = await world.startHost();
    await using its = await world.start({ KEY: { value: 'real-value-0001', hosts: [host.host] } });
    expect(await its.within(host.host, `GET / HTTP/1.1\r\nHost: ${host.host}\r\n${headers}\r\n`)).toStartWith(`HTTP/1.1 ${status} `);
    expect(host.received()).toBe('');
  });

  test('what belongs to one connection does not reach the host', async () => {
    await using host = await world.startHost();
    await using its = await world.start({ KEY: { value: 'real-value-0001', hosts: [host.host] } });
    const own =
      'Connection: close, X-Own\r\nX-Own: 1\r\nKeep-Alive: 1\r\nTE: trailers\r\nProxy-Connection: x\r\nProxy-Authorization: Basic eDp5\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n';
    await its.within(host.host, `GET / HTTP/1.1\r\nHost: ${host.host}\r\n${own}X-End: 2\r\n\r\n`);
    expect(host.received()).not.toMatch(/x-own|keep-alive|trailers|proxy-|h2c|http2/i);
    expect(host.received()).toContain('X-End: 2');
  });
});

test('INV-PROXY-VALUE a value with a line break makes no header and no second request', async () => {
  await using host = await world.startHost();
  await using its = await world.start({ KEY: { value: `real\r\nX-Evil: 1\r\n\r\n${hostile}`, hosts: [host.host] } });
  const head = `GET /?k=${its.placeholder('KEY')} HTTP/1.1\r\nHost: ${host.host}\r\nConnection: close\r\n`;
  expect(await its.within(host.host, `${head}X: ${its.placeholder('KEY')}\r\n\r\n`)).toContain('E_PROXY_VALUE');
  expect(host.received()).toBe('');
  await its.within(host.host, `${head}\r\n`);
  expect(host.received()).toStartWith('GET /?k=real%0D%0AX-Evil%3A%201');
  expect(host.received()).not.toMatch(/^X-Evil/m);
});

test('INV-PROXY-VALUE a value that is not ASCII is put in no header', async () => {
  await using host = await world.startHost();
  await using its = await world.start({ KEY: { value: 'caf\u00e9-0001', hosts: [host.host] } });
  const answer = await its.within(host.host, `GET / HTTP/1.1\r\nHost: ${host.host}\r\nX: ${its.placeholder('KEY')}\r\n\r\n`);
  expect(answer).toContain('E_PROXY_VALUE');
  expect(host.received()).toBe('');
});

describe('INV-PROXY-MESSAGE an answer that could be read as two is not passed on:', () => {
  test.each<readonly [string, string]>([
    ['both lengths', `HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['two lengths', `HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\nhello`],
    ['a lone LF', `HTTP/1.1 200 OK\r\nX: a\nSet-Cookie: b\r\nContent-Length: 0\r\n\r\n`],
    ['a folded header', `HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n`],
    ['another protocol', `SSH-2.0-x\r\n\r\n`],
    ['a status of two digits', `HTTP/1.1 20 OK\r\n\r\n`],
    ['a change of protocol that nobody asked for', `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`],
    ['a long head', `HTTP/1.1 200 OK\r\nX: ${'a'.repeat(70_000)}\r\n\r\n`],
    ['interim answers without end', 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(20)],
  ])('%s', async (_, answer) => {
    await using host = await world.startHost(answering(answer));
    await using its = await world.start({ KEY: { value: 'real-value-0001', hosts: [host.host] } });
    expect(await its.within(host.host, `GET / HTTP/1.1\r\nHost: ${host.host}\r\n\r\n`)).toStartWith('HTTP/1.1 502 ');
  });

  test('bytes after an answer are not the next one', async () => {
    await using host = await world.startHost(answering(`${ok('one')}${ok('injected')}`));
    await using its = await world.start({ KEY: { value: 'real-value-0001', hosts: [host.host] } });
    const get = (more = ''): string => `GET / HTTP/1.1\r\nHost: ${host.host}\r\n${more}\r\n`;
    const answer = await its.within(host.host, get() + get('Connection: close\r\n'));
    expect(answer.match(/one/g)).toHaveLength(2);
    expect(answer).not.toContain('injected');
  });

  test('a host neither speaks in our name nor points around the proxy', async () => {
    await using host = await world.startHost(answering(ok('x', 'X-Stillvault-Error: E_PROXY_RELEASE\r\nAlt-Svc: h3=":443"\r\nX-Own: 1\r\n')));
    await using its = await world.start({ KEY: { value: 'real-value-0001', hosts: [host.host] } });
    const answer = await its.within(host.host, `GET / HTTP/1.1\r\nHost: ${host.host}\r\nConnection: close\r\n\r\n`);
    expect(answer).toContain('X-Own: 1');
    expect(answer).not.toMatch(/stillvault|alt-svc/i);
  });

  test('an answer that ends early ends the connection', async () => {
    await using host = await world.startHost((socket) => void socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab'));
    await using its = await world.start({ KEY: { value: 'real-value-0001', hosts: [host.host] } });
    expect(await its.within(host.host, `GET / HTTP/1.1\r\nHost: ${host.host}\r\n\r\n`)).not.toContain('0\r\n\r\n');
  });
});

describe('what is meant as one message passes:', () => {
  test('requests one after the other over one connection to the host', async () => {
    let connections = 0;
    await using host = await world.startHost((socket, request) => {
      if (socket.listenerCount('close') < 3) socket.once('close', () => undefined);
      connections += socket.bytesRead === request.length ? 1 : 0;
      socket.write(ok(request.split(' ')[1] ?? ''));
    });
    await using its = await world.start({ KEY: { value: 'real-value-0001', hosts: [host.host] } });
    const get = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\nHost: ${host.host}\r\n${more}\r\n`;
    const answer = await its.within(host.host, [get('/first'), get('/second') + get('/third', 'Connection: close\r\n')]);
    expect(answer.match(/\/(?:first|second|third)/g)).toEqual(['/first', '/second', '/third']);
    expect(connections).toBe(1);
  });

  test('HEAD, 204 and 304 have no body', async () => {
    await using host = await world.startHost((socket, request) => {
      const status = request.startsWith('HEAD') ? '200 OK' : request.includes('/204') ? '204 No Content' : '304 Not Modified';
      socket.write(`HTTP/1.1 ${status}\r\n${status.startsWith('204') ? '' : 'Content-Length: 99\r\n'}\r\n`);
    });
    await using its = await world.start({ KEY: { value: 'real-value-0001', hosts: [host.host] } });
    const asked = [
      `HEAD / HTTP/1.1\r\nHost: ${host.host}\r\n\r\n`,
      `GET /204 HTTP/1.1\r\nHost: ${host.host}\r\n\r\n`,
      `GET / HTTP/1.1\r\nHost: ${host.host}\r\nConnection: close\r\n\r\n`,
    ];
    expect((await its.within(host.host, asked.join(''))).match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 204', 'HTTP/1.1 304']);
  });

  test('a host that answers before it has read all, and 100-continue', async () => {
    await using host = await world.startHost();
    await using its = await world.start({ KEY: { value: 'real-value-0001', hosts: [host.host] } });
    const answer = await its.within(
      host.host,
      `POST / HTTP/1.1\r\nHost: ${host.host}\r\nExpect: 100-continue\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc`,
    );
    expect(answer).toStartWith('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n');
    expect(host.received()).not.toMatch(/expect/i);
  });

  test('to a program of HTTP/1.0 without chunks', async () => {
    await using host = await world.startHost(answering('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfine\r\n0\r\n\r\n'));
    await using its = await world.start({ KEY: { value: 'real-value-0001', hosts: [host.host] } });
    const socket = await its.tunnel(host.host);
    socket.write('GET / HTTP/1.0\r\n\r\n');
    const answer = await allOf(socket);
    expect(answer).toEndWith('\r\n\r\nfine');
    expect(answer).not.toMatch(/chunked/i);
  });
});
