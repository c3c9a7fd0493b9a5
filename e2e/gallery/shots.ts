// Takes a picture of every state, phone and desktop, light and dark, into .stillvault/shots: `bun e2e/gallery/shots.ts [part of a name]`.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { launchBrowser } from '../harness/browser.ts';
import { serveGallery } from './serve.ts';
import { desktop, phone, showState, stateNames } from './views.ts';

const [wanted = '', only = ''] = process.argv.slice(2);
const folder = join(import.meta.dir, '../../.stillvault/shots');
await mkdir(folder, { recursive: true });
await using gallery = await serveGallery();
await using browser = await launchBrowser();
for (const [screen, viewport] of Object.entries({ phone, desktop })) {
  for (const colorScheme of ['light', 'dark'] as const) {
    if (!`${screen}-${colorScheme}`.includes(only)) continue;
    const context = await browser.playwright.newContext({
      viewport,
      colorScheme,
      locale: 'en-GB',
      reducedMotion: 'reduce',
      ...(screen === 'phone' ? { deviceScaleFactor: 2, isMobile: true, hasTouch: true } : {}),
    });
    const page = await context.newPage();
    page.on('console', (message) => message.type() === 'error' && console.error(message.text()));
    page.on('pageerror', (error) => console.error(error.message));
    for (const name of stateNames.filter((state) => state.includes(wanted))) {
      await showState(page, gallery.url(name), name).catch((error: unknown) => console.error(name, error));
      await page.screenshot({ path: join(folder, `${name}-${screen}-${colorScheme}.png`), animations: 'disabled' });
    }
    await context.close();
  }
}
