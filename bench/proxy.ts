// The egress proxy, with a value to put in and answers to scrub, against a plain CONNECT proxy that looks at nothing: the same client and host.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { Agent, request as requestHttps } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TLSSocket, connect as connectTls } from 'node:tls';
import { type Paired, paired, timed } from './measure.ts';

interface Place {
  readonly url: string;
  readonly ca: string;
  readonly key: string;
}

export interface ProxyFigures {
  /** Milliseconds of one request on a kept connection, a value in its header, 1 kB back. */
  readonly kept: Paired;
  /** The same with CONNECT and TLS before it. */
  readonly fresh: Paired;
  /** Milliseconds for 32 MiB, from the host and to it. */
  readonly down: Paired;
  readonly up: Paired;
}

export async function proxyFigures(): Promise<ProxyFigures> {
  const folder = mkdtempSync(join(tmpdir(), 'sv-bench-proxy-'));
  const children: Bun.Subprocess[] = [];
  const start = async (...words: readonly string[]): Promise<string> => {
    const child = Bun.spawn([process.execPath, join(import.meta.dir, 'proxy-process.ts'), ...words], { stdout: 'pipe' });
    children.push(child);
    const { value } = await child.stdout.getReader().read();
    return new TextDecoder().decode(value).trim();
  };
  try {
    const host = await start('host', folder);
    const theirs = JSON.parse(await start('plain', folder, host)) as Place; // cast: from proxy-process.ts
    const ours = JSON.parse(await start('ours', folder, host)) as Place; // cast: as above
    const [a, b] = [await createCaller(ours, host), await createCaller(theirs, host)];
    const body = new Uint8Array(32 << 20).fill(98);
    const figures = {
      kept: await paired(
        300,
        () => timed(() => a.call('/')),
        () => timed(() => b.call('/')),
      ),
      fresh: await paired(
        60,
        () => timed(() => freshCall(ours, host)),
        () => timed(() => freshCall(theirs, host)),
      ),
      down: await paired(
        8,
        () => timed(() => a.call('/big')),
        () => timed(() => b.call('/big')),
      ),
      up: await paired(
        8,
        () => timed(() => a.call('/', body)),
        () => timed(() => b.call('/', body)),
      ),
    };
    for (const caller of [a, b]) caller.end();
    return figures;
  } finally {
    for (const child of children) child.kill();
    await Promise.all(children.map(({ exited }) => exited));
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Caller {
  call(path: string, body?: Uint8Array): Promise<void>;
  end(): void;
}

async function freshCall(place: Place, host: string): Promise<void> {
  const caller = await createCaller(place, host);
  await caller.call('/');
  caller.end();
}

/** One connection, as a program would keep it. */
async function createCaller({ url, ca, key }: Place, host: string): Promise<Caller> {
  const { hostname, port, username, password } = new URL(url);
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  const secured = await new Promise<TLSSocket>((resolve, reject) => {
    request({ hostname, port, method: 'CONNECT', path: host, headers: { host, 'proxy-authorization': authorization } })
      .once('connect', (_, socket) => {
        const tls: TLSSocket = connectTls({ socket, servername: 'localhost', ca: readFileSync(ca, 'utf8') }, () => resolve(tls)).once('error', reject);
      })
      .once('error', reject)
      .end();
  });
  secured.setNoDelay(true);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  agent.createConnection = () => secured;
  return {
    call: (path, body) =>
      new Promise((resolve, reject) => {
        const headers = { host, authorization: `Bearer ${key}`, ...(body && { 'content-type': 'application/octet-stream', 'content-length': body.length }) };
        const sent = requestHttps({ agent, path, method: body === undefined ? 'GET' : 'POST', headers }, (answer) => {
          let size = 0;
          answer.on('data', (chunk: Buffer) => (size += chunk.length));
          answer.once('end', () => (size === 11 ? reject(new Error('the host got no value')) : resolve()));
        });
        sent.once('error', reject).end(body);
      }),
    end: () => void secured.destroy(),
  };
}
