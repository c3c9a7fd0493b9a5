// The harness itself: a passkey with PRF really works in the browser that the stories use, and faults of a page are not lost.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { type LaunchedBrowser, launchBrowser } from './browser.ts';
import { type Person, newPerson } from './person.ts';

let browser: LaunchedBrowser;
let server: Bun.Server<undefined>;

beforeAll(async () => {
  server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: () => new Response('<!doctype html><title>harness</title><p>hello</p><link rel="icon" href="data:,">', { headers: { 'content-type': 'text/html' } }),
  });
  browser = await launchBrowser();
});

afterAll(async () => {
  await browser[Symbol.asyncDispose]();
  await server.stop(true);
});

test('a passkey gives the same 32 PRF bytes at each get, others for another person', async () => {
  await using ana = await newPerson(browser, { name: 'ana' });
  await using ben = await newPerson(browser, { name: 'ben', colorScheme: 'dark' });
  const [ofAna, ofBen] = [await createAndGetTwice(ana), await createAndGetTwice(ben)];
  expect(ofAna.enabled).toBe(true);
  expect(ofAna.outputs.map((output) => output?.length)).toEqual([32, 32]);
  expect(ofAna.outputs[0]).toEqual(ofAna.outputs[1]);
  expect(ofAna.outputs[0]).not.toEqual(ofBen.outputs[0]);
  expect(await ana.credentials()).toHaveLength(1);
});

test('an authenticator without PRF gives none', async () => {
  await using ana = await newPerson(browser, { name: 'ana', withPrf: false });
  const { enabled, outputs } = await createAndGetTwice(ana);
  expect(enabled).toBeFalsy();
  expect(outputs).toEqual([undefined, undefined]);
});

test('a failed user verification fails the call', async () => {
  await using ana = await newPerson(browser, { name: 'ana' });
  await createAndGetTwice(ana);
  await ana.setUserVerified(false);
  await expect(createAndGetTwice(ana)).rejects.toThrow('NotAllowedError');
});

test('what a page throws or logs as an error fails the test at the end, unless expected', async () => {
  const ana = await newPerson(browser, { name: 'ana' });
  await ana.page.goto(server.url.href);
  await ana.page.evaluate(() => console.error('first fault'));
  await ana.page.evaluate(
    () =>
      void setTimeout(() => {
        throw new Error('second fault');
      }),
  );
  await ana.page.evaluate(() => console.error('part of the story'));
  ana.expectConsole(/part of the story/);
  await ana.page.waitForFunction(() => true);
  await expect(ana[Symbol.asyncDispose]()).rejects.toThrow(/first fault[^]*second fault/);
});

async function createAndGetTwice({ page }: Person): Promise<{ enabled: boolean | undefined; outputs: (number[] | undefined)[] }> {
  await page.goto(`http://localhost:${server.port}/`);
  return page.evaluate(async () => {
    const prf = { eval: { first: new Uint8Array(32).fill(1), second: new Uint8Array(32).fill(2) } };
    const created = await navigator.credentials.create({
      publicKey: {
        rp: { id: 'localhost', name: 'harness' },
        user: { id: new Uint8Array(16), name: 'x', displayName: 'x' },
        challenge: new Uint8Array(32),
        pubKeyCredParams: [{ type: 'public-key', alg: -7 }],
        authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
        extensions: { prf },
        timeout: 2_000,
      },
    });
    if (!(created instanceof PublicKeyCredential)) throw new Error('no credential');
    const outputs: (number[] | undefined)[] = [];
    for (let turn = 0; turn < 2; turn++) {
      const got = await navigator.credentials.get({
        publicKey: {
          rpId: 'localhost',
          challenge: new Uint8Array(32),
          userVerification: 'required',
          allowCredentials: [{ type: 'public-key', id: created.rawId }],
          extensions: { prf },
          timeout: 2_000,
        },
      });
      const first = got instanceof PublicKeyCredential ? got.getClientExtensionResults().prf?.results?.first : undefined;
      outputs.push(first === undefined ? undefined : [...new Uint8Array(ArrayBuffer.isView(first) ? first.buffer : first)]);
    }
    return { enabled: created.getClientExtensionResults().prf?.enabled, outputs };
  });
}
