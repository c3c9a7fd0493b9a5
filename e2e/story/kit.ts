// The recovery kit in a person's hands: sheets copied from the screen, words typed back, a browser that has nothing. By the words on the screen.
import type { Page } from 'playwright-core';
import { words } from '../../console/ui/words.ts';
import type { Person } from '../harness/person.ts';

const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });

/** What stands on one sheet of paper. */
export interface Paper {
  readonly org: string;
  readonly relay: string;
  readonly console: string;
  readonly words: string;
}

export async function makeKit(
  { page }: Person,
  kind: keyof typeof words.kitMake.kinds,
  delay: keyof typeof words.kitMake.delayNames,
): Promise<readonly Paper[]> {
  const w = words.kitMake;
  await page.evaluate(() => void (location.hash = '#/recovery/make'));
  await page.getByRole('radio', { name: w.kinds[kind][0] }).check({ force: true });
  await page.getByRole('radio', { name: w.delayNames[delay], exact: true }).check({ force: true });
  await button(page, w.start).click();
  const papers: Paper[] = [];
  for (;;) {
    const paper = await readSheet(page);
    papers.push(paper);
    await button(page, w.written).click();
    for (const field of await page.getByRole('textbox').all()) {
      const place = Number(/\d+/.exec(await field.evaluate((input) => (input as HTMLInputElement).labels?.[0]?.textContent ?? ''))?.[0]); // a text box is an input
      await field.fill(paper.words.split(' ')[place - 1] ?? '');
    }
    await button(page, w.confirm).click();
    if (
      await Promise.race([
        page
          .locator('.sheet')
          .waitFor()
          .then(() => false),
        button(page, w.sign)
          .waitFor()
          .then(() => true),
      ])
    )
      break;
  }
  await button(page, w.sign).click();
  await page.getByRole('heading', { name: w.done, level: 1 }).waitFor();
  return papers;
}

async function readSheet(page: Page): Promise<Paper> {
  const sheet = page.locator('.sheet');
  await sheet.waitFor();
  const fact = (name: string): Promise<string> => sheet.locator(`dt:text-is("${name}") + dd`).innerText();
  return {
    words: (await sheet.getByRole('listitem').allInnerTexts()).map((text) => text.trim()).join(' '),
    org: await fact(words.sheet.id),
    relay: await fact(words.sheet.relay),
    console: await fact(words.sheet.console),
  };
}

/** Only the first four letters, as somebody in a hurry. */
export async function typeSheets({ page }: Person, papers: readonly Paper[]): Promise<void> {
  for (const [index, paper] of papers.entries()) {
    const label = index === 0 ? words.kitType.first : words.kitType.sheet(index + 1, papers.length);
    const short = paper.words.split(' ').map((word) => word.slice(0, 4));
    await page.getByLabel(label, { exact: true }).fill(`${short.join(' ')} `);
    await page.getByText(words.kitType.accepted(index + 1, papers.length)).waitFor();
  }
}

/** On a browser that has nothing: to the page that asks who one is. */
export async function openKit(person: Person, papers: readonly Paper[]): Promise<void> {
  const { page, expectConsole } = person;
  const w = words.kitUse;
  const [paper] = papers;
  if (!paper) throw new Error('no sheet');
  expectConsole(/404.*\/local\//);
  if (page.url() === 'about:blank') await page.goto(paper.console);
  if (!page.url().includes('#/recovery')) await page.getByRole('link', { name: words.enrol.recover }).click();
  await page.getByLabel(w.org, { exact: true }).fill(paper.org);
  await page.getByLabel(w.relay, { exact: true }).fill(paper.relay);
  await typeSheets(person, papers);
  await button(page, w.open).click();
  await page.getByText(w.openedText).waitFor();
}

export async function announce({ page }: Person, about: { readonly name: string; readonly device: string; readonly reason: string }): Promise<void> {
  const w = words.kitUse;
  await page.getByRole('radio', { name: about.name }).check({ force: true });
  await page.getByLabel(w.device, { exact: true }).fill(about.device);
  await page.getByLabel(w.reason, { exact: true }).fill(about.reason);
  await button(page, w.announce).click();
}
