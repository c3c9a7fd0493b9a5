// The main loop as a local program meets it: only the local API, from an empty folder to a released secret.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunningRelay, startRelay } from '../relay/main.ts';
import { Live, LiveDaemon, textOf, until } from '../testing/live-daemon.ts';
import { createLiveOrg } from '../testing/live-org.ts';
import { World } from '../testing/world.ts';

const dir = mkdtempSync(join(tmpdir(), 'sv-'));
const daemon = new LiveDaemon(dir);
let relay: RunningRelay;
let live: Live;
beforeAll(async () => {
  relay = await startRelay({ dataDir: join(dir, 'relay'), port: 0, logLevel: 'off' });
  const world = new World('daemon');
  world.clock.set(Date.now());
  await world.genesis();
  live = new Live(dir, relay, await createLiveOrg(world, relay.url), daemon, undefined);
  await live.org.sync();
  await daemon.start();
});
afterAll(async () => {
  await live[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

test('a fresh machine: a token enrols, an admin admits, a writer stores, a program asks, a person approves', async () => {
  expect(await daemon.call('/v1/status')).toMatchObject({ state: 'not_enrolled', version: 'test', pending: 0, leases: 0 });
  expect(await daemon.call('/v1/secrets')).toMatchObject({ error: { code: 'not_enrolled' } });
  const token = await live.org.token();
  const joined = await daemon.call('/v1/join', { token, name: 'build-1' });
  expect(joined).toMatchObject({ state: 'awaiting_admission', org: { name: 'Analytical Engines' }, machine: { name: 'build-1' } });
  expect(await daemon.call('/v1/join', { token, name: 'build-1' })).toEqual(joined as object); // repeatable
  expect(await daemon.call('/v1/status')).toMatchObject({ state: 'awaiting_admission', machine: { words: (joined as { words: string }).words } }); // what join said
  await live.org.admit();
  await until(() => daemon.status().state === 'ready', 'admitted');
  await live.change((world) => world.put('prod/db-primary', 'correct horse', world.device('ada'), 'the primary'));

  expect(await daemon.call('/v1/secrets')).toMatchObject([{ path: 'prod/db-primary', version: 1, description: 'the primary', entitled: true }]);
  expect(await daemon.call('/v1/secrets/info?path=prod/db-primary')).toMatchObject({
    policy: { pattern: 'prod/**', approvers: 'ada' },
    custody: { k: 1, members: ['ada'], machines: ['build-1'], waiting: [], needVersion: [], exposedTo: [] },
  });
  const asked = daemon.release({ items: [{ path: 'prod/db-primary' }], reason: 'migrate' });
  await live.approve(asked);
  expect(textOf(await asked.end)).toBe('correct horse');
  const lines = (await daemon.call('/v1/log')) as readonly { readonly type: string; readonly what: string; readonly by: readonly string[] }[]; // what the daemon says
  expect(lines.map(({ type }) => type)).toEqual(['genesis', 'token.issue', 'machine.enrol', 'machine.admit', 'secret.put']);
  expect(lines.at(-1)).toMatchObject({ what: 'prod/db-primary v1', by: ['ada (ada’s phone)'] });
  expect(await daemon.call('/v1/log/verify', {})).toMatchObject({ entries: 5 });
  expect(await daemon.call('/v1/none')).toMatchObject({ error: { code: 'not_found', detail: 'E_PATH' } });
  expect(daemon.problems()).toEqual([]);
});
