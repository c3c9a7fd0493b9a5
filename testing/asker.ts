// A program that asks: a process of its own, so that tests have other process trees, exits and other programs. Never shipped.
import type { ReleaseAsk, ReleaseEvent } from '../protocol/local-api.ts';

export interface Asker extends AsyncDisposable {
  readonly pid: number;
  /** The last event of one ask. */
  ask(ask: ReleaseAsk): Promise<ReleaseEvent>;
  exit(): Promise<void>;
}

/** One line in, one line out; runs in Bun and in Node, with the socket as argument. */
const program = `
const http = require('node:http');
const socketPath = process.argv.at(-1);
process.stdout.write('{}\\n');
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const request = http.request({ socketPath, path: '/v1/release', method: 'POST' }, (response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (chunk) => (text += chunk)).on('end', () => process.stdout.write(text.trim().split('\\n').at(-1) + '\\n'));
  });
  request.end(line);
});`;

/** `under`: a command that starts it with the arguments it is given. */
export async function startAsker(socketPath: string, runtime: string = process.execPath, under: readonly string[] = []): Promise<Asker> {
  const child = Bun.spawn([...under, runtime, '-e', program, socketPath], { stdin: 'pipe', stdout: 'pipe', stderr: 'inherit' });
  const reader = child.stdout.getReader();
  let text = '';
  async function line(): Promise<string> {
    while (!text.includes('\n')) {
      const { value, done } = await reader.read();
      if (done) throw new Error('the asker ended');
      text += new TextDecoder().decode(value);
    }
    const end = text.indexOf('\n');
    const first = text.slice(0, end);
    text = text.slice(end + 1);
    return first;
  }
  const ask = async (wanted: ReleaseAsk): Promise<ReleaseEvent> => {
    void child.stdin.write(`${JSON.stringify(wanted)}\n`);
    await child.stdin.flush();
    const answer = JSON.parse(await line()) as object; // what the daemon says
    return ('event' in answer ? answer : { event: 'error', ...answer }) as ReleaseEvent; // a refusal before any event
  };
  const exit = async (): Promise<void> => {
    child.kill('SIGKILL');
    await child.exited;
  };
  await line();
  return { pid: child.pid, ask, exit, [Symbol.asyncDispose]: exit };
}
