// The set-up against a made-up npm: it installs once, whoever asks and however many at a time, and a failure says what to do.
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './tree.ts';

let project: string;

beforeEach(async () => {
  project = await mkdtemp(join(tmpdir(), 'stillvault-setup-'));
  await mkdir(join(project, 'tools'));
  await cp(join(root, 'tools/setup.mjs'), join(project, 'tools/setup.mjs'));
  await writeFile(join(project, 'package.json'), JSON.stringify({ allowScripts: { bun: true, telemetry: false } }));
  await writeFile(join(project, 'package-lock.json'), JSON.stringify({ packages: { '': {}, 'node_modules/bun': { version: '1.0.0' } } }));
  // ci lays down a runtime that does not start yet, rebuild makes it start.
  await fakeNpm(`
    mkdirSync('node_modules/.bin', { recursive: true });
    if (args[0] === 'rebuild') { writeFileSync('node_modules/.bin/bun', '#!/bin/sh\\necho 1.0.0\\n'); chmodSync('node_modules/.bin/bun', 0o755); }
  `);
});

afterEach(() => rm(project, { recursive: true, force: true }));

async function fakeNpm(body: string): Promise<void> {
  const head = `const { appendFileSync, chmodSync, mkdirSync, writeFileSync } = require('node:fs'); const args = process.argv.slice(2); appendFileSync('calls', args.join(' ') + '\\n');`;
  await mkdir(join(project, 'npm'), { recursive: true });
  await writeFile(join(project, 'npm/npm-cli.js'), `${head}\n${body}`);
}

async function setup(): Promise<{ code: number; stderr: string; calls: readonly string[] }> {
  const child = Bun.spawn(['node', 'tools/setup.mjs'], {
    cwd: project,
    env: { ...process.env, npm_execpath: join(project, 'npm/npm-cli.js') },
    stderr: 'pipe',
  });
  const [code, stderr] = await Promise.all([child.exited, new Response(child.stderr).text()]);
  const calls = await readFile(join(project, 'calls'), 'utf8').catch(() => '');
  return { code, stderr, calls: calls.split('\n').filter((call) => call !== '') };
}

test('a fresh checkout installs without scripts, then runs those that are allowed by name', async () => {
  const { code, calls } = await setup();
  expect(code).toBe(0);
  expect(calls).toHaveLength(2);
  expect(calls[0]).toStartWith('ci --ignore-scripts');
  expect(calls[1]).toStartWith('rebuild bun --ignore-scripts=false');
});

test('a second run asks npm for nothing and says nothing', async () => {
  await setup();
  expect(await setup()).toMatchObject({ code: 0, stderr: '', calls: { length: 2 } });
});

test('a changed lockfile installs again', async () => {
  await setup();
  await writeFile(join(project, 'package-lock.json'), JSON.stringify({ packages: { '': {}, 'node_modules/bun': { version: '1.0.1' } } }));
  expect((await setup()).calls.filter((call) => call.startsWith('ci'))).toHaveLength(2);
});

test('what npm installed by hand is taken as it is', async () => {
  await mkdir(join(project, 'node_modules/bun'), { recursive: true });
  await mkdir(join(project, 'node_modules/.bin'));
  await writeFile(join(project, 'node_modules/.package-lock.json'), JSON.stringify({ packages: { 'node_modules/bun': { version: '1.0.0' } } }));
  await writeFile(join(project, 'node_modules/.bin/bun'), '#!/bin/sh\necho 1.0.0\n');
  await chmod(join(project, 'node_modules/.bin/bun'), 0o755);
  expect(await setup()).toMatchObject({ code: 0, calls: [] });
});

test('several at once install once', async () => {
  const runs = await Promise.all([setup(), setup(), setup()]);
  expect(runs.map(({ code }) => code)).toEqual([0, 0, 0]);
  expect((await setup()).calls).toHaveLength(2);
});

test('a set-up that died does not block the next', async () => {
  const dead = Bun.spawn(['true']);
  await dead.exited;
  await mkdir(join(project, '.stillvault'));
  await writeFile(join(project, '.stillvault/setup.lock'), `${dead.pid} 0.5`);
  expect((await setup()).code).toBe(0);
});

test('a registry that cannot be reached: what failed and what to do, without a stack', async () => {
  await fakeNpm('process.exit(1);');
  const { code, stderr } = await setup();
  expect(code).toBe(1);
  expect(stderr).toContain('setup failed: The dependencies could not be installed. npm ci ended with 1');
  expect(stderr).toContain('npm config get registry');
  expect(stderr).not.toContain('    at ');
});

test('a runtime that does not start here is named', async () => {
  await fakeNpm(
    `mkdirSync('node_modules/.bin', { recursive: true }); writeFileSync('node_modules/.bin/bun', '#!/bin/sh\\necho wrong processor >&2; exit 132\\n'); chmodSync('node_modules/.bin/bun', 0o755);`,
  );
  const { code, stderr } = await setup();
  expect(code).toBe(1);
  expect(stderr).toMatch(/The runtime .*bun does not start: wrong processor/);
});
