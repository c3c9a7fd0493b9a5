// The vectors of spec/vectors in Chromium: the same runner, bundled for the browser, on a page of this machine.
import { expect, test } from 'bun:test';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { launchBrowser } from './harness/browser.ts';

const root = join(import.meta.dir, '..');

async function vectors(): Promise<Record<string, unknown>> {
  const files: Record<string, unknown> = {};
  for (const kind of ['accept', 'reject']) {
    const folder = join(root, 'spec/vectors', kind);
    for (const file of await readdir(folder)) files[file.replace('.json', '')] = JSON.parse(await readFile(join(folder, file), 'utf8'));
  }
  return files;
}

test('INV-VEC-BROWSER every vector has its result in Chromium', async () => {
  const files = await vectors();
  const built = await Bun.build({ entrypoints: [join(root, 'testing/run-vectors.ts')], target: 'browser', format: 'esm' });
  const script = await built.outputs[0]?.text();
  if (script === undefined) throw new Error('the runner was not bundled');
  using server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    routes: {
      '/': new Response('<!doctype html><title>vectors</title>', { headers: { 'content-type': 'text/html' } }),
      '/favicon.ico': new Response(null, { status: 204 }),
      '/run-vectors.js': new Response(script, { headers: { 'content-type': 'text/javascript' } }),
      '/vectors.json': new Response(JSON.stringify(files), { headers: { 'content-type': 'application/json' } }),
    },
  });
  await using browser = await launchBrowser();
  const page = await browser.playwright.newPage();
  await page.goto(`http://localhost:${server.port}/`);
  const results: unknown = await page.evaluate(`(async () => {
      const { runVectors } = await import('/run-vectors.js');
      return (await runVectors(await (await fetch('/vectors.json')).json())).filter(({ problem }) => problem !== undefined);
    })()`);
  expect(results).toEqual([]);
  expect(Object.keys(files).length).toBeGreaterThan(300);
}, 120_000);
