// A person in a story: an own browser profile, page and passkey authenticator with PRF. What goes wrong in the page fails the test.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { BrowserContext, CDPSession, Page } from 'playwright-core';
import type { LaunchedBrowser } from './browser.ts';

export type PersonOptions = {
  readonly name: string;
  /** A phone unless told otherwise. */
  readonly viewport?: { readonly width: number; readonly height: number };
  readonly colorScheme?: 'light' | 'dark';
  /** False: an authenticator as on platforms without PRF. */
  readonly withPrf?: boolean;
};

export type Person = AsyncDisposable & {
  readonly name: string;
  readonly page: Page;
  readonly context: BrowserContext;
  readonly cdp: CDPSession;
  /** False: fingerprint, face or PIN fails from now on. */
  setUserVerified(verified: boolean): Promise<void>;
  /** False: the person does not touch the authenticator, calls stay pending until they time out. */
  setPresent(present: boolean): Promise<void>;
  credentials(): Promise<readonly { readonly credentialId: string; readonly rpId?: string; readonly signCount: number }[]>;
  removeCredentials(): Promise<void>;
  /** Says that this console message is part of the story and no fault. */
  expectConsole(pattern: RegExp): void;
  /** Writes dist/screenshots/<name>.png and returns its path. */
  screenshot(name: string): Promise<string>;
  /** What went wrong in the page so far. */
  faults(): readonly string[];
};

/** Closing (await using) throws when the page logged an error or threw. */
export async function newPerson(browser: LaunchedBrowser, options: PersonOptions): Promise<Person> {
  const { name, viewport = { width: 390, height: 844 }, colorScheme = 'light', withPrf = true } = options;
  const context = await browser.playwright.newContext({ viewport: { ...viewport }, colorScheme, locale: 'en-GB', reducedMotion: 'reduce' });
  const page = await context.newPage();
  const cdp = await context.newCDPSession(page);
  const authenticatorId = await addAuthenticator(cdp, withPrf);
  const { faults, expect } = watch(page);
  return {
    name,
    page,
    context,
    cdp,
    setUserVerified: async (isUserVerified) => {
      await cdp.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified });
    },
    setPresent: async (enabled) => {
      await cdp.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId, enabled });
    },
    credentials: async () => (await cdp.send('WebAuthn.getCredentials', { authenticatorId })).credentials,
    removeCredentials: async () => {
      await cdp.send('WebAuthn.clearCredentials', { authenticatorId });
    },
    expectConsole: expect,
    screenshot: async (file) => {
      const folder = join(import.meta.dir, '../../dist/screenshots');
      await mkdir(folder, { recursive: true });
      const path = join(folder, `${file}.png`);
      await page.screenshot({ path, animations: 'disabled' });
      return path;
    },
    faults,
    [Symbol.asyncDispose]: async () => {
      const seen = faults();
      await context.close();
      if (seen.length > 0) throw new Error(`${name}'s page: ${seen.join('\n')}`);
    },
  };
}

async function addAuthenticator(cdp: CDPSession, hasPrf: boolean): Promise<string> {
  await cdp.send('WebAuthn.enable');
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      ctap2Version: 'ctap2_1',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      hasPrf,
      automaticPresenceSimulation: true,
      isUserVerified: true,
    },
  });
  return authenticatorId;
}

function watch(page: Page): { faults(): readonly string[]; expect(pattern: RegExp): void } {
  const seen: string[] = [];
  const expected: RegExp[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') seen.push(`console: ${message.text()} (${message.location().url})`);
  });
  page.on('pageerror', (error) => seen.push(`thrown: ${error.stack ?? error.message}`));
  page.on('crash', () => seen.push('the page crashed'));
  return {
    faults: () => seen.filter((line) => !expected.some((pattern) => pattern.test(line))),
    expect: (pattern) => void expected.push(pattern),
  };
}
