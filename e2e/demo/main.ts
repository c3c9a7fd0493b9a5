// `npm run demo`: plays the whole story unattended and says it line by line. Ends non-zero where a step is not as expected.
import { mkdirSync, mkdtempSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { playStory } from './story.ts';

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
const data = values.data === undefined ? join(temporary, 'data') : resolve(values.data);
mkdirSync(data, { recursive: true, mode: 0o700 });
const started = performance.now();
const tell = (line: string, facts: object = {}): void =>
  void writeSync(1, values.json ? `${JSON.stringify({ at_ms: Math.round(performance.now() - started), line, ...facts })}\n` : `${line}\n`);

let code = 0;
try {
  await playStory({
    data,
    socketPath: join(temporary, 'run', 'd.sock'),
    value: values.value ?? 'correct horse battery staple',
    tell,
    ...(values.pictures ? { pictures: true } : {}),
  });
  tell(`the story is told: every step was as expected, in ${((performance.now() - started) / 1_000).toFixed(1)} s`);
} catch (error) {
  writeSync(2, `${reasonsOf(error).join('\n')}\n`);
  tell('the story broke off', { failed: true });
  code = 1;
}
rmSync(temporary, { recursive: true, force: true });
process.exit(code);

// Closing the browsers may fail too: the first reason is the one that counts, and all are said.
function reasonsOf(error: unknown): readonly string[] {
  if (error instanceof SuppressedError) return [...reasonsOf(error.suppressed), ...reasonsOf(error.error)];
  return [error instanceof Error ? error.message : String(error)];
}
