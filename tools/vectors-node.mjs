// Runs spec/vectors in Node: bundles the runner with Bun, then reads and judges every file here. `node tools/vectors-node.mjs [bun] [folder]`
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const [bun = join(root, 'node_modules/.bin/bun'), given] = process.argv.slice(2);
const folder = given ?? mkdtempSync(join(tmpdir(), 'stillvault-vectors-'));

try {
  const bundle = join(folder, 'run-vectors.mjs');
  execFileSync(bun, ['build', join(root, 'testing/run-vectors.ts'), '--target', 'node', '--outfile', bundle], { stdio: ['ignore', 'ignore', 'inherit'] });
  const { runVectors } = await import(pathToFileURL(bundle).href);
  const results = await runVectors(load());
  const wrong = results.filter(({ problem }) => problem !== undefined);
  for (const { name, problem } of wrong) console.error(`${name}: ${problem}`);
  console.log(`${results.length - wrong.length} passed, ${wrong.length} failed`);
  process.exitCode = wrong.length === 0 ? 0 : 1;
} finally {
  if (given === undefined) rmSync(folder, { recursive: true, force: true });
}

function load() {
  const files = {};
  for (const kind of ['accept', 'reject']) {
    const at = join(root, 'spec/vectors', kind);
    for (const file of readdirSync(at)) files[file.replace('.json', '')] = JSON.parse(readFileSync(join(at, file), 'utf8'));
  }
  return files;
}
