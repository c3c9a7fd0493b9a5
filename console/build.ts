// Bundles the console into files: index.html at the root, everything it loads under hashed names, and hashes.json over all of them,
// so that anyone can compare what a server gives with what this source gives. The same source gives the same bytes.
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

export interface BuiltConsole {
  readonly dir: string;
  /** SHA-256 in hex of every file, by its path below dir. */
  readonly hashes: Readonly<Record<string, string>>;
}

/** Where the console's files are: inside the executable when this is one, else freshly bundled below dist/. Safe to call at the same time. */
export async function provideConsole(): Promise<string> {
  if (Bun.embeddedFiles.length > 0) return join(import.meta.dir, 'console');
  const dist = join(import.meta.dir, '../dist');
  await mkdir(dist, { recursive: true });
  const fresh = await mkdtemp(join(dist, 'console-'));
  const { hashes } = await buildConsole(fresh);
  const dir = join(dist, `console-${sha256(JSON.stringify(hashes)).slice(0, 16)}`);
  // Whoever comes first wins: the name says the content.
  await rename(fresh, dir).catch(() => rm(fresh, { recursive: true, force: true }));
  return dir;
}

export async function buildConsole(outDir: string): Promise<BuiltConsole> {
  await rm(outDir, { recursive: true, force: true });
  await mkdir(outDir, { recursive: true });
  const [script, style] = await bundle('main.tsx', outDir, '[name]-[hash].[ext]');
  const template = await readFile(join(import.meta.dir, 'index.html'), 'utf8');
  await writeFile(join(outDir, 'index.html'), template.replace('./main.tsx', `/${script}`).replace('./style.css', `/${style}`));
  // Files with names of their own, such as the manifest and its icons.
  await cp(join(import.meta.dir, 'public'), outDir, { recursive: true }).catch(unlessMissing);
  const worker = [...new Bun.Glob('**/service-worker.ts').scanSync(import.meta.dir)][0];
  // Its name must stay: the browser asks for an update under the same address. It knows the files by their hash.
  if (worker !== undefined) await bundle(worker, outDir, '[name].[ext]', { CONSOLE_FILES: JSON.stringify(await hashFiles(outDir)) });
  const hashes = await hashFiles(outDir);
  await writeFile(join(outDir, 'hashes.json'), `${JSON.stringify(hashes, null, 2)}\n`);
  return { dir: outDir, hashes };
}

/** Returns the names of the script and of the style that it imports. */
async function bundle(
  entry: string,
  outDir: string,
  naming: string,
  define: Record<string, string> = {},
): Promise<readonly [script: string, style: string | undefined]> {
  const { success, logs, outputs } = await Bun.build({
    entrypoints: [join(import.meta.dir, entry)],
    root: import.meta.dir,
    target: 'browser',
    format: 'esm',
    minify: true,
    splitting: naming.includes('[hash]'),
    naming: { entry: naming, chunk: naming, asset: naming },
    define: { 'process.env.NODE_ENV': '"production"', ...define },
    throw: false,
  });
  const named = (kind: 'entry-point' | 'asset', end: string): string | undefined =>
    outputs.find((output) => output.kind === kind && output.path.endsWith(end))?.path;
  const script = named('entry-point', '.js');
  if (!success || script === undefined) throw new Error(`the console does not build:\n${logs.map(String).join('\n')}`);
  for (const output of outputs) await Bun.write(join(outDir, output.path), output);
  const style = named('asset', '.css');
  return [basename(script), style && basename(style)];
}

async function hashFiles(dir: string): Promise<Record<string, string>> {
  const paths = (await readdir(dir, { recursive: true, withFileTypes: true })).flatMap((entry) =>
    entry.isFile() ? [join(entry.parentPath, entry.name).slice(dir.length + 1)] : [],
  );
  const hashes = await Promise.all(paths.sort().map(async (path) => [path, sha256(await readFile(join(dir, path)))] as const));
  return Object.fromEntries(hashes);
}

const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');

function unlessMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
