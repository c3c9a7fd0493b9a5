// The whole story of `npm run demo`, as a test: real relay, daemon, console, browsers with passkeys, a second uid where the machine allows it.
import { expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { playStory } from './demo/story.ts';

test('ben and ada found an organisation, an agent asks, they decide', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'sv-story-'));
  const lines: string[] = [];
  try {
    await playStory({
      data: join(dir, 'data'),
      socketPath: join(dir, 'run', 'd.sock'),
      value: 'correct horse battery staple',
      tell: (line) => void lines.push(line),
    });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  expect(lines).toContain('ben countersigned prod/db-primary -> released, lease 15m');
  expect(lines).toContain('ada countersigned prod/payments -> released once, 2 of 2');
}, 120_000);
