// The story of `npm run demo` as a process of its own: options as JSON on standard input, the exit code in the file that they name.
import { mkdirSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { playStory } from './story.ts';

interface PlayOptions {
  readonly temporary: string;
  readonly result: string;
  readonly data: string;
  readonly value?: string;
  readonly json?: boolean;
  readonly pictures?: boolean;
}

const options = (await Bun.stdin.json()) as PlayOptions; // from main.ts only
mkdirSync(options.data, { recursive: true, mode: 0o700 });
const started = performance.now();
const tell = (line: string, facts: object = {}): void =>
  void writeSync(1, options.json ? `${JSON.stringify({ at_ms: Math.round(performance.now() - started), line, ...facts })}\n` : `${line}\n`);

let code = 0;
try {
  await playStory({
    data: options.data,
    socketPath: join(options.temporary, 'run', 'd.sock'),
    value: options.value ?? 'correct horse battery staple',
    tell,
    ...(options.pictures ? { pictures: true } : {}),
  });
  tell(`the story is told: every step was as expected, in ${((performance.now() - started) / 1_000).toFixed(1)} s`);
} catch (error) {
  writeSync(2, `${reasonsOf(error).join('\n')}\n`);
  tell('the story broke off', { failed: true });
  code = 1;
}
writeFileSync(options.result, String(code));
process.exit(code);

// Closing the browsers may fail too: the first reason is the one that counts, and all are said.
function reasonsOf(error: unknown): readonly string[] {
  if (error instanceof SuppressedError) return [...reasonsOf(error.suppressed), ...reasonsOf(error.error)];
  return [error instanceof Error ? error.message : String(error)];
}
