// Makes every npm script self-sufficient on a machine that has only Node 20 and npm: installs what package-lock.json says,
// install scripts by name only, and with --test finds or unpacks a browser. Plain Node without dependencies: it runs before they exist.
// A second run finds its stamp and returns at once; parallel runs wait for the first.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const stampFile = join(root, 'node_modules/.stillvault-setup');
const lockFile = join(root, '.stillvault/setup.lock');
const bun = join(root, 'node_modules/.bin/bun');
const withBrowser = process.argv.includes('--test');
const log = (line) => process.stderr.write(`setup: ${line}\n`);

/** What is wrong, and the next command to try: shown without a stack. */
class SetupError extends Error {
  constructor(what, how) {
    super(what);
    this.how = how;
  }
}

async function main() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < 20)
    throw new SetupError(
      `Node ${process.versions.node} is too old, Stillvault needs Node 20 or newer.`,
      'Install it from https://nodejs.org or with your package manager, then repeat.',
    );
  const stamp = `${createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')} ${process.platform}-${process.arch} node${major}\n`;
  if (await ready(stamp)) return;
  const release = await takeLock();
  try {
    if (await ready(stamp)) return;
    if (!installed(stamp)) await install(stamp);
    if (withBrowser) await (await import('./setup-browser.mjs')).provideBrowser({ root, log, SetupError });
  } finally {
    release();
  }
}

async function ready(stamp) {
  if (!installed(stamp)) return false;
  return !withBrowser || (await import('./setup-browser.mjs')).knownBrowser(root) !== undefined;
}

const installed = (stamp) => existsSync(bun) && readText(stampFile) === stamp;

async function install(stamp) {
  const names = Object.entries(readJson(join(root, 'package.json')).allowScripts).flatMap(([name, allowed]) => (allowed ? [name] : []));
  if (!matchesLockfile()) {
    log('installing the dependencies named in package-lock.json (first time, or they changed)');
    // Scripts are off here and on by name below: npm 11 reads allowScripts itself, npm 10 does not know it.
    await npm(['ci', '--ignore-scripts', '--include=dev', '--include=optional', '--no-audit', '--no-fund'], 'The dependencies could not be installed.');
  }
  if (!(await bunWorks())) {
    log(`running the install script of ${names.join(', ')}`);
    await npm(['rebuild', ...names, '--ignore-scripts=false', '--no-audit', '--no-fund'], `The install script of ${names.join(', ')} failed.`);
    const { code, output } = await run(bun, ['--version'], 'pipe');
    if (code !== 0) {
      throw new SetupError(
        `The runtime ${bun} does not start: ${output.trim() || `exit code ${code}`}`,
        'Bun needs x64 or arm64 with glibc 2.17+ or musl, and a file system that allows execution. Remove node_modules and repeat to install it anew.',
      );
    }
  }
  writeFileSync(stampFile, stamp);
  log('dependencies ready');
}

/** True when someone ran npm here already: then nothing is torn down under other running processes. */
function matchesLockfile() {
  const present = readJson(join(root, 'node_modules/.package-lock.json'))?.packages;
  const wanted = readJson(join(root, 'package-lock.json')).packages;
  if (!present) return false;
  const same = Object.entries(present).every(([path, entry]) => wanted[path]?.version === entry.version && wanted[path]?.integrity === entry.integrity);
  return same && Object.entries(wanted).every(([path, entry]) => path === '' || entry.optional || (present[path] && existsSync(join(root, path))));
}

async function bunWorks() {
  return existsSync(bun) && (await run(bun, ['--version'], 'pipe')).code === 0;
}

async function npm(args, failure) {
  const npmCli = process.env.npm_execpath ?? '';
  const [command, ...prefix] = basename(npmCli) === 'npm-cli.js' ? [process.execPath, npmCli] : ['npm'];
  const started = Date.now();
  const progress = setInterval(() => log(`npm ${args[0]} is still working, ${Math.round((Date.now() - started) / 1000)} s`), 10_000);
  const { code, output } = await run(command, [...prefix, ...args], 'inherit');
  clearInterval(progress);
  if (code === 'ENOENT') throw new SetupError('npm is not on the PATH.', 'Install npm 10 or newer (it comes with Node), then repeat.');
  if (code !== 0) {
    throw new SetupError(
      `${failure} npm ${args[0]} ended with ${code}${output ? `: ${output}` : ''}; its own message is above.`,
      'If the registry is not reachable, set the proxy or registry in your npm configuration (npm config get registry), check free disk space, then repeat.',
    );
  }
}

function run(command, args, stdio) {
  return new Promise((resolve) => {
    // stdout of the child goes to our stderr: `npm start` may be piped.
    const child = spawn(command, args, { cwd: root, stdio: stdio === 'pipe' ? ['ignore', 'pipe', 'pipe'] : ['ignore', 2, 2] });
    let output = '';
    child.stdout?.on('data', (chunk) => (output += chunk));
    child.stderr?.on('data', (chunk) => (output += chunk));
    child.on('error', (error) => resolve({ code: error.code, output: error.message }));
    child.on('close', (code, signal) => resolve({ code: code ?? signal, output }));
  });
}

/** One setup at a time. The holder touches the file; a dead or silent holder is replaced. */
async function takeLock() {
  const mine = `${process.pid} ${Math.random()}`;
  let told = false;
  mkdirSync(dirname(lockFile), { recursive: true });
  for (const deadline = Date.now() + 15 * 60_000; Date.now() < deadline; await sleep(200)) {
    if (readText(lockFile) !== undefined && holderIsGone()) rmSync(lockFile, { force: true });
    try {
      writeFileSync(lockFile, mine, { flag: 'wx' });
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
      if (!told) log('another setup is running here, waiting for it');
      told = true;
      continue;
    }
    await sleep(50); // two processes may replace one dead holder: the last writer wins, the other sees it here
    if (readText(lockFile) !== mine) continue;
    const touch = setInterval(() => utimesSync(lockFile, new Date(), new Date()), 5_000);
    const release = () => {
      clearInterval(touch);
      if (readText(lockFile) === mine) rmSync(lockFile, { force: true });
    };
    process.once('exit', release);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));
    return release;
  }
  throw new SetupError('Another setup holds the lock for 15 minutes.', `If none is running: rm ${lockFile}`);
}

function holderIsGone() {
  try {
    if (Date.now() - statSync(lockFile).mtimeMs > 60_000) return true;
    process.kill(Number(readText(lockFile)?.split(' ')[0]), 0);
    return false;
  } catch (error) {
    return error.code === 'ESRCH';
  }
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function readText(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

main().then(
  () => process.exit(0),
  (error) => {
    const known = error instanceof SetupError;
    process.stderr.write(`\nsetup failed: ${error.message}\n${known ? error.how : `${error.code ?? ''} ${error.path ?? ''}`.trim() || error.stack}\n`);
    process.exit(1);
  },
);
