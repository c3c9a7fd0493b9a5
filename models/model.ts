// A model as text: where it lies, the properties it states, and a mutant of it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ModelName, Mutant } from './mutants.ts';

export interface Model {
  readonly name: ModelName;
  readonly text: string;
  /** Asserted at every state: `bool name = true;`, set by must(name, …). */
  readonly safety: readonly string[];
  /** `ltl name { … }`: what must come to pass. */
  readonly progress: readonly string[];
}

export const modelNames: readonly ModelName[] = ['org-log', 'admins', 'request', 'lease'];

/** Where progress holds only if each party gets its turn: the clock ticks, the daemon runs. */
export const needsFairness: ReadonlySet<ModelName> = new Set(['request', 'lease']);

export function readModel(name: ModelName): Model {
  const text = readFileSync(join(import.meta.dir, `${name}.pml`), 'utf8');
  const all = (pattern: RegExp): readonly string[] => [...text.matchAll(pattern)].map(({ 1: found = '' }) => found);
  return { name, text, safety: all(/^bool (\w+) = true;/gm), progress: all(/^ltl (\w+)/gm) };
}

/** The mutant's text. Only the property that it is to break stays asserted, so that nothing else can catch it. Throws where an edit does not fit. */
export function mutate({ text }: Pick<Model, 'text'>, { name, breaks, edits }: Mutant): string {
  const edited = edits.reduce((before, [find, replace]) => {
    const places = before.split(find).length - 1;
    if (places !== 1) throw new Error(`mutant "${name}": ${JSON.stringify(find)} stands ${places} times in the model`);
    return before.replace(find, () => replace);
  }, text);
  return edited.replace(/^(\s*)must\((\w+), .*\)(;?)$/gm, (line, indent: string, property: string, end: string) =>
    property === breaks ? line : `${indent}skip${end}`,
  );
}
