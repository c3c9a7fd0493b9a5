// `stillvault import` with a real daemon, relay and a writer: a file of settings is one card (spec/19-import.md §import).
import { expect, test } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { startLive } from '../../testing/live-daemon.ts';
import { start } from './test-command-line.ts';

test('INV-PROPOSAL-GESTURE: a .env with five values is one request, countersigned once, and the values are out of the file', async () => {
  await using live = await startLive({ members: ['ben'] });
  const home = mkdtempSync(`${tmpdir()}/sv-import-`);
  try {
    const names = ['DB_PASSWORD', 'API_TOKEN', 'SMTP_PASSWORD', 'SESSION_SECRET', 'WEBHOOK_SECRET'];
    const valueOf = (name: string): string => `Hangar-${name.length}-${name}-0815-x`;
    writeFileSync(`${home}/.env`, names.map((name) => `${name}=${valueOf(name)}\n`).join(''), { mode: 0o600 });
    const given = { cwd: home, socketPath: live.daemon.socketPath, env: { HOME: home, STILLVAULT_HOME: `${home}/state` } };
    const importing = start(['import', '.env', '--to', 'prod/shop', '--yes'], given);
    const seen = await live.org.nextRequest(live.world.device('ben'));
    expect(seen.verified.request.proposal?.puts.map(({ path }) => path)).toEqual(names.map((name) => `prod/shop/${name}`));
    await live.org.countersign(seen);
    const { code, err } = await importing.ended;
    expect({ code, err }).toMatchObject({ code: 0 });
    for (const name of names) expect(err).toContain(`stored prod/shop/${name} version 1, countersigned by ben`);
    expect(readFileSync(`${home}/.env`, 'utf8')).toBe(names.map((name) => `${name}=stillvault://prod/shop/${name}\n`).join(''));
    await live.org.forget();
    expect(await live.get('prod/shop/API_TOKEN')).toBe(valueOf('API_TOKEN'));
  } finally {
    rmSync(home, { recursive: true });
  }
}, 20_000);
