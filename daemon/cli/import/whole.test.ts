// The whole way with a real daemon, relay and people: .env in, references left, a program that runs with them, and back.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { join } from 'node:path';
import { readdirSync, readFileSync } from 'node:fs';
import { type Live, startLive } from '../../../testing/live-daemon.ts';
import { tracesIn } from '../../../testing/traces.ts';
import { makeFolder, plain, secrets } from '../test-storing.ts';
import { start } from '../test-command-line.ts';

let live: Live;
beforeAll(async () => {
  live = await startLive({});
});
afterAll(() => live[Symbol.asyncDispose]());

test('import, run --env-file, undo: each with one approval, and nothing on disk or at the relay in the clear', async () => {
  using folder = makeFolder();
  folder.write('.env', plain);
  const given = { cwd: folder.path, env: folder.env, socketPath: live.daemon.socketPath };

  const importing = start(['import', '.env', '--as-fields', '--to', 'prod/shop', '--yes'], given);
  await importing.seen('code ');
  await live.org.countersign(await live.org.nextRequest(live.world.device('ada')));
  expect(await importing.ended).toMatchObject({ code: 0 });
  expect(folder.read('.env')).toContain('DB_PASSWORD="stillvault://prod/shop#DB_PASSWORD"   # main\r\n');

  const running = start(
    [
      'run',
      '--env-file',
      '.env',
      '--',
      process.execPath,
      '-e',
      'console.log(process.env.DB_PASSWORD.length, process.env.DATABASE_URL.length, process.env.PORT)',
    ],
    given,
  );
  await running.seen('code ');
  await live.org.decide(await live.org.nextRequest(live.world.device('ada')), 'approve');
  expect(await running.ended).toMatchObject({ code: 0, out: `${secrets.password.length} ${secrets.url.length} 3000\n` });

  const everything = readdirSync(live.dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const bytes = Buffer.concat([
    folder.state(),
    Buffer.from(folder.read('.env')),
    ...everything.map((entry) => readFileSync(join(entry.parentPath, entry.name))),
  ]);
  expect(tracesIn(bytes, secrets)).toEqual([]);

  const undoing = start(['import', '--undo', '.env'], given);
  await undoing.seen('code ');
  const seen = await live.org.nextRequest(live.world.device('ada'));
  expect(seen.verified.request.claimed.reason).toBe('undo an import: write the values back');
  await live.org.decide(seen, 'approve');
  expect(await undoing.ended).toMatchObject({ code: 0 });
  expect(folder.read('.env')).toBe(plain);
}, 20_000);
