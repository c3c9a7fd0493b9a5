// Finds a Chromium for the browser tests, in this order: $STILLVAULT_BROWSER, the system's, the one inside @sparticuz/chromium
// (unpacked into node_modules), Debian's package when we are root. Each candidate is proved by a page with a PRF authenticator.
// The result is written to node_modules/.stillvault-browser.json, which e2e/harness/browser.ts reads.
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

const minMajor = 128; // virtual authenticators with PRF and user verification are complete there

/** The browser that an earlier run proved, or undefined. */
export function knownBrowser(root) {
  try {
    const known = JSON.parse(readFileSync(join(root, 'node_modules/.stillvault-browser.json'), 'utf8'));
    const forced = process.env.STILLVAULT_BROWSER;
    return existsSync(known.executable) && (!forced || forced === known.executable) ? known : undefined;
  } catch {
    return undefined;
  }
}

export async function provideBrowser({ root, log, SetupError }) {
  if (knownBrowser(root)) return;
  const tried = [];
  const tryOne = async (candidate) => {
    const problem = await probe(candidate);
    if (problem === undefined) {
      writeFileSync(join(root, 'node_modules/.stillvault-browser.json'), `${JSON.stringify(candidate, null, 2)}\n`);
      log(`browser for the tests: ${candidate.executable}`);
      return true;
    }
    tried.push(`${candidate.executable}: ${problem}`);
    return false;
  };

  const forced = process.env.STILLVAULT_BROWSER;
  if (forced) {
    if (await tryOne({ executable: forced, env: {} })) return;
    throw new SetupError(`STILLVAULT_BROWSER does not work: ${tried[0]}`, `Point it to Chromium or Chrome ${minMajor} or newer, or unset it.`);
  }
  for (const executable of systemBrowsers()) if (await tryOne({ executable, env: {} })) return;
  const bundled = process.platform === 'linux' && process.arch === 'x64' ? unpackBundled(root, log, SetupError) : undefined;
  if (bundled && (await tryOne(bundled))) return;

  const missing = bundled ? missingLibraries(bundled) : [];
  const debian = existsSync('/etc/debian_version') && onPath('apt-get');
  const wanted = missing.length > 0 && missing.every((library) => library in debianPackages) ? missing.map((library) => debianPackages[library]) : ['chromium'];
  if (debian && process.getuid?.() === 0) {
    for (const packages of wanted.includes('chromium') ? [wanted] : [wanted, ['chromium']]) {
      log(`installing ${packages.join(' ')} with apt-get, the browser tests need it`);
      aptInstall(packages);
      for (const candidate of [...(bundled ? [bundled] : []), ...systemBrowsers().map((executable) => ({ executable, env: {} }))])
        if (await tryOne(candidate)) return;
    }
  }
  throw new SetupError(
    `No browser for the tests. ${tried.length > 0 ? `Tried ${tried.join('; ')}.` : 'No Chromium or Chrome is on the PATH and none is bundled for this platform.'}${missing.length > 0 ? ` Missing libraries: ${missing.join(', ')}.` : ''}`,
    debian
      ? `Run: sudo apt-get install -y ${wanted.join(' ')}`
      : `Install Chromium or Chrome ${minMajor} or newer, or set STILLVAULT_BROWSER to its executable, then repeat.`,
  );
}

function systemBrowsers() {
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
  const mac = ['/Applications/Google Chrome.app/Contents/MacOS/Google Chrome', '/Applications/Chromium.app/Contents/MacOS/Chromium'];
  return [...names.map(onPath).filter((path) => path !== undefined), ...(process.platform === 'darwin' ? mac.filter((path) => existsSync(path)) : [])];
}

