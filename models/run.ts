// npm run verify-models: every property of every model holds, and every mutant is caught by the property that it breaks (models/README.md).
// Where Spin or a C compiler is missing it says so and ends with 0: the models are a proof beside the tests, not a condition to build.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Model, modelNames, mutate, needsFairness, readModel } from './model.ts';
import { type Mutant, mutants } from './mutants.ts';
import { type Job, type Verdict, missingPrograms, verify } from './spin.ts';

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const side = 2; // searches at once: each may take a gigabyte

async function main(): Promise<number> {
  const missing = missingPrograms();
  if (missing.length > 0) {
    say(`The models were NOT run: ${missing.join(' and ')} not found.`);
    say('To run them: apt-get install spin gcc (Debian, Ubuntu), brew install spin (macOS), or https://spinroot.com; then npm run verify-models.');
    return 0;
  }
  const dir = mkdtempSync(join(tmpdir(), 'sv-models-'));
  try {
    const models = modelNames.map(readModel);
    const wrong = [...(await holdAll(dir, models)), ...(await catchAll(dir, models))];
    for (const line of wrong) say(`WRONG ${line}`);
    const held = models.filter(({ name }) => !wrong.some((line) => line.startsWith(`${name}: `))).length;
    const caught = mutants.length - wrong.filter((line) => line.startsWith('mutant of ')).length;
    say(`${held} models hold, ${caught} mutants caught${wrong.length === 0 ? '' : `, ${wrong.length} WRONG`}`);
    return wrong.length === 0 ? 0 : 1;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** What is wrong with the models themselves. */
async function holdAll(dir: string, models: readonly Model[]): Promise<readonly string[]> {
  say(`${'model'.padEnd(10)}${'property'.padEnd(34)}${'states'.padStart(10)}${'depth'.padStart(8)}${'time'.padStart(9)}  result`);
  const checks = models.flatMap((model) => [undefined, ...model.progress].map((claim) => ({ model, claim })));
  const results = await sideBySide(checks, async ({ model, claim }) => {
    const job = { dir, id: `${model.name} ${claim ?? ''}`, text: model.text, kind: kindOf(model, claim) };
    const what = claim ?? `${model.safety.length} at every state`;
    return { model, claim, what, ...(await attempt(job)) };
  });
  return results.flatMap(({ model, claim, what, verdict, error }) => {
    // A statement that is never taken was not checked. A claim's own automaton is not the model.
    const unreached = claim === undefined ? (verdict?.unreached ?? []) : [];
    const result = error ?? (verdict?.broken ? `BROKEN: ${verdict.broken}` : unreached.length > 0 ? `NEVER TAKEN: ${unreached.join(' | ')}` : 'holds');
    say(`${model.name.padEnd(10)}${what.padEnd(34)}${figures(verdict)}  ${result}`);
    return result === 'holds' ? [] : [`${model.name}: ${what}: ${result}`];
  });
}

/** Mutants that pass, or that something else than their property catches. */
async function catchAll(dir: string, models: readonly Model[]): Promise<readonly string[]> {
  say(`\n${'mutant of'.padEnd(10)}${'what is built instead'.padEnd(60)}caught by`);
  const results = await sideBySide(mutants, async (mutant, nth) => {
    const model = models.find(({ name }) => name === mutant.model);
    if (!model) throw new Error(`no model ${mutant.model}`);
    const claim = model.progress.find((name) => name === mutant.breaks);
    return { mutant, ...(await attempt({ dir, id: `mutant ${nth}`, text: mutate(model, mutant), kind: kindOf(model, claim) })) };
  });
  return results.flatMap(({ mutant, verdict, error }) => {
    const result =
      error ?? (verdict?.broken === mutant.breaks ? `${mutant.breaks}, after ${verdict.depth} steps` : `NOT CAUGHT by ${mutant.breaks}: ${verdict?.broken}`);
    say(`${mutant.model.padEnd(10)}${mutant.name.padEnd(60)}${result}`);
    return verdict?.broken === mutant.breaks ? [] : [nameOf(mutant)];
  });
}

const nameOf = ({ model, name }: Mutant): string => `mutant of ${model}: ${name}`;

function kindOf({ name, progress }: Model, claim: string | undefined): Job['kind'] {
  return claim === undefined ? { is: 'safety' } : { is: 'progress', claim, fair: needsFairness.has(name), only: progress.length === 1 };
}

async function attempt(job: Job): Promise<{ readonly verdict?: Verdict; readonly error?: string }> {
  try {
    return { verdict: await verify(job) };
  } catch (error) {
    return { error: error instanceof Error ? error.message : 'failed' };
  }
}

function figures(verdict: Verdict | undefined): string {
  if (!verdict) return ''.padEnd(27);
  return `${verdict.states.toLocaleString('en').padStart(10)}${String(verdict.depth).padStart(8)}${`${verdict.seconds.toFixed(2)} s`.padStart(9)}`;
}

/** In order, so many at once. */
async function sideBySide<T, R>(items: readonly T[], act: (item: T, nth: number) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  const queue = [...items.entries()];
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next; next = queue.shift()) results[next[0]] = await act(next[1], next[0]);
  };
  await Promise.all(Array.from({ length: side }, work));
  return results;
}

process.exit(await main());
