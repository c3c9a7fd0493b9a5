// The card under a finger and on a keyboard: all of it in sight, the decision in reach, nothing moves, nothing approves by accident.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import type { Locator, Page } from 'playwright-core';
import { card, putCard } from '../../testing/fake-states.ts';
import { phone } from './views.ts';
import { type GalleryWorld, type Screen, openGallery } from './with-page.ts';

let world: GalleryWorld;
beforeAll(async () => {
  world = await openGallery();
});
afterAll(async () => world[Symbol.asyncDispose]());

const onPhone: Screen = { viewport: phone, isMobile: true, hasTouch: true };
const button = (page: Page, name: string): Locator => page.getByRole('button', { name, exact: true });
const calls = (page: Page): Promise<readonly string[]> => page.evaluate(() => window.fakeApp?.calls ?? []);
const acts = async (page: Page): Promise<readonly string[]> => (await calls(page)).filter((call) => !call.startsWith('shown'));
const ended = (page: Page, title: string): Promise<void> => page.locator('.outcome-title', { hasText: title }).waitFor();
async function box(at: Locator): Promise<{ x: number; y: number; width: number; height: number }> {
  const found = await at.boundingBox();
  if (!found) throw new Error('not on screen');
  return found;
}

describe('on a phone of 360 × 740', () => {
  for (const name of ['card', 'card-unusual', 'card-first', 'card-high', 'card-claim', 'card-put', 'card-approved-quorum'] as const)
    test(`everything that matters is in sight above the decision, at once: ${name}`, async () => {
      await world.withPage(onPhone, async ({ page, show }) => {
        await show(name);
        const bar = await box(page.locator('.bar'));
        expect(bar.y + bar.height).toBeLessThanOrEqual(phone.height);
        for (const part of ['.review-head', '.review-title', '.observed', '.claim']) {
          const { y, height } = await box(page.locator(part));
          expect(y).toBeGreaterThanOrEqual(0);
          expect(y + height).toBeLessThanOrEqual(bar.y + 1);
        }
        expect(await page.locator('.read-on').count()).toBe(0);
      });
    });

  test('several secrets to store: each is listed, what replaces one first, and nothing is approved before the end was on screen', async () => {
    await world.withPage(onPhone, async ({ page, show }) => {
      await show('card-import');
      const rows = page.locator('.items li');
      expect(await rows.count()).toBe(8);
      expect(await rows.first().innerText()).toContain('replaces v3');
      expect(await rows.last().innerText()).toContain('new');
      expect(await page.locator('details .items').count()).toBe(0);
      await page.locator('.bar .arming').first().waitFor({ state: 'detached' });
      await button(page, 'Approve').click();
      expect(await acts(page)).toEqual([]);
      await page.locator('.read-on').waitFor({ state: 'detached' }); // the tap led to the end
    });
  });

  test('who, what, for what, why, what is unusual, how long and the countdown are words on the screen', async () => {
    await world.withPage(onPhone, async ({ page, show }) => {
      await show('card-unusual');
      const text = await page.locator('.review').innerText();
      for (const words of [
        'claude through stillvault on build-7',
        'build-7',
        'prod/db-primary',
        'version 4',
        'PGPASSWORD=prod/db-primary -- psql -d orders',
        '/srv/orders',
        'claude',
        'deploy',
        'Claude Code says',
        'Run migration 0042',
        'First time for this program',
        'Once',
        '15 min',
        '47',
        '2:41',
      ])
        expect(text).toContain(words);
    });
  });

  test('Deny and Approve have equal size, at least 48 px, and the focus is on neither', async () => {
    await world.withPage(onPhone, async ({ page, show }) => {
      await show('card');
      const [deny, approve] = [await box(button(page, 'Deny')), await box(button(page, 'Approve'))];
      expect([deny.width, deny.height]).toEqual([approve.width, approve.height]);
      expect(approve.height).toBeGreaterThanOrEqual(48);
      expect(await page.evaluate(() => document.activeElement?.tagName)).toBe('H1');
    });
  });

  test('what does not fit must be read before Approve does anything', async () => {
    await world.withPage(onPhone, async ({ page, show }) => {
      await show('card-long');
      await button(page, 'More below').waitFor();
      await button(page, 'Approve').click();
      await button(page, 'More below').waitFor({ state: 'detached' });
      expect(await acts(page)).toEqual([]);
      const end = await box(page.locator('.claim'));
      expect(end.y + end.height).toBeLessThanOrEqual((await box(page.locator('.bar'))).y + 1);
      await button(page, 'Approve').click();
      await ended(page, 'Released');
    });
  });

  test('a long command is whole: it scrolls in its block and opens to its full size', async () => {
    await world.withPage(onPhone, async ({ page, show }) => {
      await show('card-long');
      const block = page.getByRole('region', { name: 'Command' });
      expect(await block.innerText()).toContain("'select * from ledger where account = '\\''O'\\'''\\''Brien & Sons'\\''");
      await button(page, 'Show all of 18 parts').click();
      expect(await block.evaluate((element) => element.scrollHeight <= element.clientHeight + 1)).toBe(true);
    });
  });

  test('a request that comes moves nothing of the open card', async () => {
    await world.withPage(onPhone, async ({ page, show }) => {
      await show('card');
      const places = async (): Promise<unknown> => [
        await box(button(page, 'Approve')),
        await box(button(page, 'Deny')),
        await box(page.locator('.claim')),
        await box(page.locator('.review-head')),
      ];
      const before = await places();
      await page.evaluate((fresh) => window.fakeApp?.change((org) => ({ ...org, inbox: [...org.inbox, fresh] })), putCard);
      await page.locator('.review-others', { hasText: '+1' }).waitFor();
      expect(await places()).toEqual(before);
      expect(await page.title()).toBe('(2) Inbox · Stillvault');
      expect(await page.locator('[role=status]', { hasText: 'New request: claude asks for prod/db-replica.' }).count()).toBe(1);
    });
  });

  test('a request that comes is the last row of the inbox, and the rows above stay where they are', async () => {
    await world.withPage(onPhone, async ({ page, show }) => {
      await show('one-request');
      const before = await box(page.locator('a.request').first());
      await page.evaluate((older) => window.fakeApp?.change((org) => ({ ...org, inbox: [older, ...org.inbox] })), card(31, { issuedAt: 1 }));
      await page.locator('a.request').nth(1).waitFor();
      expect(await box(page.locator('a.request').first())).toEqual(before);
      await page.waitForFunction(() => window.fakeApp?.calls.length === 2);
    });
  });
});

