// Relay, daemon and console apart, as an operator runs them: the approver's app comes from the approver's own machine.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { words } from '../console/ui/words.ts';
import { type LaunchedBrowser, launchBrowser } from './harness/browser.ts';
import { type Person, newPerson } from './harness/person.ts';
import * as people from './story/person.ts';
import { type Finished, type Service, freePort, run, startService } from './story/programs.ts';

const dir = mkdtempSync(join(tmpdir(), 'sv-apart-'));
const socketPath = join(dir, 'run', 'd.sock');
let relay: Service;
let site: Service;
let daemon: Service;
let browser: LaunchedBrowser;
let ada: Person;
const relayUrl = (): string => relay.said['relay'] ?? '';

beforeAll(async () => {
  relay = await startService(['relay', 'serve', '--data', join(dir, 'relay'), '--port', '0', '--console', 'off']);
  site = await startService(['console', 'serve', '--relay', relayUrl(), '--port', String(freePort())]);
  daemon = await startService(['daemon', '--state', join(dir, 'state'), '--socket', socketPath]);
  browser = await launchBrowser();
  ada = await newPerson(browser, { name: 'ada', viewport: { width: 1280, height: 900 } });
  ada.page.setDefaultTimeout(10_000);
}, 60_000);
afterAll(async () => {
  await ada[Symbol.asyncDispose]();
  await browser[Symbol.asyncDispose]();
  for (const service of [daemon, site, relay]) await service[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

test('the relay serves no page where the operator says so, and the console comes from elsewhere', async () => {
  expect((await fetch(`${relayUrl()}/`)).status).toBe(404);
  await people.createOrganisation(ada, site.said['console'] ?? '', { org: 'Apart', me: 'ada', device: 'laptop' });
});

test('a machine joins with the command that the console shows, and is admitted by its words', async () => {
  const token = await people.machineToken(ada);
  const joining = run(['join', '--no-wait', '--json'], { socketPath, stdin: token });
  const shown = await people.shownWords(ada);
  expect((await joining).out).toContain(shown);
  await people.admitMachine(ada);
  await people.putSecret(ada, 'prod/db-primary', 'correct horse');
});

async function ask(...args: string[]): Promise<{ readonly ended: Promise<Finished>; readonly stop: AbortController }> {
  await people.inboxIsQuiet(ada);
  const stop = new AbortController();
  const ended = run(['get', 'prod/db-primary', ...args], { socketPath, signal: stop.signal });
  await people.openRequest(ada, 'prod/db-primary');
  return { ended, stop };
}

test('an approval releases the value; the console says to whom', async () => {
  const { ended } = await ask('--reason', 'report');
  await people.approve(ada);
  expect(await ended).toMatchObject({ code: 0, out: 'correct horse' });
  await people.outcome(ada, /^Released/);
});

test('what does not exist yet: a program says what it needs, a person types it, and the program asks for its release', async () => {
  await people.inboxIsQuiet(ada);
  const need = ['need', 'prod/stripe', '--for', 'test payments', '--where', 'https://dashboard.stripe.com/apikeys'];
  expect(await run(need, { socketPath })).toMatchObject({ code: 0, out: 'stillvault://prod/stripe\n' });
  const filled = run([...need, '--wait'], { socketPath });
  await people.openRequest(ada, 'prod/stripe');
  await ada.page.getByRole('link', { name: words.review.fill, exact: true }).click();
  await ada.page.getByLabel(words.secrets.value, { exact: true }).fill('sk_test_1');
  await ada.page.getByRole('button', { name: words.secrets.save, exact: true }).click();
  expect(await filled).toMatchObject({ code: 0, out: 'stillvault://prod/stripe\n' });
  await people.outcome(ada, words.review.stored);
  await people.inboxIsQuiet(ada);
  const ended = run(['get', 'prod/stripe'], { socketPath });
  await people.openRequest(ada, 'prod/stripe');
  await people.approve(ada);
  expect(await ended).toMatchObject({ code: 0, out: 'sk_test_1' });
});

test('a need is declined in a few words, which the program reads', async () => {
  await people.inboxIsQuiet(ada);
  const need = ['need', 'prod/paypal', '--for', 'test payments'];
  await run(need, { socketPath });
  await people.openRequest(ada, 'prod/paypal');
  await ada.page.getByRole('button', { name: words.review.decline, exact: true }).click();
  await ada.page.getByLabel(words.review.declineWhy).fill('use the sandbox');
  await ada.page.getByRole('button', { name: words.review.decline, exact: true }).click();
  await people.outcome(ada, words.review.declined);
  const told = await run([...need, '--wait'], { socketPath });
  expect(told.code).toBe(10);
  expect(told.err).toContain('ada declined prod/paypal: “use the sandbox”');
});

test('who stops asking is withdrawn everywhere', async () => {
  const { ended, stop } = await ask();
  stop.abort();
  await ended;
  await people.outcome(ada, words.review.withdrawn);
});

test('the page is closed and opened again: nothing is lost, a waiting request is there', async () => {
  await people.inboxIsQuiet(ada);
  const ended = run(['get', 'prod/db-primary'], { socketPath });
  await people.openRequest(ada, 'prod/db-primary');
  await ada.page.reload();
  await people.openRequest(ada, 'prod/db-primary');
  await people.approve(ada);
  expect(await ended).toMatchObject({ code: 0, out: 'correct horse' });
});

test('a device that ends a lease ends it on the machine', async () => {
  const { ended } = await ask('--ttl', '15m');
  await people.approve(ada, '15 min');
  expect((await ended).code).toBe(0);
  expect((await run(['get', 'prod/db-primary', '--lease-only'], { socketPath })).out).toBe('correct horse');
  await people.go(ada, 'leases');
  await ada.page.getByRole('button', { name: /^End the lease/ }).click();
  await ada.page.getByText(words.leases.empty).waitFor();
  expect((await run(['get', 'prod/db-primary', '--lease-only'], { socketPath })).code).toBe(11);
});

test('a person who is not verified releases nothing', async () => {
  const { ended } = await ask();
  await ada.setUserVerified(false); // last: this authenticator then wants a PIN that it does not have
  await people.approve(ada);
  await ada.page.getByText('E_CANCELLED').filter({ visible: true }).first().waitFor();
  await people.deny(ada);
  expect(await ended).toMatchObject({ code: 10, out: '' });
});

test('a browser without PRF is told before anything is created', async () => {
  await using bob = await newPerson(browser, { name: 'bob', withPrf: false });
  await bob.page.goto(site.said['console'] ?? '');
  await bob.page.getByLabel(words.enrol.org, { exact: true }).fill('Never');
  await bob.page.getByLabel(words.enrol.you, { exact: true }).fill('bob');
  await bob.page.getByRole('button', { name: words.enrol.create, exact: true }).click();
  await bob.page.getByText(/PRF/).first().waitFor();
  const stored: number = await bob.page.evaluate(async () => (await indexedDB.databases()).length);
  expect(stored).toBeLessThanOrEqual(1);
  await bob.screenshot('no-prf');
});
