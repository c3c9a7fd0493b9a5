// The docs check can fail: made-up documents.
import { describe, expect, test } from 'bun:test';
import { verifyCommands, verifyLinks, verifyNoMachine } from './docs-check.ts';

const whats = (found: readonly { what: string }[]): string[] => found.map(({ what }) => what);

describe('links', () => {
  const files = new Map([
    ['spec/01.md', '# One\n## Two words, and more'],
    ['spec', ''],
  ]);
  const verify = (text: string): string[] => whats(verifyLinks('README.md', text, (path) => files.get(path)));
  test('to a file, a folder, a heading, the web', () =>
    expect(verify('[a](spec/01.md) [b](./spec/) [c](spec/01.md#two-words-and-more) [d](https://example.org/x)')).toEqual([]));
  test('to nothing', () => expect(verify('[a](spec/02.md)')).toEqual(['links to spec/02.md, which does not exist']));
  test('to no heading', () => expect(verify('[a](spec/01.md#three)')).toEqual(['links to spec/01.md#three, which has no such heading']));
  test('inside code are no links', () => expect(verify('`[a](nope.md)`')).toEqual([]));
});

describe('commands in sh blocks', () => {
  const verify = (line: string): string[] =>
    whats(verifyCommands('README.md', `text\n\`\`\`sh\n${line}\n\`\`\`\n`, new Set(['test', 'demo']), new Set(['put'])));
  test('that exist', () => expect(verify('npm test && npm run demo -- --json | cat\necho x | stillvault put prod/db-primary')).toEqual([]));
  test('a script that does not', () => expect(verify('npm run deploy')).toEqual(['npm run deploy: no such script']));
  test('a verb that does not', () => expect(verify('X=1 dist/stillvault steal it')).toEqual(['stillvault steal: no such command']));
});

describe('machines', () => {
  const verify = (text: string): string[] => whats(verifyNoMachine('x.ts', text));
  test('a path of one', () => expect(verify(`cd ${'/wo'}rk/main`)).toHaveLength(1));
  test('a lockfile that names a host', () => expect(verify(`"${'resol'}ved": "x"`)).toHaveLength(1));
  test('a path below a project folder is none', () => expect(verify('testing/work/x and https://example.org/root/x')).toEqual([]));
});
