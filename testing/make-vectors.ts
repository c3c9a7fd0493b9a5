// Writes spec/vectors from the fake world: `bun testing/make-vectors.ts`. Signatures and seals are random, so that a new run gives
// other bytes with the same results; ids, keys and times come from the seed. Every vector is run before it is written.
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { draftVectors } from './vectors/drafts.ts';
import { messageVectors } from './vectors/messages.ts';
import { logVectors } from './vectors/logs.ts';
import { primitiveVectors } from './vectors/primitives.ts';
import { recoveryVectors } from './vectors/recovery.ts';
import { releaseVectors } from './vectors/releases.ts';
import { settingsVectors } from './vectors/settings.ts';
import { runVectors } from './run-vectors.ts';
import type { Vector } from './vector.ts';

const folder = join(import.meta.dir, '../spec/vectors');

async function main(): Promise<void> {
  const vectors: Record<string, Vector> = {};
  for (const [name, vector] of [
    ...(await primitiveVectors()),
    ...(await logVectors()),
    ...(await draftVectors()),
    ...(await settingsVectors()),
    ...(await recoveryVectors()),
    ...(await releaseVectors()),
    ...(await messageVectors()),
  ]) {
    if (name in vectors) throw new Error(`two vectors are named ${name}`);
    vectors[name] = vector;
  }
  const problems = (await runVectors(vectors)).filter(({ problem }) => problem !== undefined);
  for (const { name, problem } of problems) console.error(`${name}: ${problem}`);
  if (problems.length > 0) throw new Error('nothing was written');
  for (const kind of ['accept', 'reject']) {
    await mkdir(join(folder, kind), { recursive: true });
    for (const file of await readdir(join(folder, kind))) if (file.endsWith('.json')) await rm(join(folder, kind, file));
  }
  for (const [name, vector] of Object.entries(vectors))
    await writeFile(join(folder, vector.code === undefined ? 'accept' : 'reject', `${name}.json`), `${JSON.stringify(vector, undefined, 1)}\n`);
  console.log(`${Object.keys(vectors).length} vectors`);
}

if (import.meta.main) await main();
