// npm run check: types per room, lint, format and the checks of our own, as many at once as there are cores.
// `--only <name>` runs one. Plain Node, so that it can tell when something is missing.
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const types = (room) => [`types of ${room}`, ['tsc', '-p', `tools/tsconfig/${room}.json`]];

/** The widest types come first and cover the tests; a room's own configuration then shows that it needs no more than it may have. */
const steps = [
  ['types', ['tsc', '-p', '.']],
  ...['protocol', 'relay-client', 'sdk', 'daemon', 'console', 'service-worker'].map(types),
  ['lint', ['oxlint', '--type-aware', '--format', 'unix', '--deny-warnings', '--report-unused-disable-directives']],
  ['format', ['prettier', '--check', '--log-level', 'warn', '.']],
  ['boundaries', ['bun', 'tools/boundaries.ts']],
  ['spec', ['bun', 'tools/spec-check.ts']],
  ['docs', ['bun', 'tools/docs-check.ts']],
  ['house', ['bun', 'tools/house-check.ts']],
];

const only = process.argv.indexOf('--only');
const wanted = only < 0 ? steps : steps.filter(([name]) => name === process.argv[only + 1]);
if (wanted.length === 0) {
  console.error(`No check is called ${process.argv[only + 1]}; there are: ${steps.map(([name]) => name).join(', ')}`);
  process.exit(2);
}

const queue = [...wanted];
const failed = [];
const worker = async () => {
  for (let step = queue.shift(); step; step = queue.shift()) {
    const [name, [command, ...args]] = step;
    const started = performance.now();
    const { code, output } = await run(command, args);
    const isEmptyRoom = name.startsWith('types of ') && output.includes('TS18003');
    const good = code === 0 || isEmptyRoom;
    if (!good) failed.push(name);
    console.log(`${good ? 'ok  ' : 'FAIL'} ${name.padEnd(22)} ${((performance.now() - started) / 1000).toFixed(1)} s${isEmptyRoom ? '  (no files)' : ''}`);
    if (!good) console.log(indent(output));
  }
};
await Promise.all(Array.from({ length: Math.max(2, availableParallelism()) }, worker));
console.log(failed.length === 0 ? `check: all ${wanted.length} ok` : `check: ${failed.length} of ${wanted.length} failed: ${failed.join(', ')}`);
process.exit(failed.length === 0 ? 0 : 1);

function run(command, args) {
  return new Promise((resolve) => {
    const child = spawn(join(root, 'node_modules/.bin', command), args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    child.on('error', (error) => resolve({ code: 1, output: `${error.message}: run npm run check, it installs what is missing` }));
    child.on('close', (code) => resolve({ code, output }));
  });
}

function indent(text) {
  return text.trimEnd().replace(/^/gm, '     ');
}
