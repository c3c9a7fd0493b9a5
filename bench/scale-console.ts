// The console with an organisation of that size in its database, in a real browser: its first start, which verifies all, later ones, and its pages.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { deviceRecord, encodeDevice } from '../console/device/stored-device.ts';
import { createLogStore } from '../console/device/log-store.ts';
import { words } from '../console/ui/words.ts';
import { launchBrowser } from '../e2e/harness/browser.ts';
import { newPerson } from '../e2e/harness/person.ts';
import { startUp } from '../e2e/story/programs.ts';
import type { ScaleOrg } from '../testing/scale-org.ts';
import { type Spread, spreadOf } from './measure.ts';

export interface ScaleConsoleFigures {
  /** Until the inbox stands. */
  readonly firstStartMs: number;
  readonly laterStartMs: Spread;
  readonly heapMB: number;
  /** From the click until the page stands. */
  readonly pageMs: Readonly<Record<string, number>>;
  /** From a letter in the search of 10,000 secrets until its result stands. */
  readonly searchMs: number;
}

export async function scaleConsoleFigures(org: ScaleOrg, say: (line: string) => void, shots?: string): Promise<ScaleConsoleFigures> {
  const dir = mkdtempSync(join(tmpdir(), 'svsc-'));
  try {
    await using up = await startUp(join(dir, 'data'), join(dir, 'run', 'd.sock'));
    await using browser = await launchBrowser();
    await using ada = await newPerson(browser, { name: 'ada' });
    const { page, cdp } = ada;
    ada.expectConsole(/401/); // the relay does not know this organisation
    await page.goto(up.setup);
    await page.getByText(words.enrol.supported).waitFor();
    await fill(page, await recordsOf(org, up.relay), say);
    const inbox = page.getByRole('heading', { name: words.inbox.title });
    const start = async (): Promise<number> => {
      const from = performance.now();
      await page.goto(`${up.console}#/inbox`);
      await page.reload();
      await inbox.waitFor({ timeout: 600_000 });
      return Math.round(performance.now() - from);
    };
    say('  first start of the console');
    const firstStartMs = await start();
    await Bun.sleep(firstStartMs / 2); // its state is kept behind everything else
    const later: number[] = [];
    for (let i = 0; i < 5; i++) later.push(await start());
    const pageMs: Record<string, number> = {};
    for (const [name, title] of [
      ['secrets', words.secrets.title],
      ['people', words.people.title],
      ['machines', words.machines.title],
      ['history', words.history.title],
    ] as const) {
      const from = performance.now();
      await page.evaluate((hash) => void (location.hash = hash), `#/${name}`);
      await page.getByRole('heading', { name: title, level: 1 }).waitFor();
      pageMs[name] = Math.round(performance.now() - from);
      if (shots !== undefined) await page.screenshot({ path: join(shots, `${name}.png`) });
    }
    await page.evaluate(() => void (location.hash = '#/secrets'));
    const search = page.getByRole('searchbox');
    await search.waitFor();
    const from = performance.now();
    await search.fill(`key-${org.state.secrets.size - 1}`);
    await page.getByText(words.secrets.count(1)).waitFor();
    const searchMs = Math.round(performance.now() - from);
    if (shots !== undefined) await page.screenshot({ path: join(shots, 'search.png') });
    await cdp.send('HeapProfiler.collectGarbage');
    const { usedSize } = await cdp.send('Runtime.getHeapUsage');
    return { firstStartMs, laterStartMs: spreadOf(later), heapMB: Math.round(usedSize / 1e6), pageMs, searchMs };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** What the founder's browser would hold; its sealed keys are never opened here. */
async function recordsOf({ state, entries, founder, world }: ScaleOrg, relay: string): Promise<ReadonlyMap<string, Uint8Array>> {
  const records = new Map<string, Uint8Array>();
  const store = createLogStore({
    load: () => Promise.resolve({ kind: 'empty' }),
    makeKeys: () => Promise.reject(new Error('the browser makes them')),
    begin: () => Promise.resolve(),
    read: () => Promise.resolve(new Map()),
    write: (put) => {
      for (const [name, bytes] of put) records.set(name, bytes);
      return Promise.resolve();
    },
  });
  await store.persist(entries, state.head, world.mk);
  const some = new Uint8Array(32);
  const device = { status: 'ready', org: state.org, member: founder.member, device: founder.id, relay: new URL(relay).origin } as const;
  const passkey = { rpId: 'localhost', credentialId: some, transports: [], prfFirst: some, prfSecond: some, bindCheck: some, sealedKeys: some };
  return records.set(deviceRecord, encodeDevice({ ...device, ...passkey, inboxSeed: founder.seeds.inbox }));
}

const partRecords = 4_000;

/** Writes what `console/platform/storage.ts` would, under keys that the browser makes. */
async function fill(page: Page, records: ReadonlyMap<string, Uint8Array>, say: (line: string) => void): Promise<void> {
  const all = [...records].map(([name, bytes]) => [name, Buffer.from(bytes).toString('base64')] as const);
  for (let at = 0; at < all.length; at += partRecords) {
    await page.evaluate(put, all.slice(at, at + partRecords));
    if (at % (5 * partRecords) === 0) say(`  ${at} of ${all.length} records in the browser`);
  }
}

async function put(records: (readonly [string, string])[]): Promise<void> {
  const database = await new Promise<IDBDatabase>((resolve, reject) => {
    const request = indexedDB.open('stillvault', 1);
    request.onupgradeneeded = () => ['keys', 'records'].forEach((name) => request.result.createObjectStore(name));
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('no database'));
  });
  const ended = (act: (store: IDBTransaction) => void): Promise<void> =>
    new Promise((resolve, reject) => {
      const transaction = database.transaction(['keys', 'records'], 'readwrite');
      transaction.oncomplete = () => resolve();
      transaction.onerror = () => reject(transaction.error ?? new Error('not written'));
      act(transaction);
    });
  let keys = await new Promise<unknown[]>((resolve) => {
    const request = database.transaction('keys').objectStore('keys').getAll('aes');
    request.onsuccess = () => resolve(request.result);
  });
  if (keys.length === 0) {
    const aes = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']);
    const mac = await crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-256', length: 256 }, false, ['sign']);
    const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify']);
    await ended((transaction) => {
      const store = transaction.objectStore('keys');
      store.put(aes, 'aes');
      store.put(mac, 'mac');
      store.put(pair.privateKey, 'presence');
      store.put(pair.publicKey, 'presence-public');
    });
    keys = [aes];
  }
  const sealed: [string, Uint8Array][] = [];
  for (const [name, base64] of records) {
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
    const params = { name: 'AES-GCM', iv, additionalData: new TextEncoder().encode(name) };
    const cipher = new Uint8Array(await crypto.subtle.encrypt(params, keys[0] as CryptoKey, bytes)); // written above
    const record = new Uint8Array(12 + cipher.length);
    record.set(iv);
    record.set(cipher, 12);
    sealed.push([name, record]);
  }
  await ended((transaction) => sealed.forEach(([name, record]) => transaction.objectStore('records').put(record, name)));
  database.close();
}
