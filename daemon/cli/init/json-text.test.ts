// One place of a JSON text changes, every other byte stays, and the way back is exact (spec/13-mcp.md §init).
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { applied, depthBefore, type Edit, reverted } from './edit.ts';
import { valueAt, withValue, withoutValue } from './json-text.ts';

const path = ['mcpServers', 'stillvault'];
const value = { command: 'stillvault', args: ['mcp'] };
const member: Edit = { kind: 'member', file: 'x', path, value, isOurs: () => true };
const item: Edit = {
  kind: 'item',
  file: 'x',
  path: ['hooks', 'PreToolUse'],
  value: { matcher: 'Bash' },
  isOurs: (found) => JSON.stringify(found).includes('Bash'),
};

const layouts: readonly (readonly [what: string, text: string])[] = [
  ['empty', '{}\n'],
  ['one line', '{"a":1}'],
  ['one line with spaces', '{ "a": 1, "b": [1, 2] }\n'],
  [
    'comments and trailing commas',
    '// mine\n{\n  // servers\n  "mcpServers": {\n    /* one */ "x": { "command": "x", }, // of x\n  },\n  "theme": "dark", // as I like it\n}\n',
  ],
  ['bare keys and other quotes', "{\n\tmcpServers: {\n\t\tother: {command: 'it\\'s', args: ['-y']},\n\t},\n}\n"],
  ['lines of CRLF', '{\r\n  "a": 1,\r\n  "mcpServers": {}\r\n}\r\n'],
  ['tabs', '{\n\t"mcpServers": {\n\t\t"a": {}\n\t}\n}'],
  ['four spaces and strange strings', '{\n    "a\\"}": "}{,//",\n    "mcpServers": {}\n}\n'],
  ['a mark at its beginning', '\ufeff{\n  "a": 1\n}\n'],
  ['only comments inside', '{\n  // nothing yet\n}\n'],
  ['hooks of others', '{\n  "hooks": {\n    "PreToolUse": [\n      { "matcher": "Write", "hooks": [] }\n    ]\n  }\n}\n'],
  ['empty hooks', '{ "hooks": { "PreToolUse": [] } }'],
];

describe.each(layouts)('a file: %s', (_, text) => {
  test.each([member, item])('gets its entry, keeps its rest, and comes back exactly', (edit) => {
    const after = applied(edit, text);
    const there = valueAt(after, edit.kind === 'item' ? [...edit.path, '0'] : path);
    expect(there).toEqual('value' in edit ? edit.value : null);
    expect(applied(edit, after)).toBe(after);
    expect(reverted(edit, after, depthBefore(edit, text))).toBe(text);
    for (const line of text.split('\n').filter((words) => words.includes('//') || words.includes('/*'))) expect(after).toContain(line.trim());
  });
});

test('any JSON in any layout: the entry is there, nothing else changed, and the way back is exact', () => {
  const key = fc.constantFrom('a', 'b', 'mcpServers', 'other', 'x"y', 'é');
  const json = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.integer(),
      fc.string(),
      fc.boolean(),
      fc.constant(null),
      tie('object'),
      fc.array(tie('value'), { maxLength: 3 }),
    ),
    object: fc.dictionary(key, tie('value'), { maxKeys: 4 }),
  })).object as fc.Arbitrary<Record<string, unknown>>; // cast: an object of the grammar above
  fc.assert(
    fc.property(json, fc.constantFrom('', '  ', '\t', '    '), fc.boolean(), (object, indent, newline) => {
      const servers = object['mcpServers'];
      fc.pre(servers === undefined || (typeof servers === 'object' && servers !== null && !Array.isArray(servers)));
      const text = JSON.stringify(object, null, indent) + (newline ? '\n' : '');
      const after = applied(member, text);
      const expected = { ...object, mcpServers: { stillvault: value, ...(servers as object | undefined) } }; // cast: checked above
      expect(JSON.parse(after)).toEqual(expected);
      expect(reverted(member, after, depthBefore(member, text))).toBe(text);
    }),
    { numRuns: 500 },
  );
});

describe('is refused', () => {
  test.each(['', '[', '{"a" 1}', '{"a":1}}', '{"a":1,"a":2}', '{"a":"\n"}', 'nothing', `${'['.repeat(200)}${']'.repeat(200)}`, '{"a": /* open }'])(
    '%j',
    (text) => {
      if (text === 'nothing') expect(() => withValue(text, path, value)).toThrow('holds something else');
      else expect(() => withValue(text, path, value)).toThrow(expect.objectContaining({ code: 'usage' }) as Error); // cast: a matcher
    },
  );
  test('where a number stands in the way', () => {
    expect(() => withValue('{"mcpServers": 3}', path, value)).toThrow('holds something else');
  });
});

test('what others put beside it stays when ours goes', () => {
  const after = applied(member, '{"a":1}').replace('"stillvault":{', '"late":{},"stillvault":{');
  expect(JSON.parse(reverted(member, after, 0))).toEqual({ a: 1, mcpServers: { late: {} } });
});

test('removing what is not there changes nothing', () => {
  expect(withoutValue('{ "a": 1 }', path)).toBe('{ "a": 1 }');
});
