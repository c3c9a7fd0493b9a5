// A fresh page for one test of the gallery. What the page logs as an error, such as a breach of its policy, fails the test.
import { expect } from 'bun:test';
import type { BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { type LaunchedBrowser, launchBrowser } from '../harness/browser.ts';
import type { FakeStateName } from '../../testing/fake-states.ts';
import { serveGallery } from './serve.ts';
import { showState } from './views.ts';

export type Screen = Pick<BrowserContextOptions, 'viewport' | 'colorScheme' | 'isMobile' | 'hasTouch' | 'forcedColors'>;
export interface Shown {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly show: (name: FakeStateName) => Promise<void>;
}
export interface GalleryWorld extends AsyncDisposable {
  readonly withPage: (screen: Screen, run: (shown: Shown) => Promise<void>) => Promise<void>;
}

export async function openGallery(): Promise<GalleryWorld> {
  const [gallery, browser]: readonly [Awaited<ReturnType<typeof serveGallery>>, LaunchedBrowser] = await Promise.all([serveGallery(), launchBrowser()]);
  return {
    withPage: async (screen, run) => {
      const context = await browser.playwright.newContext({ ...screen, locale: 'en-GB', reducedMotion: 'reduce' });
      const faults: string[] = [];
      try {
        const page = await context.newPage();
        page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
        page.on('pageerror', (error) => faults.push(error.message));
        await run({ page, context, show: (name) => showState(page, gallery.url(name), name) });
        expect(faults).toEqual([]);
      } finally {
        await context.close();
      }
    },
    [Symbol.asyncDispose]: async () => {
      await browser[Symbol.asyncDispose]();
      await gallery[Symbol.asyncDispose]();
    },
  };
}
