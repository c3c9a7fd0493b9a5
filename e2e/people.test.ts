// Two admins and a third person in their own browsers: a threshold of two, an invitation through a draft, roles, a device revoked, a fleet's token.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { words } from '../console/ui/words.ts';
import { type LaunchedBrowser, launchBrowser } from './harness/browser.ts';
import { type Person, newPerson } from './harness/person.ts';
import * as people from './story/person.ts';
import { type Service, freePort, run, startService } from './story/programs.ts';

const dir = mkdtempSync(join(tmpdir(), 'sv-people-'));
const socket = (name: string): string => join(dir, name, 'd.sock');
const services: Service[] = [];
let browser: LaunchedBrowser;
let [ada, ben, cem]: Person[] = [];
const person = (one: Person | undefined): Person => {
  if (!one) throw new Error('nobody is there');
  return one;
};
const press = (one: Person | undefined, name: string): Promise<void> => person(one).page.getByRole('button', { name, exact: true }).click();
const says = (one: Person | undefined, text: string): Promise<void> => person(one).page.getByText(text).first().waitFor();

beforeAll(async () => {
  const relay = await startService(['relay', 'serve', '--data', join(dir, 'relay'), '--port', '0', '--console', 'off']);
  const site = await startService(['console', 'serve', '--relay', relay.said['relay'] ?? '', '--port', String(freePort())]);
  services.push(site, relay);
  for (const name of ['one', 'two']) services.unshift(await startService(['daemon', '--state', join(dir, name, 'state'), '--socket', socket(name)]));
  browser = await launchBrowser();
  [ada, ben, cem] = await Promise.all(['ada', 'ben', 'cem'].map((name) => newPerson(browser, { name })));
  for (const one of [ada, ben, cem]) person(one).page.setDefaultTimeout(10_000);
  await people.createOrganisation(person(ada), site.said['console'] ?? '', { org: 'Engines', me: 'ada', device: 'ada’s phone' });
}, 60_000);
afterAll(async () => {
  for (const one of [ada, ben, cem]) await person(one)[Symbol.asyncDispose]();
  await browser[Symbol.asyncDispose]();
  for (const service of services) await service[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

test('a second person becomes admin, and from then on two must agree', async () => {
  await people.invite(person(ada), person(ben), { name: 'ben', device: 'ben’s phone' });
  await people.setRoles(person(ada), 'ben', ['admin', 'approver', 'writer']);
  await says(ada, words.member.rolesSaved('ben'));
  await people.go(person(ada), 'people');
  await person(ada).page.getByRole('link', { name: words.terms.title }).click();
  await person(ada).page.getByLabel(words.terms.admins, { exact: true }).fill('2');
  await press(ada, words.terms.save);
  await says(ada, words.terms.saved);
}, 30_000);

test('a third person is invited: they wait, ben reads who it is and agrees, and their page opens by itself', async () => {
  const guest = person(cem);
  guest.expectConsole(/401.*\/v1\/session/); // it asks the relay whether it is in yet
  await people.invite(person(ada), guest, { name: 'cem', device: 'cem’s phone' });
  await guest.page.getByRole('heading', { name: words.waiting.title }).waitFor();
  await guest.page.reload();
  await guest.page.getByRole('heading', { name: words.waiting.title }).waitFor();
  const said = await people.agree(person(ben), 'Add cem');
  expect(said).toContain('Let cem’s phone of cem in');
  await guest.page.evaluate(() => void window.dispatchEvent(new Event('focus')));
  await guest.page.getByRole('heading', { name: words.inbox.title }).waitFor();
  await people.go(person(ada), 'people');
  await person(ada).page.getByRole('link', { name: 'cem', exact: true }).waitFor();
}, 40_000);

test('roles change when both agree; who was added is told to everybody, until they have seen it', async () => {
  await people.setRoles(person(ada), 'cem', ['approver']);
  await says(ada, words.member.rolesSaved('cem')); // dropping one takes one admin
  await people.setRoles(person(ada), 'cem', ['approver', 'writer']);
  await says(ada, words.common.proposed);
  await people.agree(person(ben), 'Member cem');
  await people.go(person(ben), 'inbox');
  await says(ben, words.inbox.news);
  await press(ben, words.inbox.newsSeen);
  await person(ben).page.getByText(words.inbox.news).waitFor({ state: 'detached' });
}, 30_000);

test('a group and a token for a fleet: both agree, the machine is in without words, and the token works once', async () => {
  await person(ada).page.evaluate(() => void (location.hash = '#/people/groups'));
  await press(ada, words.groups.make);
  await person(ada).page.getByLabel(words.groups.name, { exact: true }).fill('ci');
  await press(ada, words.groups.save);
  await says(ada, words.common.proposed);
  await people.agree(person(ben), 'ci');
  const token = await people.machineToken(person(ada), 'ci', async () => {
    await says(ada, words.tokens.waits);
    expect(await people.agree(person(ben), 'machine token')).toContain('nobody compares its words');
  });
  expect((await run(['join', '--no-wait', '--name', 'runner-1'], { socketPath: socket('one'), stdin: token })).code).toBe(0);
  await says(ada, 'runner-1');
  await says(ada, words.tokens.usedBy('runner-1'));
  expect(await person(ada).page.getByText(words.machines.status.enrolled, { exact: true }).count()).toBe(0);
  const second = await run(['join', '--no-wait', '--name', 'runner-2'], { socketPath: socket('two'), stdin: token });
  expect(second.code).not.toBe(0);
  expect(second.err).toContain('used');
}, 40_000);

test('a device is revoked by a click, and a person removed: their pages stop', async () => {
  await people.openPerson(person(ada), 'cem');
  await press(ada, `${words.people.revoke}: cem’s phone`);
  await person(ada).page.getByRole('alertdialog').getByRole('button', { name: words.people.revoke, exact: true }).click();
  await says(ada, words.people.revoked('cem’s phone'));
  await says(ada, words.member.noDevice);
  person(cem).expectConsole(/401.*\/v1\//); // it is out
  await person(cem)
    .page.getByRole('heading', { name: words.shell.halted })
    .or(person(cem).page.getByRole('heading', { name: words.enrol.title }))
    .waitFor();
  await press(ada, words.member.remove);
  await person(ada).page.getByRole('alertdialog').getByRole('button', { name: words.member.removeAct, exact: true }).click();
  await says(ada, words.member.removed('cem'));
  expect(await person(ada).page.getByRole('link', { name: 'cem', exact: true }).count()).toBe(0);
}, 30_000);
