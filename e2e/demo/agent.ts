// Drives the demo's agent: the same process asks again and again, so that a lease of its own can be used.
import { join } from 'node:path';
import { stillvault } from '../story/programs.ts';

export interface AgentAnswer {
  readonly code: number;
  readonly value: string;
  readonly err: string;
  readonly ms: number;
}
export interface Agent extends AsyncDisposable {
  readonly pid: number;
  /** Runs `stillvault <args>` inside the agent and waits for its end. `onErr` gets what it says while it waits. */
  ask(args: string, onErr?: (text: string) => void): Promise<AgentAnswer>;
}

export function startAgent(socketPath: string): Agent {
  const env = { ...process.env, STILLVAULT: stillvault.join(' '), STILLVAULT_SOCKET: socketPath, NO_COLOR: '1' };
  const child = Bun.spawn([join(import.meta.dir, 'agent.sh')], { env, stdin: 'pipe', stdout: 'pipe', stderr: 'pipe' });
  let out = '';
  let err = '';
  let wake = (): void => undefined;
  let hear = (_: string): void => undefined;
  const follow = async (stream: ReadableStream<Uint8Array>, take: (text: string) => void): Promise<void> => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      take(decoder.decode(chunk, { stream: true }));
      wake();
    }
  };
  void follow(child.stdout, (text) => void (out += text));
  void follow(child.stderr, (text) => {
    err += text;
    hear(text);
  });
  return {
    pid: child.pid,
    ask: async (args, onErr) => {
      [out, err] = ['', ''];
      hear = onErr ?? (() => undefined);
      const from = performance.now();
      await child.stdin.write(`${args}\n`);
      await child.stdin.flush();
      for (;;) {
        const end = /(?:^|\n)?exit (\d+)\n$/.exec(out);
        if (end) return { code: Number(end[1]), value: out.slice(0, end.index), err, ms: performance.now() - from };
        if (child.exitCode !== null) throw new Error(`the agent ended with ${child.exitCode}: ${err}`);
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
    [Symbol.asyncDispose]: async () => {
      await child.stdin.end();
      await child.exited;
    },
  };
}
