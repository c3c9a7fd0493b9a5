// The package as a user has it: packed, installed into an empty project from its archive, its README's recipes run in Node 20, Bun and Deno against a real daemon.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Observed } from '../protocol/request.ts';
import type { NeedSummary } from '../protocol/local-api.ts';
import { type Live, startLive } from '../testing/live-daemon.ts';
import { buildSdk } from '../tools/sdk-package.ts';

const readme = readFileSync(join(import.meta.dir, 'README.md'), 'utf8');
const topReadme = readFileSync(join(import.meta.dir, '../README.md'), 'utf8');

interface Recipe {
  readonly title: string;
  readonly code: string;
  readonly prints: string;
}
/** Every block of JavaScript that uses the package, named by its heading; `//=>` says what it prints. */
function recipesOf(text: string): readonly Recipe[] {
  let title = '';
  const found: Recipe[] = [];
  for (const [part, heading, code] of text.matchAll(/^#+ (.*)$|^```(?:js|ts)\n([^]*?)^```$/gm)) {
    if (heading !== undefined) title = heading;
    else if (code?.includes('@stillvault/sdk') === true)
      found.push({ title: `${title} (${found.length + 1})`, code, prints: [...part.matchAll(/\/\/=> (.*)$/gm)].map(([, line]) => `${line}\n`).join('') });
  }
  return found;
}

const field = (name: string, text: string) => ({ name, value: new TextEncoder().encode(text) });
const secrets = { 'prod/api': 'plain-token-1234', 'prod/slow': 'x', 'prod/forbidden': 'x' };
const dir = realpathSync(mkdtempSync(join(tmpdir(), 'sv-sdk-')));
const project = join(dir, 'project');
let live: Live;
/** Who asked, as the approver's device verified it. */
const asked: Observed[] = [];
const stopping = new AbortController();

beforeAll(async () => {
  await buildSdk(join(dir, 'package'));
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), '{ "name": "empty", "private": true, "type": "module" }');
  const packed = await finished(['npm', 'pack', '--silent', '--pack-destination', dir], join(dir, 'package'));
  const installed = await finished(['npm', 'install', '--offline', '--no-audit', '--no-fund', '--ignore-scripts', join(dir, packed.out.trim())], project);
  if (packed.code !== 0 || installed.code !== 0) throw new Error(packed.err + installed.err);
  live = await startLive({ secrets });
  await live.change((world) => world.put('prod/db-primary', { kind: 'fields', fields: [field('user', 'app'), field('password', 'correct-hors')] }));
  void decideAll();
}, 30_000);
afterAll(async () => {
  stopping.abort();
  await live[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

/** Ada approves, but for one secret that she denies, one that she leaves, and a need that she fills. */
async function decideAll(): Promise<void> {
  while (!stopping.signal.aborted) {
    try {
      const seen = await live.org.nextRequest(live.world.device('ada'), stopping.signal);
      const { request, items } = seen.verified;
      asked.push(request.observed);
      const paths = items.map(({ secret }) => secret.path);
      if (request.need) await live.change((world) => world.put(request.need?.path ?? '', 'sk_test_1'));
      else if (!paths.includes('prod/slow')) await live.org.decide(seen, paths.includes('prod/forbidden') ? 'deny' : 'approve');
    } catch (error) {
      if (!stopping.signal.aborted) throw error;
    }
  }
}

interface Finished {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}
async function finished(command: readonly string[], cwd: string, env: Readonly<Record<string, string>> = {}): Promise<Finished> {
  const child = Bun.spawn([...command], {
    cwd,
    env: { ...process.env, ...env },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    timeout: 20_000,
    killSignal: 'SIGKILL',
  });
  const [out, err, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited]);
  return { code, out, err };
}

async function runCode(runtime: readonly string[], code: string, name: string): Promise<Finished & { readonly file: string }> {
  const file = join(project, `${name}.mjs`);
  writeFileSync(file, code);
  return { ...(await finished([...runtime, file], project, { STILLVAULT_SOCKET: live.daemon.socketPath })), file };
}

/** Every run begins without the secret that a recipe asks for. */
async function forget(path: string): Promise<void> {
  const secret = [...live.world.state.secrets.values()].find((one) => one.path === path && !one.retired);
  if (secret) await live.change((world) => world.append('secret.retire', { secret: secret.id }));
}

const node = Bun.which('node');
const deno = Bun.which('deno');
const runtimes = [
  ['Node', node, []],
  ['Bun', process.execPath, []],
  ['Deno', deno, ['run', '--allow-env', '--allow-read', '--allow-write', '--allow-sys', '--allow-net', '--allow-run']],
] as const;

for (const [name, program, options] of runtimes)
  describe.skipIf(program === null)(`in ${name}`, () => {
    for (const [index, { title, code, prints }] of [...recipesOf(readme), ...recipesOf(topReadme)].entries())
      test(`the recipe of “${title}” prints what it says`, async () => {
        await forget('prod/stripe');
        const { code: exit, out, err } = await runCode([program ?? '', ...options], code, `recipe-${index}`);
        expect({ err, out, exit }).toEqual({ err: '', out: prints, exit: 0 });
        expect(prints).not.toBe('');
      }, 20_000);

    test('the daemon sees the process that imports it, and its script', async () => {
      const before = asked.length;
      const code = `import { createClient } from '@stillvault/sdk';\n(await createClient().get('prod/api')).fill(0); console.log(process.pid);`;
      const { out, file } = await runCode([program ?? '', ...options], code, 'who');
      const observed = asked[before];
      expect(observed).toMatchObject({ pid: Number(out), identity: 'pidfd', anchor: 0 });
      if (name === 'Node') expect(observed).toMatchObject({ exe: realpathSync(program ?? ''), script: file });
    });
  });

test('there are recipes, and Node and Bun to run them in', () => {
  expect(recipesOf(readme).length).toBeGreaterThan(7);
  for (const [name, program] of runtimes) if (name !== 'Deno') expect(program).not.toBeNull();
});

test('it has no dependencies, and imports nothing but its own modules and Node’s', async () => {
  const manifest = JSON.parse(readFileSync(join(project, 'node_modules/@stillvault/sdk/package.json'), 'utf8')) as object; // ours
  expect(manifest).not.toContainKey('dependencies');
  for await (const file of new Bun.Glob('**/*.{js,d.ts}').scan(join(project, 'node_modules/@stillvault/sdk'))) {
    const text = readFileSync(join(project, 'node_modules/@stillvault/sdk', file), 'utf8');
    for (const [, from = ''] of text.matchAll(/(?:from|import\() ?['"]([^'"]+)['"]/g)) expect(from).toMatch(/^(?:node:|\.\.?\/.*\.js$)/);
  }
});

test.skipIf(node === null)('importing it is cheap: neither HTTP nor child processes nor the mask are loaded before they are used', async () => {
  const code = `const before = new Set(process.moduleLoadList); await import('@stillvault/sdk'); console.log(process.moduleLoadList.filter((name) => !before.has(name)).join());`;
  const { out, err } = await runCode([node ?? ''], code, 'cheap');
  expect(err).toBe('');
  expect(out).not.toMatch(/http|child_process|net\b|crypto/);
});

test.skipIf(node === null)('without a daemon, and with a wrong reference, the errors have their codes', async () => {
  const code = `import { createClient, StillvaultError } from '@stillvault/sdk';
    const codeOf = (work) => work.then(() => 'none', (error) => error instanceof StillvaultError && error.code);
    console.log(await codeOf(createClient({ socketPath: '/nonexistent/s' }).status()), await codeOf(createClient().get('a b')), await codeOf(createClient().run([], { env: { A: 'prod/api' } })),
      await codeOf(createClient().run(['/nonexistent/program'], { env: { A: 'prod/api' } })), await codeOf(createClient().get('prod/api#a', { field: 'b' })), await codeOf(createClient().need('dev/none', { for: 'x' })));`;
  expect((await runCode([node ?? ''], code, 'codes')).out).toBe('daemon_not_running usage usage not_found usage policy_forbids\n');
});

test('types: a strict project of TypeScript finds them', async () => {
  writeFileSync(
    join(project, 'types.ts'),
    `import { createClient, StillvaultError, type Client, type Released } from '@stillvault/sdk';
    const vault: Client = createClient({ socketPath: '/s' });
    export const value: Uint8Array = await vault.get('prod/api', { reason: 'x', lease: { ttlS: 60, scope: 'process' } });
    export const released: Released = await (await vault.request(['prod/api'])).await();
    export const code = (error: StillvaultError): 'denied' | undefined => (error.code === 'denied' ? error.code : undefined);
    // @ts-expect-error: there is no such scope
    await vault.get('prod/api', { lease: { ttlS: 60, scope: 'world' } });`,
  );
  const options = { strict: true, module: 'NodeNext', target: 'ES2022', lib: ['ES2023', 'DOM', 'ESNext.Disposable'], types: [], noEmit: true };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['types.ts'] }));
  expect(await finished([join(import.meta.dir, '../node_modules/.bin/tsc'), '-p', '.'], project)).toMatchObject({ code: 0, out: '' });
});

test('the need that a recipe filed is over, and nothing is open', async () => {
  const needs = (await live.daemon.call('/v1/needs')) as readonly NeedSummary[]; // what the daemon says
  expect(needs.map(({ path, state }) => [path, state])).toEqual([['prod/stripe', 'filled']]);
});
