// The spec check can fail: made-up specs, tests and vectors.
import { describe, expect, test } from 'bun:test';
import { verifyInvariants, verifyVector } from './spec-check.ts';

const specs = (text: string): Map<string, string> => new Map([['spec/03-log.md', text]]);
const tests = (text: string): Map<string, string> => new Map([['protocol/log.test.ts', text]]);
const whats = (found: readonly { what: string }[]): string[] => found.map(({ what }) => what);

describe('invariants and tests name each other', () => {
  test('both ways: nothing is found', () => expect(verifyInvariants(specs('**[INV-LOG-1]** one'), tests("test('INV-LOG-1: one')"))).toEqual([]));
  test('a clause without test', () =>
    expect(whats(verifyInvariants(specs('**[INV-LOG-1]** one'), tests('')))).toEqual(['INV-LOG-1 has no test: name it in a *.test.ts']));
  test('a test without clause', () => expect(whats(verifyInvariants(specs(''), tests("test('INV-LOG-2')")))).toEqual(['INV-LOG-2 is no clause of spec/*.md']));
  test('a clause stated twice', () =>
    expect(whats(verifyInvariants(specs('**[INV-LOG-1]** a\n**[INV-LOG-1]** b'), tests('INV-LOG-1')))).toEqual(['states INV-LOG-1 a second time']));
  test('a mention inside a sentence is no clause', () => expect(verifyInvariants(specs('see [INV-LOG-1]'), tests(''))).toEqual([]));
});

describe('a vector', () => {
  const known = new Set(['spec/01-encoding.md']);
  const verify = (folder: string, vector: object): string[] => whats(verifyVector(`spec/vectors/${folder}/x.json`, JSON.stringify(vector), known));
  test('accepted', () => expect(verify('accept', { name: 'x', spec: '01-encoding.md', input: '00' })).toEqual([]));
  test('rejected with its code', () => expect(verify('reject', { name: 'x', spec: '01-encoding.md §limits', code: 'E_FIELD' })).toEqual([]));
  test('rejected without code', () => expect(verify('reject', { name: 'x', spec: '01-encoding.md' })).toEqual(['a rejected vector names its code']));
  test('accepted with a code', () =>
    expect(verify('accept', { name: 'x', spec: '01-encoding.md', code: 'E_FIELD' })).toEqual(['an accepted vector has no code']));
  test('with an unknown code', () => expect(verify('reject', { name: 'x', spec: '01-encoding.md', code: 'E_NOPE' })[0]).toStartWith('code: '));
  test('of a file that does not exist', () => expect(verify('accept', { name: 'x', spec: '44-nope.md' })).toEqual(['spec: no file 44-nope.md']));
  test('that is not JSON', () => expect(verifyVector('spec/vectors/accept/x.json', '{', known)).toHaveLength(1));
});
