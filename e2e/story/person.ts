// What a person does in the console, by the words on the screen: the same acts for the demo, the tests and the pictures.
import type { Locator } from 'playwright-core';
import { words } from '../../console/ui/words.ts';
import type { Person } from '../harness/person.ts';

const w = words;
const button = (at: Locator | Person['page'], name: string | RegExp): Locator => at.getByRole('button', { name, exact: typeof name === 'string' });

export async function createOrganisation(
  { page, expectConsole }: Person,
  address: string,
  about: { readonly org: string; readonly me: string; readonly device: string },
): Promise<void> {
  expectConsole(/401.*\/v1\/session/); // the relay is asked before a passkey is made, and does not know anybody yet
  await page.goto(address);
  await page.getByLabel(w.enrol.org, { exact: true }).fill(about.org);
  await page.getByLabel(w.enrol.you, { exact: true }).fill(about.me);
  await page.getByLabel(w.enrol.device, { exact: true }).fill(about.device);
  await button(page, w.enrol.create).click();
  await page.getByRole('heading', { name: w.inbox.title }).waitFor();
  await page.waitForFunction(() => location.hash === '#/inbox');
}

export async function go({ page }: Person, to: 'inbox' | 'secrets' | 'leases' | 'machines' | 'people' | 'history'): Promise<void> {
  await page.evaluate((hash) => void (location.hash = hash), `#/${to}`);
  await page.getByRole('heading', { name: w.nav[to], level: 1 }).waitFor();
}

/** The whole trail, verified in this browser. Fails where anything is not proven. */
export async function checkEverything(person: Person): Promise<void> {
  await go(person, 'history');
  await button(person.page, w.history.check).click();
  await person.page.getByText(w.history.sound).waitFor();
}

/** Makes a token for another machine; answers it once it is good. With `into` it admits into that group by itself. */
export async function machineToken(person: Person, into?: string, meanwhile: () => Promise<void> = async () => undefined): Promise<string> {
  const { page } = person;
  await go(person, 'machines');
  await button(page, w.machines.enrol).click();
  if (into !== undefined) {
    await page.getByRole('radio', { name: w.tokens.kinds.auto[0] }).check({ force: true });
    await page.getByLabel(w.tokens.group, { exact: true }).selectOption({ label: into });
  }
  await button(page, w.tokens.make).click();
  await meanwhile();
  const command = page.getByLabel(w.common.command, { exact: true });
  await command.waitFor();
  return (await command.innerText()).trim().split(/\s+/).at(-1) ?? '';
}

/** Opens the change that waits and agrees; answers what its page said. */
export async function agree({ page }: Person, what: string): Promise<string> {
  await page.evaluate(() => void (location.hash = '#/inbox'));
  await page.locator('a.draft', { hasText: what }).first().click();
  const act = button(page, w.draft.agree);
  await act.waitFor();
  const said = await page.locator('.changes').innerText();
  await act.click();
  await page.getByText(w.draft.done).first().waitFor();
  return said;
}

export async function openPerson(person: Person, name: string): Promise<void> {
  await go(person, 'people');
  await person.page.getByRole('link', { name, exact: true }).click();
  await person.page.getByRole('heading', { name, level: 1 }).waitFor();
}

/** Signs these roles for somebody. */
export async function setRoles(person: Person, name: string, roles: readonly ('admin' | 'approver' | 'writer')[]): Promise<void> {
  await openPerson(person, name);
  for (const role of ['approver', 'writer', 'admin'] as const)
    await person.page.getByRole('checkbox', { name: w.invite.role[role] }).setChecked(roles.includes(role), { force: true });
  await button(person.page, w.member.saveRoles).click();
}

/** Tells the daemon beside the console; answers the words that it shows. */
export async function enrolThisMachine(person: Person): Promise<string> {
  await go(person, 'machines');
  await button(person.page, w.machines.enrolHere).click();
  return shownWords(person);
}

export async function shownWords({ page }: Person): Promise<string> {
  const list = page.getByLabel(w.machines.wordsLabel);
  await list.waitFor();
  return (await list.getByRole('listitem').allInnerTexts()).map((text) => text.replace(/^\d+\s*/, '').trim()).join(' ');
}

export async function admitMachine({ page }: Person): Promise<void> {
  await button(page, w.machines.admit).click();
  await page.getByText(w.machines.status.active, { exact: true }).waitFor();
}

/** What was asked before is over on this screen too: the next request that waits is a new one. */
export async function inboxIsQuiet({ page }: Person): Promise<void> {
  await page.evaluate(() => void (location.hash = '#/inbox'));
  await page.locator('a.request:not(.over)').waitFor({ state: 'detached' });
}

