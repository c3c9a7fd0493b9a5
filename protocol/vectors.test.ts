// The vectors of spec/vectors in Bun, and in Node through tools/vectors-node.mjs: one law for every runtime.
import { expect, test } from 'bun:test';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type VectorFiles, runVectors } from '../testing/run-vectors.ts';
import type { Vector } from '../testing/vector.ts';
import { entryTypes } from './org-log/body-codecs.ts';

const folder = join(import.meta.dir, '../spec/vectors');

async function load(): Promise<VectorFiles> {
  const files: Record<string, Vector> = {};
  for (const kind of ['accept', 'reject']) {
    for (const file of await readdir(join(folder, kind)))
      files[file.replace('.json', '')] = JSON.parse(await readFile(join(folder, kind, file), 'utf8')) as Vector; // written by make-vectors.ts, judged by the runner
  }
  return files;
}
const files = await load();

test('INV-VEC-BUN every vector has its result in Bun', async () => {
  const results = await runVectors(files);
  expect(results.filter(({ problem }) => problem !== undefined)).toEqual([]);
  expect(results.length).toBeGreaterThan(300);
});

test('every entry type that can be accepted has a vector', () => {
  const missing = entryTypes.filter((type) => type !== 'recovery.use' && files[`entry-${type.replace('.', '-')}`] === undefined);
  expect(missing).toEqual([]);
});

test('INV-VEC-NODE every vector has its result in Node', async () => {
  const out = await mkdtemp(join(tmpdir(), 'stillvault-vectors-'));
  try {
    const child = Bun.spawn(['node', join(import.meta.dir, '../tools/vectors-node.mjs'), process.execPath, out], { stdout: 'pipe', stderr: 'pipe' });
    const [text, error, code] = [await new Response(child.stdout).text(), await new Response(child.stderr).text(), await child.exited];
    expect([text.trim().split('\n').at(-1), error, code]).toEqual([`${Object.keys(files).length} passed, 0 failed`, '', 0]);
  } finally {
    await rm(out, { recursive: true, force: true });
  }
}, 60_000);
