// The SDK as a package: plain ES modules with types that a Node 20 project without TypeScript can import, and its README (sdk/README.md).
import { copyFile, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from './tree.ts';

/** Writes the package into a new folder; `npm pack` there makes the archive. */
export async function buildSdk(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const compiler = Bun.spawn([join(root, 'node_modules/.bin/tsc'), '-p', 'tools/tsconfig/sdk-package.json', '--outDir', folder], {
    cwd: root,
    stdout: 'pipe',
    stderr: 'inherit',
  });
  const problems = await new Response(compiler.stdout).text();
  if ((await compiler.exited) !== 0) throw new Error(`the SDK could not be compiled:\n${problems}`);
  for await (const name of new Bun.Glob('**/*.d.ts').scan(folder)) await nameJavaScript(join(folder, name));
  await copyFile(join(root, 'sdk/README.md'), join(folder, 'README.md'));
  await copyFile(join(root, 'LICENSE'), join(folder, 'LICENSE'));
  await Bun.write(join(folder, 'package.json'), `${JSON.stringify(await manifest(), undefined, 2)}\n`);
}

/** Types name the modules that are there: the compiler rewrites the imports of code only. */
async function nameJavaScript(path: string): Promise<void> {
  const text = await Bun.file(path).text();
  await Bun.write(path, text.replace(/((?:from|import\()\s*')(\.[^']*)\.ts'/g, "$1$2.js'").replace(/((?:from|import\()\s*")(\.[^"]*)\.ts"/g, '$1$2.js"'));
}

async function manifest(): Promise<object> {
  const { version, license } = (await Bun.file(join(root, 'package.json')).json()) as { readonly version: string; readonly license: string }; // ours
  return {
    name: '@stillvault/sdk',
    version,
    description: 'Secrets for programs, each release approved by a named person on their own device',
    license,
    type: 'module',
    sideEffects: false,
    engines: { node: '>=20.3' },
    exports: { '.': { types: './sdk/client.d.ts', default: './sdk/client.js' } },
    files: ['sdk', 'protocol'],
  };
}
