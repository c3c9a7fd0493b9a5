// The same device in a real Chromium with a virtual passkey: real WebAuthn with PRF, real IndexedDB, real relay.
import { afterAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LaunchedBrowser, launchBrowser } from '../../e2e/harness/browser.ts';
import { type Person, newPerson } from '../../e2e/harness/person.ts';
import { type TestRelay, startTestRelay } from '../../relay/test-world.ts';

const dir = mkdtempSync(join(tmpdir(), 'sv-platform-'));
let world: Promise<{ readonly browser: LaunchedBrowser; readonly relay: TestRelay }> | undefined;

afterAll(async () => {
  const { browser, relay } = (await world) ?? {};
  await browser?.[Symbol.asyncDispose]();
  await relay?.[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

// A page with the device and nothing else: `open()` gives an App.
async function start(): Promise<{ readonly browser: LaunchedBrowser; readonly relay: TestRelay }> {
  const entry = join(import.meta.dir, '../device/app-impl.ts');
  await Bun.write(
    join(dir, 'entry.ts'),
    `import { createApp } from ${JSON.stringify(entry)}; import { createBrowserPlatform } from ${JSON.stringify(join(import.meta.dir, 'browser.ts'))}; Object.assign(window, { open: () => createApp(createBrowserPlatform()) });`,
  );
  const { outputs, success } = await Bun.build({ entrypoints: [join(dir, 'entry.ts')], target: 'browser', throw: false });
  const [script] = outputs;
  if (!success || !script) throw new Error('the device does not build for a browser');
  await Bun.write(join(dir, 'files/app.js'), script);
  await Bun.write(join(dir, 'files/index.html'), '<!doctype html><link rel="icon" href="data:,"><script type="module" src="/app.js"></script>');
  const relay = await startTestRelay({ consoleDir: join(dir, 'files') });
  return { relay, browser: await launchBrowser() };
}

async function visitor(options: { readonly withPrf?: boolean } = {}): Promise<Person & { readonly address: string }> {
  const { browser, relay } = await (world ??= start());
  const person = await newPerson(browser, { name: 'ada', ...options });
  const address = `http://localhost:${relay.port}/`;
  person.expectConsole(/404.*config\.json/); // no local daemon serves this page
  await person.page.goto(address);
  return Object.assign(person, { address });
}

interface PageApp {
  phase(): { readonly kind: string };
  org(): { readonly name: string; readonly head: number } | undefined;
  createOrg(input: object, progress: () => void): Promise<void>;
  freeze(reason: string): Promise<void>;
}
/** Runs in the page: opens the device and does one act; answers what is seen then. */
async function inPage(
  { page }: Person,
  act: 'create' | 'freeze' | 'look',
): Promise<{ readonly code: string; readonly phase: string; readonly name: string; readonly head: number }> {
  return page.evaluate(async (what) => {
    const app = (window as unknown as { open: () => PageApp }).open(); // put there by the page's script
    while (app.phase().kind === 'loading') await new Promise((resolve) => setTimeout(resolve, 20));
    let code = '';
    try {
      if (what === 'create') await app.createOrg({ orgName: 'Engines', memberName: 'ada', deviceName: 'browser' }, () => undefined);
      if (what === 'freeze') await app.freeze('test');
    } catch (error) {
      code = (error as { failure?: { code: string } }).failure?.code ?? String(error); // App rejects with AppError
    }
    return { code, phase: app.phase().kind, name: app.org()?.name ?? '', head: app.org()?.head ?? -1 };
  }, act);
}

test('an organisation is made, survives a reload, and its keys cannot be taken out of the browser', async () => {
  await using ada = await visitor();
  expect(await inPage(ada, 'create')).toEqual({ code: '', phase: 'ready', name: 'Engines', head: 0 });
  expect((await ada.credentials()).length).toBe(1);
  await ada.page.reload();
  expect(await inPage(ada, 'freeze')).toEqual({ code: '', phase: 'ready', name: 'Engines', head: 1 });
  const stored = await ada.page.evaluate(async () => {
    const database = await new Promise<IDBDatabase>((resolve) => {
      const request = indexedDB.open('stillvault');
      request.onsuccess = () => resolve(request.result);
    });
    const all = <T>(store: string): Promise<T[]> =>
      new Promise((resolve) => {
        const request = database.transaction(store).objectStore(store).getAll() as IDBRequest<T[]>; // the store's own type
        request.onsuccess = () => resolve(request.result);
      });
    const text = (await all<Uint8Array>('records')).map((bytes) => new TextDecoder('latin1').decode(bytes)).join();
    return {
      extractable: (await all<CryptoKey>('keys')).filter((key) => key.type !== 'public' && key.extractable).length,
      readable: text.includes('Engines') || text.includes('localhost'),
    };
  });
  expect(stored).toEqual({ extractable: 0, readable: false });
}, 30_000);

test('a passkey without PRF makes nothing, and the browser starts clean', async () => {
  await using ada = await visitor({ withPrf: false });
  expect(await inPage(ada, 'create')).toMatchObject({ code: 'E_NO_PRF', phase: 'welcome' });
  await ada.page.reload();
  expect(await inPage(ada, 'look')).toMatchObject({ phase: 'welcome' });
}, 30_000);

test('a fingerprint that fails does nothing', async () => {
  await using ada = await visitor();
  await inPage(ada, 'create');
  await ada.setUserVerified(false);
  await ada.page.reload();
  expect(await inPage(ada, 'freeze')).toMatchObject({ code: 'E_CANCELLED', phase: 'ready', head: 0 });
}, 30_000);

test('a passkey that is gone opens nothing and says so', async () => {
  await using ada = await visitor();
  await inPage(ada, 'create');
  await ada.removeCredentials();
  await ada.page.reload();
  const { code } = await inPage(ada, 'freeze');
  expect(code).toBe('E_CANCELLED');
}, 30_000);

test('an address that is a number is refused before anything is made', async () => {
  await using ada = await visitor();
  await ada.page.goto(ada.address.replace('localhost', '127.0.0.1'));
  expect(await inPage(ada, 'create')).toMatchObject({ code: 'E_INSECURE_ORIGIN', phase: 'welcome' });
  expect(await ada.credentials()).toEqual([]);
}, 30_000);
