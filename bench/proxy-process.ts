// Benchmarks only: a host, a plain CONNECT proxy or ours, each in a process of its own. `bun bench/proxy-process.ts host|plain|ours …`
import { lookup } from 'node:dns/promises';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { createAuthority } from '../proxy/authority.ts';
import { startProxy } from '../proxy/start.ts';

const [role, folder = '', host = ''] = process.argv.slice(2);
const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));
const tell = (line: string): void => void process.stdout.write(`${line}\n`);
const value = 'sk_live_0123456789abcdefghijklmnop';

if (role === 'host') {
  const authority = await createAuthority(random, Date.now);
  writeFileSync(`${folder}/ca.pem`, authority.cert);
  const big = new Uint8Array(32 << 20).fill(97);
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    tls: await authority.leafFor('localhost'),
    maxRequestBodySize: 1 << 30,
    async fetch(request) {
      if (request.url.endsWith('/big')) return new Response(big);
      if (request.method === 'POST') return new Response(String((await request.arrayBuffer()).byteLength));
      return new Response(request.headers.get('authorization') === `Bearer ${value}` ? 'x'.repeat(1_000) : 'placeholder');
    },
  });
  tell(`localhost:${server.port}`);
} else if (role === 'plain') {
  const server = createServer((program) => {
    program.once('data', (head) => {
      const [, name = '', port = ''] = /^CONNECT ([^:]+):(\d+) /.exec(head.toString('latin1')) ?? [];
      const upstream = connect(Number(port), name, () => {
        program.write('HTTP/1.1 200 OK\r\n\r\n');
        program.pipe(upstream).pipe(program);
      });
      for (const socket of [program, upstream]) socket.setNoDelay(true).on('error', () => socket.destroy());
    });
  });
  server.listen(0, '127.0.0.1', () =>
    tell(JSON.stringify({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, ca: `${folder}/ca.pem`, key: value })),
  );
} else {
  const policy = {
    pattern: '**',
    approvers: '',
    machines: '',
    maxTtlS: 900,
    maxUses: 100,
    scopes: ['process'] as const,
    tier: 'normal' as const,
    reasonRequired: false,
  };
  const custody = { k: 1, members: [], machines: [], waiting: [], needVersion: [], exposedTo: [] };
  const about = { version: 1, fields: [], description: '', updatedAt: '', entitled: true, id: '', custody };
  const proxy = await startProxy({
    client: { info: async (path) => ({ path, ...about, policy: { ...policy, hosts: [host] } }), leases: async () => [] },
    release: async ({ items }) => ({
      from: 'approval',
      values: items.map((item) => ({ ...item, version: 1, bytes: new TextEncoder().encode(value) })),
      approvedBy: [],
    }),
    variables: new Map([['KEY', { path: 'bench/key' }]]),
    plain: {},
    ask: {},
    isLazy: false,
    denyUnmatched: false,
    allowed: [],
    tunnelled: [],
    caFiles: [`${folder}/ca.pem`],
    env: { XDG_RUNTIME_DIR: folder },
    port: 0,
    random,
    now: Date.now,
    lookup: (hostname) => lookup(hostname, { all: true }),
    log: () => undefined,
  });
  tell(JSON.stringify({ url: proxy.url, ca: proxy.environment['NODE_EXTRA_CA_CERTS'], key: proxy.environment['KEY'] }));
}
