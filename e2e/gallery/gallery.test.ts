// Every state of the console in a real browser: accessible in light and dark, and nothing wider than the screen from 320 px on.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import axe from 'axe-core';
import type { CDPSession, Page } from 'playwright-core';
import { stateNames } from './views.ts';
import { type GalleryWorld, openGallery } from './with-page.ts';

let world: GalleryWorld;
beforeAll(async () => {
  world = await openGallery();
});
afterAll(async () => world[Symbol.asyncDispose]());

/** Phone, 320 px as at 400 % zoom (WCAG 1.4.10), desktop at 200 % zoom, the narrowest desktop. */
const widths = [
  { width: 360, height: 740 },
  { width: 320, height: 640 },
  { width: 640, height: 450 },
  { width: 900, height: 700 },
] as const;
// High enough that no control lies half below a sticky bar, which would count as a small target.
const high = { width: 360, height: 2_400 };

const parts = 4;
for (let part = 0; part < parts; part += 1) {
  const names = stateNames.filter((_, index) => index % parts === part);
  test(`no violation (axe, WCAG 2.2 AA and best practice), nothing too wide: ${names.join(', ')}`, async () => {
    await world.withPage({ viewport: high, colorScheme: 'light', isMobile: true }, async ({ page, context, show }) => {
      const session = await context.newCDPSession(page);
      const found: string[] = [];
      for (const name of names) {
        await page.setViewportSize(high);
        await page.emulateMedia({ colorScheme: 'light' });
        await show(name);
        const light = await violations(session);
        await page.emulateMedia({ colorScheme: 'dark' });
        const dark = await violations(session);
        found.push(...[...light, ...dark].map((violation) => `${name}: ${violation}`));
        for (const size of widths) {
          await page.setViewportSize(size);
          found.push(...(await tooWide(page)).map((culprit) => `${name} at ${size.width}: ${culprit}`));
        }
      }
      expect(found).toEqual([]);
    });
  }, 120_000);
}

const options = JSON.stringify({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] });
const summary = `({ violations }) => violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html.slice(0, 160)).join(' | ')).join('\\n')`;

// Evaluated by the debugger, which the page's policy does not bind.
async function violations(session: CDPSession): Promise<readonly string[]> {
  await session.send('Runtime.evaluate', { expression: `${axe.source};0` });
  const { result, exceptionDetails } = await session.send('Runtime.evaluate', {
    expression: `axe.run(document, ${options}).then(${summary})`,
    awaitPromise: true,
  });
  if (exceptionDetails) return [`axe failed: ${exceptionDetails.text}`];
  return String(result.value)
    .split('\n')
    .filter((line) => line !== '');
}

async function tooWide(page: Page): Promise<readonly string[]> {
  return page.evaluate(() => {
    const limit = document.documentElement.clientWidth;
    const over = [...document.querySelectorAll<HTMLElement>('body *')].filter((element) => {
      const { left, right, width } = element.getBoundingClientRect();
      return width > 1 && (right > limit + 1 || left < -1);
    });
    return over.slice(0, 2).map((element) => `${element.tagName}.${element.className} ${element.textContent?.slice(0, 30)}`);
  });
}
