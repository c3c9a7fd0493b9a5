// State at rest: one daemon, whole, private, durable before anything is given out (spec/09-release.md §persistence).
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import { Database } from 'bun:sqlite';
import { chmodSync, cpSync, existsSync, readFileSync, readdirSync, renameSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DaemonError } from '../errors.ts';
import { type DaemonStore, openDaemonStore } from './store.ts';
import { startDaemonProcess } from '../../testing/daemon-process.ts';
import { type Live, LiveDaemon, detailOf, startLive, textOf, until } from '../../testing/live-daemon.ts';

let live: Live;
let kept: string;
beforeAll(async () => {
  live = await startLive({ secrets: { 'prod/db': 'correct horse' } });
  expect(await live.get('prod/db')).toBe('correct horse');
  await live.daemon.stop();
  kept = join(live.dir, 'kept');
  cpSync(live.daemon.stateDir, kept, { recursive: true });
});
// The state goes back before each test; what devices make of that is a test of its own.
afterEach(async () => {
  await live.daemon.stop();
  await live.org.forget();
  rmSync(live.daemon.stateDir, { recursive: true, force: true });
  cpSync(kept, live.daemon.stateDir, { recursive: true });
});
afterAll(() => live[Symbol.asyncDispose]());

const path = (name: string): string => join(live.daemon.stateDir, name);
const refusal = (daemon = live.daemon): Promise<string> =>
  daemon.start().then(
    () => 'started',
    (error: DaemonError) => error.detail,
  );
const contents = (): Record<string, string> =>
  Object.fromEntries(readdirSync(live.daemon.stateDir).map((name) => [name, readFileSync(path(name)).toString('base64')]));

describe('at the start', () => {
  test('a second daemon on the same state', async () => {
    await live.daemon.start();
    const second = new LiveDaemon(live.dir);
    expect(await refusal(second)).toBe('E_DAEMON_RUNNING');
    expect(live.daemon.status().state).toBe('ready');
    await live.daemon.stop();
    await second.start(); // the lock goes with the daemon
    await second.stop();
  });

  test.each([
    ['garbage', () => writeFileSync(path('state.db'), 'not a database, not at all, whatever it was before')],
    ['a flipped header', () => flip('state.db', 0)],
    ['cut in half', () => truncateSync(path('state.db'), 8_192)],
  ])('state.db is %s: E_STATE_CORRUPT, and nothing is changed', async (_, damage) => {
    for (const name of ['state.db-wal', 'state.db-shm']) rmSync(path(name), { force: true });
    damage();
    const before = contents();
    expect(await refusal()).toBe('E_STATE_CORRUPT');
    expect(contents()['state.db']).toBe(before['state.db']!);
    expect(contents()['machine.key']).toBe(before['machine.key']!);
  });

  test('bytes flipped anywhere: it refuses, or what was hit does not matter; it never runs on what it cannot prove', async () => {
    for (const name of ['state.db-wal', 'state.db-shm']) rmSync(path(name), { force: true });
    const { size } = statSync(path('state.db'));
    const whole = readFileSync(path('state.db'));
    const outcomes = new Set<string>();
    for (let at = 4_096; at < size; at += 5_300) {
      flip('state.db', at);
      const before = readFileSync(path('state.db'));
      const outcome = await refusal();
      outcomes.add(outcome);
      if (outcome === 'started') {
        await live.org.forget();
        expect(await live.get('prod/db')).toBe('correct horse');
        await live.daemon.stop();
      } else expect(readFileSync(path('state.db')).equals(before)).toBe(true);
      for (const name of ['state.db-wal', 'state.db-shm']) rmSync(path(name), { force: true });
      writeFileSync(path('state.db'), whole);
    }
    expect([...outcomes].filter((outcome) => !['started', 'E_STATE_CORRUPT', 'E_LOG_ROLLBACK'].includes(outcome))).toEqual([]);
    expect(outcomes).toContain('E_STATE_CORRUPT');
  });

  test.each([
    ['cut', () => truncateSync(path('machine.key'), 40)],
    ['changed', () => flip('machine.key', 60)],
    ['empty', () => truncateSync(path('machine.key'), 0)],
  ])('machine.key is %s: E_STATE_CORRUPT, and nothing is changed', async (_, damage) => {
    damage();
    const before = contents()['machine.key'];
    expect(await refusal()).toBe('E_STATE_CORRUPT');
    expect(contents()['machine.key']).toBe(before!);
  });

  test('a key file that others can read, or that is a link, is not used', async () => {
    chmodSync(path('machine.key'), 0o644);
    expect(await refusal()).toBe('E_STATE_PATH');
    chmodSync(path('machine.key'), 0o600);
    renameSync(path('machine.key'), path('elsewhere'));
    symlinkSync(path('elsewhere'), path('machine.key'));
    expect(await refusal()).toBe('E_STATE_PATH');
  });

  test('keys without their state: the counters would go back, so it does not start', async () => {
    for (const name of readdirSync(live.daemon.stateDir)) if (name.startsWith('state.db')) rmSync(path(name));
    expect(await refusal()).toBe('E_STATE_CORRUPT');
  });

  test('state of another machine', async () => {
    const db = new Database(path('state.db'));
    db.exec(`UPDATE owner SET machine = '${'ab'.repeat(16)}'`);
    db.close();
    expect(await refusal()).toBe('E_STATE_CORRUPT');
  });

  test('a stored log that lost its last entry, or holds another one', async () => {
    const db = new Database(path('state.db'));
    db.exec('DELETE FROM entries');
    db.close();
    expect(await refusal()).toBe('E_LOG_ROLLBACK');
  });

  test('state of a newer version', async () => {
    const db = new Database(path('state.db'));
    db.exec('PRAGMA user_version = 99');
    db.close();
    expect(await refusal()).toBe('E_STATE_CORRUPT');
  });

  test('everything in it is readable by its user only', async () => {
    await live.daemon.start();
    for (const name of readdirSync(live.daemon.stateDir)) expect([name, statSync(path(name)).mode & 0o077]).toEqual([name, 0]);
  });

  test('put back to an earlier time: the devices see its counter go back, and the relay holds receipts that it does not know', async () => {
    await live.daemon.start();
    expect(await live.get('prod/db')).toBe('correct horse');
    await live.daemon.stop();
    rmSync(live.daemon.stateDir, { recursive: true });
    cpSync(kept, live.daemon.stateDir, { recursive: true });
    await live.daemon.start();
    const asked = live.daemon.release('prod/db');
    await expect(live.approve(asked)).rejects.toMatchObject({ code: 'E_CLONE' }); // the counter of the last request again
    const again = live.daemon.release('prod/db');
    live.daemon.log.length = 0;
    asked.leave();
    again.leave();
    await until(() => live.daemon.problems().includes('E_CLONE'), 'it finds receipts that it did not write');
  });

  test('the log can be verified from genesis, from the disk', async () => {
    await live.daemon.start();
    expect(await live.daemon.call('/v1/log/verify', {})).toMatchObject({
      entries: live.world.entries.length,
      head: live.world.state.head.eh,
      org: live.world.state.org,
    });
  });
});

