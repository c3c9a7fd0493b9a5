// A real Chromium for the stories: started here, driven over its debugging port (playwright-core's own launcher wants pipes that
// Bun does not give it). Every person gets a separate profile and an authenticator of their own, see person.ts.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import { z } from 'zod';

export type LaunchedBrowser = AsyncDisposable & {
  readonly playwright: Browser;
  readonly version: string;
};

const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // a hidden tab must keep its timers: several people watch at the same time
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
];

const proved = z.object({ executable: z.string(), env: z.record(z.string(), z.string()) });

/** Starts the browser that tools/setup.mjs --test proved, with a fresh profile that is removed at the end. */
export async function launchBrowser({ startTimeoutMs = 30_000 }: { readonly startTimeoutMs?: number } = {}): Promise<LaunchedBrowser> {
  const { executable, env } = await provedBrowser();
  const profile = await mkdtemp(join(tmpdir(), 'stillvault-browser-'));
  const child = Bun.spawn([executable, ...flags, '--remote-debugging-port=0', `--user-data-dir=${profile}`, 'about:blank'], {
    env: { ...process.env, ...env },
    stdout: 'ignore',
    stderr: 'pipe',
  });
  // A test that is stopped leaves no browser behind.
  const kill = (): void => child.kill('SIGKILL');
  process.on('exit', kill);
  const end = async (): Promise<void> => {
    process.off('exit', kill);
    kill();
    await child.exited;
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const playwright = await chromium.connectOverCDP(await debuggerAddress(child.stderr, startTimeoutMs), { timeout: startTimeoutMs });
    return {
      playwright,
      version: playwright.version(),
      [Symbol.asyncDispose]: async () => {
        await playwright.close().catch(() => undefined); // the process is killed below in any case
        await end();
      },
    };
  } catch (error) {
    await end();
    throw error;
  }
}

async function provedBrowser(): Promise<z.infer<typeof proved>> {
  const file = join(import.meta.dir, '../../node_modules/.stillvault-browser.json');
  const text = await readFile(file, 'utf8').catch(() => {
    throw new Error('no browser is set up for the tests: run node tools/setup.mjs --test');
  });
  return proved.parse(JSON.parse(text));
}

async function debuggerAddress(stderr: ReadableStream<Uint8Array>, timeoutMs: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const timer = setTimeout(() => reject(new Error(`the browser did not start within ${timeoutMs} ms`)), timeoutMs);
  const drain = async (): Promise<void> => {
    const decoder = new TextDecoder();
    let text = '';
    for await (const chunk of stderr) {
      if (text.length > 65_536) continue; // found or hopeless; keep the pipe empty
      text += decoder.decode(chunk, { stream: true });
      const address = /listening on (ws:\S+)/.exec(text)?.[1];
      if (address !== undefined) resolve(address);
    }
    reject(new Error(`the browser ended: ${text.trim().slice(-500)}`));
  };
  drain().catch(reject);
  return promise.finally(() => clearTimeout(timer));
}
