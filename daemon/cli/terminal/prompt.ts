// Questions at the terminal whose answers are not echoed (spec/10-local-api.md §command-line).
import { usage } from './arguments.ts';
import { Interrupted, type Output } from './output.ts';
import type { World } from './world.ts';

/** Throws usage where the answers differ, Interrupted for Ctrl-C. */
export async function promptTwice(world: World, what: string): Promise<Uint8Array> {
  const [first = '', second] = await askHidden(world, [`${what}: `, 'once more: ']);
  if (first !== '' && first !== second) throw usage('the two answers differ: nothing is stored');
  return new TextEncoder().encode(first);
}

/** One key: y or anything else. Throws usage where there is nobody to ask. */
export async function confirm({ world, output }: { readonly world: World; readonly output: Output }, question: string): Promise<boolean> {
  if (output.noInput || !world.isTerminal(0) || !world.isTerminal(2))
    throw usage('nothing was done: there is nobody to ask', 'look at the list above, then add --yes');
  world.write(2, `${question} [y/N] `);
  const { promise, resolve } = Promise.withResolvers<string>();
  using _keys = world.onKeys((keys) => resolve(keys));
  const key = await promise;
  world.write(2, '\n');
  if (key.includes('\x03')) throw new Interrupted('SIGINT', 'interrupted: nothing was done');
  return /^[yY]/.test(key);
}

export async function promptHidden(world: World, question: string): Promise<Uint8Array> {
  const [answer = ''] = await askHidden(world, [question]);
  return new TextEncoder().encode(answer);
}

/** One line for each question; an empty one ends it. The echo is off from before the first question until after the last answer. */
async function askHidden(world: World, questions: readonly string[]): Promise<readonly string[]> {
  const answers: string[] = [];
  const line: string[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onKey = (key: string): void => {
    if (answers.length === questions.length || answers.at(-1) === '') return; // a paste longer than what was asked for
    if (key === '\x03') return reject(new Interrupted('SIGINT', 'interrupted: nothing was done'));
    if (key === '\x7f' || key === '\b') return void line.pop();
    if (key === '\x15') return void line.splice(0);
    if (key !== '\r' && key !== '\n' && key !== '\x04') return void (key >= ' ' || key === '\t' ? line.push(key) : undefined);
    answers.push(line.splice(0).join(''));
    const next = questions[answers.length];
    world.write(2, `\n${next === undefined || answers.at(-1) === '' ? '' : next}`);
    if (next === undefined || answers.at(-1) === '') resolve();
  };
  using _keys = world.onKeys((pressed) => Array.from(pressed).forEach(onKey));
  world.write(2, questions[0] ?? '');
  try {
    await promise;
  } catch (error) {
    world.write(2, '\n');
    throw error;
  }
  return answers;
}
