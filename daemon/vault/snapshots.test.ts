// Who can write to the folder of the state cannot give a machine another state (spec/05-org-log.md §snapshot).
import { Database } from 'bun:sqlite';
import { afterAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MachineId, OrgId } from '../../protocol/hash.ts';
import { codeOf } from '../../testing/code-of.ts';
import { createSnapshots } from './snapshots.ts';
import { openDaemonStore } from './store.ts';

const dir = mkdtempSync(join(tmpdir(), 'sv-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));
const me = { org: 'ab'.repeat(32) as OrgId, machine: 'cd'.repeat(16) as MachineId, localKey: random(32) };
const state = random(5_000);

test('INV-SNAPSHOT-OWN what a machine kept it finds again after a restart, and nobody else can read it', async () => {
  const path = join(dir, 'kept.db');
  using first = openDaemonStore(path);
  expect(await createSnapshots(first, me, 'one', random).load()).toBeUndefined();
  await createSnapshots(first, me, 'one', random).keep(random(300));
  await createSnapshots(first, me, 'one', random).keep(state);
  first[Symbol.dispose]();
  using again = openDaemonStore(path);
  expect(await createSnapshots(again, me, 'one', random).load()).toEqual(state);
  expect(Buffer.from(again.snapshot() ?? []).includes(state.subarray(0, 32))).toBe(false);
});

test.each<[string, Partial<typeof me>, string]>([
  ['another machine’s key', { localKey: random(32) }, 'one'],
  ['another machine', { machine: 'ef'.repeat(16) as MachineId }, 'one'],
  ['another organisation', { org: 'ef'.repeat(32) as OrgId }, 'one'],
  ['another build', {}, 'two'],
])('INV-SNAPSHOT-REFUSED made with %s', async (_, changes, build) => {
  using store = openDaemonStore(join(dir, `${Math.random()}.db`));
  await createSnapshots(store, { ...me, ...changes }, build, random).keep(state);
  expect(await codeOf(createSnapshots(store, me, 'one', random).load())).toBe('E_OPEN');
});

test('INV-SNAPSHOT-REFUSED changed on the disk', async () => {
  const path = join(dir, 'changed.db');
  const first = openDaemonStore(path);
  await createSnapshots(first, me, 'one', random).keep(state);
  const kept = first.snapshot()?.slice() ?? new Uint8Array(0);
  first[Symbol.dispose]();
  const db = new Database(path);
  kept[kept.length - 1] = (kept.at(-1) ?? 0) ^ 1;
  db.query('UPDATE snapshot SET bytes = ?').run(kept);
  db.close();
  using again = openDaemonStore(path);
  expect(await codeOf(createSnapshots(again, me, 'one', random).load())).toBe('E_OPEN');
  again.keepSnapshot(random(40));
  expect(await codeOf(createSnapshots(again, me, 'one', random).load())).toStartWith('E_');
});