describe('in the middle', () => {
  test('at most once: killed after the request was consumed and before delivery, the release is lost and never doubled', async () => {
    await using child = await startDaemonProcess(live.daemon, { dieAfterPersisting: true });
    const asked = live.daemon.release('prod/db');
    const seen = await live.approve(asked);
    await asked.end.catch(() => undefined);
    expect(await child.exited).not.toBe(0);
    expect(asked.events.map(({ event }) => event)).not.toContain('released');
    await live.daemon.start();
    const mine = async () => (await live.org.receipts(live.daemon.machine)).filter(({ receipt }) => receipt.requestId === seen.verified.request.requestId);
    await until(async () => (await mine()).length === 1, 'the receipt is sent by the next daemon');
    expect((await mine())[0]?.receipt.outcome).toBe('released');
    await live.org.decide(seen, 'approve'); // again: nobody waits for it, and it is consumed
    expect(await live.get('prod/db')).toBe('correct horse'); // the user asks again
  });

  test('killed while people decide: the request dies with it, the counter goes on', async () => {
    const child = await startDaemonProcess(live.daemon);
    const asked = live.daemon.release('prod/db');
    const seen = await live.seen(asked);
    await child[Symbol.asyncDispose]();
    await asked.end.catch(() => undefined);
    await live.daemon.start();
    await live.org.decide(seen, 'approve');
    const again = live.daemon.release('prod/db');
    const next = await live.approve(again);
    expect(next.verified.request.ctr).toBeGreaterThan(seen.verified.request.ctr);
    expect(next.verified.request.bootId).not.toEqual(seen.verified.request.bootId);
    expect(textOf(await again.end)).toBe('correct horse');
  });

  test('the disk is full at the very moment of the release: approved, and still nothing leaves', async () => {
    const openStore = (at: string): DaemonStore => {
      const store = openDaemonStore(at);
      return {
        ...store,
        addReceipt: () => {
          throw new DaemonError('error', 'E_PERSIST', 'full');
        },
      };
    };
    await live.daemon.start({ openStore });
    const asked = live.daemon.release({ items: [{ path: 'prod/db' }], lease: { ttlS: 60, uses: 5 } });
    await live.approve(asked);
    expect(detailOf(await asked.end)).toBe('E_PERSIST');
    expect(asked.events.map(({ event }) => event)).toEqual(['waiting', 'approved', 'error']);
    expect(live.daemon.status().leases).toBe(0);
  });

  test('a disk that is full: E_PERSIST, and nothing is released', async () => {
    const blocks = Math.ceil(statSync(path('state.db')).size / 512) + 24;
    await using child = await startDaemonProcess(live.daemon, { blocks });
    for (let i = 0; ; i++) {
      const asked = live.daemon.release('prod/db');
      const outcome = await Promise.race([
        live.approve(asked).then(() => 'sent'),
        asked.end.then(
          () => 'ended',
          () => 'ended',
        ),
      ]);
      const last = await asked.end;
      if (last?.event === 'released') {
        expect(i).toBeLessThan(60);
        continue;
      }
      expect([outcome, detailOf(last)]).toEqual([outcome, 'E_PERSIST']);
      expect(asked.events.map(({ event }) => event)).not.toContain('released');
      break;
    }
    await until(() => child.lines().some(({ code }) => code === 'E_PERSIST'), 'its log says so');
    await child[Symbol.asyncDispose]();
    expect(existsSync(path('state.db'))).toBe(true);
    await live.daemon.start(); // with room again
    expect(await live.get('prod/db')).toBe('correct horse');
    await live.daemon.stop();
  }, 15_000);
});

function flip(name: string, at: number): void {
  const bytes = readFileSync(path(name));
  for (let i = 0; i < 64 && at + i < bytes.length; i++) bytes[at + i] = (bytes[at + i] ?? 0) ^ 0xff;
  writeFileSync(path(name), bytes, { mode: 0o600 });
}
