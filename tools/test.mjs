// npm test: every group of tests one after the other, then one line `N passed, N failed`. Fails when a test fails or a group ran none.
// `--only <group>` runs one group (or part of one: `--only unit:relay`), `--grep <pattern>` the tests whose name matches.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const option = (name) => (process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : undefined);
const [onlyGroup, onlyRoom] = (option('--only') ?? '').split(':');
const grep = option('--grep');

const inBrowser = (file) => file.startsWith('e2e/');
const vectors = 'e2e/vectors-browser.test.ts';
const groups = [
  // Files run side by side in processes of their own: no file sees what another left behind.
  {
    name: 'unit',
    what: 'every room, in Bun',
    run: () =>
      bunTest(
        testFiles().filter((file) => !inBrowser(file)),
        ['--parallel=2', '--timeout=30000'],
      ),
  },
  { name: 'vectors-node', what: 'the vectors in Node', run: vectorsInNode, needs: 'tools/vectors-node.mjs' },
  { name: 'vectors-browser', what: 'the vectors in Chromium', run: () => bunTest([vectors], ['--timeout=120000']), needs: vectors },
  // One at a time: each story has a browser, a relay and a daemon, and a machine may have two cores.
  {
    name: 'e2e',
    what: 'stories in a real browser',
    run: () =>
      bunTest(
        testFiles().filter((file) => inBrowser(file) && file !== vectors),
        ['--isolate', '--timeout=120000'],
      ),
  },
];

const total = { passed: 0, failed: 0, skipped: 0 };
const started = performance.now();
if (onlyGroup && !groups.some(({ name }) => name === onlyGroup)) {
  console.error(`No group is called ${onlyGroup}; there are: ${groups.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}
for (const { name, what, run, needs } of groups) {
  if (onlyGroup && name !== onlyGroup) continue;
  if (needs && !existsSync(join(root, needs))) continue;
  console.log(`\n== ${name}: ${what}`);
  const before = performance.now();
  const counts = await run();
  const ran = counts.passed + counts.failed;
  if (ran === 0 && !grep) {
    console.log(`${name} ran no test: that is a failure`);
    counts.failed = 1;
  }
  for (const key of Object.keys(total)) total[key] += counts[key];
  console.log(`== ${name}: ${line(counts)} (${((performance.now() - before) / 1000).toFixed(1)} s)`);
}
if (total.passed + total.failed === 0) {
  console.log(`No test matches ${grep}`);
  total.failed = 1;
}
console.log(`\nall groups took ${((performance.now() - started) / 1000).toFixed(0)} s`);
console.log(line(total));
process.exit(total.failed === 0 ? 0 : 1);

function line({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

async function bunTest(files, flags) {
  const chosen = onlyRoom ? files.filter((file) => file.startsWith(onlyRoom)) : files;
  if (chosen.length === 0) return { passed: 0, failed: 0, skipped: 0 };
  const named = grep ? ['--test-name-pattern', grep] : [];
  const { code, output } = await run(join(root, 'node_modules/.bin/bun'), ['test', '--no-orphans', ...flags, ...named, ...chosen.map((file) => `./${file}`)]);
  const summary = output.slice(Math.max(0, output.lastIndexOf('\n\n')));
  const count = (word) => Number(new RegExp(`^ *(\\d+) ${word}`, 'm').exec(summary)?.[1] ?? 0);
  const counts = { passed: count('pass'), failed: count('fail'), skipped: count('skip') + count('todo') };
  // A file that does not load, or a process that dies, fails without a failed test; a pattern that matches nothing does not.
  if (code !== 0 && counts.failed === 0 && !(grep && counts.passed === 0)) counts.failed = 1;
  return counts;
}

/** tools/vectors-node.mjs prints `N passed, N failed` as its last line. */
async function vectorsInNode() {
  const { code, output } = await run(process.execPath, ['tools/vectors-node.mjs']);
  const [, passed, failed, skipped] = /(\d+) passed, (\d+) failed(?:, (\d+) skipped)?\s*$/.exec(output) ?? [];
  const counts = { passed: Number(passed ?? 0), failed: Number(failed ?? 0), skipped: Number(skipped ?? 0) };
  if (code !== 0 && counts.failed === 0) counts.failed = 1;
  return counts;
}

/** Shows the output while it comes and keeps its end, without colours. */
function run(command, args) {
  const env = process.stdout.isTTY ? { ...process.env, FORCE_COLOR: '1' } : process.env;
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], env });
    let output = '';
    const show = (chunk) => {
      process.stdout.write(chunk);
      output = (output + chunk).slice(-8_192);
    };
    child.stdout.on('data', show);
    child.stderr.on('data', show);
    child.on('error', (error) => resolve({ code: 1, output: `${command}: ${error.message}` }));
    child.on('close', (code) => resolve({ code: code ?? 1, output: output.replace(/\u001b\[[0-9;]*m/g, '') }));
  });
}

function testFiles(folder = '') {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .filter(({ name }) => !name.startsWith('.') && name !== 'node_modules' && name !== 'dist')
    .flatMap((entry) => (entry.isDirectory() ? testFiles(join(folder, entry.name)) : /\.test\.tsx?$/.test(entry.name) ? [join(folder, entry.name)] : []))
    .sort();
}
