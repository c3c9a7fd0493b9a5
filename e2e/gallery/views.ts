// How each state of the gallery is brought to the point that is worth looking at, and on which screens.
import type { Page } from 'playwright-core';
import { formatShare } from '../../protocol/recovery.ts';
import { fakeShares } from '../../testing/fake-recovery.ts';
import { type FakeStateName, fakeStates } from '../../testing/fake-states.ts';

export const phone: { readonly width: number; readonly height: number } = { width: 360, height: 740 };
export const desktop: { readonly width: number; readonly height: number } = { width: 1_280, height: 900 };
export const stateNames: readonly FakeStateName[] = Object.keys(fakeStates) as FakeStateName[]; // the keys of a constant

const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });

async function showSheet(page: Page): Promise<void> {
  await button(page, 'Make the sheets').click();
  await page.locator('.sheet').waitFor();
}
const oneOfOne = formatShare(fakeShares(1, 1)[0] ?? { kit: '', t: 1, m: 1, x: 1, share: new Uint8Array(32) });

/** What a person does before the picture is taken. */
const steps: Partial<Record<FakeStateName, (page: Page) => Promise<void>>> = {
  creating: async (page) => {
    await page.getByLabel('Organisation').fill('Kestrel Works');
    await page.getByLabel('Your name').fill('ana');
    await button(page, 'Create organisation').click();
    await page.locator('.progress').waitFor();
  },
  join: async (page) => {
    await button(page, 'Show the code').click();
    await page.getByText('482 913').waitFor();
  },
  'card-high': async (page) => page.getByRole('radio', { name: '83' }).check(),
  'card-approving': async (page) => button(page, 'Approve').click(),
  'card-failed': async (page) => button(page, 'Approve').click(),
  'card-wrong-number': async (page) => {
    await page.locator('.numbers input').first().check();
    await button(page, 'Approve').click();
  },
  'people-remove': async (page) => {
    await button(page, 'Remove from the organisation').click();
    await page.getByRole('alertdialog').waitFor();
  },
  'people-terms': async (page) => page.getByText('Allow only this').waitFor(),
  rules: async (page) => {
    await page.getByText('Who may have this?').click();
    await page.getByLabel('Name of a secret').fill('prod/db');
    await page.getByText('Yes, once the people agree').waitFor();
  },
  'rules-terms': async (page) => page.locator('.rule summary').nth(1).click(),
  'rule-new': async (page) => {
    await button(page, 'Add a rule').click();
    await page.getByLabel('Secrets', { exact: true }).fill('prod/**');
  },
  'rule-more': async (page) => {
    await button(page, 'Change: prod/**').click();
    await page.getByRole('radio', { name: '8 h' }).check({ force: true });
    await page.getByRole('checkbox', { name: 'Only at certain hours' }).uncheck({ force: true });
    await page.locator('.rule-effect').scrollIntoViewIfNeeded();
  },
  'rule-refused': async (page) => {
    await button(page, 'Change: **').click();
    await page.getByLabel('How many must approve').fill('2');
    await page.getByRole('checkbox', { name: 'ben' }).uncheck({ force: true });
    await page.getByRole('checkbox', { name: 'Group on-call' }).uncheck({ force: true });
    await button(page, 'Sign the rule').click();
  },
  'secret-access': async (page) => page.getByText('Who may have this?').scrollIntoViewIfNeeded(),
  'group-form': async (page) => {
    await button(page, 'Change: on-call').click();
    await page.getByRole('dialog').waitFor();
  },
  'machine-token-form': async (page) => {
    await button(page, 'Enrol a machine').click();
    await page.getByRole('radio', { name: /Put one machine/ }).check({ force: true });
  },
  'machine-settings': async (page) => {
    await button(page, 'Groups and owner of build-7').click();
    await page.getByRole('dialog').waitFor();
  },
  'secrets-share': async (page) => {
    await button(page, 'Give them their keys').click();
    await button(page, 'Begin').click();
    await page.getByRole('progressbar').waitFor();
  },
  'history-filters': async (page) => {
    await page.getByText('Filters').click();
    await page.getByLabel('Machine').selectOption('build-7');
  },
  'history-checked': async (page) => {
    await button(page, 'Check everything').click();
    await page.getByText('All of it is proven').waitFor();
  },
  'history-alerts': async (page) => {
    await button(page, 'Check everything').click();
    await page.getByText('2 alerts').waitFor();
  },
  'invite-link': async (page) => {
    await page.getByLabel('Name').fill('dora');
    await button(page, 'Make the invitation').click();
    await page.locator('.qr').waitFor();
  },
  'kit-sheet': async (page) => showSheet(page),
  'kit-confirm': async (page) => {
    await showSheet(page);
    await button(page, 'It is on paper').click();
    await page.getByText('Type two words').waitFor();
  },
  'kit-drill': async (page) => page.getByLabel('Words of the sheet').fill('1. abandon ability able abou abov abo'),
  'kit-wrong-word': async (page) => page.getByLabel('Words of the sheet').fill('abandon ability stillvault '),
  'kit-who': async (page) => {
    await page.getByLabel('Words of the sheet').fill(oneOfOne);
    await button(page, 'Open the kit').click();
    await page.getByText('Who are you?').waitFor();
    await page.getByLabel('What happened?').fill('Lost my bag on the train');
  },
  invite: async (page) => {
    await page.getByLabel('Name').fill('dora');
    await button(page, 'Make the invitation').click();
    await page.getByText('482 913').waitFor();
  },
};

export async function showState(page: Page, url: string, name: FakeStateName): Promise<void> {
  await page.goto(url);
  await page.locator(`html[data-ready="${name}"]`).waitFor();
  await page.locator('#app > *').first().waitFor();
  await page.locator('.page[aria-busy]').waitFor({ state: 'detached' });
  if (name.startsWith('card')) await page.locator('.bar .arming').first().waitFor({ state: 'detached' });
  await steps[name]?.(page);
}
