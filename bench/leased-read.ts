// A leased read over a kept connection against a bare echo on a Unix socket in the same runtime; identity check included.
import { createServer, connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { type Paired, paired } from './measure.ts';
import { type BenchWorld, approveAll, ask } from './world.ts';

const batch = 20;

export async function leasedRead(world: BenchWorld): Promise<Paired> {
  const lease = { ttlS: 3_600, uses: 100_000, scope: 'process' as const };
  const asked = { items: [{ path: 'prod/db-primary' }], lease: { ttlS: lease.ttlS, uses: lease.uses, scope: lease.scope } };
  {
    await using _ = approveAll(world, lease);
    await ask(world.socketPath, asked);
  }
  const echoPath = join(world.dir, 'echo.sock');
  // The same bytes out as a leased answer, over HTTP-sized frames.
  const server = createServer((socket) => socket.on('data', (data) => void socket.write(data))).listen(echoPath);
  const body = JSON.stringify({ items: [{ path: 'prod/db-primary' }], leaseOnly: true });
  const request = `POST /v1/release HTTP/1.1\r\nhost: local\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  const [kept, echo] = [await open(world.socketPath), await open(echoPath)];
  const result = await paired(
    100,
    () => perCall(kept, request, (text) => text.includes('"released"') && text.endsWith('}\n')),
    () => perCall(echo, request, (text) => text.length >= request.length),
  );
  kept.destroy();
  echo.destroy();
  server.close();
  return result;
}

async function perCall(socket: Socket, request: string, complete: (text: string) => boolean): Promise<number> {
  const from = performance.now();
  for (let i = 0; i < batch; i++) await roundTrip(socket, request, complete);
  return ((performance.now() - from) * 1_000) / batch;
}

function roundTrip(socket: Socket, request: string, complete: (text: string) => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    const onData = (data: Buffer): void => {
      text += data.toString('latin1');
      if (text.includes('"error"')) reject(new Error(text));
      if (!complete(text)) return;
      socket.off('data', onData);
      resolve();
    };
    socket.on('data', onData);
    socket.write(request);
  });
}

function open(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => resolve(socket));
    socket.once('error', reject);
  });
}
