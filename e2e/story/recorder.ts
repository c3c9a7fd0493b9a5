// Everything that crosses the wire to the relay, byte for byte: a TCP proxy in front of it that keeps what it carries.
import { type Socket, connect, createServer } from 'node:net';

export interface Recorder extends AsyncDisposable {
  readonly url: string;
  /** Where the relay really listens; set once it does. */
  target: number;
  /** Both directions of every connection so far, each in one piece. */
  recorded(): readonly Uint8Array[];
}

export async function startRecorder(): Promise<Recorder> {
  const streams: Buffer[][] = [];
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const relay = connect(recorder.target, '127.0.0.1');
    for (const [from, to] of [
      [client, relay],
      [relay, client],
    ] as const) {
      const kept: Buffer[] = [];
      streams.push(kept);
      open.add(from);
      from.on('data', (chunk: Buffer) => {
        kept.push(chunk);
        to.write(chunk);
      });
      from.on('close', () => {
        open.delete(from);
        to.destroy();
      });
      from.on('error', () => to.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const recorder: Recorder = {
    url: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    target: 0,
    recorded: () => streams.map((chunks) => Buffer.concat(chunks)),
    [Symbol.asyncDispose]: async () => {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return recorder;
}
