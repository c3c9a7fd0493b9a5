// `npm run demo`: plays the whole story unattended and says it line by line. Ends non-zero where a step is not as expected.
// The daemon records who started a program, with its arguments: so that --value is in none of them, the story runs as a process of nobody's.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

const help = `npm run demo -- [--data DIR] [--value TEXT] [--json] [--pictures]

  npm run demo                        play the story, keep nothing
  npm run demo -- --data ./story      keep relay, daemon and console state there
  npm run demo -- --value s3cret      the value that is stored and released
  npm run demo -- --json              one JSON object a line
  npm run demo -- --pictures          screenshots in dist/screenshots
`;

const { values } = parseArgs({
  options: {
    data: { type: 'string' },
    value: { type: 'string' },
    json: { type: 'boolean' },
    pictures: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  },
});
if (values.help) {
  process.stdout.write(help);
  process.exit(0);
}
const temporary = mkdtempSync(join(tmpdir(), 'stillvault-demo-'));
const result = join(temporary, 'result');
const options = {
  temporary,
  result,
  data: values.data === undefined ? join(temporary, 'data') : resolve(values.data),
  value: values.value,
  json: values.json,
  pictures: values.pictures,
};
// The shell ends at once: what it leaves running has no parent that knows the value. (A shell gives `&` no input of its own: hence 3.)
const started = Bun.spawn(['/bin/sh', '-c', 'exec 3<&0; "$0" "$1" <&3 &', process.execPath, join(import.meta.dir, 'play.ts')], {
  stdin: new Blob([JSON.stringify(options)]),
  stdout: 'pipe',
  stderr: 'inherit',
});
for await (const chunk of started.stdout) process.stdout.write(chunk); // ends when the story has ended
const code = Number(readText(result) ?? 1);
rmSync(temporary, { recursive: true, force: true });
process.exit(code);

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
