// npm run build: dist/console (the files of the web app with hashes.json), dist/stillvault, one executable with the console inside, and dist/sdk, the package.
// Bytecode and splitting halve the start-up of a verb: only its own chunk is loaded, and nothing is parsed.
import { stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { buildConsole } from '../console/build.ts';
import { buildSdk } from './sdk-package.ts';
import { root } from './tree.ts';

const [consoleDir, executable] = [join(root, 'dist/console'), join(root, 'dist/stillvault')];

const { hashes } = await buildConsole(consoleDir);
console.error(`built ${relative(root, consoleDir)}: ${Object.keys(hashes).length} files`);

await buildSdk(join(root, 'dist/sdk'));
console.error('built dist/sdk: @stillvault/sdk, npm pack makes its archive');

const compile = Bun.spawn(
  [
    process.execPath,
    'build',
    'daemon/main.ts',
    '--compile',
    '--minify',
    '--bytecode',
    '--splitting',
    '--format=esm',
    `--asset=${relative(root, consoleDir)}`,
    // The folder that a verb happens to run in has no say in what it does.
    '--no-compile-autoload-dotenv',
    '--no-compile-autoload-bunfig',
    `--outfile=${relative(root, executable)}`,
  ],
  { cwd: root, stdout: 'ignore', stderr: 'inherit' },
);
if ((await compile.exited) !== 0) {
  console.error('build failed: the executable could not be compiled, see above');
  process.exit(1);
}
console.error(`built ${relative(root, executable)}: ${((await stat(executable)).size / 2 ** 20).toFixed(0)} MiB`);
