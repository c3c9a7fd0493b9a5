// A new approver waits for the keys of what was stored before, gets them all by two passkeys of ada's browser, approves, and leaves: what they held is to be renewed.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { words } from '../console/ui/words.ts';
import { until } from '../testing/live-daemon.ts';
import { type LaunchedBrowser, launchBrowser } from './harness/browser.ts';
import { type Person, newPerson } from './harness/person.ts';
import * as people from './story/person.ts';
import { type Service, freePort, run, startService } from './story/programs.ts';

const dir = mkdtempSync(join(tmpdir(), 'sv-upkeep-'));
const socketPath = join(dir, 'run', 'd.sock');
const services: Service[] = [];
let browser: LaunchedBrowser;
let [ada, ben]: Person[] = [];
const person = (one: Person | undefined): Person => {
  if (!one) throw new Error('nobody is there');
  return one;
};
const press = (name: string): Promise<void> => person(ada).page.getByRole('button', { name, exact: true }).click();
const says = (text: string): Promise<void> => person(ada).page.getByText(text).first().waitFor();
/** Its heading is there: a page that was left a moment ago does not come back over it. */
const openSecrets = async (): Promise<void> => {
  await people.go(person(ada), 'secrets');
  await person(ada).page.getByRole('heading', { name: words.secrets.title, level: 1 }).waitFor();
};
const stillvault = (...args: string[]): ReturnType<typeof run> => run(args, { socketPath });

beforeAll(async () => {
  const relay = await startService(['relay', 'serve', '--data', join(dir, 'relay'), '--port', '0', '--console', 'off']);
  const site = await startService(['console', 'serve', '--relay', relay.said['relay'] ?? '', '--port', String(freePort())]);
  services.push(await startService(['daemon', '--state', join(dir, 'state'), '--socket', socketPath]), site, relay);
  browser = await launchBrowser();
  [ada, ben] = await Promise.all(['ada', 'ben'].map((name) => newPerson(browser, { name })));
  for (const one of [ada, ben]) person(one).page.setDefaultTimeout(10_000);
  await people.createOrganisation(person(ada), site.said['console'] ?? '', { org: 'Engines', me: 'ada', device: 'ada’s phone' });
  const token = await people.machineToken(person(ada));
  expect((await run(['join', '--no-wait', '--name', 'server'], { socketPath, stdin: token })).code).toBe(0);
  await people.admitMachine(person(ada));
  for (const path of ['prod/a', 'prod/b', 'prod/c']) await people.putSecret(person(ada), path, `value of ${path}`);
  await people.invite(person(ada), person(ben), { name: 'ben', device: 'ben’s phone' });
  await people.go(person(ada), 'people');
  await says('ben’s phone'); // known here too
  await people.setRule(person(ada), '**', ['ada', 'ben'], 1);
  await until(async () => (await stillvault('log', 'show')).out.includes('policy.set'), 'the machine has read the rule', 20_000);
}, 90_000);
afterAll(async () => {
  for (const one of [ada, ben]) await person(one)[Symbol.asyncDispose]();
  await browser[Symbol.asyncDispose]();
  for (const service of services) await service[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

test('one offer for all that wait, two passkeys, and the new approver can approve', async () => {
  await openSecrets();
  await says(words.secrets.shareTitle('ben’s phone of ben', 1, 3));
  await until(async () => (await stillvault('status')).out.includes('1 device waits for a part of 3 secrets'), 'the machine says who waits');
  await press(words.secrets.share);
  await press(words.secrets.shareBegin);
  await says(words.secrets.shareMade(3));
  await press(words.secrets.shareSign);
  await says(words.secrets.shared(3));
  const got = stillvault('get', 'prod/b');
  await people.openRequest(person(ben), 'prod/b');
  await people.approve(person(ben));
  expect((await got).out).toBe('value of prod/b');
}, 40_000);

test('they leave: what they held is to be renewed, in the console and on the machine, until it is', async () => {
  await people.openPerson(person(ada), 'ben');
  person(ben).expectConsole(/401.*\/v1\//); // out
  await press(words.member.remove);
  await person(ada).page.getByRole('alertdialog').getByRole('button', { name: words.member.removeAct, exact: true }).click();
  await says(words.member.removed('ben'));
  await openSecrets();
  await person(ada)
    .page.getByRole('radio', { name: words.secrets.filterExposed(3) })
    .check({ force: true });
  await people.putSecret(person(ada), 'prod/a', 'another value');
  await openSecrets();
  await says(words.secrets.filterExposed(2));
  await until(async () => (await stillvault('ls', '--exposed', '--names')).out === 'prod/b\nprod/c\n', 'the machine lists them');
}, 40_000);
