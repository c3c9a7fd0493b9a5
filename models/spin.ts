// Runs one model through Spin and a C compiler, in bounded memory and time (models/README.md).
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Verdict {
  /** What was broken: a property's name, or what Spin calls it; undefined where everything holds. */
  readonly broken: string | undefined;
  readonly states: number;
  readonly depth: number;
  readonly seconds: number;
  /** Statements that no run ever takes, as `line: text`: what they stand for was not looked at. */
  readonly unreached: readonly string[];
}
export interface Job {
  /** A fresh folder is made for it below `dir`. */
  readonly dir: string;
  readonly id: string;
  readonly text: string;
  /** Asserted at every state, or what must come to pass. */
  readonly kind: { readonly is: 'safety' } | { readonly is: 'progress'; readonly claim: string; readonly fair: boolean; readonly only: boolean };
}

const memoryMb = 1_024;
const maxDepth = 100_000;
const maxSeconds = 120;

export const compilers: readonly string[] = ['cc', 'gcc', 'clang'];

/** Programs that are missing, in words; none where models can run. */
export function missingPrograms(which: (name: string) => string | null = Bun.which): readonly string[] {
  const lacks = which('spin') === null ? ['spin'] : [];
  return compilers.some((name) => which(name) !== null) ? lacks : [...lacks, 'a C compiler'];
}

/** Throws where Spin, the compiler or the search itself fails: a search that did not end proves nothing. */
export async function verify({ dir, id, text, kind }: Job): Promise<Verdict> {
  const place = join(dir, id.replace(/\W+/g, '-'));
  mkdirSync(place);
  writeFileSync(join(place, 'model.pml'), text);
  await run(place, ['spin', '-a', 'model.pml']);
  const compiler = compilers.find((name) => Bun.which(name) !== null) ?? 'cc';
  const search = kind.is === 'safety' ? ['-DSAFETY', '-DNOCLAIM'] : kind.fair ? ['-DNFAIR=3'] : ['-DNOFAIR'];
  await run(place, [compiler, '-O1', '-w', `-DMEMLIM=${memoryMb}`, ...search, '-o', 'pan', 'pan.c']);
  const claim = kind.is === 'progress' ? ['-a', ...(kind.fair ? ['-f'] : []), ...(kind.only ? [] : ['-N', kind.claim])] : [];
  const output = await run(place, ['./pan', `-m${maxDepth}`, '-w22', ...claim]);
  return read(output, kind);
}

async function run(cwd: string, command: string[]): Promise<string> {
  const child = Bun.spawn(command, { cwd, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe', timeout: maxSeconds * 1_000 });
  const [output, errors, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited]);
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}: ${(errors + output).trim().slice(-500)}`);
  return output + errors;
}

/** What `pan` printed. */
export function read(output: string, kind: Job['kind']): Verdict {
  const number = (pattern: RegExp): number => Number(pattern.exec(output)?.[1] ?? Number.NaN);
  const errors = number(/errors: (\d+)/);
  const found = /^pan:\d+: (.+?) \(at depth/m.exec(output)?.[1];
  const isWhole = !/max search depth too small|memory limit|out of memory|reached -DMEMLIM/.test(output);
  if (Number.isNaN(errors) || errors > 0 !== (found !== undefined) || (errors === 0 && !isWhole))
    throw new Error(`the search did not end: ${output.trim().slice(-500)}`);
  return {
    broken: found === undefined ? undefined : nameOf(found, kind),
    states: number(/^\s*([\d.e+]+) states, stored/m),
    depth: number(/depth reached (\d+)/),
    seconds: number(/elapsed time ([\d.e-]+)/),
    unreached: [...output.matchAll(/^\s*model\.pml:(\d+), state \d+, "(?!-end-)(.*)"$/gm)].map(({ 1: line, 2: text }) => `${line}: ${text}`),
  };
}

function nameOf(found: string, kind: Job['kind']): string {
  const asserted = /^assertion violated (\w+)$/.exec(found)?.[1];
  return asserted ?? (found === 'acceptance cycle' && kind.is === 'progress' ? kind.claim : found);
}
