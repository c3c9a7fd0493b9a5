// Questions at the terminal whose answers are not echoed (spec/10-local-api.md §command-line).
import { usage } from './arguments.ts';
import { Interrupted } from './output.ts';
import type { World } from './world.ts';

/** Throws usage where the answers differ, Interrupted for Ctrl-C. */
export async function promptTwice(world: World, what: string): Promise<Uint8Array> {
  const first = await promptHidden(world, `${what}: `);
  if (first.length === 0) return first;
  const second = await promptHidden(world, 'once more: ');
  const same = Buffer.from(first).equals(second);
  second.fill(0);
  if (same) return first;
  first.fill(0);
  throw usage('the two answers differ: nothing is stored');
}

/** One line without its end. A paste of several lines gives its first one only. */
export async function promptHidden(world: World, question: string): Promise<Uint8Array> {
  world.write(2, question);
  const line: string[] = [];
  try {
    await new Promise<void>((resolve, reject) => {
      let done = false;
      const keys = world.onKeys((pressed) => {
        for (const key of pressed) {
          if (done) return;
          done = key === '\r' || key === '\n' || key === '\x04' || key === '\x03';
          if (key === '\x03') reject(new Interrupted('SIGINT', 'interrupted: nothing was stored'));
          else if (done) resolve();
          else if (key === '\x7f' || key === '\b') line.pop();
          else if (key === '\x15') line.length = 0;
          else if (key >= ' ' || key === '\t') line.push(key);
          if (done) keys[Symbol.dispose]();
        }
      });
    });
  } finally {
    world.write(2, '\n');
  }
  return new TextEncoder().encode(line.join(''));
}
