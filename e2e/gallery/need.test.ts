// A need on the screen: words of a program beside what was seen, nothing in it that a tap follows, a value typed or a reason given (spec/09-release.md §needs).
import { afterAll, beforeAll, expect, test } from 'bun:test';
import type { Page } from 'playwright-core';
import { phone } from './views.ts';
import { type GalleryWorld, type Screen, openGallery } from './with-page.ts';

let world: GalleryWorld;
beforeAll(async () => {
  world = await openGallery();
});
afterAll(async () => world[Symbol.asyncDispose]());

const onPhone: Screen = { viewport: phone, isMobile: true, hasTouch: true };
const acts = async (page: Page): Promise<readonly string[]> =>
  (await page.evaluate(() => window.fakeApp?.calls ?? [])).filter((call) => !call.startsWith('shown'));
const where = 'https://dashboard.stripe.com/apikeys';

test('[INV-NEED-LINK] where to get it is text in the box of the claim, to copy and never to follow', async () => {
  for (const state of ['card-need', 'need-form'] as const)
    await world.withPage(onPhone, async ({ page, show }) => {
      await show(state);
      expect(await page.locator('.claim').innerText()).toContain(where);
      expect(await page.locator('.claim').innerText()).toContain('not checked');
      expect(await page.locator('.claim a, .claim [href], .claim form').count()).toBe(0);
      expect(await page.locator(`a[href*="stripe"], [onclick]`).count()).toBe(0);
      await page.getByText(where).click();
      expect(page.url()).toStartWith('http://127.0.0.1:');
      await page.getByRole('button', { name: 'Copy: Where to get it' }).waitFor();
    });
});

test('who needs what, and for what, is on the card', async () => {
  await world.withPage(onPhone, async ({ page, show }) => {
    await show('card-need');
    const text = await page.locator('.review').innerText();
    for (const words of [
      'claude',
      'build-7',
      'needs a secret that does not exist yet',
      'prod/stripe',
      'wanted: publishable_key, secret_key',
      '6 days',
      'Looks like prod/Stripe',
    ])
      expect(text).toContain(words);
    expect(await page.getByRole('button', { name: 'Approve' }).count()).toBe(0);
  });
});

test('a value that is typed fills it', async () => {
  await world.withPage(onPhone, async ({ page, show }) => {
    await show('card-need');
    await page.getByRole('link', { name: 'Type it in' }).click();
    expect(await page.getByLabel('Field', { exact: true }).first().inputValue()).toBe('publishable_key');
    for (const [index, text] of ['pk_1', 'sk_1'].entries()) await page.getByLabel('Value', { exact: true }).nth(index).fill(text);
    await page.getByRole('button', { name: 'Seal and store' }).click();
    await page.locator('.outcome-title', { hasText: 'Stored' }).waitFor();
    expect((await acts(page))[0]).toMatch(/^fillNeed [0-9a-f]{32}$/);
  });
});

test('a writer declines in a few words', async () => {
  await world.withPage(onPhone, async ({ page, show }) => {
    await show('card-need');
    await page.getByRole('button', { name: 'Decline' }).click();
    await page.getByLabel('Why not? The program is told.').fill('use the sandbox account');
    await page.getByRole('button', { name: 'Decline' }).click();
    await page.locator('.outcome-title', { hasText: 'Declined' }).waitFor();
    expect((await acts(page))[0]).toEndWith(' use the sandbox account');
  });
});
