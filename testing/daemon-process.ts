// A live daemon's state served by a process of its own: to be killed, starved, or looked into from outside. Never shipped.
import { join } from 'node:path';
import { type LiveDaemon, until } from './live-daemon.ts';

export interface DaemonProcess extends AsyncDisposable {
  readonly pid: number;
  readonly exited: Promise<number>;
  /** Everything it wrote. */
  readonly output: () => string;
  readonly lines: () => readonly { readonly event?: string; readonly code?: string }[];
}
export interface ProcessOptions {
  /** It kills itself when a release is on disk and nothing of it has left. */
  readonly dieAfterPersisting?: boolean;
  /** Bound of 512-byte blocks for any file it writes: a full disk, without filling one. */
  readonly blocks?: number;
}

/** `daemon` must be stopped: the process takes over its state and socket. */
export async function startDaemonProcess(
  { stateDir, socketPath }: LiveDaemon,
  { dieAfterPersisting = false, blocks }: ProcessOptions = {},
): Promise<DaemonProcess> {
  const program = join(import.meta.dir, 'daemon-child.ts');
  const command = [process.execPath, program, stateDir, socketPath, ...(dieAfterPersisting ? ['die'] : [])];
  const limited = blocks === undefined ? command : ['sh', '-c', `trap '' XFSZ; ulimit -f ${blocks}; exec "$@"`, 'sh', ...command];
  const child = Bun.spawn(limited, { stdout: 'pipe', stderr: 'pipe' });
  let text = '';
  const read = async (stream: ReadableStream<Uint8Array>): Promise<void> => {
    for await (const chunk of stream) text += Buffer.from(chunk).toString();
  };
  const reading = Promise.all([read(child.stdout), read(child.stderr)]);
  const lines = (): ReturnType<DaemonProcess['lines']> =>
    text
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as { event?: string; code?: string }); // what the child says
  await until(() => lines().some(({ event }) => event === 'listening' || event === 'failed'), 'the daemon speaks');
  if (lines().some(({ event }) => event === 'failed')) throw new Error(`it did not start: ${text}`);
  return {
    pid: child.pid,
    exited: child.exited,
    output: () => text,
    lines,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await child.exited;
      await reading;
    },
  };
}
