// The rewriter of dotenv files: everything but the values stays byte for byte, and the way back is exact.
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { applyEdits, undoEdits } from '../import/rewrite.ts';
import { dotenvSource } from '../import/text-files.ts';
import type { Candidate, Target } from '../import/source.ts';
import { parseEnvFile } from '../run/variables.ts';
import { parseDotenv } from './dotenv.ts';

/** All values become p/<at>. */
function moveAll(text: string): { readonly after: ReturnType<typeof applyEdits>; readonly values: ReadonlyMap<string, string> } {
  const source = dotenvSource(text);
  // Every second one is a field: its reference has a #.
  const chosen = new Map<Candidate, Target>(
    source.candidates.map((candidate, at) => [candidate, at % 2 === 0 ? { path: `p/${at}` } : { path: `p/${at}`, field: 'f' }]),
  );
  const values = new Map([...chosen].map(([{ content }, { path }]) => [path, content.kind === 'value' ? content.value : '']));
  return { after: applyEdits(text, source.rewrite?.(chosen) ?? []), values };
}

const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,8}$/);
const bare = fc.stringMatching(/^[A-Za-z0-9@%!+=:,./?&-]{1,20}$/).filter((text) => !text.startsWith('stillvault://'));
const single = fc.string({ maxLength: 20 }).filter((text) => !/['\r\n\0]/.test(text));
const double = fc.string({ maxLength: 20 }).map((text) => text.replace(/[\\"]/g, '\\$&').replace(/[\r\n\0]/g, '_'));
const value = fc.oneof(
  bare,
  single.map((text) => `'${text}'`),
  double.map((text) => `"${text}"`),
  fc.constant('"two\nlines"'),
  fc.constant(''),
);
const assignment = fc
  .tuple(fc.constantFrom('', ' ', 'export ', '\texport  '), name, fc.constantFrom('=', ' = ', '= '), value, fc.constantFrom('', ' ', '  # why', ' #'))
  .map(([before, key, equals, held, after]) => `${before}${key}${equals}${held}${after}`);
const line = fc.oneof(assignment, assignment, fc.constantFrom('', '   ', '# comment = x', '#A="b', 'not a line', 'A B=c', 'X="open'));
const file = fc
  .tuple(fc.array(fc.tuple(line, fc.constantFrom('\n', '\r\n')), { maxLength: 12 }), fc.constantFrom('', '\ufeff'))
  .map(([lines, mark]) => mark + lines.flat().join(''));

describe('INV-IMPORT-BYTES', () => {
  test('what is between the values stays, byte for byte', () => {
    fc.assert(
      fc.property(fc.oneof(file, fc.string({ maxLength: 200 })), (text) => {
        const { values } = parseDotenv(text);
        const { after } = moveAll(text);
        // The same gaps: cut out of both texts what is a value or its reference.
        const gaps = (whole: string, spans: readonly (readonly [number, number])[]): readonly string[] => {
          let from = 0;
          const parts = spans.map(([start, end]) => {
            const part = whole.slice(from, start);
            from = end;
            return part;
          });
          return [...parts, whole.slice(from)];
        };
        const moved = values.filter((found) => found.value !== '' && !found.value.startsWith('stillvault://'));
        expect(
          gaps(
            after.text,
            after.edits.map(({ at, text: now }) => [at, at + now.length]),
          ),
        ).toEqual(
          gaps(
            text,
            moved.map(({ from, to }) => [from, to]),
          ),
        );
      }),
      { numRuns: 400 },
    );
  });

  test('the way back gives every byte, or the same value where quotes had escapes', () => {
    fc.assert(
      fc.property(file, (text) => {
        const { after, values } = moveAll(text);
        const back = undoEdits(after.text, after.edits, ({ path }) => values.get(path) ?? '');
        if (!text.includes('\\') && !/"two\nlines"/.test(text)) expect(back).toBe(text);
        expect(parseDotenv(back).values.map(({ name: key, value: held }) => [key, held])).toEqual(
          parseDotenv(text).values.map(({ name: key, value: held }) => [key, held]),
        );
      }),
      { numRuns: 400 },
    );
  });

  test('run --env-file reads the same names and values as import does, and references afterwards', () => {
    const oneLine = fc
      .array(
        fc.tuple(
          assignment.filter((text) => !text.includes('\n')),
          fc.constantFrom('\n', '\r\n'),
        ),
        { maxLength: 8 },
      )
      .map((lines) => lines.flat().join(''));
    fc.assert(
      fc.property(oneLine, (text) => {
        let read;
        try {
          read = parseEnvFile('f', text);
        } catch {
          return; // run refuses the file: nothing to compare
        }
        const found = parseDotenv(text).values;
        expect(found.map(({ name: key, value: held }) => [key, held])).toEqual(read.map(([key, held]) => [key, held]));
        const references = parseEnvFile('f', moveAll(text).after.text).filter(([, held]) => held !== '');
        expect(references.every(([, held]) => held.startsWith('stillvault://'))).toBe(true);
      }),
      { numRuns: 400 },
    );
  });
});

describe('what a line means', () => {
  test.each([
    ['A=b', [['A', 'b']]],
    ['export A="b c" # d', [['A', 'b c']]],
    ["A='b # c'", [['A', 'b # c']]],
    ['A=b # c', [['A', 'b']]],
    [
      'A="b\nc"\nD=e',
      [
        ['A', 'b\nc'],
        ['D', 'e'],
      ],
    ],
    ['A="b\\nc\\"d"', [['A', 'b\nc"d']]],
    [
      'A=\nB=c\r\n',
      [
        ['A', ''],
        ['B', 'c'],
      ],
    ],
    ['A="open\nB=c', [['B', 'c']]],
    ["A='b'c", []],
    ['\ufeffA=b', [['A', 'b']]],
  ])('%j', (text, wanted) => {
    expect(parseDotenv(text).values.map(({ name: key, value: held }) => [key, held])).toEqual(wanted);
  });
  test('lines are counted through values of several lines', () => {
    expect(parseDotenv('A="x\ny\r\nz"\nB=c').values.map(({ line: at }) => at)).toEqual([1, 4]);
  });
  test.each(['A=b#c', 'A=b${C}', 'A="$C"', 'A=b"c"'])('nobody can be sure: %s', (text) => {
    expect(parseDotenv(text).values[0]?.unsure).toBeString();
    expect(dotenvSource(text.replace('A', 'DB_PASSWORD')).candidates[0]?.isTaken ?? false).toBe(false);
  });
});