export async function openRequest({ page }: Person, what: string): Promise<Locator> {
  await page.evaluate(() => void (location.hash = '#/inbox'));
  // Newest last: older ones of the same name are over.
  await page.locator('a.request:not(.over)', { hasText: what }).last().click();
  const card = page.getByRole('alertdialog');
  await card.waitFor();
  return card;
}

/** Approves the open card; `lease` is the label of a choice, once where absent. */
export async function approve({ page }: Person, lease?: string): Promise<void> {
  if (lease !== undefined) await page.getByRole('radio', { name: lease }).check({ force: true });
  const act = button(page, w.review.approve);
  const readOn = button(page, w.review.readOn);
  await act.and(page.locator(':enabled')).waitFor();
  if (await readOn.isVisible()) await readOn.click();
  await act.click();
}

export async function deny({ page }: Person): Promise<void> {
  await button(page, w.review.deny).and(page.locator(':enabled')).click();
  await page.getByText(w.review.denied, { exact: true }).filter({ visible: true }).first().waitFor();
}

/** Waits for what a decided card says. */
export async function outcome({ page }: Person, text: string | RegExp): Promise<void> {
  await page.getByText(text).filter({ visible: true }).first().waitFor();
}

export async function putSecret(person: Person, path: string, value: string): Promise<void> {
  const { page } = person;
  await page.evaluate(() => void (location.hash = '#/secrets/put'));
  await page.getByLabel(w.secrets.path, { exact: true }).fill(path);
  await page.getByLabel(w.secrets.value, { exact: true }).fill(value);
  await button(page, w.secrets.save).click();
  await page.getByText(w.secrets.saved(path)).first().waitFor();
}

/** Both sides compare the same codes and confirm. Answers the codes that both showed. */
export async function invite(
  host: Person,
  guest: Person,
  about: { readonly name: string; readonly device: string; readonly admin?: boolean },
): Promise<{ readonly host: string; readonly guest: string }> {
  await host.page.evaluate(() => void (location.hash = '#/people/invite'));
  await host.page.getByLabel(w.invite.name, { exact: true }).fill(about.name);
  for (const role of ['approver', 'writer', 'admin'] as const)
    await host.page.getByRole('checkbox', { name: w.invite.role[role] }).setChecked(role !== 'admin' || about.admin === true, { force: true });
  await button(host.page, w.invite.make).click();
  const link = host.page.getByLabel(w.invite.link, { exact: true });
  await link.waitFor();
  const address = (await link.inputValue().catch(() => '')) || (await link.innerText());
  await guest.page.goto(address.trim());
  await guest.page.getByLabel(w.join.own, { exact: true }).fill(about.device);
  await button(guest.page, w.join.start).click();
  const digits = async ({ page }: Person): Promise<string> => (await page.locator('.digits').innerText()).trim();
  await Promise.all([host, guest].map(({ page }) => page.locator('.digits').waitFor()));
  const codes = { host: await digits(host), guest: await digits(guest) };
  if (codes.host !== codes.guest) return codes;
  await Promise.all([button(host.page, w.join.same).click(), button(guest.page, w.join.same).click()]);
  // In at once, or after the other admins have agreed.
  await guest.page
    .getByRole('heading', { name: w.inbox.title })
    .or(guest.page.getByRole('heading', { name: w.waiting.title }))
    .waitFor();
  return codes;
}

/** Signs a new rule for `pattern`: these people, this many of them. */
export async function setRule(person: Person, pattern: string, approvers: readonly string[], howMany: number): Promise<void> {
  const { page } = person;
  await go(person, 'people');
  const change = button(page, `${w.people.editRule}: ${pattern}`);
  if (await change.isVisible()) await change.click();
  else {
    await button(page, w.people.addRule).click();
    await page.getByLabel(w.people.pattern, { exact: true }).fill(pattern);
  }
  const form = page.getByRole('dialog');
  const boxes = form.getByRole('group', { name: w.people.approvers }).getByRole('checkbox');
  await boxes.first().waitFor(); // `all` waits for nothing
  for (const box of await boxes.all()) {
    const label = (await box.evaluate((input) => (input as HTMLInputElement).labels?.[0]?.textContent ?? '')).trim(); // a checkbox is an input
    await box.setChecked(
      approvers.some((name) => label.startsWith(name)),
      { force: true },
    );
  }
  await form.getByLabel(w.people.quorum, { exact: true }).fill(String(howMany));
  await button(form, w.people.ruleSave).click();
  await form.waitFor({ state: 'hidden' });
}
