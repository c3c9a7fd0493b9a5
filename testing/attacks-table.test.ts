// spec/attacks.md names tests that exist, and leaves no row of the design out.
import { expect, test } from 'bun:test';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dir, '..');
const rows = readFileSync(join(root, 'spec/attacks.md'), 'utf8')
  .split('\n')
  .filter((line) => /^\| (?:\d+|D\d+) /.test(line));

test('every test that the table names is there', () => {
  const missing: string[] = [];
  for (const row of rows) {
    for (const [, file = '', name = ''] of row.matchAll(/`([\w./-]+\.test\.tsx?)` “([^”]+)”/g)) {
      const path = join(root, file);
      if (!existsSync(path) || !readFileSync(path, 'utf8').includes(name)) missing.push(`${file}: ${name}`);
    }
  }
  expect(missing).toEqual([]);
});

test('every row has a test, or says why it has none', () => {
  const silent = rows.filter((row) => !row.includes('.test.ts') && !/residual|\bH\b|not built/.test(row));
  expect(silent).toEqual([]);
});

test('no row of the design is left out', () => {
  const absent = new Set([12, 21, 38, 41, 52, 64, 71, 83, 86, 91, 95, 97]);
  const listed = new Set(rows.map((row) => Number(/^\| (\d+) /.exec(row)?.[1])));
  const wanted = Array.from({ length: 98 }, (_, index) => index + 1).filter((row) => !absent.has(row));
  expect(wanted.filter((row) => !listed.has(row))).toEqual([]);
});
