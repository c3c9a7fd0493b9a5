// The real programs of a story: `stillvault up` in a process of its own, commands in others, as a terminal would start them.
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dir, '..', '..');
const executable = join(root, 'dist', 'stillvault');
/** The built executable where there is one and it is asked for, else the source in the same runtime. */
export const stillvault: readonly string[] =
  process.env['STILLVAULT_DEMO_BUILT'] && existsSync(executable) ? [executable] : [process.execPath, join(root, 'daemon', 'main.ts')];

export interface Service extends AsyncDisposable {
  /** The first thing it said. */
  readonly said: Readonly<Record<string, string>>;
  /** All that it wrote, for the message of a step that failed. */
  readonly output: () => string;
  readonly pid: number;
}
export interface Running extends Service {
  readonly console: string;
  /** The console's address with the secret that lets it enrol this machine. */
  readonly setup: string;
  readonly relay: string;
  readonly socketPath: string;
}
export interface Finished {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  readonly ms: number;
}

/** Starts a service of ours and waits for the line of JSON in which it says where it is. */
export async function startService(args: readonly string[], env: Record<string, string> = {}): Promise<Service> {
  const child = Bun.spawn([...stillvault, ...args, '--json'], { env: { ...process.env, ...env }, stdout: 'pipe', stderr: 'pipe', stdin: 'ignore' });
  let text = '';
  const started = Promise.withResolvers<Readonly<Record<string, string>>>();
  const collect = async (stream: ReadableStream<Uint8Array>, line?: (line: string) => void): Promise<void> => {
    const decoder = new TextDecoder();
    let rest = '';
    for await (const chunk of stream) {
      const part = decoder.decode(chunk, { stream: true });
      text += part;
      rest += part;
      for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n')) {
        line?.(rest.slice(0, end));
        rest = rest.slice(end + 1);
      }
    }
  };
  void collect(child.stdout, (line) => started.resolve(JSON.parse(line) as Readonly<Record<string, string>>)); // the first line says where it is
  void collect(child.stderr);
  void child.exited.then((code) => started.reject(new Error(`stillvault ${args.join(' ')} ended with ${code}:\n${text}`)));
  const said = await started.promise;
  if ('error' in said) throw new Error(`stillvault ${args.join(' ')} did not start:\n${text}`);
  return {
    said,
    pid: child.pid,
    output: () => text,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM');
      await child.exited;
    },
  };
}

/** Starts `stillvault up` in `data`, on free ports. */
export async function startUp(data: string, socketPath: string): Promise<Running> {
  const service = await startService(['up', '--data', data, '--port', '0', '--relay-port', '0'], { STILLVAULT_SOCKET: socketPath });
  const { console: setup = '', relay = '' } = service.said;
  return { ...service, console: setup.replace(/#.*$/, ''), setup, relay, socketPath };
}

export interface RunOptions {
  readonly stdin?: string;
  readonly socketPath: string;
  /** Each line of standard error and output as it comes. */
  readonly onLine?: (line: string) => void;
  readonly prefix?: readonly string[];
  readonly signal?: AbortSignal;
}

/** One command to its end. */
export async function run(args: readonly string[], { stdin, socketPath, onLine, prefix = [], signal }: RunOptions): Promise<Finished> {
  return runProgram([...prefix, ...stillvault, ...args], {
    socketPath,
    ...(stdin === undefined ? {} : { stdin }),
    ...(onLine ? { onLine } : {}),
    ...(signal ? { signal } : {}),
  });
}

export async function runProgram(command: readonly string[], { stdin, socketPath, onLine, signal }: RunOptions): Promise<Finished> {
  const from = performance.now();
  const child = Bun.spawn([...command], {
    env: { ...process.env, STILLVAULT_SOCKET: socketPath, NO_COLOR: '1' },
    stdin: stdin === undefined ? 'ignore' : new Blob([stdin]),
    stdout: 'pipe',
    stderr: 'pipe',
    ...(signal ? { signal } : {}),
  });
  const read = async (stream: ReadableStream<Uint8Array>): Promise<string> => {
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      const part = decoder.decode(chunk, { stream: true });
      text += part;
      for (const line of part.split('\n')) if (line !== '') onLine?.(line);
    }
    return text;
  };
  const [out, err, code] = await Promise.all([read(child.stdout), read(child.stderr), child.exited]);
  return { code, out, err, ms: performance.now() - from };
}

/** A port that was free a moment ago: some addresses must be known before their server starts, and stay. */
export function freePort(): number {
  const server = Bun.serve({ port: 0, fetch: () => new Response() });
  const port = server.port ?? 0;
  void server.stop(true);
  return port;
}
