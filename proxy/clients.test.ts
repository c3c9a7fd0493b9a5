// Many requests at once and a real WebSocket, by the runtime's own clients (spec/16-proxy.md §filling, §scrubbing).
import { afterAll, expect, test } from 'bun:test';
import { type ProxyWorld, type TestProxy, createProxyWorld } from './test-world.ts';

const world: ProxyWorld = await createProxyWorld();
afterAll(() => world[Symbol.asyncDispose]());
const value = 'real-value-0001';

async function withEcho(use: (its: TestProxy, host: string, ca: string) => Promise<void>): Promise<void> {
  await using server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    tls: await world.authority.leafFor('localhost'),
    websocket: { message: (socket, message) => void socket.send(`re:${String(message)}`) },
    async fetch(request, its) {
      if (request.headers.get('authorization') !== `Bearer ${value}`) return new Response('no', { status: 401 });
      if (request.headers.get('upgrade') !== null) return its.upgrade(request) ? undefined : new Response('no', { status: 400 });
      return new Response(await request.bytes());
    },
  });
  const host = `localhost:${server.port}`;
  await using its = await world.start({ KEY: { value, hosts: [host] } });
  await use(its, host, await Bun.file(its.proxy.environment['NODE_EXTRA_CA_CERTS'] ?? '').text());
}

test('INV-PROXY-FILL bodies of all sizes at once, each filled, echoed and scrubbed', () =>
  withEcho(async (its, host, ca) => {
    const place = its.placeholder('KEY');
    const one = async (at: number): Promise<boolean> => {
      const padding = 'a'.repeat([0, 1_000, 70_000, 600_000][at % 4] ?? 0);
      const body = `${padding}${place}${padding}${at}`;
      const headers = { authorization: `Bearer ${place}`, 'content-type': 'text/plain' };
      const answer = await fetch(`https://${host}/`, { method: 'POST', body, headers, proxy: its.proxy.url, tls: { ca } });
      return (await answer.text()) === `${padding}[masked]${padding}${at}`;
    };
    expect(await Promise.all(Array.from({ length: 40 }, (_, at) => one(at)))).toEqual(Array.from({ length: 40 }, () => true));
  }));

test('INV-PROXY-UPGRADE a WebSocket of the runtime opens and talks', () =>
  withEcho(async (its, host, ca) => {
    const options = { proxy: its.proxy.url, tls: { ca }, headers: { authorization: `Bearer ${its.placeholder('KEY')}` } };
    const socket = new WebSocket(`wss://${host}/`, options as unknown as string[]); // cast: the runtime takes options, the type is the browser's
    const said = await new Promise<unknown>((resolve, reject) => {
      socket.addEventListener('open', () => socket.send('hello'));
      socket.addEventListener('message', ({ data }) => resolve(data));
      socket.addEventListener('close', () => reject(new Error('closed')));
    });
    expect(said).toBe('re:hello');
    socket.close();
  }));
