// An organisation that wants proof of a passkey's model, in real browsers: the authenticator of the developer tools proves something, but nobody
// on the list vouches for it. The certificates load only then, under the page's own policy.
import { expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { words } from '../console/ui/words.ts';
import { fromHex } from '../protocol/bytes.ts';
import { createMaker, metadataOf } from '../testing/soft-attestation.ts';
import { launchBrowser } from './harness/browser.ts';
import { newPerson } from './harness/person.ts';
import * as people from './story/person.ts';
import { freePort, startService } from './story/programs.ts';

const chromiumModel = fromHex('01020304050607080102030405060708');

test('row 80: a browser’s authenticator that nobody vouches for is refused, and both sides are told', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'sv-attest-'));
  await using relay = await startService(['relay', 'serve', '--data', join(dir, 'relay'), '--port', '0', '--console', 'off']);
  await using site = await startService(['console', 'serve', '--relay', relay.said['relay'] ?? '', '--port', String(freePort())]);
  await using browser = await launchBrowser();
  await using ada = await newPerson(browser, { name: 'ada' });
  await using ben = await newPerson(browser, { name: 'ben' });
  for (const { page } of [ada, ben]) page.setDefaultTimeout(10_000);
  const loaded: string[] = [];
  ada.page.on('request', (request) => loaded.push(request.url()));
  await people.createOrganisation(ada, site.said['console'] ?? '', { org: 'Engines', me: 'ada', device: 'ada’s phone' });
  await ada.page.evaluate(() => void (location.hash = '#/people/terms'));
  // Somebody else's certificates for the model that this authenticator says it is.
  await ada.page.getByText(words.terms.paste).click();
  await ada.page.getByRole('textbox', { name: words.terms.metadata }).fill(metadataOf([(await createMaker(chromiumModel, 'Test key')).model]));
  await ada.page.getByRole('button', { name: words.terms.use, exact: true }).click();
  await ada.page.getByText(words.terms.loaded(1)).waitFor();
  await ada.page.getByRole('checkbox', { name: words.terms.attested }).check({ force: true });
  await ada.page.getByRole('button', { name: words.terms.save, exact: true }).click();
  await ada.page.getByText(words.terms.saved).first().waitFor();
  const isCertificates = (url: string): boolean => url.includes('/certificates-');
  expect(loaded.some(isCertificates)).toBe(false);

  await ada.page.evaluate(() => void (location.hash = '#/people/invite'));
  await ada.page.getByLabel(words.invite.name, { exact: true }).fill('ben');
  await ada.page.getByRole('button', { name: words.invite.make, exact: true }).click();
  const link = ada.page.getByLabel(words.invite.link, { exact: true });
  await link.waitFor();
  await ben.page.goto((await link.innerText()).trim());
  await ben.page.getByRole('button', { name: words.join.start, exact: true }).click();
  await ada.page.getByText('Code E_ATTESTATION').waitFor();
  await people.go(ada, 'people');
  await people.openPerson(ada, 'ben');
  await ada.page.getByText(words.member.noDevice).waitFor();
  rmSync(dir, { recursive: true, force: true });
}, 40_000);
