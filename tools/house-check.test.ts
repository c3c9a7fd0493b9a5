// The house check can fail: made-up sources.
import { expect, test } from 'bun:test';
import { verifyHouse } from './house-check.ts';

const whats = (file: string, text: string): string[] => verifyHouse(file, text).map(({ what }) => what);

test('a good file passes', () =>
  expect(
    whats('daemon/a.ts', "// What it is.\nimport { a as b } from './b.ts';\nconst x = ['a'] as const;\nconst y = z as Brand; // the brand is minted here\n"),
  ).toEqual([]));
test('a file without a first comment', () => expect(whats('e2e/a.ts', 'const a = 1;')).toEqual(['the first line says what the file is for']));
test('a shipped file at the limit, and one line past it', () => {
  expect(whats('daemon/a.ts', `// a\n${'x\n'.repeat(299)}`)).toEqual([]);
  expect(whats('daemon/a.ts', `// a\n${'x\n'.repeat(300)}`)).toEqual(['301 lines, at most 300']);
});
test('a silent cast in shipped code', () => expect(whats('protocol/a.ts', '// a\nconst z = 1;\nconst x = y as Brand;')).toHaveLength(1));
test('a cast with its reason above', () => expect(whats('protocol/a.ts', '// a\n// minted here\nconst x = y as Brand;')).toEqual([]));
test('a sentence with as inside quotes is no cast', () => expect(whats('protocol/a.ts', "// a\nconst x = 'same as before';")).toEqual([]));
