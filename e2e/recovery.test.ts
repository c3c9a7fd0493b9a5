// Losing the only phone, in a real browser: the profile is gone, the sheets are not (spec/18-recovery.md §use; design row 78).
// And what an attacker looks for afterwards: the words in anything that was stored, shown as an address, copied, sent or logged.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { words } from '../console/ui/words.ts';
import { parseShare } from '../protocol/recovery.ts';
import { startTestRelay } from '../relay/test-world.ts';
import { softClock } from '../testing/soft-platform.ts';
import { tracesIn } from '../testing/traces.ts';
import { type LaunchedBrowser, launchBrowser } from './harness/browser.ts';
import { type Person, newPerson } from './harness/person.ts';
import * as kit from './story/kit.ts';
import * as people from './story/person.ts';
import { freePort, run, startService } from './story/programs.ts';
import { startRecorder } from './story/recorder.ts';

const dir = mkdtempSync(join(tmpdir(), 'sv-recovery-'));
let browser: LaunchedBrowser;
beforeAll(async () => {
  browser = await launchBrowser();
}, 60_000);
afterAll(async () => {
  await browser[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

/** Everything that a page keeps or shows outside of itself. */
function leftBehind({ page }: Person): Promise<string> {
  return page.evaluate(async () => {
    const stores = [localStorage, sessionStorage].map((store) => JSON.stringify(Object.entries(store)));
    const caches = await Promise.all(
      (await globalThis.caches.keys()).map(async (name) => (await (await globalThis.caches.open(name)).keys()).map(({ url }) => url)),
    );
    const rows: string[] = [];
    for (const { name = '' } of await indexedDB.databases()) {
      const db = await new Promise<IDBDatabase>((resolve, reject) => {
        const opening = indexedDB.open(name);
        opening.onsuccess = () => resolve(opening.result);
        opening.onerror = () => reject(new Error('the database does not open'));
      });
      for (const store of db.objectStoreNames) {
        const all = await new Promise<unknown[]>((resolve) => {
          const asked = db.transaction(store).objectStore(store).getAll();
          asked.onsuccess = () => resolve(asked.result);
        });
        for (const value of all)
          rows.push(value instanceof Uint8Array ? Array.from(value, (byte) => String.fromCharCode(byte)).join('') : JSON.stringify(value));
      }
      db.close();
    }
    return [...stores, JSON.stringify(caches), ...rows, document.title, location.href, document.cookie, JSON.stringify(history.state), window.name].join('\n');
  });
}

test('[INV-RECOVERY-PAPER] an org of one: the browser’s profile is thrown away, two sheets of three bring it back, and a program gets its secret', async () => {
  const socketPath = join(dir, 'run', 'd.sock');
  await using recorder = await startRecorder();
  recorder.target = freePort();
  const relayArgs = ['--port', String(recorder.target), '--public-url', recorder.url, '--signup', 'open', '--log-level', 'debug'];
  await using relay = await startService(['relay', 'serve', '--data', join(dir, 'relay'), ...relayArgs]);
  await using site = await startService(['console', 'serve', '--relay', recorder.url, '--port', String(freePort())]);
  await using _daemon = await startService(['daemon', '--state', join(dir, 'state'), '--socket', socketPath]);
  const kept: string[] = [];
  const ada = await newPerson(browser, { name: 'ada' });
  ada.page.setDefaultTimeout(10_000);
  await people.createOrganisation(ada, site.said['console'] ?? '', { org: 'Analytical Engines', me: 'ada', device: 'ada’s phone' });
  const token = await people.machineToken(ada);
  expect((await run(['join', '--no-wait', '--name', 'laptop'], { socketPath, stdin: token })).code).toBe(0);
  await people.shownWords(ada);
  await people.admitMachine(ada);
  const papers = await kit.makeKit(ada, 'two', 'none');
  expect(papers.map((paper) => parseShare(paper.words).m)).toEqual([3, 3, 3]);
  await people.putSecret(ada, 'prod/db-primary', 'correct horse battery');

  await ada.page.evaluate(() => void (location.hash = '#/recovery/drill'));
  await kit.typeSheets(ada, papers.slice(0, 2));
  await ada.page.getByRole('button', { name: words.recovery.drillStart }).click();
  await ada.page.getByText(words.recovery.drilled).waitFor();
  kept.push(await leftBehind(ada));
  await ada[Symbol.asyncDispose](); // profile, storage and passkey are gone with it

  await using again = await newPerson(browser, { name: 'ada again' });
  again.page.setDefaultTimeout(10_000);
  again.expectConsole(/403.*keys\/revoke/); // at the relay the lost phone’s key is older than the kit’s, which it registered
  await kit.openKit(again, papers.slice(1));
  await kit.announce(again, { name: 'ada', device: 'ada’s next phone', reason: 'the old one is in the lake' });
  await again.page.getByRole('heading', { name: words.kitWalk.title }).waitFor();
  await again.page.getByRole('button', { name: `${words.people.revoke}: ada’s phone` }).click();
  await again.page.locator('dialog[open]').getByRole('button', { name: words.people.revoke, exact: true }).click();
  await again.page.getByText(words.kitWalk.devicesNone).waitFor();
  await again.page.getByRole('button', { name: words.kitWalk.resealAct(1) }).click();
  await again.page.getByText(words.kitWalk.resealNone).waitFor();
  const asked = run(['get', 'prod/db-primary'], { socketPath });
  await people.openRequest(again, 'prod/db-primary');
  await people.approve(again);
  expect(await asked).toMatchObject({ code: 0, out: 'correct horse battery' });
  expect((await run(['info', 'prod/db-primary', '--json'], { socketPath })).out).toContain('"version":2');
  kept.push(await leftBehind(again));

  // Runs of words that chance does not make, and the shares behind them.
  const wanted: Record<string, string | Uint8Array> = {};
  for (const [sheet, { words: text }] of papers.entries()) {
    const all = text.split(' ');
    for (const at of [8, 16, 24]) wanted[`sheet ${sheet} from word ${at}`] = all.slice(at, at + 3).join(' ');
    wanted[`share ${sheet}`] = parseShare(text).share;
  }
  const files = readdirSync(join(dir, 'relay')).map((name) => new Uint8Array(readFileSync(join(dir, 'relay', name))));
  const places = {
    'what the pages kept': kept.map((text) => Buffer.from(text, 'latin1')),
    'the relay’s files': files,
    'its log': [Buffer.from(relay.output())],
    'the wire': recorder.recorded(),
  };
  expect(kept.every((text) => text.length > 5_000)).toBe(true);
  for (const [place, pieces] of Object.entries(places))
    expect([place, pieces.flatMap((piece) => tracesIn(new Uint8Array(piece), wanted))]).toEqual([place, []]);
}, 120_000);

test('a kit with a delay: everybody is told, another admin’s freeze stops it, and the next use waits until the time is over', async () => {
  const clock = softClock();
  await using relay = await startTestRelay({}, { now: clock.now });
  await using site = await startService(['console', 'serve', '--relay', relay.url, '--port', String(freePort())]);
  await using ada = await newPerson(browser, { name: 'ada' });
  await using ben = await newPerson(browser, { name: 'ben' });
  await using lost = await newPerson(browser, { name: 'whoever has the sheet' });
  const everyone = [ada, ben, lost];
  for (const { page, expectConsole } of everyone) {
    expectConsole(/401.*\/v1\//); // while the clocks are moved, one after the other
    page.setDefaultTimeout(15_000);
    await page.clock.install();
  }
  await people.createOrganisation(ada, site.said['console'] ?? '', { org: 'Analytical Engines', me: 'ada', device: 'ada’s phone' });
  await people.invite(ada, ben, { name: 'ben', device: 'ben’s phone', admin: true });
  const papers = await kit.makeKit(ada, 'one', 'day');

  await kit.openKit(lost, papers);
  await kit.announce(lost, { name: 'ada', device: 'a stranger’s phone', reason: 'lost my phone' });
  await lost.page.getByRole('heading', { name: words.kitUse.waitTitle }).waitFor();
  const banner = ben.page.getByRole('alert').filter({ hasText: words.shell.recovering('ada', false) });
  await banner.waitFor();
  expect(await banner.innerText()).toContain('a stranger’s phone');
  await banner.getByRole('button', { name: words.freeze.act }).click();
  await ben.page.locator('dialog[open]').getByRole('button', { name: words.freeze.act, exact: true }).click();
  await banner.waitFor({ state: 'detached' });
  await lost.page.clock.fastForward(30_000);
  await lost.page.getByRole('heading', { name: words.kitUse.stopped }).waitFor();
  await ben.page.getByRole('button', { name: words.shell.unfreeze }).click();
  await ben.page.locator('dialog[open]').getByRole('button', { name: words.shell.unfreeze }).click();
  await ben.page.getByText(words.shell.frozen).waitFor({ state: 'detached' });

  // This time it is ada, and nobody objects.
  await lost.page.getByRole('button', { name: words.kitUse.again }).click();
  await kit.openKit(lost, papers);
  await kit.announce(lost, { name: 'ada', device: 'ada’s next phone', reason: 'lost my phone' });
  await lost.page.getByRole('heading', { name: words.kitUse.waitTitle }).waitFor();
  await lost.page.reload();
  await lost.page.getByRole('heading', { name: words.kitUse.waitTitle }).waitFor();
  expect(await lost.page.getByRole('textbox').count()).toBe(0);
  const dayMs = 86_400_000;
  clock.advance(dayMs + 60_000);
  for (const { page } of everyone) await page.clock.fastForward(dayMs + 60_000);
  await lost.page.getByText(words.kitUse.overText).waitFor();
  await kit.typeSheets(lost, papers);
  await lost.page.getByRole('button', { name: words.kitUse.finish }).click();
  await lost.page.getByRole('heading', { name: words.kitWalk.title }).waitFor();
  await people.go(ben, 'people');
  await ben.page.getByText('ada’s next phone').first().waitFor();
}, 120_000);