function onPath(name) {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

const debianPackages = {
  'libnss3.so': 'libnss3',
  'libnssutil3.so': 'libnss3',
  'libnspr4.so': 'libnspr4',
  'libplc4.so': 'libnspr4',
  'libplds4.so': 'libnspr4',
  'libexpat.so.1': 'libexpat1',
  'libgcc_s.so.1': 'libgcc-s1',
  'libsqlite3.so.0': 'libsqlite3-0',
};

/** The package unpacks into the temporary folder when told that it runs in AWS; we give it a folder of our own instead. */
function unpackBundled(root, log, SetupError) {
  const folder = join(root, 'node_modules/.stillvault-browser');
  if (!existsSync(join(folder, 'chromium'))) {
    log('unpacking the bundled Chromium');
    const partial = `${folder}.partial`;
    rmSync(partial, { recursive: true, force: true });
    mkdirSync(partial, { recursive: true });
    const script = "import('@sparticuz/chromium').then((m) => m.default.executablePath())";
    const { status, stderr } = spawnSync(process.execPath, ['-e', script], {
      cwd: root,
      env: { ...process.env, TMPDIR: partial, AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs22.x' },
      encoding: 'utf8',
    });
    if (status !== 0)
      throw new SetupError(
        `The bundled Chromium could not be unpacked: ${stderr.trim().split('\n').at(-1)}`,
        'It needs 250 MB of disk below node_modules. Free some, then repeat.',
      );
    const config = `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">\n<fontconfig><include ignore_missing="yes">/etc/fonts/fonts.conf</include><dir prefix="relative">fonts</dir><cachedir prefix="xdg">fontconfig</cachedir></fontconfig>\n`;
    writeFileSync(join(partial, 'fonts.conf'), config); // a machine without fonts still gets text on its screenshots
    renameSync(partial, folder);
  }
  const candidate = { executable: join(folder, 'chromium'), env: { FONTCONFIG_FILE: join(folder, 'fonts.conf') } };
  // The system's libraries are preferred; the package's own stand in for what is not installed.
  return missingLibraries(candidate).length > 0 ? { ...candidate, env: { ...candidate.env, LD_LIBRARY_PATH: join(folder, 'al2023/lib') } } : candidate;
}

function missingLibraries({ executable, env }) {
  const { stdout } = spawnSync('ldd', [executable], { env: { ...process.env, ...env }, encoding: 'utf8' });
  return [...(stdout ?? '').matchAll(/^\s*(\S+) => not found/gm)].map(([, library]) => library);
}

function aptInstall(packages) {
  const options = { stdio: ['ignore', 2, 2], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  spawnSync('apt-get', ['update', '-q'], options);
  spawnSync('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...packages], options);
}

/** Opens a page and adds a PRF authenticator; returns what is wrong, or undefined. */
async function probe({ executable, env }) {
  const profile = mkdtempSync(join(tmpdir(), 'stillvault-probe-'));
  const child = spawn(
    executable,
    ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--remote-debugging-port=0', `--user-data-dir=${profile}`, 'about:blank'],
    { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const gone = new Promise((resolve) => child.once('close', resolve));
  try {
    const address = await debuggerAddress(child);
    const { chromium } = await import('playwright-core');
    const browser = await chromium.connectOverCDP(address, { timeout: 20_000 });
    if (Number(browser.version().split('.')[0]) < minMajor) return `version ${browser.version()} is older than ${minMajor}`;
    const page = await browser.newPage();
    const session = await page.context().newCDPSession(page);
    await session.send('WebAuthn.enable');
    await session.send('WebAuthn.addVirtualAuthenticator', {
      options: { protocol: 'ctap2', ctap2Version: 'ctap2_1', transport: 'internal', hasResidentKey: true, hasUserVerification: true, hasPrf: true },
    });
    return (await page.evaluate('6 * 7')) === 42 ? undefined : 'it does not run scripts';
  } catch (error) {
    return error.message.split('\n').slice(0, 2).join(' ');
  } finally {
    child.kill('SIGKILL');
    await gone;
    rmSync(profile, { recursive: true, force: true, maxRetries: 3 });
  }
}

function debuggerAddress(child) {
  return new Promise((resolve, reject) => {
    let text = '';
    const timer = setTimeout(() => reject(new Error('it did not start within 30 s')), 30_000);
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`it ended at once: ${text.trim().slice(0, 300)}`)));
    child.stderr.on('data', (chunk) => {
      text += chunk;
      const address = /listening on (ws:\S+)/.exec(text)?.[1];
      if (!address) return;
      clearTimeout(timer);
      resolve(address);
    });
  });
}
