// The models as text, without Spin: mutants fit, properties are explained and breakable, steps name code that exists.
import { describe, expect, test } from 'bun:test';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { modelNames, mutate, readModel } from './model.ts';
import { mutants } from './mutants.ts';
import { missingPrograms, read } from './spin.ts';

const root = join(import.meta.dir, '..');
const readme = readFileSync(join(import.meta.dir, 'README.md'), 'utf8');
const models = modelNames.map(readModel);

test.each(mutants.map((mutant) => [`${mutant.model}: ${mutant.name}`, mutant] as const))('mutant of %s', (_, mutant) => {
  const model = models.find(({ name }) => name === mutant.model)!;
  const text = mutate(model, mutant);
  expect(text).not.toBe(mutate(model, { ...mutant, edits: [] }));
  expect([...model.safety, ...model.progress]).toContain(mutant.breaks);
  // Nothing but that property can catch it.
  const asserted = [...text.matchAll(/^\s*must\((\w+),/gm)].map(({ 1: name }) => name);
  expect(asserted.every((name) => name === mutant.breaks)).toBe(true);
  expect(asserted.length > 0).toBe(model.safety.includes(mutant.breaks));
});

test('a mutant that does not fit its model is an error', () => {
  const mutant = { model: 'lease', name: 'x', breaks: 'within_uses' } as const;
  expect(() => mutate({ text: 'a a' }, { ...mutant, edits: [['a', 'b']] })).toThrow('stands 2 times');
  expect(() => mutate({ text: 'a a' }, { ...mutant, edits: [['c', 'b']] })).toThrow('stands 0 times');
});

describe.each(models.map((model) => [model.name, model] as const))('%s', (name, { text, safety, progress }) => {
  test.each([...safety, ...progress])('%s is explained, asserted, and broken by a mutant', (property) => {
    expect(readme).toMatch(new RegExp(`^\\| \`${property}\` +\\|`, 'm'));
    if (safety.includes(property)) expect(text).toContain(`must(${property}, `);
    expect(mutants.some(({ model, breaks }) => model === name && breaks === property)).toBe(true);
  });

  test('asserts nothing that it does not declare', () => {
    expect([...text.matchAll(/must\((\w+),/g)].map(({ 1: property }) => property).filter((property) => property !== 'name')).toSatisfy((used) =>
      used.every((property) => safety.includes(property ?? '')),
    );
  });
});

test('the last line of a run is what the README says', () => {
  expect(readme).toContain(`${models.length} models hold, ${mutants.length} mutants caught`);
});

test('every step names files and functions that exist', () => {
  const steps = readme.slice(readme.indexOf('## Which code')).matchAll(/`([\w/-]+\.ts)`((?:,? `\w+`)+)/g);
  const named = [...steps].flatMap(({ 1: file = '', 2: names = '' }) => [...names.matchAll(/\w+/g)].map(([name]) => ({ file, name })));
  expect(named.length).toBeGreaterThan(20);
  const missing = named.filter(
    ({ file, name }) => !existsSync(join(root, file)) || !new RegExp(`\\b${name}\\b(?:\\(|:| =)`).test(readFileSync(join(root, file), 'utf8')),
  );
  expect(missing).toEqual([]);
});

describe('what Spin prints', () => {
  const whole = (errors: number): string =>
    `State-vector 68 byte, depth reached 47, errors: ${errors}\n   690021 states, stored\n\npan: elapsed time 0.7 seconds\n`;

  test('all holds, with what was never taken', () => {
    const output = `${whole(0)}unreached in proctype admin\n\tmodel.pml:46, state 32, "x = 0"\n\tmodel.pml:100, state 72, "-end-"\n`;
    expect(read(output, { is: 'safety' })).toEqual({ broken: undefined, states: 690_021, depth: 47, seconds: 0.7, unreached: ['46: x = 0'] });
  });

  test('a broken property by its name, a cycle by the name of its claim', () => {
    expect(read(`pan:1: assertion violated at_most_once (at depth 12)\n${whole(1)}`, { is: 'safety' }).broken).toBe('at_most_once');
    const kind = { is: 'progress', claim: 'every_ask_ends', fair: true, only: true } as const;
    expect(read(`pan:1: acceptance cycle (at depth 29)\n${whole(1)}`, kind).broken).toBe('every_ask_ends');
    expect(read(`pan:1: invalid end state (at depth 18)\n${whole(1)}`, { is: 'safety' }).broken).toBe('invalid end state');
  });

  test.each([
    ['nothing', ''],
    ['too deep', `error: max search depth too small\n${whole(0)}`],
    ['out of memory', `pan: reached -DMEMLIM bound\n${whole(0)}`],
  ])('a search that did not end is no proof: %s', (_, output) => {
    expect(() => read(output, { is: 'safety' })).toThrow('did not end');
  });
});

test('without Spin or a compiler it is said what is missing', () => {
  expect(missingPrograms(() => null)).toEqual(['spin', 'a C compiler']);
  expect(missingPrograms((name) => (name === 'gcc' ? '/usr/bin/gcc' : null))).toEqual(['spin']);
  expect(missingPrograms(() => '/usr/bin/any')).toEqual([]);
});
