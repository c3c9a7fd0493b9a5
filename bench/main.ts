// `npm run bench`: every figure that the project states, measured in this tree, in one run, paired where there is a peer.
//   npm run bench                 all figures as text
//   npm run bench -- --json       as one JSON object on standard output
//   npm run bench -- --only get   one of: get, read, release, freeze, relay, scale, rewrap, proxy, mask, console
import { existsSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { consoleFigures } from './console.ts';
import { freezeFigures } from './freeze.ts';
import { getCommand } from './get-command.ts';
import { leasedRead } from './leased-read.ts';
import { maskFigures } from './mask.ts';
import { machineNoise } from './measure.ts';
import { proxyFigures } from './proxy.ts';
import { releaseLegs } from './release-legs.ts';
import { rewrapFigures } from './rewrap.ts';
import { idleConnections, wholeLoops } from './relay-load.ts';
import { scaleFigures } from './scale.ts';
import { createBenchWorld, createWorldApart } from './world.ts';

const { values } = parseArgs({ options: { json: { type: 'boolean' }, only: { type: 'string' } } });
const say = (line: string): void => void process.stderr.write(`${line}\n`);
const figures: Record<string, unknown> = {};

async function measure(name: string, what: string, act: () => Promise<unknown>): Promise<void> {
  if (values.only !== undefined && values.only !== name) return;
  say(`measuring: ${what}`);
  figures[name] = await act();
}

if (!existsSync(join(import.meta.dir, '..', 'dist', 'stillvault'))) {
  say('building dist/stillvault first');
  await Bun.spawn([process.execPath, join(import.meta.dir, '..', 'tools', 'build.ts')], { stdout: 'ignore', stderr: 'inherit' }).exited;
}
const before = await machineNoise();
await measure('get', 'leased `stillvault get` against `pass show`, whole processes', () => getCommand());
await measure('read', 'leased read over a kept connection against a bare echo (µs per call)', async () => {
  await using world = await createBenchWorld();
  return await leasedRead(world); // before the world ends
});
await measure('release', 'release without the human, each leg (ms)', async () => {
  await using world = await createWorldApart();
  return await releaseLegs(world);
});
await measure('freeze', 'from a signed freeze until the last lease is gone, four machines (ms)', () => freezeFigures());
await measure('relay', 'relay: 5,000 idle connections, then whole loops with full sync', async () => ({
  idle: await idleConnections(),
  loops: await wholeLoops(),
}));
await measure('scale', 'an organisation of 500 devices, 500 machines, 10,000 secrets, 100,000 entries (ms, MB)', () => scaleFigures(say));
await measure('rewrap', 'custody upkeep: 10,000 secrets for a new machine, and for a further device (ms, MB)', () => rewrapFigures(say));
await measure('proxy', 'egress proxy against a plain CONNECT proxy (ms; 32 MiB down and up)', () => proxyFigures());
await measure('mask', 'masking of `stillvault run` against a plain pipe (ms for 512 MB)', () => maskFigures());
await measure('console', 'console in a real browser', () => consoleFigures());
const report = { machine: { cpus: cpus().length, model: cpus()[0]?.model, bun: Bun.version, noise_ms: { before, after: await machineNoise() } }, ...figures };
process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : `${Bun.inspect(report, { depth: 6, colors: false })}\n`);
process.exit(0);
