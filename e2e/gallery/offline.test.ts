// The built console as it is served: it starts under its strict policy, opens again without the network, and keeps nothing but its own files.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildConsole } from '../../console/build.ts';
import { relayConnectSrc, serveStatic } from '../../relay/static.ts';
import { type LaunchedBrowser, launchBrowser } from '../harness/browser.ts';
import { newPerson } from '../harness/person.ts';

let dir: string;
let files: readonly string[];
let browser: LaunchedBrowser;
let server: Bun.Server<undefined>;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'stillvault-console-'));
  const built = await buildConsole(dir);
  files = Object.keys(built.hashes);
  const answer = serveStatic(dir, { connectSrc: relayConnectSrc });
  server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: (request) => answer(request) ?? new Response(null, { status: 404 }) });
  browser = await launchBrowser();
});
afterAll(async () => {
  await browser[Symbol.asyncDispose]();
  await server.stop(true);
  await rm(dir, { recursive: true, force: true });
});

test('after one visit it opens without the network, from its own files alone', async () => {
  await using ana = await newPerson(browser, { name: 'ana' });
  const { page, context, expectConsole } = ana;
  expectConsole(/404|ERR_INTERNET_DISCONNECTED/); // no daemon is beside this console, and later nobody at all
  await page.goto(`http://localhost:${server.port}/`);
  await page.getByRole('heading', { name: 'Welcome to Stillvault' }).waitFor();
  await page.evaluate(async () => navigator.serviceWorker.ready);
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
  const kept = await page.evaluate(async () => {
    const caches = await Promise.all((await globalThis.caches.keys()).map(async (name) => (await globalThis.caches.open(name)).keys()));
    return caches.flat().map(({ url }) => new URL(url).pathname.slice(1));
  });
  expect(kept.toSorted()).toEqual(files.filter((file) => file !== 'service-worker.js' && file !== 'hashes.json').toSorted());
  await context.setOffline(true);
  await page.reload();
  await page.getByRole('heading', { name: 'Welcome to Stillvault' }).waitFor();
  await page.getByText('This device can keep your keys.').waitFor();
});

test('the page mints no script address but that of its worker', async () => {
  await using ana = await newPerson(browser, { name: 'ana' });
  const { page, expectConsole } = ana;
  expectConsole(/404|Content Security Policy|TrustedTypes|trusted-types/i); // no daemon is beside this console; and the policies that are refused
  await page.goto(`http://localhost:${server.port}/`);
  await page.evaluate(async () => navigator.serviceWorker.ready);
  const made = await page.evaluate(() => {
    const { trustedTypes } = globalThis as unknown as { readonly trustedTypes: { createPolicy(name: string, rules: object): unknown } }; // not in the DOM types yet
    return ['stillvault-worker', 'another', 'default'].filter((name) => {
      try {
        trustedTypes.createPolicy(name, {});
        return true;
      } catch {
        return false;
      }
    });
  });
  expect(made).toEqual([]); // the worker's was made once, by the page itself
});

test('the first screen needs little: neither the cryptography nor the pages that an approval does not need', async () => {
  const html = await Bun.file(join(dir, 'index.html')).text();
  const linked = files.filter((file) => html.includes(`/${file}`) && /\.(?:js|css)$/.test(file));
  const needed = new Set(['index.html', ...linked]);
  // What is imported statically, from file to file.
  for (const file of needed) for (const [, imported = ''] of (await textOf(file)).matchAll(/(?:from|import)"\.\/([^"]+\.js)"/g)) needed.add(imported);
  expect([...needed].filter((file) => /app-impl|late-pages/.test(file))).toEqual([]);
  const sizes = await Promise.all([...needed].map(async (file) => Bun.gzipSync(await textOf(file), { level: 9 }).length));
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(40_000);
});

const textOf = (file: string): Promise<string> => Bun.file(join(dir, file)).text();