describe('a decision', () => {
  test('is once unless a lease is chosen, and says what was released until when, with its end in reach', async () => {
    await world.withPage(onPhone, async ({ page, show }) => {
      await show('card');
      expect(await page.getByRole('radio', { name: 'Once' }).isChecked()).toBe(true);
      await page.getByRole('radio', { name: '15 min' }).check();
      await page.getByText('For 15 minutes, up to 20 uses, by bash and what it starts').waitFor();
      await button(page, 'Approve').click();
      await page.getByText('Lease until 12:15').waitFor();
      expect((await acts(page))[0]).toMatch(/^approve [0-9a-f]{32} 900$/);
      await button(page, 'End lease').click();
      await page.getByText('The lease is over.').waitFor();
    });
  });

  test('of the high tier needs the number of the terminal first', async () => {
    await world.withPage(onPhone, async ({ page, show }) => {
      await show('card-high');
      await page.reload();
      const approve = button(page, 'Approve');
      await page.locator('.bar .arming').first().waitFor({ state: 'detached' });
      expect(await approve.isDisabled()).toBe(true);
      expect(await page.locator('.review-head').innerText()).not.toContain('83');
      await page.getByRole('radio', { name: '83' }).check();
      await approve.click();
      await ended(page, 'Released');
      expect((await acts(page))[0]).toEndWith(' 0 83');
    });
  });

  test('with a wrong number can only be denied', async () => {
    await world.withPage(onPhone, async ({ page, show }) => {
      await show('card-wrong-number');
      await page.getByRole('alert').filter({ hasText: 'That was another number' }).waitFor();
      expect(await button(page, 'Approve').isDisabled()).toBe(true);
      await button(page, 'Deny').click();
      await ended(page, 'Denied');
    });
  });

  test('to deny can mute the machine', async () => {
    await world.withPage(onPhone, async ({ page, show }) => {
      await show('card');
      await page.getByLabel('If denied, mute build-7 for an hour').check();
      await button(page, 'Deny').click();
      await ended(page, 'Denied');
      expect((await acts(page))[0]).toEndWith(' mute');
    });
  });

  test('that failed says why and may be tried again', async () => {
    await world.withPage(onPhone, async ({ page, show }) => {
      await show('card-failed');
      await page.getByRole('alert').filter({ hasText: 'the passkey was cancelled' }).waitFor();
      expect(await button(page, 'Approve').isEnabled()).toBe(true);
    });
  });

  test('taken elsewhere replaces the buttons at once', async () => {
    await world.withPage(onPhone, async ({ page, show }) => {
      await show('card');
      await page.evaluate(() =>
        window.fakeApp?.change((org) => ({
          ...org,
          inbox: org.inbox.map((one) => ({ ...one, outcome: { kind: 'done-by-other' as const, by: ['ben'], at: 0 } })),
        })),
      );
      await ended(page, 'Decided by ben');
      expect(await button(page, 'Approve').count()).toBe(0);
    });
  });
});

describe('by keyboard', () => {
  test('no single key approves, and d leads to Deny without pressing it', async () => {
    await world.withPage({ viewport: { width: 1_280, height: 900 } }, async ({ page, show }) => {
      await show('card');
      for (const key of ['Enter', 'Space', 'a', 'y', 'A', 'Y', 'Escape']) await page.keyboard.press(key);
      expect(await acts(page)).toEqual([]);
      await page.keyboard.press('d');
      expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Deny');
      expect(await acts(page)).toEqual([]);
    });
  });

  test('j, k and the arrows walk through the list, Enter opens, and the card stands beside it', async () => {
    await world.withPage({ viewport: { width: 1_280, height: 900 } }, async ({ page, show }) => {
      await show('five-requests');
      await page.locator('a.request').first().focus();
      await page.keyboard.press('j');
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('k');
      await page.keyboard.press('Enter');
      await page.getByRole('alertdialog', { name: /reconcile-ledger/ }).waitFor();
      expect(await page.locator('a.request').count()).toBe(7);
    });
  });
});
