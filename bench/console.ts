// The console in a real browser: bytes of the first load, time until it can be used, time from tap to released.
// The virtual authenticator answers at once, so the gesture itself costs next to nothing.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { words } from '../console/ui/words.ts';
import { launchBrowser } from '../e2e/harness/browser.ts';
import { newPerson } from '../e2e/harness/person.ts';
import * as people from '../e2e/story/person.ts';
import { run, startUp } from '../e2e/story/programs.ts';
import { type Spread, spreadOf } from './measure.ts';

export interface ConsoleFigures {
  /** Over the network, as compressed; all that a first visit loads until it can be used. */
  readonly firstLoadBytes: number;
  /** Of these, until something can be read on the screen. */
  readonly firstPaintMs: number;
  /** A first visit until the form can be filled; a later one until the inbox stands, log verified. */
  readonly interactiveMs: { readonly first: number; readonly later: Spread };
  readonly tapToReleasedMs: Spread;
}

export async function consoleFigures(releases = 10): Promise<ConsoleFigures> {
  const dir = mkdtempSync(join(tmpdir(), 'svc-'));
  try {
    await using up = await startUp(join(dir, 'data'), join(dir, 'run', 'd.sock'));
    await using browser = await launchBrowser();
    await using ben = await newPerson(browser, { name: 'ben' });
    const { page, cdp } = ben;
    let bytes = 0;
    await cdp.send('Network.enable');
    cdp.on('Network.loadingFinished', ({ encodedDataLength }) => void (bytes += encodedDataLength));
    const from = performance.now();
    await page.goto(up.setup);
    const firstPaintMs = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Number.NaN);
    await page.getByText(words.enrol.supported).waitFor();
    const first = performance.now() - from;
    const firstLoadBytes = bytes;

    await people.createOrganisation(ben, up.setup, { org: 'Bench', me: 'ben', device: 'phone' });
    await people.enrolThisMachine(ben);
    await people.admitMachine(ben);
    await people.putSecret(ben, 'prod/db-primary', 'correct horse');
    const later: number[] = [];
    for (let i = 0; i < 7; i++) {
      const at = performance.now();
      await page.goto(`${up.console}#/inbox`);
      await page.reload();
      await page.getByRole('heading', { name: words.inbox.title }).waitFor();
      later.push(performance.now() - at);
    }
    const taps: number[] = [];
    for (let i = 0; i < releases; i++) {
      const got = run(['get', 'prod/db-primary'], { socketPath: up.socketPath });
      await people.openRequest(ben, 'prod/db-primary');
      taps.push(await tapToReleased(ben));
      await got;
    }
    return { firstLoadBytes, firstPaintMs, interactiveMs: { first, later: spreadOf(later) }, tapToReleasedMs: spreadOf(taps) };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

// Measured inside the page: from the click to the moment when the outcome stands on the card.
async function tapToReleased({ page }: Awaited<ReturnType<typeof newPerson>>): Promise<number> {
  await page.getByRole('button', { name: words.review.approve, exact: true }).and(page.locator(':enabled')).waitFor();
  const readOn = page.getByRole('button', { name: words.review.readOn });
  if (await readOn.isVisible()) await readOn.click();
  await page.waitForTimeout(500); // the card takes no tap right after it appeared
  return page.evaluate(
    ([approve, released]) =>
      new Promise<number>((resolve, reject) => {
        const button = [...document.querySelectorAll('button')].find((candidate) => candidate.textContent.trim() === approve);
        if (!button) return reject(new Error('no button to approve'));
        const bar = document.querySelector('.bar');
        const at = performance.now();
        const timer = setTimeout(() => reject(new Error('not released')), 20_000);
        new MutationObserver((_, observer) => {
          if (bar?.querySelector('.outcome-title')?.textContent !== released) return; // not the steps before, nor "approved"
          observer.disconnect();
          clearTimeout(timer);
          resolve(performance.now() - at);
        }).observe(document.body, { subtree: true, childList: true, characterData: true });
        button.click();
      }),
    [words.review.approve, words.review.released] as const,
  );
}
