// Validations of spec/10-local-api.md §observed: which script an interpreter runs (attack 43), and `unknown` rather than a guess.
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { isShellCommand, scriptOf, type ScriptSource } from './script.ts';

const file = (path: string): ScriptSource => ({ kind: 'file', path });
const cases: readonly (readonly [string, string, ScriptSource | undefined])[] = [
  ['/usr/bin/node', 'node /app/cli.js --flag', file('/app/cli.js')],
  ['/usr/bin/node', 'node --enable-source-maps --max-old-space-size=4096 cli.js', file('cli.js')],
  ['/usr/bin/node', 'node -r ./hook.js cli.js', file('cli.js')],
  ['/usr/bin/node', 'node -- -odd.js', file('-odd.js')],
  ['/usr/bin/node', 'node -e 1', { kind: 'inline' }],
  ['/usr/bin/node', 'node', { kind: 'stdin' }],
  ['/usr/bin/node', 'node --title harmless.js evil.js', { kind: 'unknown' }],
  ['/usr/local/bin/bun', 'bun run --smol main.ts', file('main.ts')],
  ['/usr/local/bin/bun', 'bun main.ts', file('main.ts')],
  ['/usr/local/bin/bun', 'bun x cowsay', { kind: 'unknown' }],
  ['/usr/bin/deno', 'deno run -A --config d.json main.ts', file('main.ts')],
  ['/usr/bin/deno', 'deno task main.ts', { kind: 'unknown' }],
  ['/usr/bin/python3.12', 'python3 -u -X utf8 app.py', file('app.py')],
  ['/usr/bin/python3.12', 'python3 -m http.server', { kind: 'module' }],
  ['/usr/bin/python3.12', 'python3 -Bc print()', { kind: 'inline' }],
  ['/usr/bin/ruby', 'ruby -w -I lib app.rb', file('app.rb')],
  ['/usr/bin/perl5.38', 'perl -wT app.pl', file('app.pl')],
  ['/usr/bin/perl', 'perl -lane print', { kind: 'inline' }],
  ['/bin/dash', 'sh -eu deploy.sh', file('deploy.sh')],
  ['/bin/bash', 'bash -lc true', { kind: 'inline' }],
  ['/bin/bash', '-bash', { kind: 'stdin' }],
  ['/bin/busybox', '/bin/sh deploy.sh', file('deploy.sh')],
  ['/bin/busybox', 'wget http://x', undefined],
  ['/usr/bin/claude', 'node cli.js', undefined],
];

describe('the script of an interpreter', () => {
  test.each(cases)('%s: %s', (exe, argv, expected) => {
    expect(scriptOf(exe, argv.split(' '))).toEqual(expected as ScriptSource); // cast: undefined is one of the expected values
  });
});

test('a shell started for one command line is told from one that runs a script or a person', () => {
  expect(isShellCommand('/bin/bash', ['bash', '-c', 'stillvault get x'])).toBe(true);
  expect(isShellCommand('/bin/dash', ['sh', '-ec', 'x'])).toBe(true);
  expect(isShellCommand('/bin/bash', ['bash', 'deploy.sh', '-c'])).toBe(false);
  expect(isShellCommand('/bin/bash', ['-bash'])).toBe(false);
  expect(isShellCommand('/usr/bin/node', ['node', '-c', 'x'])).toBe(false);
});

test('any argv gets an answer', () => {
  const exe = fc.constantFrom('/usr/bin/node', '/bin/sh', '/usr/bin/python3', '/usr/bin/deno', 'bun', '', '/');
  fc.assert(
    fc.property(exe, fc.array(fc.oneof(fc.string(), fc.constantFrom('-', '--', '-c', '-e', 'run', '--a=b', '')), { maxLength: 6 }), (path, argv) => {
      const source = scriptOf(path, argv);
      if (source?.kind === 'file') expect(argv.slice(1)).toContain(source.path);
    }),
  );
});
